/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Placement of links. Pure; the server's main thread measures and picks. */

#include <config.h>

#include "tunnel/place.h"

#include "util/compiler.h"

#define FRESH 50   /* permille that a session is thought to need until it was measured */
#define HELD 250 /* permille for having all the sessions there are */

void
place_measure(struct place *p, uint64_t busy_us, uint64_t passed_us)
{
	uint64_t now = (busy_us - p->busy_us) * 1000 / passed_us;

	p->busy = (unsigned)((p->busy + MIN(now, 1000)) / 2);
	p->busy_us = busy_us;
	p->fresh = 0;
}

static uint64_t
score(const struct place *p, size_t sessions)
{
	uint64_t held = sessions > 0 ? (uint64_t)p->sessions * HELD / sessions : 0;

	return p->busy + (uint64_t)p->fresh * FRESH + held;
}

unsigned
place_pick(const struct place *p, unsigned n)
{
	size_t sessions = 0;
	unsigned best = 0;

	for (unsigned i = 0; i < n; i++)
		sessions += p[i].sessions;
	for (unsigned i = 1; i < n; i++)
		if (score(&p[i], sessions) < score(&p[best], sessions))
			best = i;
	return best;
}
