/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One request at the control socket, and its answer. A request is a line of words:
 *
 *   NAME [KEY=VALUE]…        values with percent-encoding where they need any
 *
 * An answer is a line of JSON, an object that has at least "ok", and "error" when that is false. So
 * the daemon reads nothing more difficult than words, a person can type a request, and programs get
 * what every language can read. Main thread. */

#ifndef ADIT_CTL_CONTROL_CALL_H
#define ADIT_CTL_CONTROL_CALL_H

#include <stddef.h>

#include "util/compiler.h"
#include "util/json.h"

#define CONTROL_LINE_MAX 8192 /* of a request, with its newline */
#define CONTROL_ARGS_MAX 40

struct control_arg {
	const char *key, *value;
};

struct control_call {
	char *line; /* what the words are in; wiped */
	const char *name;
	struct control_arg arg[CONTROL_ARGS_MAX];
	size_t n_args;
	struct json out;
	bool bad; /* the request cannot be read, and out says why */
	/* Set by control.c. */
	void (*done)(void *owner, struct control_call *call);
	void *owner; /* NULL: whoever asked has left */
	void *state; /* of whoever answers */
};

/* Reads a request of n bytes, without its newline. Never NULL: it may be bad. */
struct control_call *control_call_new(const char *line, size_t n);
/* One that is bad, for this reason. */
struct control_call *control_call_bad(const char *why);
void control_call_free(struct control_call *call);

/* The value of a key, or NULL. The i-th value of it, for keys that may come several times. */
const char *control_get(const struct control_call *call, const char *key);
const char *control_get_nth(const struct control_call *call, const char *key, size_t i);
/* The first key that is not in keys (NULL-terminated), or NULL. */
const char *control_unknown(const struct control_call *call, const char *const *keys);

/* Begins an answer that is good; put into it, then control_answer(). */
struct json *control_begin(struct control_call *call);
void control_answer(struct control_call *call); /* the call is gone then */
/* Answers that it is not. The call is gone then. */
void control_fail(struct control_call *call, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* "KEY=VALUE" as a word of a request; free with free(). */
char *control_word(const char *key, const char *value);

#endif
