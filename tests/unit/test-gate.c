/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The gate: bounds on links that have not logged in, and penalties that grow. A fake clock. */

#include <config.h>

#include <stdlib.h>

#include "tap.h"
#include "tunnel/gate.h"
#include "util/compiler.h"
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

/* ---- Tries ----------------------------------------------------------------------------------- */

static enum gate_turn
take(struct gate *g, uint64_t source, struct gate_tries *t)
{
	int64_t retry_ms;

	return gate_take(g, source, t, &limits, now, &retry_ms);
}

static void
give(struct gate *g, uint64_t source, struct gate_tries *t, enum gate_end how)
{
	gate_give(g, source, t, how, now);
}

static void
test_tries(void)
{
	struct gate *g = gate_new();
	struct gate_tries t[40] = {{0}};
	int64_t retry_ms = 0;
	int in = 0;

	while (in < 40 && take(g, 1, &t[in]) == GATE_GO)
		in++;
	is_int(in, 7, "before the first answer 7 messages of a source are looked at");
	is_int(take(g, 1, &t[7]), GATE_WAIT, "the next one waits");
	is_int(take(g, 2, &t[8]), GATE_GO, "another source does not");
	give(g, 2, &t[8], GATE_RIGHT);
	give(g, 1, &t[0], GATE_RIGHT);
	is_int(take(g, 1, &t[0]), GATE_GO, "a good login makes room");
	for (int i = 0; i < 7; i++)
		give(g, 1, &t[i], GATE_WRONG);
	for (in = 0; in < 40 && take(g, 1, &t[0]) == GATE_GO; in++) {
		is_int(take(g, 1, &t[1]), GATE_WAIT, "with half of them gone, one after the other");
		give(g, 1, &t[0], GATE_WRONG);
	}
	is_int(in, 8, "until all are gone");
	is_int(gate_take(g, 1, &t[0], &limits, now, &retry_ms), GATE_NO, "there is none left");
	ok(retry_ms > 600000 && retry_ms <= 660000, "for ten minutes (%d s)", (int)(retry_ms / 1000));
	now = mono_add_ms(now, retry_ms - 1);
	is_int(take(g, 1, &t[0]), GATE_NO, "no earlier");
	now = mono_add_ms(now, 1);
	is_int(take(g, 1, &t[0]), GATE_GO, "then there are new ones");
	give(g, 1, &t[0], GATE_RIGHT);
	gate_free(g);
}

/* What could not be decided is forgotten soon. */
static void
test_open_tries(void)
{
	struct gate *g = gate_new();
	struct gate_tries t = {0};
	int64_t retry_ms = 0;
	int in = 0;

	for (; in < 40 && take(g, 1, &t) == GATE_GO; in++)
		give(g, 1, &t, GATE_OPEN);
	is_int(in, 15, "an outage: 15 logins fail");
	is_int(gate_take(g, 1, &t, &limits, now, &retry_ms), GATE_NO, "then the source waits");
	ok(retry_ms <= 60000, "for a minute at most");
	now = mono_add_ms(now, retry_ms);
	is_int(take(g, 1, &t), GATE_GO, "and may try again");
	give(g, 1, &t, GATE_RIGHT);
	gate_free(g);
}

/* Honest agents behind one address, each with logins of several messages, that all want in. A turn
 * of the loop is one message of each that may. */
static void
crowd(int agents, unsigned steps)
{
	struct gate *g = gate_new();
	struct gate_tries *t = xcalloc((size_t)agents, sizeof(*t));
	unsigned *step = xcalloc((size_t)agents, sizeof(*step));
	int in = 0, turns = 0, no = 0;

	for (; in < agents && turns < 10 * agents; turns++) {
		for (int i = 0; i < agents; i++) {
			enum gate_turn turn = step[i] < steps ? take(g, 1, &t[i]) : GATE_WAIT;

			no += turn == GATE_NO;
			step[i] += turn == GATE_GO;
		}
		for (int i = 0; i < agents; i++)
			if (step[i] == steps && t[i].held > 0) {
				give(g, 1, &t[i], GATE_RIGHT);
				in++;
			}
	}
	ok(in == agents && no == 0, "%d agents of one address, %u messages each: all are in after "
		"%d turns", agents, steps, turns);
	free(t);
	free(step);
	gate_free(g);
}

/* An enemy who holds as many logins as he gets, with up to nine messages each, and ends each of them
 * wrongly, unanswered or with a right credential of his own. Those of the last kind do not count. */
static void
test_enemy(unsigned seed)
{
	enum { LOGINS = 64, LOOKS = 20000 };
	struct gate *g = gate_new();
	struct gate_tries t[LOGINS] = {{0}};
	static struct {
		struct mono at;
		int by; /* the login while it is under way; -1: it was a wrong one */
	} look[LOOKS];
	struct mono end = mono_add_ms(now, 3 * 3600000);
	int n = 0, most = 0;

	while (mono_before(now, end)) {
		int by = (int)(rand_r(&seed) % LOGINS), keep = 0;
		bool right = rand_r(&seed) % 4 == 0;

		now = mono_add_ms(now, rand_r(&seed) % 1000);
		if (t[by].held < 9 && rand_r(&seed) % 4 > 0) {
			if (take(g, 1, &t[by]) == GATE_GO && n < LOOKS) {
				look[n].at = now;
				look[n++].by = by;
			}
			continue;
		}
		give(g, 1, &t[by], right ? GATE_RIGHT : GATE_WRONG);
		for (int i = 0; i < n; i++) {
			if (look[i].by == by && right)
				continue;
			look[keep] = look[i];
			if (look[keep].by == by)
				look[keep].by = -1;
			keep++;
		}
		n = keep;
	}
	for (int i = 0, first = 0; i < n; i++) {
		while (mono_diff_ms(look[i].at, look[first].at) > GATE_WINDOW_MS)
			first++;
		most = most > i - first + 1 ? most : i - first + 1;
	}
	ok(n > 100 && most <= 15, "%d messages in three hours, at most %d in ten minutes", n, most);
	for (int i = 0; i < LOGINS; i++)
		give(g, 1, &t[i], GATE_WRONG);
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
	struct gate_tries t[100] = {{0}};
	int in = 0;

	limits.fail_penalty = 0;
	for (int i = 0; i < 100; i++)
		gate_fail(g, 1, &limits, now);
	ok(enter(g, 1), "fail_penalty = 0 switches penalties off");
	for (int i = 0; i < 100; i++)
		in += take(g, 1, &t[i]) == GATE_GO;
	is_int(in, 100, "and tries");
	for (int i = 0; i < 100; i++)
		give(g, 1, &t[i], GATE_WRONG);
	gate_free(g);
}

int
main(void)
{
	limits_default(&limits);
	test_bounds();
	test_penalty();
	test_brute_force();
	test_tries();
	test_open_tries();
	crowd(2000, 1);
	crowd(2000, 2);
	crowd(500, 5);
	crowd(500, 9);
	for (unsigned seed = 1; seed <= 8; seed++)
		test_enemy(seed);
	test_many_sources();
	test_off();
	return done_testing();
}
