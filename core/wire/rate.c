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
#define WAY_MAX_US 2000000
#define LOOK_FLIGHT (RATE_FLIGHT_MIN / 4 * 3) /* more than what is acknowledged at a time */
/* A long way is granted twice what it holds, so that the rate can double within a round trip; a way
 * within a machine or a house, whose time is that of processors, once. */
#define NEAR_US 2000
#define FORGET 8 /* a lower sample takes an eighth of the estimate away */

void
rate_init(struct rate *r)
{
	*r = (struct rate){.idle = true};
}

void
rate_restart(struct rate *r, uint64_t acked)
{
	*r = (struct rate){.idle = true, .acked = acked};
}

static void
sample(struct rate *r, uint64_t bytes, int64_t ns, bool idle)
{
	uint64_t per_ms = bytes * 1000000 / (uint64_t)ns;

	if (idle && per_ms < r->per_ms)
		return; /* that was us */
	r->per_ms = MAX(per_ms, r->per_ms - r->per_ms / FORGET);
}

/* The byte that was marked is there. */
static void
way_sample(struct rate *r, struct mono now)
{
	int64_t us = MAX((now.ns - r->mark_at.ns) / 1000, 1);

	r->marked = false;
	if (us > WAY_MAX_US)
		return; /* nobody hurried */
	if (r->way_us != 0 && r->look != LOOK_WAIT && us > r->way_us + r->way_us / 8)
		return;
	r->way_us = r->look == LOOK_WAIT || r->way_us == 0 ? us : MIN(us, r->way_us);
	r->way_at = now;
	r->look = LOOK_NOT;
}

/* An acknowledgement comes for so many bytes at the earliest: who has sent less waits for
 * himself. */
static void
look_on(struct rate *r, struct mono now, uint64_t flight, bool idle)
{
	if (idle) {
		r->marked = false;
		r->look = LOOK_NOT;
	} else if (r->look == LOOK_NOT && r->way_us != 0 &&
		mono_diff_ms(now, r->way_at) >= RATE_LOOK_MS) {
		r->look = LOOK_DRAIN;
		r->marked = false;
	}
	if (r->look == LOOK_DRAIN && flight <= LOOK_FLIGHT)
		r->look = LOOK_WAIT;
}

void
rate_acked(struct rate *r, struct mono now, uint64_t acked, uint64_t flight, bool idle)
{
	int64_t ns = now.ns - r->since.ns;

	if (r->marked && acked >= r->mark)
		way_sample(r, now);
	look_on(r, now, flight, idle);
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
rate_flight(const struct rate *r)
{
	int64_t us;

	if (r->way_us == 0)
		return UINT64_MAX;
	if (r->look != LOOK_NOT)
		return LOOK_FLIGHT;
	us = 2 * r->way_us - MIN(r->way_us, NEAR_US);
	return RATE_FLIGHT_MIN + r->per_ms * (uint64_t)us / 1000;
}
