/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How far apart agents come back. Pure. */

#include <config.h>

#include "tunnel/spread.h"
#include "util/compiler.h"

/* The next power of two of sessions, in time. */
static int64_t
level(int64_t need_ms)
{
	int64_t ms = SPREAD_EACH_MS;

	while (ms < need_ms && ms < SPREAD_MAX_MS)
		ms *= 2;
	if (ms < SPREAD_MIN_MS)
		return 0;
	return MIN(ms, SPREAD_MAX_MS);
}

int64_t
spread_for(size_t sessions, int64_t before_ms)
{
	int64_t need_ms = (int64_t)MIN(sessions, SPREAD_MAX_MS) * SPREAD_EACH_MS;

	if (MIN(need_ms, SPREAD_MAX_MS) > before_ms || need_ms < before_ms / 4)
		return level(need_ms);
	return before_ms;
}
