/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One configuration file, read and checked for its syntax: libconfig's tree and the file's name.
 * Main thread. */

#ifndef ADIT_CTL_SOURCE_H
#define ADIT_CTL_SOURCE_H

#include <libconfig.h>
#include <stddef.h>

#include "util/err.h"

#define SOURCE_MAX (1024u * 1024) /* bytes of one file */

struct source {
	char *file; /* as it was asked for */
	config_t tree;
};

/* Reads file. It must be a regular file that only its owner can write. 0 or -errno with e set. */
int source_open(const char *file, struct source **s_r, struct err *e);

/* The same of a text in memory; file is for messages. Touches no file. */
int source_parse(const char *file, const char *text, size_t len, struct source **s_r,
	struct err *e);

void source_free(struct source *s); /* NULL is harmless */

/* Refuses what somebody else could have written; what is "file" or "folder". */
int source_check_mode(const char *path, const char *what, struct err *e);

#endif
