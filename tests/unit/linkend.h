/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* For tests of links: one end of a link with an owner that counts what it gets, and the raw other
 * end. */

#ifndef ADIT_TESTS_LINKEND_H
#define ADIT_TESTS_LINKEND_H

#include <stdatomic.h>

#include "io/conn.h"

#define END_LINGER_MS 20000

struct end {
	struct conn *conn;
	bool ready, closed;
	int err;
	char text[200];
	char in[4096];        /* what came, as far as there is room */
	atomic_size_t n_in;
	bool pattern_good;    /* all of it was bytes 0, 1, 2 … 250, 0 … */
	size_t to_send, sent; /* of the same pattern, after say */
	const char *say;      /* first */
	/* Of the server; NULL: nothing is chosen. */
	int (*choose)(struct end *e, const uint8_t *p, size_t n, struct conn_level *level_r);
	char probes[256]; /* what choose() was asked with, each behind a "|" */
	/* Asked before input takes bytes: as many at their end are another owner's. */
	size_t (*split)(struct end *e, const uint8_t *p, size_t n);
};

extern const struct conn_ops end_ops, end_choosing_ops;

/* Opens one over fd. */
void end_open(struct end *e, struct worker *w, int fd, enum adit_side side,
	const struct conn_level *level, size_t n);

/* Runs the main worker until done() says so, or the test's time is up. */
void run_until(struct worker *w, bool (*done)(void));

/* Two connected non-blocking stream sockets; the second has a raw reader. */
void raw_pair(int fd[2]);
/* What has come to the raw end so far, and whether its end has. */
struct raw {
	int fd;
	char in[65536];
	size_t n;
	bool eof;
};
void raw_read(struct raw *r);
void raw_say(const struct raw *r, const char *text, size_t n);

#endif
