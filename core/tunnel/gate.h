/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Who may try to log in: bounds links that have not logged in, in all and for each source (an IPv4
 * address or an IPv6 /64), and makes sources wait that have failed. Each failure of a source counts
 * twice as long as the one before; from penalty_from on the source is refused until all of its
 * penalty is over.
 *
 * Penalties come after failures. What comes before them, such as many links at once, challenges
 * that are never answered and plugins that answer late, is bounded by tries: each message that auth
 * plugins look at takes one of the source's tries_per_source, and a login that succeeds gives its
 * own back. The others are gone for ten minutes. So no ten minutes see more of them, whatever the
 * source does, and any number of good logins pass.
 *
 * Locked; any thread; bounded to 65,536 sources, the oldest quiet ones go first. */

#ifndef ADIT_TUNNEL_GATE_H
#define ADIT_TUNNEL_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/limit.h"
#include "util/mono.h"

#define GATE_WINDOW_MS 600000 /* tries are counted for this long, and up to a tenth longer */

struct gate;

/* What one login has taken. Zero-initialised is nothing. */
struct gate_tries {
	unsigned held;
	bool runner;
};

enum gate_turn {
	GATE_GO,   /* the message may be looked at */
	GATE_WAIT, /* as soon as others of the source have come to their end: ask again */
	GATE_NO,   /* there is none left */
};

enum gate_end {
	GATE_RIGHT, /* logged in, or nobody has looked: nothing is counted */
	GATE_WRONG, /* denied, or left undecided by the agent */
	GATE_OPEN,  /* could not be decided: counted for a tenth of the time at most */
};

struct gate *gate_new(void);
void gate_free(struct gate *g);

/* A link has come from source. 0: gate_leave() must follow. Else a code (busy, limit) with the
 * reason and after how long another try makes sense. */
uint16_t gate_enter(struct gate *g, uint64_t source, const struct limits *l, struct mono now,
	const char **text_r, int64_t *retry_ms_r);
/* It has logged in, or is gone. */
void gate_leave(struct gate *g, uint64_t source);
/* It has failed to log in. Returns the penalty that the source has now, in milliseconds. */
int64_t gate_fail(struct gate *g, uint64_t source, const struct limits *l, struct mono now);

/* A message of a login is about to be looked at. GATE_GO: t has one try more, and gate_give() must
 * follow. GATE_NO: *retry_ms_r is when there will be one. */
enum gate_turn gate_take(struct gate *g, uint64_t source, struct gate_tries *t,
	const struct limits *l, struct mono now, int64_t *retry_ms_r);
/* The login is over; t is empty afterwards. Harmless when it has taken nothing. */
void gate_give(struct gate *g, uint64_t source, struct gate_tries *t, enum gate_end how,
	struct mono now);

#endif
