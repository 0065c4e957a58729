/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Groups of sessions. Pure; see the header for who protects one. */

#include <config.h>

#include "tunnel/group.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "util/compiler.h"

void
group_fini(struct group *g)
{
	free(g->m);
	*g = (struct group){0};
}

static size_t
place_of(const struct group *g, const struct group_session *s)
{
	size_t i = 0;

	while (i < g->n && g->m[i].s != s)
		i++;
	return i;
}

bool
group_has(const struct group *g, const struct group_session *s)
{
	return place_of(g, s) < g->n;
}

void
group_add(struct group *g, struct group_session *s, uint32_t tunnel_id)
{
	must(!group_has(g, s));
	if (g->n == g->room) {
		g->room = g->room == 0 ? 1 : 2 * g->room;
		g->m = xrealloc(g->m, g->room * sizeof(*g->m));
	}
	g->m[g->n++] = (struct group_member){s, tunnel_id};
}

bool
group_remove(struct group *g, const struct group_session *s)
{
	size_t i = place_of(g, s);

	if (i == g->n)
		return false;
	g->m[i] = g->m[--g->n];
	return true;
}

/* Clients that the session has, or will have once they have arrived. */
static uint64_t
clients(const struct group_session *s)
{
	return s->given - atomic_load_explicit(s->ended, memory_order_relaxed);
}

static bool
takes_clients(const struct group_session *s, bool away)
{
	return !s->leaving && s->away == away;
}

/* The least of those that are on worker here, or of all; g->n: none. */
static size_t
least(const struct group *g, bool away, bool only_here, uint32_t here)
{
	size_t best = g->n;

	for (size_t k = 0; k < g->n; k++) {
		size_t i = (g->turn + k) % g->n;
		const struct group_session *s = g->m[i].s;

		if (!takes_clients(s, away) || (only_here && s->worker != here))
			continue;
		if (best == g->n || clients(s) < clients(g->m[best].s))
			best = i;
	}
	return best;
}

uint32_t
group_place(const struct group *g, uint32_t here)
{
	uint32_t worker = here;

	for (size_t i = 0; i < g->n; i++) {
		const struct group_session *s = g->m[i].s;

		if (s->leaving)
			continue;
		if (s->worker == here)
			return here;
		if (worker == here)
			worker = s->worker;
	}
	return worker;
}

static const struct group_member *
pick(struct group *g, bool away, uint32_t here, bool stay)
{
	size_t near = least(g, away, true, here);
	size_t best = stay ? near : least(g, away, false, here);
	uint64_t most;

	if (best == g->n)
		return NULL;
	most = clients(g->m[best].s) + clients(g->m[best].s) / 8;
	if (near < g->n && clients(g->m[near].s) <= most)
		best = near;
	g->turn = best + 1;
	g->m[best].s->given++;
	return &g->m[best];
}

const struct group_member *
group_pick(struct group *g, uint32_t here, bool stay)
{
	const struct group_member *m = pick(g, false, here, stay);

	return m != NULL ? m : pick(g, true, here, stay);
}
