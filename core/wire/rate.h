/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How fast a link takes bytes and how long its way is, from when the peer acknowledges them
 * (protocol.md section 7); and what follows for what is urgent and must not wait long behind
 * bulk: how long a frame may be (one shall hold the link for about a millisecond), and how much
 * may be on its way (some more than twice what the way itself holds; the rest would only wait in
 * the peer's socket).
 *
 * The way's length is the least time from a byte to its acknowledgement. Under load that
 * contains the queue which it is to bound, so it is not believed for ever: after RATE_LOOK_MS
 * without a confirmation little is sent for a moment, and the way is measured anew. What a
 * kernel or PING says would not do: the one sees only as far as the next proxy, the other
 * measures when nothing is sent.
 *
 * Pure; the owner of the session. */

#ifndef ADIT_WIRE_RATE_H
#define ADIT_WIRE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mono.h"

#define RATE_FRAME_MIN 16384u    /* bytes: shorter frames cost more than they spare */
#define RATE_FLIGHT_MIN 524288u  /* bytes: two turns of a peer that shares its processor */
#define RATE_LOOK_MS 30000

enum rate_look {
	LOOK_NOT,
	LOOK_DRAIN, /* less is sent, until little is on its way */
	LOOK_WAIT,  /* for a byte that left then */
};

struct rate {
	struct mono since; /* the sample under way began */
	uint64_t acked;    /* what was acknowledged then */
	uint64_t per_ms;   /* bytes for each millisecond; 0: not known yet */
	bool idle;         /* nothing is on its way: the next sample begins with the next byte */
	bool marked;       /* the acknowledgement of mark is waited for */
	uint64_t mark;
	struct mono mark_at;
	int64_t way_us; /* 0: not known yet */
	struct mono way_at;
	enum rate_look look;
};

void rate_init(struct rate *r);
/* Another link: nothing is known. acked: as in rate_acked(). */
void rate_restart(struct rate *r, uint64_t acked);

/* Bytes leave, up to seq, counted as in rate_acked(). Cheap; may be called for each of them. */
static inline void
rate_sent(struct rate *r, struct mono now, uint64_t seq)
{
	if (r->idle) {
		r->idle = false;
		r->since = now;
	}
	if (!r->marked && r->look != LOOK_DRAIN) {
		r->marked = true;
		r->mark = seq;
		r->mark_at = now;
	}
}

/* The peer has everything up to acked (bytes since the beginning, never less than before), and
 * flight more bytes are on their way. idle: so little that what follows measures us and not the
 * link. */
void rate_acked(struct rate *r, struct mono now, uint64_t acked, uint64_t flight, bool idle);

/* Bytes of payload for one frame: RATE_FRAME_MIN to max (at least that). */
uint32_t rate_frame(const struct rate *r, uint32_t max);

/* Bytes that may be on their way: sent, not acknowledged. */
uint64_t rate_flight(const struct rate *r);

#endif
