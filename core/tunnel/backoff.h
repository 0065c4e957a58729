/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* When an agent tries again (protocol.md section 8): after 1, 2, 4, 8, 16, 30 s with full jitter,
 * and where many agents have lost their server at the same moment, as far apart as it asked for.
 * Pure; whatever thread owns it. */

#ifndef ADIT_TUNNEL_BACKOFF_H
#define ADIT_TUNNEL_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* Who is hit by what an attempt, or a session, has ended by. */
enum backoff_hit {
	BACKOFF_ONE, /* only we, for all we know: silence, no way to the server, a wrong token */
	BACKOFF_ALL, /* the server has gone, leaves, or takes no more */
};

struct backoff {
	unsigned tries;    /* that failed since the last session that lasted */
	int64_t spread_ms; /* what the server of the last session said; 0: nothing */
	bool crowd;        /* this return is one of many */
	uint64_t (*below)(uint64_t n); /* randomness: uniform in [0, n), n > 0 */
};

void backoff_init(struct backoff *b, uint64_t (*below)(uint64_t n));
/* There is a session. */
void backoff_up(struct backoff *b);
/* It was a good one: the next loss begins at 1 s again. */
void backoff_lasted(struct backoff *b);
/* So many ms from now is the next attempt; at least retry_after_ms, as the server said. */
int64_t backoff_next(struct backoff *b, enum backoff_hit hit, int64_t retry_after_ms);

#endif
