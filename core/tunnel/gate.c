/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The gate. Any thread; the lock protects everything in struct gate. */

#include <config.h>

#include <pthread.h>
#include <stdlib.h>

#include "tunnel/gate.h"
#include "tunnel/penalty.h"
#include "util/list.h"
#include "util/map.h"
#include "wire/code.h"

#define SOURCES_MAX 65536
#define SLOTS 11 /* the window, and the part of one that is under way */
#define SLOT_MS (GATE_WINDOW_MS / (SLOTS - 1))
/* Tries that only one login of a source may take at a time: enough to come to its end, so that a
 * crowd of logins in several steps cannot stand in its own way. */
#define RESERVE 8

struct source {
	uint64_t key;
	struct list node; /* in gate->sources, least recently used first */
	unsigned pending; /* links that have not logged in */
	struct penalty penalty;
	unsigned held;  /* tries of logins that are under way */
	bool runner;    /* one of them may take the last ones */
	int64_t slot;   /* the time in slots; spent[slot % SLOTS] is the newest */
	uint32_t spent[SLOTS];
};

struct gate {
	pthread_mutex_t lock;
	struct idmap map;
	struct list sources;
	size_t pending;
};

struct gate *
gate_new(void)
{
	struct gate *g = xcalloc(1, sizeof(*g));

	must(pthread_mutex_init(&g->lock, NULL) == 0);
	list_init(&g->sources);
	return g;
}

