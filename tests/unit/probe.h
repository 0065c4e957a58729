/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* For probes of transports made for tests. */

#ifndef ADIT_TESTS_PROBE_H
#define ADIT_TESTS_PROBE_H

#include <adit/transport.h>
#include <string.h>

#include "util/compiler.h"

/* Whether the n bytes of data begin with the text want, as far as can be told. */
static inline enum adit_probe
probe_prefix(const void *data, size_t n, const char *want)
{
	size_t len = strlen(want);

	if (memcmp(data, want, MIN(n, len)) != 0)
		return ADIT_PROBE_NO;
	return n < len ? ADIT_PROBE_MORE : ADIT_PROBE_YES;
}

#endif
