/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * Below 64 ns a bucket is one nanosecond; from there every doubling is cut into 64 buckets.
 */
#include "hist.h"

static unsigned
bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < HIST_SUB)
		return (unsigned)ns;
	shift = 63u - (unsigned)__builtin_clzll(ns) - 6u;
	return (shift + 1) * HIST_SUB + (unsigned)(ns >> shift) - HIST_SUB;
}

static double
middle_of(unsigned bucket)
{
	unsigned shift;

	if (bucket < HIST_SUB)
		return bucket;
	shift = bucket / HIST_SUB - 1;
	return (bucket % HIST_SUB + HIST_SUB + 0.5) * (double)(1ull << shift);
}

void
hist_add(struct hist *h, uint64_t ns)
{
	unsigned b = bucket_of(ns);

	h->count[b < HIST_BUCKETS ? b : HIST_BUCKETS - 1]++;
	h->n++;
	if (ns > h->most)
		h->most = ns;
}

double
hist_at(const struct hist *h, double share)
{
	uint64_t want = (uint64_t)(share * (double)h->n), seen = 0;

	for (unsigned b = 0; b < HIST_BUCKETS; b++) {
		seen += h->count[b];
		if (seen > want)
			return middle_of(b);
	}
	return (double)h->most;
}
