/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One answer of a web server, fetched by the program curl. Blocks; one thread at a time. */

#ifndef ADIT_JWT_CURL_H
#define ADIT_JWT_CURL_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

struct curl {
	char path[PATH_MAX];
	const char *ca_file; /* authorities in place of the system's; NULL: those */
	int64_t timeout_ms;  /* for all of it */
	size_t max;          /* bytes of the answer */
	int stop_fd;         /* when it can be read curl_get() gives up */
};

/* Finds the program. 0, or -1 with why set. Blocks. */
int curl_find(char path_r[PATH_MAX], char *why, size_t cap);

/* The body of a good answer (200), from a URL that url_wrong() has nothing against; *text_r is
 * terminated and has no NUL in it; free it. Redirects are not followed. 0, or -1 with why set. */
int curl_get(const struct curl *c, const char *url, char **text_r, size_t *len_r, char *why,
	size_t cap);

#endif
