/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Who may try to log in: bounds links that have not logged in, in all and for each source (an IPv4
 * address or an IPv6 /64), and makes sources wait that have failed. Each failure of a source counts
 * twice as long as the one before; from penalty_from on the source is refused until all of its
 * penalty is over. Locked; any thread; bounded to 65,536 sources, the oldest quiet ones go
 * first. */

#ifndef ADIT_TUNNEL_GATE_H
#define ADIT_TUNNEL_GATE_H

#include <stddef.h>
#include <stdint.h>

#include "tunnel/limit.h"
#include "util/mono.h"

struct gate;

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

#endif
