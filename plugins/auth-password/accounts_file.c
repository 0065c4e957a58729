/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The file of accounts on the disk. It is locked (flock) by everybody who changes it; because a
 * change puts another file in its place, a lock counts only if the name still leads to what was
 * locked. Copies of the text are wiped. */

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
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts.h"

#define LOCK_TRIES 1000 /* each one somebody else's change */

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

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

/* A file has its name in the folder only once that is on the disk, too. Some file systems cannot do
 * that, so it is no error. */
static void
sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = dir != NULL ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	free(dir);
	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
}

/* Opens and locks what path leads to. The descriptor, or a negative errno. */
static int
open_locked(const char *path, int flags)
{
	struct stat locked, named;

	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600), rc;

		if (fd < 0)
			return -errno;
		errno = 0;
		if (flock(fd, LOCK_EX) == 0 && fstat(fd, &locked) == 0 &&
			stat(path, &named) == 0 && locked.st_ino == named.st_ino &&
			locked.st_dev == named.st_dev)
			return fd;
		rc = errno;
		close(fd);
		if (rc != 0 && rc != ENOENT && rc != EINTR)
			return -rc;
	}
	return -EBUSY;
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

/* Puts the new text in the place of the old file, whose owner it gets. */
static int
replace(const struct rewrite *w, const char *path, int old)
{
	char name[4096];
	struct stat st;
	int fd, rc;

	if (snprintf(name, sizeof(name), "%s.new", path) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	if (fstat(old, &st) < 0)
		return -errno;
	unlink(name); /* what a crash has left */
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, w->out, w->n_out);
	if (rc == 0 && (st.st_uid != geteuid() || st.st_gid != getegid()) &&
		fchown(fd, st.st_uid, st.st_gid) < 0 && st.st_uid != geteuid())
		rc = -errno;
	if (rc == 0)
		rc = fsync(fd) < 0 ? -errno : 0;
	if (rc == 0 && rename(name, path) < 0)
		rc = -errno;
	if (rc == 0)
		sync_folder(path);
	else
		unlink(name);
	close(fd);
	return rc;
}

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
		rc = replace(w, path, fd);
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
	int fd = real != NULL ? open_locked(real, O_RDWR | (hash != NULL ? O_CREAT : 0)) : -errno;
	int rc = fd < 0 ? wrong(text, sizeof(text), "%s", strerror(-fd))
			: rewrite_locked(&w, real, fd);

	accounts_text_free(w.in, w.n_in);
	accounts_text_free(w.out, w.n_out);
	free(real);
	if (fd >= 0)
		close(fd); /* and the lock */
	return rc < 0 ? wrong(why, cap, "%s: %s", path, text) : w.done;
}
