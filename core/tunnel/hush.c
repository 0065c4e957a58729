/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The time of refusals. Pure. */

#include <config.h>

#include "tunnel/hush.h"
#include "util/compiler.h"

/* The least time that holds ms. */
static int64_t
holding(int64_t ms)
{
	int64_t after = HUSH_MIN_MS;

	while (after < ms && after < HUSH_MAX_MS)
		after *= 2;
	return after;
}

struct mono
hush_until(struct hush *h, struct mono asked, struct mono now)
{
	int64_t took = mono_diff_ms(now, asked) + 1;
	int64_t over = took - took % HUSH_MAX_MS; /* of those that take very long */

	if (!mono_before(now, mono_add_ms(h->since, HUSH_PERIOD_MS))) {
		if (h->after_ms > 0)
			h->after_ms = MIN(h->after_ms, holding(h->most_ms));
		h->most_ms = 0;
		h->since = now;
	}
	h->most_ms = MAX(h->most_ms, took);
	h->after_ms = MAX(h->after_ms, holding(took));
	return mono_add_ms(asked, took < HUSH_MAX_MS ? h->after_ms : over + HUSH_MAX_MS);
}
