/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* On which worker a new link is placed. Pure. A session never moves, so its place should be where
 * most is left of a processor: what counts is the share of its time that a worker was busy lately.
 * A session that is quiet now may not stay so, and one that has just come has not been measured; so
 * sessions count a little too, and those that came since the last measurement more. */

#ifndef ADIT_TUNNEL_PLACE_H
#define ADIT_TUNNEL_PLACE_H

#include <stddef.h>
#include <stdint.h>

/* One worker. */
struct place {
	uint64_t busy_us; /* sum of all its turns when last measured */
	unsigned busy;    /* permille of its time, smoothed */
	size_t sessions;  /* now, links without a login included */
	size_t fresh;     /* that came since it was last measured */
};

/* busy_us: the sum now; passed_us: since the last measurement, above 0. */
void place_measure(struct place *p, uint64_t busy_us, uint64_t passed_us);

/* The index of the best of n places, at least 1; among equals the first. */
unsigned place_pick(const struct place *p, unsigned n);

#endif
