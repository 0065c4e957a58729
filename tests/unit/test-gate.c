/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The gate: bounds on links that have not logged in, and penalties that grow. A fake clock. */

#include <config.h>

#include "tap.h"
#include "tunnel/gate.h"
#include "wire/code.h"

static struct limits limits;
static struct mono now = {1};

static bool
enter(struct gate *g, uint64_t source)
{
	const char *text = "";
	int64_t retry_ms;

	return gate_enter(g, source, &limits, now, &text, &retry_ms) == CODE_NONE;
}

static void
test_bounds(void)
{
	struct gate *g = gate_new();
	int in = 0;

	limits.unauthenticated = 20;
	limits.unauthenticated_per_source = 8;
	while (in < 100 && enter(g, 1))
		in++;
	is_int(in, 8, "a source has its bound");
	while (in < 100 && enter(g, 2))
		in++;
	while (in < 100 && enter(g, 3))
		in++;
	is_int(in, 20, "all sources together have one");
	gate_leave(g, 1);
	ok(!enter(g, 2), "room for all is not room for one");
	ok(enter(g, 3), "but another may come");
	limits_default(&limits);
	gate_free(g);
}

static void
test_penalty(void)
{
	struct gate *g = gate_new();
	const char *text = "";
	int64_t retry_ms = 0;

	is_int(gate_fail(g, 7, &limits, now), 5000, "the first failure costs 5 s");
	ok(enter(g, 7), "and is not refused yet");
	gate_leave(g, 7);
	is_int(gate_fail(g, 7, &limits, now), 15000, "the second twice as much");
	is_int(gate_enter(g, 7, &limits, now, &text, &retry_ms), CODE_BUSY, "now the source is refused");
	is_int(retry_ms, 15000, "and told for how long");
	ok(enter(g, 8), "its neighbour is not");
	gate_leave(g, 8);
	now = mono_add_ms(now, 14999);
	ok(!enter(g, 7), "refused until all of it is over");
	now = mono_add_ms(now, 1);
	ok(enter(g, 7), "then it may try again");
	gate_leave(g, 7);
	is_int(gate_fail(g, 7, &limits, now), 20000, "the third failure costs more still");
	now = mono_add_ms(now, limits.penalty_max + 20000);
	is_int(gate_fail(g, 7, &limits, now), 5000, "a long time of peace is forgiveness");
	gate_free(g);
}

/* A brute force as fast as it is let: how often does it reach the verifier in ten minutes? */
static void
test_brute_force(void)
{
	struct gate *g = gate_new();
	struct mono end = mono_add_ms(now, 600000);
	int tries = 0;

	while (mono_before(now, end)) {
		if (enter(g, 1)) {
			tries++;
			gate_leave(g, 1);
			gate_fail(g, 1, &limits, now);
		}
		now = mono_add_ms(now, 10);
	}
	ok(tries <= 15 && tries >= 3, "one address reaches the verifier %d times in ten minutes", tries);
	gate_free(g);
}

static void
test_many_sources(void)
{
	struct gate *g = gate_new();
	int refused = 0;

	for (uint64_t i = 1; i <= 200000; i++)
		gate_fail(g, i, &limits, now);
	for (uint64_t i = 300001; i <= 300100; i++)
		refused += !enter(g, i);
	is_int(refused, 0, "200,000 bad addresses do not keep a good one out");
	gate_free(g);
}

static void
test_off(void)
{
	struct gate *g = gate_new();

	limits.fail_penalty = 0;
	for (int i = 0; i < 100; i++)
		gate_fail(g, 1, &limits, now);
	ok(enter(g, 1), "fail_penalty = 0 switches penalties off");
	gate_free(g);
}

int
main(void)
{
	limits_default(&limits);
	test_bounds();
	test_penalty();
	test_brute_force();
	test_many_sources();
	test_off();
	return done_testing();
}
