/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* When a login that is refused gets its answer: all at the same time after they have asked,
 * whatever took how long, so that nobody learns from the time why. The time grows, by doubling,
 * until everything fits that was ever seen, and answers that come early wait for it. Rounding each
 * one up by itself would not do: a plugin whose times lie around a multiple would give itself away
 * more clearly than without.
 *
 * When nothing has needed it for ten minutes it shrinks again, so that one hiccup does not make all
 * refusals slow for ever. Pure; the owner's thread. Zero-initialised is ready. */

#ifndef ADIT_TUNNEL_HUSH_H
#define ADIT_TUNNEL_HUSH_H

#include <stdint.h>

#include "util/mono.h"

#define HUSH_MIN_MS 20
#define HUSH_MAX_MS 5120 /* what takes longer is answered at a multiple of this */
#define HUSH_PERIOD_MS 600000

struct hush {
	int64_t after_ms; /* 0: nothing was refused yet */
	int64_t most_ms;  /* that was needed since */
	struct mono since;
};

/* When the answer is due to what was asked at that time and has been decided now; never before
 * now. */
struct mono hush_until(struct hush *h, struct mono asked, struct mono now);

#endif
