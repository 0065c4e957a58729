/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Plans of streams and the bytes in them. Pure. */

#include "plan.h"

#include <math.h>

#include "util/compiler.h"

#define GOLDEN 0x9e3779b97f4a7c15u

/* Around what has a size of its own: nothing, a TLS record, a frame or a pipe, a window. */
static const uint64_t edges[] = {0, 1, 2, 16383, 16384, 16385, 65535, 65536, 65537, 262143, 262144,
	262145, 1048575, 1048576, 1048577, 4194303, 4194304, 4194305};

static uint64_t
mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

uint64_t
rng_next(struct rng *r)
{
	r->state += GOLDEN;
	return mix(r->state);
}

uint64_t
rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

uint64_t
rng_log_uniform(struct rng *r, uint64_t max)
{
	double u = (double)(rng_next(r) >> 11) / 9007199254740992.0;
	uint64_t n = (uint64_t)(exp2(u * log2((double)max + 1))) - 1;

	return MIN(n, max);
}

/* The first streams go through the edges, from both ends of the table, so that a run of any size
 * has them. */
static uint64_t
pick_len(struct rng *r, uint32_t number, unsigned side, uint64_t max)
{
	uint64_t any = rng_log_uniform(r, max);
	size_t i = rng_below(r, ARRAY_LEN(edges));
	bool edge = rng_below(r, 5) == 0;

	if (number < ARRAY_LEN(edges)) {
		i = side == 0 ? number : ARRAY_LEN(edges) - 1 - number;
		edge = true;
	}
	return edge && edges[i] <= max ? edges[i] : any;
}

static void
plan_lane(struct lane *l, struct rng *r, uint32_t number, unsigned side, uint64_t max)
{
	uint64_t how = rng_below(r, 8);

	l->len = pick_len(r, number, side, max);
	l->seed = rng_next(r);
	l->write_pauses = rng_below(r, 4) == 0;
	l->reading = how == 0 ? READ_SMALL : how == 1 ? READ_PAUSES : READ_ALL;
	l->small_buffers = rng_below(r, 8) == 0 && l->len <= 1 << 20;
}

/* Where the actor of an abort stops. */
static void
plan_abort(struct plan *p, struct rng *r)
{
	struct lane *mine = &p->lane[p->actor], *other = &p->lane[!p->actor];

	p->moment = (enum moment)rng_below(r, MOMENTS);
	p->stop_sent = rng_below(r, mine->len + 1);
	if (rng_below(r, 4) == 0)
		p->stop_sent = mine->len; /* all, but no FIN */
	if (p->ending != UNREAD)
		return;
	other->len = MAX(other->len, 1);
	p->stop_got = rng_below(r, other->len);
	p->fin_before = rng_below(r, 3) == 0;
	if (p->fin_before)
		p->stop_sent = mine->len;
}

void
plan_make(uint64_t seed, uint32_t number, uint64_t max_size, struct plan *plan_r)
{
	static const enum ending shares[] = {FIN_FIRST, FIN_FIRST, FIN_FIRST, FIN_BOTH, FIN_BOTH,
		FIN_BOTH, HALF_CLOSE, HALF_CLOSE, RESET, RESET, UNREAD, UNREAD};
	struct rng r = {mix(seed) ^ mix(number + GOLDEN)};

	*plan_r = (struct plan){
		.ending = shares[rng_below(&r, ARRAY_LEN(shares))],
		.actor = (unsigned)rng_below(&r, 2),
	};
	plan_lane(&plan_r->lane[0], &r, number, 0, max_size);
	plan_lane(&plan_r->lane[1], &r, number, 1, max_size);
	if (plan_aborts(plan_r))
		plan_abort(plan_r, &r);
}

const char *
plan_ending_name(const struct plan *plan)
{
	static const char *const names[ENDINGS][2] = {
		[FIN_FIRST] = {"FIN first by the client", "FIN first by the target"},
		[FIN_BOTH] = {"FIN by both", "FIN by both"},
		[HALF_CLOSE] = {"half-close by the client", "half-close by the target"},
		[RESET] = {"RST by the client", "RST by the target"},
		[UNREAD] = {"client closes with unread data", "target closes with unread data"},
	};

	return names[plan->ending][plan->actor];
}

const uint8_t *
plan_bytes(uint64_t seed, uint64_t at, size_t n, uint64_t *room)
{
	size_t shift = at % 8, words = (shift + n + 7) / 8;
	uint64_t x = seed + at / 8 * GOLDEN;

	for (size_t i = 0; i < words; i++) {
		room[i] = mix(x);
		x += GOLDEN;
	}
	return (const uint8_t *)room + shift;
}
