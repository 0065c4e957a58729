/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* See budget.h. On each worker's thread; what is shared is atomic. */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "tunnel/budget.h"
#include "util/compiler.h"
#include "util/log.h"
#include "util/units.h"

#define GRAIN 65536 /* a worker tells of changes of that size, or smaller ones */
#define BATCH 64    /* streams that are reset in one turn */
#define NONE INT64_MAX

/* What the other workers see of one. A cache line of its own. */
struct budget_share {
	_Alignas(64) _Atomic int64_t oldest; /* since when its oldest bytes wait; NONE */
	/* The worker's own, there before oldest is anything but NONE; w is counted. */
	struct worker *w;
	struct budget_user *user;
};

struct relief {
	struct mbox_msg msg;
	struct worker *to;
	struct budget *b;
	unsigned n_reset; /* by all who have had it */
	int64_t freed;
	int64_t waited_ms; /* the shortest wait of a stream that was reset */
};

/* What all workers together have not told must stay well below the tenth that relief makes free. */
static int64_t
grain_of(int64_t limit, unsigned workers)
{
	int64_t part = limit / 16 / workers;

	return part < 1 ? 1 : MIN(part, GRAIN);
}

void
budget_init(struct budget *b, int64_t limit, unsigned workers)
{
	atomic_init(&b->total, 0);
	atomic_init(&b->limit, limit);
	atomic_init(&b->grain, grain_of(limit, workers));
	atomic_init(&b->relieving, false);
	b->n = workers;
	b->share = aligned_alloc(64, workers * sizeof(*b->share));
	must(b->share != NULL);
	for (unsigned i = 0; i < workers; i++) {
		atomic_init(&b->share[i].oldest, NONE);
		b->share[i].w = NULL;
	}
}

void
budget_fini(struct budget *b)
{
	for (unsigned i = 0; i < b->n && b->share != NULL; i++)
		if (b->share[i].w != NULL)
			worker_unref(b->share[i].w);
	free(b->share);
	b->share = NULL;
}

void
budget_set_limit(struct budget *b, int64_t limit)
{
	atomic_store_explicit(&b->grain, grain_of(limit, b->n), memory_order_relaxed);
	atomic_store_explicit(&b->limit, limit, memory_order_relaxed);
}

static void
show_oldest(struct budget_user *user)
{
	const struct unread *u = unread_oldest(&user->list);
	int64_t since = u != NULL ? u->since.ns : NONE;

	if (since == user->shown)
		return;
	user->shown = since;
	atomic_store_explicit(&user->b->share[user->w->index].oldest, since, memory_order_release);
}

/* Adds what has changed to the total and returns that. */
static int64_t
add_up(struct budget_user *user)
{
	int64_t change = (int64_t)user->list.bytes - user->counted;

	user->counted += change;
	return atomic_fetch_add_explicit(&user->b->total, change, memory_order_relaxed) + change;
}

void
budget_unread(struct budget_user *user, struct unread *u, size_t n)
{
	struct budget *b = user->b;

	if (u->bytes == n)
		return;
	unread_set(&user->list, u, n, user->w->now);
	show_oldest(user);
	if (llabs((int64_t)user->list.bytes - user->counted) <
		atomic_load_explicit(&b->grain, memory_order_relaxed))
		return;
	if (add_up(user) > atomic_load_explicit(&b->limit, memory_order_relaxed) &&
		!atomic_exchange_explicit(&b->relieving, true, memory_order_acq_rel))
		worker_at_end(user->w, &user->relieve);
}

/* ---- Relief ---------------------------------------------------------------------------------- */

static void
relief_end(struct relief *r)
{
	static struct log_limit limit;
	struct budget *b = r->b;
	char bytes[32], waited[32], n[40];

	if (r->n_reset > 0)
		log_limited(&limit, LOG_WARN,
			"unread_budget is used up: %s reset that had not been read for %s or "
			"longer, "
			"which frees %s",
			units_count(r->n_reset, "stream", n, sizeof(n)),
			units_ms_human(r->waited_ms, waited, sizeof(waited)),
			units_size_human((uint64_t)r->freed, bytes, sizeof(bytes)));
	free(r);
	atomic_store_explicit(&b->relieving, false, memory_order_release);
}

/* Index of the worker with the oldest bytes; b->n if nothing is unread. */
static unsigned
oldest_of(const struct budget *b)
{
	int64_t least = NONE;
	unsigned best = b->n;

	for (unsigned i = 0; i < b->n; i++) {
		int64_t since = atomic_load_explicit(&b->share[i].oldest, memory_order_acquire);

		if (since < least) {
			least = since;
			best = i;
		}
	}
	return best;
}

static void on_relief(struct mbox_msg *msg, bool late);

/* Sends it to who has the oldest, which may be the sender: then it goes on in another turn. */
static void
relief_pass(struct relief *r, unsigned i)
{
	r->msg.deliver = on_relief;
	r->to = r->b->share[i].w;
	if (worker_post(r->to, &r->msg) < 0)
		relief_end(r); /* it stops */
}

static void
reset_oldest(struct budget_user *user, struct relief *r)
{
	struct unread *u = unread_oldest(&user->list);

	r->n_reset++;
	r->freed += u->bytes;
	r->waited_ms = mono_diff_ms(user->w->now, u->since);
	user->reset(u);
	must(u->bytes == 0);
}

static void
relieve(struct budget_user *user, struct relief *r)
{
	struct budget *b = user->b;
	int64_t limit = atomic_load_explicit(&b->limit, memory_order_relaxed);
	unsigned i = user->w->index;

	for (unsigned n = 0; n < BATCH && add_up(user) > limit - limit / 10; n++) {
		i = oldest_of(b);
		if (i != user->w->index)
			break;
		reset_oldest(user, r);
	}
	if (i == b->n || add_up(user) <= limit - limit / 10)
		relief_end(r);
	else
		relief_pass(r, i);
}

static void
on_relief(struct mbox_msg *msg, bool late)
{
	struct relief *r = container_of(msg, struct relief, msg);

	if (late)
		relief_end(r);
	else
		relieve(r->b->share[r->to->index].user, r);
}

static void
on_over(struct turn_end *t)
{
	struct budget_user *user = container_of(t, struct budget_user, relieve);
	struct relief *r = xcalloc(1, sizeof(*r));

	r->b = user->b;
	relieve(user, r);
}

/* ---- Life ------------------------------------------------------------------------------------ */

void
budget_join(struct budget_user *user, struct budget *b, struct worker *w,
	void (*reset)(struct unread *u))
{
	must(w->index < b->n && b->share[w->index].w == NULL);
	user->w = w;
	user->b = b;
	user->reset = reset;
	user->counted = 0;
	user->shown = NONE;
	unread_list_init(&user->list);
	list_init(&user->relieve.node);
	user->relieve.run = on_over;
	b->share[w->index].w = w;
	b->share[w->index].user = user;
	worker_ref(w);
}

void
budget_leave(struct budget_user *user)
{
	atomic_store_explicit(&user->b->share[user->w->index].oldest, NONE, memory_order_release);
	list_remove(&user->relieve.node);
}
