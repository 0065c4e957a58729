/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The tokens of a running server: the table of its file, which every worker reads and which changes
 * when an invite is made or used, and the thread that writes such changes to the file.
 *
 * A reload makes a second book of the same file beside the first, and logins may be under way in
 * both. What one of them changes, the others of its file have too when the change is done, and a
 * book that is opened meanwhile waits for it. So an invite is used up everywhere at once; what
 * decides is always the file, under its lock. */

#ifndef AUTH_TOKEN_BOOK_H
#define AUTH_TOKEN_BOOK_H

#include <pthread.h>
#include <stdbool.h>

#include "tokens_file.h"

struct adit_auth_req;

/* One that has proved an invite. */
struct join {
	struct join *next;
	struct adit_auth_req *req;
	char id[TOKEN_ID + 1];
	uint8_t proved[TOKEN_KEY], stored[TOKEN_KEY], server[TOKEN_KEY];
	uint8_t answer[TOKEN_KEY]; /* the server's proof */
	char note[160];
};

struct book {
	struct book *next; /* all books of the process */
	char *path;
	struct tokens tokens; /* under table */
	pthread_rwlock_t table;
	/* The thread, which begins with the first join; under lock: */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	struct join *first, **last;
	unsigned n_waiting;
	bool started, stop;
};

/* Begins a book: 0, or -1 when memory is short. Until book_opened() no book changes, so the caller
 * reads the file in between, into b->tokens. book_close() is right after both. */
int book_open(struct book *b, const char *path);
void book_opened(struct book *b);
void book_close(struct book *b);

/* Any thread. The token with this ID, or NULL, until book_done(); both in every case. */
const struct token *book_find(struct book *b, const char *id);
void book_done(struct book *b);

/* Appends a line to the file and puts it into the books. Blocks. 0 or a negative errno. */
int book_add(struct book *b, const char *line);

/* Any thread. Takes j over, or gives -1 when too many wait. The book's thread writes the token in
 * the place of the invite and then says what became of it. */
int book_join(struct book *b, struct join *j);
/* Takes a join back that has not begun, NULL if there is none of this login. */
struct join *book_cancel(struct book *b, const struct adit_auth_req *req);
/* That is said here, by auth-token.c, which takes j over: 0 and the new token; or a negative errno
 * and why, -ENOENT when another one was first. */
void on_joined(struct join *j, int rc, const struct token *t, const char *why);

#endif
