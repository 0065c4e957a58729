/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Penalties. Pure. */

#include <config.h>

#include "tunnel/penalty.h"
#include "util/compiler.h"

#define FAILS_MAX 20 /* doublings */

void
penalty_forgive(struct penalty *p, const struct penalty_rule *rule, struct mono now)
{
	if (!mono_before(now, p->until))
		p->refused = false;
	if (!mono_before(now, mono_add_ms(p->until, rule->max)))
		p->fails = 0;
}

int64_t
penalty_add(struct penalty *p, const struct penalty_rule *rule, struct mono now)
{
	int64_t ms;

	penalty_forgive(p, rule, now);
	ms = rule->first << MIN(p->fails, FAILS_MAX);
	if (p->fails < FAILS_MAX)
		p->fails++;
	if (mono_before(p->until, now))
		p->until = now;
	ms = MIN(mono_diff_ms(p->until, now) + ms, rule->max);
	p->until = mono_add_ms(now, ms);
	if (rule->first > 0 && ms >= rule->from)
		p->refused = true;
	return ms;
}
