/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* tunnel/backoff and tunnel/spread: when one agent tries again, and what 2,000 of them do to a
 * server that comes back after any time. The clock is a number, the dice are seeded. */

#include "tunnel/backoff.h"

#include <stdlib.h>

#include "tap.h"
#include "tunnel/spread.h"
#include "util/compiler.h"

#define AGENTS 2000
#define SECONDS_MAX 400

static uint64_t state;

/* splitmix64 */
static uint64_t
below(uint64_t n)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % n;
}

static uint64_t
lowest(uint64_t n)
{
	(void)n;
	return 0;
}

static uint64_t
highest(uint64_t n)
{
	return n - 1;
}

static void
test_steps(void)
{
	static const int64_t top[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
	struct backoff lo, hi;

	backoff_init(&lo, lowest);
	backoff_init(&hi, highest);
	for (size_t i = 0; i < ARRAY_LEN(top); i++) {
		is_int(backoff_next(&lo, BACKOFF_ONE, 0), 100, "never at once, but soon");
		is_int(backoff_next(&hi, BACKOFF_ONE, 0), top[i] - 1, "never later than its step");
	}
	is_int(hi.tries, ARRAY_LEN(top), "tries are counted");
	backoff_up(&hi);
	is_int(backoff_next(&hi, BACKOFF_ONE, 0), 29999, "a session alone is not yet a good one");
	backoff_lasted(&hi);
	is_int(backoff_next(&hi, BACKOFF_ONE, 0), 999, "one that lasted is");
	is_int(backoff_next(&hi, BACKOFF_ONE, 5000), 5000 + 1999, "what the server asks for is added");
}

static void
test_crowd(void)
{
	struct backoff b;

	backoff_init(&b, highest);
	b.spread_ms = 10240;
	is_int(backoff_next(&b, BACKOFF_ONE, 0), 999, "who is alone comes back within a second");
	is_int(backoff_next(&b, BACKOFF_ALL, 0), 10239,
		"until it sees that the server is away: then anywhere within the spread");
	is_int(backoff_next(&b, BACKOFF_ALL, 0), 10240, "and again as much later");
	is_int(backoff_next(&b, BACKOFF_ONE, 700), 10940, "whatever the next one fails by");
	for (int i = 0; i < 2; i++)
		(void)backoff_next(&b, BACKOFF_ALL, 0);
	is_int(backoff_next(&b, BACKOFF_ALL, 0), 29999, "a longer step is a longer step");
	backoff_up(&b);
	backoff_lasted(&b);
	b.below = lowest;
	is_int(backoff_next(&b, BACKOFF_ALL, 1000), 1100, "the next loss is another return");
	b.spread_ms = 0;
	is_int(backoff_next(&b, BACKOFF_ALL, 0), 100, "where nothing is asked for steps are all");
}

static void
test_spread(void)
{
	is_int(spread_for(0, 0), 0, "an empty server asks for nothing");
	is_int(spread_for(128, 0), 0, "nor does a small one");
	is_int(spread_for(129, 0), 1280, "from then on 5 ms for each, by doublings");
	is_int(spread_for(256, 1280), 1280, "256");
	is_int(spread_for(257, 1280), 2560, "257");
	is_int(spread_for(2000, 0), 10240, "2,000 are back within about ten seconds");
	is_int(spread_for(1100, 10240), 10240, "fewer: it stays");
	is_int(spread_for(512, 10240), 10240, "still");
	is_int(spread_for(511, 10240), 2560, "until it is four times too much");
	is_int(spread_for(10, 10240), 0, "or there is no need any more");
	is_int(spread_for(1000000, 0), 30000, "half a minute is the most");
	is_int(spread_for(SIZE_MAX, 30000), 30000, "however many they are");
	is_int(spread_for(5000, 30000), 30000, "nor does it move there");
}

struct agent {
	struct backoff b;
	int64_t at_ms; /* of its next attempt; -1: it is back */
};

struct outcome {
	unsigned in_second[SECONDS_MAX], n; /* attempts */
	int64_t last_ms;                    /* the last one came back then */
};

/* The server goes at 0 and comes back at away_ms. All have lost it at the same moment. */
static void
simulate(int64_t away_ms, int64_t spread_ms, struct outcome *o)
{
	static struct agent agents[AGENTS];

	*o = (struct outcome){.n = 0};
	for (size_t i = 0; i < AGENTS; i++) {
		struct agent *a = &agents[i];

		backoff_init(&a->b, below);
		a->b.spread_ms = spread_ms;
		a->at_ms = 0;
		while (a->at_ms >= 0) {
			a->at_ms += backoff_next(&a->b, BACKOFF_ALL, 0);
			must(a->at_ms < SECONDS_MAX * 1000);
			o->in_second[a->at_ms / 1000]++;
			o->n++;
			if (a->at_ms < away_ms)
				continue;
			o->last_ms = MAX(o->last_ms, a->at_ms);
			a->at_ms = -1;
		}
	}
}

static double
peak(const struct outcome *o)
{
	double seconds = (double)(o->last_ms / 1000 + 1), mean = o->n / seconds, most = 0;

	for (size_t i = 0; i < SECONDS_MAX; i++)
		most = MAX(most, o->in_second[i]);
	return most / mean;
}

/* As the issue wants it: none later than 30 s, no second with more than twice the mean. */
static void
test_return(void)
{
	static const int64_t away_ms[] = {0, 300, 1000, 2500, 5000, 9000, 10240, 12000, 20480, 31000,
		60000, 300000};
	struct outcome o;

	for (size_t i = 0; i < ARRAY_LEN(away_ms); i++) {
		state = 4711 + i;
		simulate(away_ms[i], spread_for(AGENTS, 0), &o);
		ok(peak(&o) <= 1.9, "away for %d ms: the worst second has %.2f of the mean",
			(int)away_ms[i], peak(&o));
		ok(o.last_ms <= away_ms[i] + 30000, "and all are back after %d ms more",
			(int)(o.last_ms - away_ms[i]));
	}
	state = 4711;
	simulate(0, 0, &o);
	ok(peak(&o) >= 1 && o.last_ms < 1000, "without a spread all would come in the first second");
}

int
main(void)
{
	test_steps();
	test_crowd();
	test_spread();
	test_return();
	return done_testing();
}
