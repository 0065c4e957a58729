/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* When an agent tries again. Pure.
 *
 * Steps that double are no help to a server that has just lost 2,000 agents: their first attempts
 * would all fall into the first second. So each server says how far apart its agents' return is to
 * be (tunnel/spread.h), and the first attempt falls anywhere within that time. Whoever fails tries
 * again after that time and not sooner, so that attempts stay as even as they began, however long
 * the server is away: with full jitter at each try there would be a peak of e times the first rate,
 * just when the server has been away for as long as the spread. An agent that has lost its link
 * alone is not part of a crowd and comes back within a second. */

#include <config.h>

#include "tunnel/backoff.h"
#include "util/compiler.h"

#define WAIT_MIN_MS 100

void
backoff_init(struct backoff *b, uint64_t (*below)(uint64_t n))
{
	*b = (struct backoff){.below = below};
}

void
backoff_up(struct backoff *b)
{
	b->crowd = false;
}

void
backoff_lasted(struct backoff *b)
{
	b->tries = 0;
}

static int64_t
jitter(struct backoff *b, int64_t top_ms)
{
	return WAIT_MIN_MS + (int64_t)b->below((uint64_t)(top_ms - WAIT_MIN_MS));
}

int64_t
backoff_next(struct backoff *b, enum backoff_hit hit, int64_t retry_after_ms)
{
	static const int64_t steps[] = {1000, 2000, 4000, 8000, 16000, 30000};
	int64_t step = steps[MIN(b->tries, ARRAY_LEN(steps) - 1)], ms;
	bool first = hit == BACKOFF_ALL && !b->crowd;

	b->tries++;
	b->crowd |= hit == BACKOFF_ALL;
	ms = jitter(b, first ? MAX(step, b->spread_ms) : step);
	if (b->crowd && !first)
		ms = MAX(ms, b->spread_ms);
	return retry_after_ms + ms;
}
