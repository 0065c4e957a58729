/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* As fuzz-session.c, with links that are lost and others that take their place: the first byte says
 * whether sessions may end, too. If they may not, both ends get every byte exactly once, whatever
 * becomes of their links. */

#include <config.h>

#include "fuzz.h"
#include "pairops.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	unsigned ends = n > 0 && data[0] & 1 ? PAIROPS_ENDS : 0;

	if (n > 0)
		pairops_run(data + 1, n - 1, PAIROPS_CUTS | ends);
	return 0;
}
