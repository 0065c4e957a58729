/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/tunnel/budget.c: three workers with one budget. Whichever finds it used up, the oldest are
 * reset, wherever they are, until a tenth is free. */

#include <config.h>

#include "post.h"
#include "tap.h"
#include "tunnel/budget.h"
#include "util/compiler.h"

#define WORKERS 3
#define EACH 200
#define BYTES 100000
#define LIMIT (WORKERS * EACH * BYTES)

static struct budget budget;
static struct worker *w[WORKERS];
static struct budget_user user[WORKERS];
static struct unread u[WORKERS][EACH];
static _Atomic int resets; /* and when, as a number from 1 up */
static _Atomic int reset_at[WORKERS][EACH];

static void
on_reset(struct unread *x)
{
	size_t i = (size_t)(x - &u[0][0]);

	reset_at[i / EACH][i % EACH] = ++resets;
	for (int k = 0; k < WORKERS; k++)
		if (x >= u[k] && x < u[k] + EACH)
			budget_unread(&user[k], x, 0);
}

static int
init(struct worker *me, void *arg ATTR_UNUSED)
{
	budget_join(&user[me->index], &budget, me, on_reset);
	return 0;
}

static void
fini(struct worker *me)
{
	budget_leave(&user[me->index]);
}

struct change {
	int worker, from, to;
	size_t bytes;
};

static void
on_change(void *arg)
{
	const struct change *c = arg;

	for (int i = c->from; i < c->to; i++)
		budget_unread(&user[c->worker], &u[c->worker][i], c->bytes);
}

static void
change(int worker, int from, int to, size_t bytes)
{
	struct change c = {worker, from, to, bytes};

	call_on(w[worker], on_change, &c);
}

/* A turn of each worker, again and again until the relief has gone round. */
static void
nothing(void *arg ATTR_UNUSED)
{
}

static void
settle(void)
{
	do {
		for (int i = 0; i < WORKERS; i++)
			call_on(w[i], nothing, NULL);
	} while (atomic_load(&budget.relieving));
}

static void
test_oldest_go(void)
{
	int want = EACH * WORKERS / 10;
	bool in_order = true;

	/* Ten streams on each worker in turn: so they grow younger. */
	for (int i = 0; i < EACH; i += 10)
		for (int k = 0; k < WORKERS; k++)
			change(k, i, i + 10, BYTES);
	settle();
	is_int(resets, 0, "a budget that is just used up is enough");
	change(2, EACH - 1, EACH, BYTES * 2);
	settle();
	ok(resets >= want && resets <= want + 3, "one more takes a tenth: %d of %d", resets,
		EACH * WORKERS);
	for (int i = 0; i < EACH; i++)
		for (int k = 0; k < WORKERS; k++)
			in_order = in_order &&
				(reset_at[k][i] > 0) == (i / 10 * 30 + k * 10 + i % 10 < resets);
	ok(in_order, "it took the oldest, on all workers");
	ok(reset_at[0][0] == 1 && reset_at[1][0] == 11 && reset_at[2][0] == 21,
		"in the order of their age");
}

static void
test_new_limit(void)
{
	int before = resets;

	budget_set_limit(&budget, LIMIT / 2);
	change(0, EACH - 1, EACH, BYTES * 2);
	settle();
	ok(budget.total <= LIMIT / 2 * 9 / 10 + WORKERS * 65536, "a smaller budget holds from now on");
	ok(resets > before, "at the cost of more streams");
	for (int k = 0; k < WORKERS; k++)
		change(k, 0, EACH, 0);
	settle();
	ok(budget.total < WORKERS * 65536, "what is read is not counted any more");
}

/* Of what workers have had unread and have no more nothing must be left in the total that streams
 * could be reset for. */
static void
test_small(void)
{
	int before = resets;

	budget_set_limit(&budget, 140000);
	for (int k = 0; k < WORKERS; k++) {
		change(k, 0, 1, 65536);
		change(k, 0, 1, 600);
	}
	change(0, 1, 2, 65536);
	settle();
	is_int(resets, before, "a small budget is not used up by what has been read");
	ok(budget.total >= 65536 && budget.total <= 65536 + WORKERS * 600 + 140000 / 16,
		"it is counted to a sixteenth");
	change(1, 1, 2, 140001 - 65536);
	settle();
	ok(resets > before && reset_at[0][0] == before + 1, "but it holds: the oldest goes first");
}

int
main(void)
{
	budget_init(&budget, LIMIT + 65536, WORKERS);
	for (uint32_t k = 0; k < WORKERS; k++) {
		for (int i = 0; i < EACH; i++)
			unread_init(&u[k][i]);
		must(worker_start(k, "budget", init, fini, NULL, &w[k]) == 0);
	}
	test_oldest_go();
	test_new_limit();
	test_small();
	for (int k = 0; k < WORKERS; k++)
		worker_stop(w[k]);
	for (int k = 0; k < WORKERS; k++)
		worker_join(w[k]);
	budget_fini(&budget);
	return done_testing();
}
