/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A penalty that doubles: each failure costs twice as long as the one before, and from a bound on
 * whoever has failed is refused until all of it is over. Who has not failed for as long as the
 * longest penalty begins anew. Pure; the owner locks. Zero-initialised is innocence. */

#ifndef ADIT_TUNNEL_PENALTY_H
#define ADIT_TUNNEL_PENALTY_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mono.h"

struct penalty {
	unsigned fails;
	struct mono until; /* it is over */
	bool refused;      /* until then */
};

/* All in milliseconds. */
struct penalty_rule {
	int64_t first; /* for the first failure; 0: there are no penalties */
	int64_t from;  /* refused from this on */
	int64_t max;
};

/* Forgets what is over. To be called before anything is read. */
void penalty_forgive(struct penalty *p, const struct penalty_rule *rule, struct mono now);
/* One failure more. Returns the penalty that there is now, in milliseconds. */
int64_t penalty_add(struct penalty *p, const struct penalty_rule *rule, struct mono now);

#endif
