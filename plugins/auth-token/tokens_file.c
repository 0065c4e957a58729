/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The file of tokens on the disk, which is locked while it is changed. Copies of the text are
 * wiped. */

#include "tokens_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/locked_file.h"

/* ---- Adding ---------------------------------------------------------------------------------- */

/* Somebody's editor may have left the last line without an end. */
static int
end_last_line(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n';

	if (end < 0 || (end > 0 && pread(fd, &last, 1, end - 1) != 1))
		return errno != 0 ? -errno : -EIO;
	return last == '\n' ? 0 : locked_file_write(fd, "\n", 1);
}

int
tokens_append(const char *path, const char *line)
{
	int fd, rc;

	fd = locked_file_open(path, O_RDWR | O_APPEND | O_CREAT);
	if (fd < 0)
		return fd;
	errno = 0;
	rc = end_last_line(fd);
	if (rc == 0)
		rc = locked_file_write(fd, line, strlen(line));
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	locked_file_sync_name(path);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

/* ---- Redeeming ------------------------------------------------------------------------------- */

/* One file while it is written anew. */
struct rewrite {
	const struct redeem *r;
	char *in, *out; /* in: terminated */
	size_t n_in, n_out, cap;
	bool found;
	struct token *token_r;
	struct tokens_error *why;
};

static void
put(struct rewrite *w, const char *p, size_t n)
{
	memcpy(w->out + w->n_out, p, n);
	w->n_out += n;
	w->out[w->n_out++] = '\n';
}

/* The token's line: the invite's words but for its time, the new keys, and a note. */
static int
put_token(struct rewrite *w, struct token *t)
{
	char line[TOKENS_LINE_MAX + 256], at[24];
	size_t n;

	t->invite = 0;
	memcpy(t->stored, w->r->stored, TOKEN_KEY);
	memcpy(t->server, w->r->server, TOKEN_KEY);
	n = token_line(t, line);
	tokens_time_text(w->r->now, at);
	n += (size_t)snprintf(line + n, 256, " # joined %s as %.150s", at, w->r->note);
	put(w, line, n);
	return token_line_parse(line, w->token_r, w->why) == 1 ? 0 : -1;
}

/* A line goes over as it is, or as the token, or not at all. */
static int
take_line(struct rewrite *w, const char *line, size_t n)
{
	const struct redeem *r = w->r;
	char *copy = strndup(line, n);
	struct token t;
	int rc = -1, got;

	if (copy == NULL)
		return -1;
	got = token_line_parse(copy, &t, w->why);
	if (got == 0) {
		put(w, line, n);
		rc = 0;
	} else if (got == 1) {
		rc = 0;
		if (t.invite == 0 || (t.invite > r->now && memcmp(t.id, r->id, TOKEN_ID) != 0)) {
			put(w, line, n);
		} else if (t.invite > r->now && token_equal(t.stored, r->proved)) {
			w->found = true;
			rc = put_token(w, &t);
		}
		token_fini(&t);
	}
	gnutls_memset(copy, 0, n);
	free(copy);
	return rc;
}

static int
take_text(struct rewrite *w)
{
	const char *p = w->in, *end = w->in + w->n_in;

	w->why->line = 0;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl != NULL ? nl : end) - p);

		w->why->line++;
		if (take_line(w, p, n) < 0) {
			if (w->found)
				token_fini(w->token_r);
			return -EINVAL;
		}
		p += n + 1;
	}
	return 0;
}

static int
read_all(int fd, struct rewrite *w)
{
	struct stat st;
	ssize_t n = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > TOKENS_FILE_MAX)
		return -EFBIG;
	w->cap = (size_t)st.st_size + TOKENS_LINE_MAX + 258;
	w->in = calloc(1, (size_t)st.st_size + 1);
	w->out = calloc(1, w->cap);
	if (w->in == NULL || w->out == NULL)
		return -ENOMEM;
	while (w->n_in < (size_t)st.st_size) {
		n = pread(fd, w->in + w->n_in, (size_t)st.st_size - w->n_in, (off_t)w->n_in);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO; /* who shortens it has no lock */
		w->n_in += (size_t)n;
	}
	return 0;
}

static void
rewrite_fini(struct rewrite *w)
{
	if (w->in != NULL)
		gnutls_memset(w->in, 0, w->n_in);
	if (w->out != NULL)
		gnutls_memset(w->out, 0, w->n_out);
	free(w->in);
	free(w->out);
}

int
tokens_redeem(const char *path, const struct redeem *r, struct token *token_r,
	struct tokens_error *why)
{
	struct rewrite w = {.r = r, .token_r = token_r, .why = why};
	char *real = realpath(path, NULL); /* a link stays one */
	int fd = -ENOENT, rc;

	*why = (struct tokens_error){.line = 0};
	if (real != NULL)
		fd = locked_file_open(real, O_RDWR);
	rc = fd < 0 ? fd : read_all(fd, &w);
	if (rc == 0)
		rc = take_text(&w);
	if (rc == 0 && !w.found)
		rc = -ENOENT;
	if (rc == 0) {
		rc = locked_file_replace(real, fd, w.out, w.n_out);
		if (rc < 0)
			token_fini(token_r);
	}
	if (rc < 0 && why->text[0] == '\0')
		snprintf(why->text, sizeof(why->text), "%s",
			rc == -ENOENT ? "is not there any more" : strerror(-rc));
	rewrite_fini(&w);
	if (fd >= 0)
		close(fd); /* and the lock */
	free(real);
	return rc;
}
