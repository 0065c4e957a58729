/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* An error for a person to read: file, line and what was wrong. Used where text matters
 * (configuration, plugin loading, command line); everything else returns a negative errno. */

#ifndef ADIT_UTIL_ERR_H
#define ADIT_UTIL_ERR_H

#include <stdbool.h>

#include "util/compiler.h"

struct err {
	char file[256]; /* "" if the error has no place */
	int line;       /* 0 if none */
	char msg[1024];
};

/* Sets e (which may be NULL) and returns -EINVAL, so that `return err_set(…)` reads well. */
int err_set(struct err *e, const char *fmt, ...) ATTR_PRINTF(2, 3);
int err_at(struct err *e, const char *file, int line, const char *fmt, ...) ATTR_PRINTF(4, 5);

/* Puts "<text>: " before the message that e already has. */
void err_prefix(struct err *e, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* "file:line: msg", "file: msg" or "msg"; returns buf. */
const char *err_text(const struct err *e, char *buf, size_t size);

#endif
