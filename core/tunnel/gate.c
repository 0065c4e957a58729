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

struct source {
	uint64_t key;
	struct list node; /* in gate->sources, least recently used first */
	unsigned pending; /* links that have not logged in */
	struct penalty penalty;
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

		if (s->pending == 0 || ++looked > 1000) {
			if (s->pending == 0)
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
	if (s->pending == 0 && s->penalty.fails == 0)
		source_free(g, s);
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
