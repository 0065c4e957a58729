/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Errors for people. Any thread, as long as each struct err has one user. Texts that are too long
 * are cut, never refused; arguments may point into the error that is being set. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/err.h"

static void ATTR_PRINTF(4, 0)
set(struct err *e, const char *file, int line, const char *fmt, va_list ap)
{
	struct err fresh = {.line = line};

	if (e == NULL)
		return;
	snprintf(fresh.file, sizeof(fresh.file), "%s", file != NULL ? file : "");
	vsnprintf(fresh.msg, sizeof(fresh.msg), fmt, ap);
	*e = fresh;
}

int
err_set(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(e, NULL, 0, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int
err_at(struct err *e, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(e, file, line, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

void
err_prefix(struct err *e, const char *fmt, ...)
{
	char msg[sizeof(e->msg)];
	va_list ap;
	size_t n;

	if (e == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	n = strlen(msg);
	if (snprintf(msg + n, sizeof(msg) - n, ": %s", e->msg) < 0)
		return;
	memcpy(e->msg, msg, sizeof(msg));
}

const char *
err_text(const struct err *e, char *buf, size_t size)
{
	if (e->file[0] == '\0')
		snprintf(buf, size, "%s", e->msg);
	else if (e->line <= 0)
		snprintf(buf, size, "%s: %s", e->file, e->msg);
	else
		snprintf(buf, size, "%s:%d: %s", e->file, e->line, e->msg);
	return buf;
}
