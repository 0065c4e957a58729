/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Books, and the one change of a file at a time. Locks, from the outside in: books.lock (a change,
 * a book that opens or closes), the file's own, a book's table, its queue. Loops take only the last
 * two, which nobody holds while it blocks. */

#include "book.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOINS_MAX 64 /* that wait */

static struct {
	pthread_mutex_t lock;
	struct book *first;
} books = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- The table ------------------------------------------------------------------------------- */

const struct token *
book_find(struct book *b, const char *id)
{
	pthread_rwlock_rdlock(&b->table);
	return tokens_find(&b->tokens, id);
}

void
book_done(struct book *b)
{
	pthread_rwlock_unlock(&b->table);
}

/* Puts the token of this line into all books of the file. Under books.lock. */
static int
put_all(const char *path, const char *line)
{
	int rc = 0;

	for (struct book *b = books.first; b != NULL; b = b->next) {
		char *copy = strdup(line);
		struct tokens_error why;
		struct token t;
		int got = -1;

		if (strcmp(b->path, path) != 0) {
			free(copy);
			continue;
		}
		if (copy != NULL) {
			copy[strcspn(copy, "\n")] = '\0';
			got = token_line_parse(copy, &t, &why);
		}
		pthread_rwlock_wrlock(&b->table);
		if (got == 1 && tokens_put(&b->tokens, &t) < 0) {
			token_fini(&t);
			got = -1;
		}
		pthread_rwlock_unlock(&b->table);
		free(copy);
		rc = got == 1 ? rc : -ENOMEM;
	}
	return rc;
}

int
book_add(struct book *b, const char *line)
{
	int rc;

	pthread_mutex_lock(&books.lock);
	rc = tokens_append(b->path, line);
	if (rc == 0)
		rc = put_all(b->path, line);
	pthread_mutex_unlock(&books.lock);
	return rc;
}

/* ---- Joins ----------------------------------------------------------------------------------- */

static void
redeem(struct book *b, struct join *j)
{
	const struct redeem r = {.id = j->id, .proved = j->proved, .stored = j->stored,
		.server = j->server, .note = j->note, .now = time(NULL)};
	char line[TOKENS_LINE_MAX];
	struct tokens_error why;
	struct token t;
	int rc;

	pthread_mutex_lock(&books.lock);
	rc = tokens_redeem(b->path, &r, &t, &why);
	if (rc == 0) {
		token_line(&t, line);
		rc = put_all(b->path, line);
		snprintf(why.text, sizeof(why.text), "out of memory");
		if (rc < 0)
			token_fini(&t);
	}
	pthread_mutex_unlock(&books.lock);
	on_joined(j, rc, rc == 0 ? &t : NULL, why.text);
	if (rc == 0)
		token_fini(&t);
}

static struct join *
next_join(struct book *b)
{
	struct join *j;

	pthread_mutex_lock(&b->lock);
	while (b->first == NULL && !b->stop)
		pthread_cond_wait(&b->wake, &b->lock);
	j = b->first;
	if (j != NULL) {
		b->first = j->next;
		b->n_waiting--;
		if (b->first == NULL)
			b->last = &b->first;
	}
	pthread_mutex_unlock(&b->lock);
	return j;
}

static void *
book_main(void *arg)
{
	struct book *b = arg;
	struct join *j;

	while ((j = next_join(b)) != NULL)
		redeem(b, j);
	return NULL;
}

/* Signals are the program's. Under b->lock. */
static bool
start(struct book *b)
{
	sigset_t all, before;

	if (b->started)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	b->started = pthread_create(&b->thread, NULL, book_main, b) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return b->started;
}

int
book_join(struct book *b, struct join *j)
{
	int rc = -1;

	pthread_mutex_lock(&b->lock);
	if (b->n_waiting < JOINS_MAX && start(b)) {
		j->next = NULL;
		*b->last = j;
		b->last = &j->next;
		b->n_waiting++;
		pthread_cond_signal(&b->wake);
		rc = 0;
	}
	pthread_mutex_unlock(&b->lock);
	return rc;
}

struct join *
book_cancel(struct book *b, const struct adit_auth_req *req)
{
	struct join **at, *j;

	pthread_mutex_lock(&b->lock);
	for (at = &b->first; *at != NULL && (*at)->req != req; at = &(*at)->next)
		;
	j = *at;
	if (j != NULL) {
		*at = j->next;
		b->n_waiting--;
		if (*at == NULL)
			b->last = at;
	}
	pthread_mutex_unlock(&b->lock);
	return j;
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* The name that a file which is not there yet will have: two books of it must have the same. */
static char *
in_real_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : NULL;
	char *real = dir != NULL ? realpath(dir, NULL) : NULL, *name = NULL;

	free(dir);
	if (real == NULL)
		return strdup(path);
	if (asprintf(&name, "%s%s", real, slash) < 0)
		name = NULL;
	free(real);
	return name;
}

int
book_open(struct book *b, const char *path)
{
	char *real = realpath(path, NULL);

	b->path = real != NULL ? real : in_real_folder(path);
	if (b->path == NULL)
		return -1;
	pthread_rwlock_init(&b->table, NULL);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->wake, NULL);
	b->last = &b->first;
	pthread_mutex_lock(&books.lock);
	b->next = books.first;
	books.first = b;
	return 0;
}

void
book_opened(struct book *b)
{
	(void)b;
	pthread_mutex_unlock(&books.lock);
}

/* No login is under way, so the queue is empty. */
void
book_close(struct book *b)
{
	struct book **at = &books.first;

	if (b->path == NULL)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	if (b->started)
		pthread_join(b->thread, NULL);
	pthread_mutex_lock(&books.lock);
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	pthread_mutex_unlock(&books.lock);
	pthread_cond_destroy(&b->wake);
	pthread_mutex_destroy(&b->lock);
	pthread_rwlock_destroy(&b->table);
	tokens_fini(&b->tokens);
	free(b->path);
}
