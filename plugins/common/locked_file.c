/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Files of credentials that several processes change. Nothing is kept between calls; any thread
 * that may block. */

#include "locked_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_TRIES 1000 /* each one somebody else's change */

int
locked_file_write(int fd, const char *p, size_t n)
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

void
locked_file_sync_name(const char *path)
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

int
locked_file_open(const char *path, int flags)
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

int
locked_file_replace(const char *path, int old, const char *p, size_t n)
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
	rc = locked_file_write(fd, p, n);
	if (rc == 0 && (st.st_uid != geteuid() || st.st_gid != getegid()) &&
		fchown(fd, st.st_uid, st.st_gid) < 0 && st.st_uid != geteuid())
		rc = -errno;
	if (rc == 0)
		rc = fsync(fd) < 0 ? -errno : 0;
	if (rc == 0 && rename(name, path) < 0)
		rc = -errno;
	if (rc == 0)
		locked_file_sync_name(path);
	else
		unlink(name);
	close(fd);
	return rc;
}
