/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The file of accounts on the disk, which is locked while it is changed. Copies of the text are
 * wiped. */

#include "accounts_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/locked_file.h"
#include "accounts.h"

/* One file while it is written anew. */
struct rewrite {
	const char *user, *hash;
	char *in, *out;
	size_t n_in, n_out;
	int done;  /* enum accounts_changed; 0: the user was not met yet */
	int line;  /* where he was */
	char *why;
	size_t cap;
};

__attribute__((format(printf, 3, 4))) static int
wrong(char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- Reading --------------------------------------------------------------------------------- */

void
accounts_text_free(char *text, size_t n)
{
	if (text != NULL)
		gnutls_memset(text, 0, n);
	free(text);
}

/* 0 or a negative errno; *text_r is terminated. */
static int
read_fd(int fd, char **text_r, size_t *n_r)
{
	struct stat st;
	size_t n = 0;
	char *text;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > ACCOUNTS_FILE_MAX)
		return -EFBIG;
	text = calloc(1, (size_t)st.st_size + 1);
	if (text == NULL)
		return -ENOMEM;
	while (n < (size_t)st.st_size) {
		ssize_t got = pread(fd, text + n, (size_t)st.st_size - n, (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) { /* who shortens it has no lock */
			int rc = got < 0 ? -errno : -EIO;

			accounts_text_free(text, n);
			return rc;
		}
		n += (size_t)got;
	}
	*text_r = text;
	*n_r = n;
	return 0;
}

int
accounts_file_read(const char *path, char **text_r, size_t *n_r, char *why, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc;

	rc = fd < 0 ? -errno : read_fd(fd, text_r, n_r);
	if (fd >= 0)
		close(fd);
	return rc < 0 ? wrong(why, cap, "%s: %s", path, strerror(-rc)) : 0;
}

/* ---- The new text ---------------------------------------------------------------------------- */

static void
put(struct rewrite *w, const char *p, size_t n)
{
	memcpy(w->out + w->n_out, p, n);
	w->n_out += n;
}

/* The user's name, up to its colon; 0: it is another's line, or nobody's. */
static size_t
name_length(const struct rewrite *w, const char *line, size_t n)
{
	size_t blanks = 0, user = strlen(w->user);

	while (blanks < n && (line[blanks] == ' ' || line[blanks] == '\t'))
		blanks++;
	if (n - blanks <= user || memcmp(line + blanks, w->user, user) != 0 ||
		line[blanks + user] != ':')
		return 0;
	return blanks + user + 1;
}

/* Up to the next colon or to the line's end, before which there may be blanks. */
static size_t
hash_length(const char *p, size_t n)
{
	size_t k = 0;

	while (k < n && p[k] != ':' && p[k] != ' ' && p[k] != '\t' && p[k] != '\r')
		k++;
	return k;
}

static int
take_line(struct rewrite *w, const char *line, size_t n, int number)
{
	size_t name = name_length(w, line, n), hash;

	if (name == 0) {
		put(w, line, n);
		put(w, "\n", 1);
		return 0;
	}
	if (w->done != 0)
		return wrong(w->why, w->cap, "user %s is in the lines %d and %d: remove one",
			w->user, w->line, number);
	w->line = number;
	w->done = w->hash != NULL ? ACCOUNTS_CHANGED : ACCOUNTS_DELETED;
	if (w->hash == NULL)
		return 0;
	hash = hash_length(line + name, n - name);
	put(w, line, name);
	put(w, w->hash, strlen(w->hash));
	put(w, line + name + hash, n - name - hash);
	put(w, "\n", 1);
	return 0;
}

static int
take_text(struct rewrite *w)
{
	const char *p = w->in, *end = w->in + w->n_in;

	for (int number = 1; p < end; number++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl != NULL ? nl : end) - p);

		if (take_line(w, p, n, number) < 0)
			return -1;
		p += n + 1;
	}
	if (w->done != 0)
		return 0;
	if (w->hash == NULL)
		return wrong(w->why, w->cap, "there is no user %s", w->user);
	put(w, w->user, strlen(w->user));
	put(w, ":", 1);
	put(w, w->hash, strlen(w->hash));
	put(w, "\n", 1);
	w->done = ACCOUNTS_ADDED;
	return 0;
}

/* ---- Changing -------------------------------------------------------------------------------- */

static int
rewrite_locked(struct rewrite *w, const char *path, int fd)
{
	size_t room;
	int rc = read_fd(fd, &w->in, &w->n_in);

	if (rc == 0 && memchr(w->in, '\0', w->n_in) != NULL)
		rc = -EILSEQ;
	if (rc == 0) {
		room = w->n_in + strlen(w->user) + (w->hash != NULL ? strlen(w->hash) : 0) + 4;
		w->out = calloc(1, room);
		rc = w->out != NULL ? 0 : -ENOMEM;
	}
	if (rc == 0 && take_text(w) < 0)
		return -1;
	if (rc == 0)
		rc = locked_file_replace(path, fd, w->out, w->n_out);
	return rc < 0 ? wrong(w->why, w->cap, "%s", strerror(-rc)) : 0;
}

/* A link stays one: what it leads to is changed. NULL and errno when there is no such file. */
static char *
real_path(const char *path, bool make)
{
	char *real = realpath(path, NULL);

	return real == NULL && errno == ENOENT && make ? strdup(path) : real;
}

int
accounts_file_change(const char *path, const char *user, const char *hash, char *why, size_t cap)
{
	char text[512] = "";
	struct rewrite w = {.user = user, .hash = hash, .why = text, .cap = sizeof(text)};
	char *real = real_path(path, hash != NULL);
	int make = hash != NULL ? O_CREAT : 0;
	int fd = real != NULL ? locked_file_open(real, O_RDWR | make) : -errno;
	int rc = fd < 0 ? wrong(text, sizeof(text), "%s", strerror(-fd))
			: rewrite_locked(&w, real, fd);

	accounts_text_free(w.in, w.n_in);
	accounts_text_free(w.out, w.n_out);
	free(real);
	if (fd >= 0)
		close(fd); /* and the lock */
	return rc < 0 ? wrong(why, cap, "%s: %s", path, text) : w.done;
}
