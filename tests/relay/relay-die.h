/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * A relay that cannot go on says why and ends with status 1.
 */
#ifndef TESTS_RELAY_DIE_H
#define TESTS_RELAY_DIE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* err: an errno, or 0 for none. */
static inline _Noreturn void
die(const char *what, int err)
{
	fprintf(stderr, "adit-relay: %s%s%s\n", what, err ? ": " : "", err ? strerror(err) : "");
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
