/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Searches for public addresses, bounded. Pure; the session's worker. */

#include <config.h>

#include <stdio.h>

#include "tunnel/walk.h"
#include "wire/code.h"

bool
walk_begin(struct walk *w, const void *route, uint64_t free_walks, struct mono now)
{
	if (w->barren == route && mono_diff_ms(now, w->barren_at) < WALK_BARREN_MS)
		return false;
	if (mono_diff_ms(now, w->second) >= 1000) {
		w->second = now;
		w->tried = 0;
	}
	if (w->n >= free_walks && w->tried >= WALK_RATE) {
		w->code = CODE_LIMIT;
		snprintf(w->text, sizeof(w->text),
			"the agent looks for free addresses too often; it may ask again in a "
			"second");
		return false;
	}
	w->n++;
	return true;
}

void
walk_end(struct walk *w, uint32_t tried)
{
	w->tried += tried;
}

void
walk_barren(struct walk *w, const void *route, uint16_t code, const char *text, struct mono now)
{
	w->barren = route;
	w->barren_at = now;
	w->code = code;
	snprintf(w->text, sizeof(w->text), "%s", text);
}
