/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * Durations, counted in buckets that are at most 1/64 wide, so that a percentile of millions of
 * them is off by less than two per cent and costs no memory for each.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#define HIST_SUB 64u
#define HIST_BUCKETS (HIST_SUB * 58u)

struct hist {
	uint64_t n;
	uint64_t most;			/* the longest, in nanoseconds */
	uint64_t count[HIST_BUCKETS];
};

void hist_add(struct hist *h, uint64_t ns);

/* The middle of the bucket that holds the share (0 to 1) of all durations, in nanoseconds; 0 when
 * there are none. */
double hist_at(const struct hist *h, double share);

#endif
