/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A measurement that went wrong in any way is none, and a relay that cannot go on is no relay: say
 * what happened and end with status 1. */

#ifndef BENCH_DIE_H
#define BENCH_DIE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* err: an errno, or 0 for none. */
static inline _Noreturn void
die(const char *what, int err)
{
	fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, what, err ? ": " : "",
		err ? strerror(err) : "");
	exit(1);
}

static inline int
check(int rc, const char *what)
{
	if (rc < 0)
		die(what, errno);
	return rc;
}

#endif
