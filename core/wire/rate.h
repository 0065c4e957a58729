/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How fast a link takes bytes, from when the peer acknowledges them (protocol.md section 7), and
 * what follows from it for what is urgent and must not wait long behind bulk: how long a frame may
 * be (one shall hold the link for about a millisecond), and how much may be on its way (twice what
 * the link itself holds; more would only wait in the peer's socket). Pure; the owner of the
 * session. */

#ifndef ADIT_WIRE_RATE_H
#define ADIT_WIRE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mono.h"

#define RATE_FRAME_MIN 16384u   /* bytes: shorter frames cost more than they spare */
#define RATE_FLIGHT_MIN 1048576u /* bytes: some turns of a peer that shares its processor */

struct rate {
	struct mono since; /* the sample under way began */
	uint64_t acked;    /* what was acknowledged then */
	uint64_t per_ms;   /* bytes for each millisecond; 0: not known yet */
	bool idle;         /* nothing is on its way: the next sample begins with the next byte */
};

void rate_init(struct rate *r);

/* Bytes leave. Cheap; may be called for each of them. */
static inline void
rate_sent(struct rate *r, struct mono now)
{
	if (r->idle) {
		r->idle = false;
		r->since = now;
	}
}

/* The peer has everything up to acked (bytes since the beginning, never less than before). idle: it
 * has about everything that was sent, so what follows measures us and not the link. */
void rate_acked(struct rate *r, struct mono now, uint64_t acked, bool idle);

/* Bytes of payload for one frame: RATE_FRAME_MIN to max (at least that). */
uint32_t rate_frame(const struct rate *r, uint32_t max);

/* Bytes that may be on their way: sent, not acknowledged. rtt_us: of the link alone, without what
 * the peer takes to read. */
uint64_t rate_flight(const struct rate *r, int64_t rtt_us);

#endif
