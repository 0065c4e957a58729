/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Where a claim is. "sub" and "realm_access.roles" lead into nested objects name by name; what
 * begins with "/" is a JSON pointer (RFC 6901), for names with dots:
 * "/https:~1~1example.org~1ports". Constant once made. Any thread. */

#ifndef ADIT_JWT_PATH_H
#define ADIT_JWT_PATH_H

#include <jansson.h>
#include <stddef.h>

#define PATH_NAMES 7 /* as deep as a token may be */

struct path {
	char *text; /* as it was written */
	char *copy; /* what name points into */
	size_t n;
	char *name[PATH_NAMES];
};

/* Returns 0, or -1: it is no path (or there is no memory). */
int path_init(struct path *p, const char *text);
void path_fini(struct path *p);
/* What is there, owned by claims; NULL if nothing is. null counts as nothing. */
const json_t *path_find(const struct path *p, const json_t *claims);

#endif
