/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Stream sockets with a name on this host. Any thread; touches the file system, so it is for start
 * and end. */

#include <config.h>

#include "io/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The address of path. *folder_r: a descriptor that must stay open while it is used, or -1. */
static int
address_of(const char *path, struct sockaddr_un *a_r, int *folder_r)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];
	int n;

	*a_r = (struct sockaddr_un){.sun_family = AF_UNIX};
	*folder_r = -1;
	if (strlen(path) < sizeof(a_r->sun_path)) {
		memcpy(a_r->sun_path, path, strlen(path) + 1);
		return 0;
	}
	if (slash == NULL || (size_t)(slash - path) >= sizeof(folder))
		return -ENAMETOOLONG;
	snprintf(folder, sizeof(folder), "%.*s/", (int)(slash - path), path);
	*folder_r = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*folder_r < 0)
		return -errno;
	n = snprintf(a_r->sun_path, sizeof(a_r->sun_path), "/proc/self/fd/%d/%s", *folder_r,
		slash + 1);
	if (n < (int)sizeof(a_r->sun_path))
		return 0;
	close(*folder_r);
	return -ENAMETOOLONG;
}

static void
close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int
connect_to(const char *path, int flags)
{
	struct sockaddr_un a;
	int folder, fd, rc = address_of(path, &a, &folder);

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	rc = fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : fd;
	if (rc < 0)
		close_if(fd);
	close_if(folder);
	return rc;
}

int
local_connect(const char *path)
{
	return connect_to(path, 0);
}

/* Something is at path: goes away if it is a socket that nobody listens on. 0 or a negative
 * errno. */
static int
clear_away(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = connect_to(path, SOCK_NONBLOCK);
	close_if(fd);
	if (fd != -ECONNREFUSED)
		return fd >= 0 || fd == -EAGAIN ? -EADDRINUSE : fd;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int
local_listen(const char *path)
{
	struct sockaddr_un a;
	int folder, fd, rc = address_of(path, &a, &folder);

	if (rc < 0)
		return rc;
	rc = clear_away(path);
	fd = rc < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (rc == 0 && fd < 0)
		rc = -errno;
	/* Nobody can connect before listen(), so the mode comes in time. */
	if (rc == 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		rc = -errno;
	} else if (rc == 0 && (chmod(path, 0600) < 0 || listen(fd, 64) < 0)) {
		rc = -errno;
		unlink(path);
	}
	close_if(folder);
	if (rc == 0)
		return fd;
	close_if(fd);
	return rc;
}

void
local_unlink(const char *path)
{
	(void)clear_away(path);
}

int
local_peer(int fd, uid_t *uid_r, pid_t *pid_r)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
		return -errno;
	*uid_r = who.uid;
	*pid_r = who.pid;
	return 0;
}
