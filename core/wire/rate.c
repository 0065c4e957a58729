/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The rate of a link. Pure. The estimate follows the fastest samples and forgets them slowly: a
 * sample can be too low for many reasons (the sender had nothing, the peer was busy), too high only
 * for one, acknowledgements that come in a heap, and that is what a sample's least length is
 * for. */

#include <config.h>

#include "util/compiler.h"
#include "wire/rate.h"

#define SAMPLE_NS 1000000
#define FORGET 8 /* a lower sample takes an eighth of the estimate away */

void
rate_init(struct rate *r)
{
	*r = (struct rate){.idle = true};
}

static void
sample(struct rate *r, uint64_t bytes, int64_t ns, bool idle)
{
	uint64_t per_ms = bytes * 1000000 / (uint64_t)ns;

	if (idle && per_ms < r->per_ms)
		return; /* that was us */
	r->per_ms = MAX(per_ms, r->per_ms - r->per_ms / FORGET);
}

void
rate_acked(struct rate *r, struct mono now, uint64_t acked, bool idle)
{
	int64_t ns = now.ns - r->since.ns;

	if (ns < SAMPLE_NS && !idle)
		return;
	if (acked > r->acked)
		sample(r, acked - r->acked, MAX(ns, SAMPLE_NS), idle);
	r->since = now;
	r->acked = acked;
	r->idle = idle;
}

uint32_t
rate_frame(const struct rate *r, uint32_t max)
{
	if (r->per_ms <= RATE_FRAME_MIN)
		return RATE_FRAME_MIN;
	return (uint32_t)MIN(r->per_ms, max);
}

uint64_t
rate_flight(const struct rate *r, int64_t rtt_us)
{
	return RATE_FLIGHT_MIN + 2 * (r->per_ms * (uint64_t)rtt_us / 1000);
}
