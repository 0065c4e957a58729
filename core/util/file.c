/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Small files. Blocking: start-up, reload and helper threads only. Buffers that may hold a secret
 * are wiped before they are freed, on every way out. Each message names the path. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/compiler.h"
#include "util/file.h"

/* --- reading --- */

void
file_free(char *text, size_t len)
{
	if (text == NULL)
		return;
	explicit_bzero(text, len);
	free(text);
}

/* A larger copy; the old one is wiped. */
static char *
grow(char *text, size_t len, size_t cap)
{
	char *fresh = xmalloc(cap);

	memcpy(fresh, text, len);
	file_free(text, len);
	return fresh;
}

/* Reads fd to its end. The size of fstat() is a guess only: files in /proc have none, and a file
 * may grow meanwhile. */
static int
read_all(int fd, size_t guess, size_t max, char **text_r, size_t *len_r)
{
	size_t cap = MIN(guess, max) + 2, len = 0;
	char *text = xmalloc(cap);

	for (;;) {
		ssize_t n = read(fd, text + len, cap - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int rc = -errno;

			file_free(text, len);
			return rc;
		}
		len += (size_t)n;
		if (len > max) {
			file_free(text, len);
			return -EFBIG;
		}
		if (n == 0)
			break;
		if (len + 1 == cap) {
			cap *= 2;
			text = grow(text, len, cap);
		}
	}
	text[len] = '\0';
	*text_r = text;
	*len_r = len;
	return 0;
}

/* What a file may be: whose, and open to whom. */
struct rule {
	unsigned mask;    /* of the mode: must be 0 */
	const char *noun; /* NULL: anybody's file will do */
	const char *closed;
	const char *run; /* chmod that mends it */
};

static const struct rule any = {.mask = 0},
			 secret = {077, "a secret", "open to group or others", "600"},
			 trusted = {022, "a file that is relied on",
				 "writable by group or others", "go-w"};

/* Refuses what somebody else could have written, or read if it is a secret. */
static int
check_rule(const char *path, const struct rule *rule, const struct stat *st, struct err *e)
{
	unsigned mode = st->st_mode & 07777;

	if (rule->noun == NULL)
		return 0;
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		err_set(e,
			"%s: belongs to user %u, but %s must belong to root or to user %u; "
			"run: chown %u '%s' && chmod %s '%s'",
			path, (unsigned)st->st_uid, rule->noun, (unsigned)geteuid(),
			(unsigned)geteuid(), path, rule->run, path);
		return -EPERM;
	}
	if (mode & rule->mask) {
		err_set(e, "%s: has mode %04o, but %s must not be %s; run: chmod %s '%s'", path,
			mode, rule->noun, rule->closed, rule->run, path);
		return -EPERM;
	}
	return 0;
}

static int
read_checked(const char *path, const struct rule *rule, size_t max, char **text_r, size_t *len_r,
	struct err *e)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer; regular files ignore it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = -errno;
		err_set(e, "%s: %s", path, strerror(-rc));
	} else if (!S_ISREG(st.st_mode)) {
		rc = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
		err_set(e, "%s: is not a regular file", path);
	} else {
		rc = check_rule(path, rule, &st, e);
	}
	if (rc == 0) {
		rc = read_all(fd, (size_t)st.st_size, max, text_r, len_r);
		if (rc == -EFBIG)
			err_set(e, "%s: is larger than %zu bytes", path, max);
		else if (rc < 0)
			err_set(e, "%s: %s", path, strerror(-rc));
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

int
file_read(const char *path, size_t max, char **text_r, size_t *len_r, struct err *e)
{
	return read_checked(path, &any, max, text_r, len_r, e);
}

int
file_read_secret(const char *path, size_t max, char **text_r, size_t *len_r, struct err *e)
{
	return read_checked(path, &secret, max, text_r, len_r, e);
}

int
file_read_trusted(const char *path, size_t max, char **text_r, size_t *len_r, struct err *e)
{
	return read_checked(path, &trusted, max, text_r, len_r, e);
}

/* --- writing --- */

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* Makes the name itself durable: fsync of the folder. Some file systems cannot; the contents are
 * safe all the same, so that is no error. */
static void
sync_folder(const char *path)
{
	char *dir = file_beside(path, ".");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	free(dir);
}

/* Creates path, which must not exist, with all its bytes on the disk; leaves nothing on failure. */
static int
create_whole(const char *path, mode_t mode, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode & 0600), rc;

	if (fd < 0)
		return -errno;
	/* The mode that was asked for, whatever the umask is. */
	rc = fchmod(fd, mode) < 0 ? -errno : write_all(fd, p, n);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc < 0)
		unlink(path);
	return rc;
}

static int
said(int rc, const char *path, struct err *e)
{
	if (rc < 0)
		err_set(e, "%s: %s", path, strerror(-rc));
	return rc;
}

int
file_create(const char *path, mode_t mode, const void *p, size_t n, struct err *e)
{
	int rc = create_whole(path, mode, p, n);

	if (rc == 0)
		sync_folder(path);
	return said(rc, path, e);
}

int
file_replace(const char *path, mode_t mode, const void *p, size_t n, struct err *e)
{
	char *tmp = xasprintf("%s.tmp", path);
	int rc;

	/* What an earlier crash left behind. */
	unlink(tmp);
	rc = said(create_whole(tmp, mode, p, n), tmp, e);
	if (rc == 0 && rename(tmp, path) < 0) {
		rc = said(-errno, path, e);
		unlink(tmp);
	}
	if (rc == 0)
		sync_folder(path);
	free(tmp);
	return rc;
}

/* Opens for appending. A file that is not there is created, by us alone, with exactly mode. */
static int
open_append(const char *path, mode_t mode)
{
	const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY;

	/* Somebody may create or remove it meanwhile; a link to nowhere would do so for ever. */
	for (int tries = 0; tries < 10; tries++) {
		int fd = open(path, flags);

		if (fd >= 0 || errno != ENOENT)
			return fd >= 0 ? fd : -errno;
		fd = open(path, flags | O_CREAT | O_EXCL, mode & 0600);
		if (fd >= 0) {
			if (fchmod(fd, mode) == 0)
				return fd;
			close(fd);
			unlink(path);
			return -EPERM;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -ENOENT;
}

int
file_append(const char *path, mode_t mode, const void *p, size_t n, struct err *e)
{
	int fd = open_append(path, mode), rc;

	if (fd < 0)
		return said(fd, path, e);
	rc = write_all(fd, p, n);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0)
		sync_folder(path);
	return said(rc, path, e);
}

char *
file_beside(const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');

	if (name[0] == '/' || slash == NULL)
		return xstrdup(name);
	return xasprintf("%.*s%s", (int)(slash - file + 1), file, name);
}
