/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Sockets with a name on this host. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/local.h"
#include "tap.h"

static char dir[] = "/tmp/adit-test-XXXXXX";

/* Listening, connecting, and all that may be at the path before. */
static void
test_path(const char *path, const char *what)
{
	struct stat st;
	uid_t uid = 12345;
	pid_t pid = 0;
	int fd, other, client;

	diag("%s", what);
	is_int(local_connect(path), -ENOENT, "nothing is there");
	fd = local_listen(path);
	ok(fd >= 0, "a socket is made");
	ok(stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 07777) == 0600,
		"for its owner alone");
	ok((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0,
		"that does not block and is not inherited");
	is_int(local_listen(path), -EADDRINUSE, "a second server is refused");
	client = local_connect(path);
	ok(client >= 0, "a client connects");
	close(accept(fd, NULL, NULL)); /* the look of the second server */
	other = accept(fd, NULL, NULL);
	is_int(local_peer(other, &uid, &pid), 0, "who it is, is known");
	ok(uid == geteuid() && pid == getpid(), "we are");
	close(other);
	close(client);
	local_unlink(path);
	ok(stat(path, &st) == 0, "what somebody listens on stays");
	close(fd);
	is_int(local_connect(path), -ECONNREFUSED, "the server has died");
	fd = local_listen(path);
	ok(fd >= 0, "another takes the name");
	close(fd);
	local_unlink(path);
	ok(stat(path, &st) < 0, "it goes away when nobody listens");
	local_unlink(path);
}

int
main(void)
{
	char path[400], name[120];
	FILE *f;

	if (mkdtemp(dir) == NULL)
		exit(99);
	snprintf(path, sizeof(path), "%s/s", dir);
	test_path(path, "a short path");
	f = fopen(path, "w");
	if (f == NULL || fclose(f) != 0)
		exit(99);
	is_int(local_listen(path), -EEXIST, "a file is not taken for a socket");
	unlink(path);
	memset(name, 'd', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	is_int(local_listen("/nowhere/at/all"), -ENOENT, "a folder that is missing");
	if (mkdir(path, 0700) < 0)
		exit(99);
	snprintf(path, sizeof(path), "%s/%s/s", dir, name);
	test_path(path, "a path that is longer than the kernel takes");
	snprintf(path, sizeof(path), "%s/%s%s", dir, name, name);
	is_int(local_listen(path), -ENAMETOOLONG, "a name that is longer than that");
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	rmdir(path);
	ok(rmdir(dir) == 0, "nothing is left behind");
	return done_testing();
}