static void
source_free(struct gate *g, struct source *s)
{
	idmap_del(&g->map, s->key);
	list_remove(&s->node);
	free(s);
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	while (!list_empty(&g->sources))
		source_free(g, list_entry(g->sources.next, struct source, node));
	idmap_fini(&g->map);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* Makes room: the least recently seen source without a link under way. */
static void
evict(struct gate *g)
{
	struct list *n, *tmp;
	unsigned looked = 0;

	list_each(n, tmp, &g->sources) {
		struct source *s = list_entry(n, struct source, node);

		bool quiet = s->pending == 0 && s->held == 0;

		if (quiet || ++looked > 1000) {
			if (quiet)
				source_free(g, s);
			return;
		}
	}
}

static struct source *
source_get(struct gate *g, uint64_t key)
{
	struct source *s = idmap_get(&g->map, key);

	if (s == NULL) {
		if (g->map.n >= SOURCES_MAX)
			evict(g);
		s = xcalloc(1, sizeof(*s));
		s->key = key;
		list_init(&s->node);
		idmap_put(&g->map, key, s);
	}
	list_remove(&s->node);
	list_push(&g->sources, &s->node);
	return s;
}

static uint64_t
spent(const struct source *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		n += s->spent[i];
	return n;
}

/* There is nothing to remember of it. */
static void
forget(struct gate *g, struct source *s)
{
	if (s->pending == 0 && s->held == 0 && s->penalty.fails == 0 && spent(s) == 0)
		source_free(g, s);
}

static struct penalty_rule
rule_of(const struct limits *l)
{
	return (struct penalty_rule){l->fail_penalty, l->penalty_from, l->penalty_max};
}

static uint16_t
judge(struct gate *g, struct source *s, const struct limits *l, struct mono now,
	const char **text_r, int64_t *retry_ms_r)
{
	const struct penalty_rule rule = rule_of(l);

	penalty_forgive(&s->penalty, &rule, now);
	*retry_ms_r = 1000;
	if (s->penalty.refused) {
		*retry_ms_r = MAX(mono_diff_ms(s->penalty.until, now), 1);
		*text_r = "too many failed logins from this address";
		return CODE_BUSY;
	}
	if (s->pending >= (uint64_t)l->unauthenticated_per_source) {
		*text_r = "too many links from this address are logging in";
		return CODE_BUSY;
	}
	if (g->pending >= (size_t)l->unauthenticated) {
		*text_r = "too many links are logging in";
		return CODE_BUSY;
	}
	return CODE_NONE;
}

uint16_t
gate_enter(struct gate *g, uint64_t source, const struct limits *l, struct mono now,
	const char **text_r, int64_t *retry_ms_r)
{
	struct source *s;
	uint16_t code;

	pthread_mutex_lock(&g->lock);
	s = source_get(g, source);
	code = judge(g, s, l, now, text_r, retry_ms_r);
	if (code == CODE_NONE) {
		s->pending++;
		g->pending++;
	}
	pthread_mutex_unlock(&g->lock);
	return code;
}

void
gate_leave(struct gate *g, uint64_t source)
{
	struct source *s;

	pthread_mutex_lock(&g->lock);
	s = idmap_get(&g->map, source);
	must(s != NULL && s->pending > 0 && g->pending > 0);
	s->pending--;
	g->pending--;
	forget(g, s);
	pthread_mutex_unlock(&g->lock);
}

int64_t
gate_fail(struct gate *g, uint64_t source, const struct limits *l, struct mono now)
{
	const struct penalty_rule rule = rule_of(l);
	int64_t ms;

	pthread_mutex_lock(&g->lock);
	ms = penalty_add(&source_get(g, source)->penalty, &rule, now);
	pthread_mutex_unlock(&g->lock);
	return ms;
}

/* ---- Tries ----------------------------------------------------------------------------------- */

static void
forget_tries(struct source *s, struct mono now)
{
	int64_t slot = now.ns / (SLOT_MS * INT64_C(1000000));

	if (slot - s->slot >= SLOTS)
		s->slot = slot - SLOTS;
	while (s->slot < slot)
		s->spent[++s->slot % SLOTS] = 0;
}

/* When the oldest that count are forgotten. */
static int64_t
next_try_ms(const struct source *s, struct mono now)
{
	int64_t slot = s->slot - SLOTS + 1;

	while (slot < s->slot && s->spent[(slot + SLOTS) % SLOTS] == 0)
		slot++;
	return MAX((slot + SLOTS) * SLOT_MS - now.ns / 1000000, 1);
}

enum gate_turn
gate_take(struct gate *g, uint64_t source, struct gate_tries *t, const struct limits *l,
	struct mono now, int64_t *retry_ms_r)
{
	enum gate_turn turn = GATE_GO;
	struct source *s;
	int64_t left;

	if (l->fail_penalty == 0)
		return GATE_GO;
	pthread_mutex_lock(&g->lock);
	s = source_get(g, source);
	forget_tries(s, now);
	left = l->tries_per_source - (int64_t)spent(s) - (int64_t)s->held;
	if (left <= RESERVE && !t->runner) {
		/* The reserve is for one that has begun, or for the first. */
		if (left > 0 && !s->runner && (t->held > 0 || s->held == 0))
			t->runner = s->runner = true;
		else
			turn = GATE_WAIT;
	}
	if (left <= 0)
		turn = GATE_WAIT;
	if (turn == GATE_WAIT && s->held == t->held) { /* for whom? */
		turn = GATE_NO;
		*retry_ms_r = next_try_ms(s, now);
	}
	if (turn == GATE_GO) {
		s->held++;
		t->held++;
	}
	forget(g, s);
	pthread_mutex_unlock(&g->lock);
	return turn;
}

void
gate_give(struct gate *g, uint64_t source, struct gate_tries *t, enum gate_end how,
	struct mono now)
{
	struct source *s;

	if (t->held == 0)
		return;
	pthread_mutex_lock(&g->lock);
	s = idmap_get(&g->map, source);
	must(s != NULL && s->held >= t->held);
	forget_tries(s, now);
	s->held -= t->held;
	if (t->runner)
		s->runner = false;
	if (how == GATE_WRONG)
		s->spent[s->slot % SLOTS] += t->held;
	if (how == GATE_OPEN) /* among those that are forgotten next */
		s->spent[(s->slot + 1) % SLOTS] += t->held;
	*t = (struct gate_tries){.held = 0};
	forget(g, s);
	pthread_mutex_unlock(&g->lock);
}
