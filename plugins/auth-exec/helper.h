/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One process of the program, and the questions that it was asked: its pipes, its lines, how often
 * it is started again. On the desk's thread. Others look through h->open for a q->req under the
 * desk's lock, so both change under it. */

#ifndef AUTH_EXEC_HELPER_H
#define AUTH_EXEC_HELPER_H

#include <sys/queue.h>

#include "../common/child.h"
#include "answer.h"
#include "line.h"

#define QUESTION_ID 16

struct helper;

/* One step of one login. */
struct question {
	TAILQ_ENTRY(question) node;
	char id[QUESTION_ID + 1];
	struct line line;
	size_t written;
	int64_t due; /* monotonic milliseconds: then nobody waits any more */
	/* A later step goes to the process that had the first one. */
	bool pinned;
	unsigned slot;
	uint64_t generation;
	struct adit_auth_req *req; /* NULL: nobody waits for the answer */
};
TAILQ_HEAD(questions, question);

void question_free(struct question *q); /* and wipes; NULL is harmless */

struct helper {
	const struct adit_plugin *plugin; /* for the log */
	char name[256];                   /* likewise: program, and of several which */
	unsigned slot;
	uint64_t generation; /* how often it was started */
	struct child c;
	bool up;
	struct questions open; /* in the order in which they were asked */
	unsigned n_open;
	struct question *writing; /* the first that is not written; NULL: all are */
	int64_t heard;            /* when it last answered, or began to owe an answer */
	int64_t started, start_at, backoff_ms;
	bool answered;    /* something, since its start */
	unsigned n_stray; /* answers to no question, since the last to one */
	size_t n_in, in_at, n_err; /* in_at: where what was not handed out begins */
	int64_t err_tokens_at; /* of the limit of lines on standard error */
	unsigned err_tokens, err_dropped;
	char in[ANSWER_MAX + 1]; /* what it has written and is no whole line yet */
	char err[512];
};

void helper_init(struct helper *h, const struct adit_plugin *plugin, unsigned slot, int64_t now);
/* Tries to start it. 0, or -1 and why; another try is due at h->start_at. */
int helper_start(struct helper *h, char *const *argv, int64_t now, char *why, size_t cap);
/* Ends it at once (one that has closed its output may first say its last words); another start is
 * due later. Its questions stay in h->open. how_r: "exit status 3". */
void helper_end(struct helper *h, int64_t now, char *how_r, size_t cap);

/* Puts a question at the end of what it is asked. */
void helper_ask(struct helper *h, struct question *q, int64_t now);
/* Writes as much as it takes. 0, or a negative errno: it does not listen any more. */
int helper_write(struct helper *h);
/* Reads once. 1: something came, 0: nothing now, or a negative errno, -EPIPE at the end. */
int helper_read(struct helper *h);
/* The next line that is whole, terminated and without its end; NULL: there is none. It is valid
 * until the next call, or until something is read. */
char *helper_line(struct helper *h, size_t *n_r);
/* True if it has more than a line may have. */
bool helper_overlong(const struct helper *h);
/* Logs what it says on standard error. */
void helper_errors(struct helper *h, int64_t now);

/* The question of this id, which is taken from its list; NULL: it was asked no such. */
struct question *helper_take(struct helper *h, const char *id, int64_t now);

#endif
