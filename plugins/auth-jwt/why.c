/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Any thread. */

#include "why.h"

#include <stdarg.h>
#include <stdio.h>

int
why_set(struct why *why, enum adit_cause cause, const char *fmt, ...)
{
	va_list ap;

	why->cause = cause;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return -1;
}
