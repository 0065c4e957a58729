/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Small files: secrets that must be private, and files that must be replaced whole or not at all.
 * Blocking; for start-up, reload and helper threads, never on a worker's loop. */

#ifndef ADIT_UTIL_FILE_H
#define ADIT_UTIL_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "util/err.h"

/* Reads a whole regular file of at most max bytes into a fresh, terminated buffer (free with
 * file_free(), which wipes it). Returns 0 or a negative errno with e set. */
int file_read(const char *path, size_t max, char **text_r, size_t *len_r, struct err *e);

/* As file_read(), but the file must belong to root or to the effective user and must not be
 * readable or writable by anybody else (mode & 077 is refused). O_NOFOLLOW is not used: operators
 * link secrets; what is checked is the opened file. */
int file_read_secret(const char *path, size_t max, char **text_r, size_t *len_r, struct err *e);

/* As file_read(), but the file must belong to root or to the effective user and nobody else may
 * write it. */
int file_read_trusted(const char *path, size_t max, char **text_r, size_t *len_r, struct err *e);

void file_free(char *text, size_t len);

/* Replaces path by writing path.tmp, fsync and rename; the file gets mode. The old file stays when
 * anything fails. */
int file_replace(const char *path, mode_t mode, const void *p, size_t n, struct err *e);

/* Creates path with mode; -EEXIST when it is there already. */
int file_create(const char *path, mode_t mode, const void *p, size_t n, struct err *e);

/* Appends with O_APPEND and fsync; creates with mode if missing. */
int file_append(const char *path, mode_t mode, const void *p, size_t n, struct err *e);

/* "dir/name" when name is relative, else a copy of name; dir is the folder of the file that named
 * it. Free with free(). */
char *file_beside(const char *file, const char *name);

#endif
