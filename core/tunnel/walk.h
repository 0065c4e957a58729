/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What a session's search for free public addresses may cost. A route offers one candidate after
 * the other, and thousands of them can be taken: an agent that asks again and again must not keep
 * the worker busy with that. The first few candidates of a search are always tried; what goes
 * beyond is a walk, and is asked about here. Pure; whoever owns the session. */

#ifndef ADIT_TUNNEL_WALK_H
#define ADIT_TUNNEL_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mono.h"

#define WALK_SHORT 16u   /* so many candidates are no walk yet */
#define WALK_RATE 65536u /* candidates in a second, when a session has walked often enough */
#define WALK_BARREN_MS 1000

struct walk {
	uint64_t n;         /* walks so far */
	uint32_t tried;     /* candidates of walks, in the second that began then: */
	struct mono second;
	const void *barren; /* the route that had nothing free, then: */
	struct mono barren_at;
	uint16_t code; /* why the last one was refused */
	char text[256];
};

/* May a walk on this route begin? The first free_walks are not counted. False: code and text say
 * why. */
bool walk_begin(struct walk *w, const void *route, uint64_t free_walks, struct mono now);
/* It has ended after so many candidates. */
void walk_end(struct walk *w, uint32_t tried);
/* The route had nothing: for a second it is not asked again, and the answer is the same. */
void walk_barren(struct walk *w, const void *route, uint16_t code, const char *text,
	struct mono now);

#endif
