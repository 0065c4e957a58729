/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A file of credentials on the disk. It is locked (flock) by everybody who changes it; because a
 * change may put another file in its place, a lock counts only if the name still leads to what was
 * locked. All calls block; never on a loop. Each program and plugin links its own copy. */

#ifndef ADIT_PLUGINS_LOCKED_FILE_H
#define ADIT_PLUGINS_LOCKED_FILE_H

#include <stddef.h>

/* Opens path with these flags (a file that is made gets mode 0600) and locks it. A descriptor,
 * whose close() ends the lock, or a negative errno. */
int locked_file_open(const char *path, int flags);

/* Writes all n bytes. 0 or a negative errno. */
int locked_file_write(int fd, const char *p, size_t n);

/* Makes the name of path durable. Some file systems cannot do that, so it is no error. */
void locked_file_sync_name(const char *path);

/* Puts a file with n bytes and mode 0600 in the place of path, which is locked as fd and whose
 * owner it gets; durable. 0, or a negative errno and nothing has changed. */
int locked_file_replace(const char *path, int fd, const char *p, size_t n);

#endif
