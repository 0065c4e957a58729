/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The out-of-line part of compiler.h: how a broken invariant ends the program, and allocation that
 * cannot fail. Any thread. Nothing here may use the log, which itself relies on must(). */

#define _GNU_SOURCE 1

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/compiler.h"

void
must_failed(const char *expr, const char *file, int line)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "assertion failed: %s (%s:%d)\n", expr, file, line);

	/* One write of a finished text: stdio may be what is broken, or locked. */
	if (n > 0 && write(STDERR_FILENO, text, MIN((size_t)n, sizeof(text) - 1)) < 0)
		abort();
	abort();
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

	must(p != NULL);
	return p;
}

void *
xmalloc(size_t size)
{
	void *p = malloc(size > 0 ? size : 1);

	must(p != NULL);
	return p;
}

void *
xrealloc(void *p, size_t size)
{
	void *q = realloc(p, size > 0 ? size : 1);

	must(q != NULL);
	return q;
}

char *
xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	must(n >= 0);
	return s;
}
