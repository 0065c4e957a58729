/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Stream sockets of this host, named by a path (unix(7)), for whoever may control a program. A path
 * may be longer than the kernel takes: then it is reached through its folder's descriptor. */

#ifndef ADIT_IO_LOCAL_H
#define ADIT_IO_LOCAL_H

#include <sys/types.h>

/* Listens at path, mode 0600, non-blocking and close-on-exec, not counted (see io/listen.h). What a
 * program that has died left there is replaced. The descriptor, or a negative errno: -EADDRINUSE if
 * somebody listens there, -EEXIST if something else than a socket is there. */
int local_listen(const char *path);
/* Takes the name away when nobody listens there any more. */
void local_unlink(const char *path);
/* Connects, blocking. The descriptor, or a negative errno. */
int local_connect(const char *path);
/* Who is at the other end. 0 or a negative errno. */
int local_peer(int fd, uid_t *uid_r, pid_t *pid_r);

#endif
