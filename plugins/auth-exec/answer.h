/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One line that the program has written: see PROTOCOL in adit-auth-exec(5). What is not exactly as
 * it is there is no answer. Pure; any thread. */

#ifndef AUTH_EXEC_ANSWER_H
#define AUTH_EXEC_ANSWER_H

#include <adit/auth.h>
#include <jansson.h>

#define ANSWER_MAX (64u * 1024) /* bytes of a line, without its end */
#define ANSWER_DEPTH 8
#define ANSWER_GRANTS 32
#define ANSWER_ID 64 /* the longest id that is looked at */

struct answer_bytes {
	bool given;
	size_t n;
	uint8_t p[ADIT_AUTH_DATA_MAX];
};

struct answer {
	char id[ANSWER_ID + 1];
	enum adit_verdict verdict;
	const char *account, *agent, *reason; /* NULL: not given; as long as the answer lives */
	int64_t expires;                      /* seconds since 1970; 0: not given */
	enum adit_cause cause;
	struct answer_bytes challenge, reply;
	size_t n_grants;
	struct {
		const char *key, *value;
	} grant[ANSWER_GRANTS];
	char number[ANSWER_GRANTS][24]; /* values that are numbers */
	char wrong[200]; /* what is wrong with it */
	json_t *root;
};

enum answer_is {
	ANSWER_GOOD = 0,
	ANSWER_WRONG,   /* a->id says to what, a->wrong why */
	ANSWER_GARBAGE, /* not even that; a->wrong says why */
};

/* a is to be freed in every case. */
enum answer_is answer_parse(const char *text, size_t n, struct answer *a);
void answer_fini(struct answer *a);

#endif
