/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The gate of names. Any thread; the lock protects everything in struct name_gate but refs. */

#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/name_gate.h"
#include "tunnel/penalty.h"
#include "util/list.h"
#include "util/map.h"

/* A name for which somebody has failed, or tries now. */
struct tried {
	uint64_t key;
	struct list node; /* in g->tried, least recently used first */
	unsigned under_way;
	struct penalty penalty;
};

/* A name that has logged in. */
struct known {
	uint64_t key;
	struct list node; /* in g->known, least recently logged in first */
	struct {
		uint64_t source;
		struct mono until; /* 0: empty */
	} address[NAME_GATE_ADDRESSES];
};

struct name_gate {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct idmap tried_map, known_map;
	struct list tried, known;
};

struct name_gate *
name_gate_new(void)
{
	struct name_gate *g = xcalloc(1, sizeof(*g));

	atomic_init(&g->refs, 1);
	must(pthread_mutex_init(&g->lock, NULL) == 0);
	list_init(&g->tried);
	list_init(&g->known);
	return g;
}

struct name_gate *
name_gate_ref(struct name_gate *g)
{
	atomic_fetch_add(&g->refs, 1);
	return g;
}

static void
tried_free(struct name_gate *g, struct tried *t)
{
	idmap_del(&g->tried_map, t->key);
	list_remove(&t->node);
	free(t);
}

static void
known_free(struct name_gate *g, struct known *k)
{
	idmap_del(&g->known_map, k->key);
	list_remove(&k->node);
	free(k);
}

void
name_gate_unref(struct name_gate *g)
{
	if (g == NULL || atomic_fetch_sub(&g->refs, 1) > 1)
		return;
	while (!list_empty(&g->tried))
		tried_free(g, list_entry(g->tried.next, struct tried, node));
	while (!list_empty(&g->known))
		known_free(g, list_entry(g->known.next, struct known, node));
	idmap_fini(&g->tried_map);
	idmap_fini(&g->known_map);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

uint64_t
name_gate_key(const char *name)
{
	return hash_bytes(name, strlen(name));
}

/* ---- Addresses that are known ---------------------------------------------------------------- */

static bool
is_known(const struct name_gate *g, uint64_t name, uint64_t source, struct mono now)
{
	const struct known *k = idmap_get(&g->known_map, name);

	for (size_t i = 0; k != NULL && i < NAME_GATE_ADDRESSES; i++)
		if (k->address[i].source == source && mono_before(now, k->address[i].until))
			return true;
	return false;
}

/* The address' own place, else that of the one that is known for the shortest time still. */
static void
remember(struct name_gate *g, uint64_t name, uint64_t source, struct mono now)
{
	struct known *k = idmap_get(&g->known_map, name);
	size_t at = 0;

	if (k == NULL) {
		if (g->known_map.n >= NAME_GATE_NAMES)
			known_free(g, list_entry(g->known.next, struct known, node));
		k = xcalloc(1, sizeof(*k));
		k->key = name;
		list_init(&k->node);
		idmap_put(&g->known_map, name, k);
	}
	list_remove(&k->node);
	list_push(&g->known, &k->node);
	for (size_t i = 0; i < NAME_GATE_ADDRESSES; i++) {
		if (k->address[i].source == source) {
			at = i;
			break;
		}
		if (mono_before(k->address[i].until, k->address[at].until))
			at = i;
	}
	k->address[at].source = source;
	k->address[at].until = mono_add_ms(now, NAME_GATE_KNOWN_MS);
}

/* ---- Names that are tried -------------------------------------------------------------------- */

/* Makes room: the least recently used name that nobody tries now. Those under way are bounded by
 * the links that log in. */
static void
evict(struct name_gate *g)
{
	struct list *n, *tmp;

	list_each(n, tmp, &g->tried) {
		struct tried *t = list_entry(n, struct tried, node);

		if (t->under_way == 0) {
			tried_free(g, t);
			return;
		}
	}
}

static struct tried *
tried_get(struct name_gate *g, uint64_t name)
{
	struct tried *t = idmap_get(&g->tried_map, name);

	if (t == NULL) {
		if (g->tried_map.n >= NAME_GATE_NAMES)
			evict(g);
		t = xcalloc(1, sizeof(*t));
		t->key = name;
		list_init(&t->node);
		idmap_put(&g->tried_map, name, t);
	}
	list_remove(&t->node);
	list_push(&g->tried, &t->node);
	return t;
}

static struct penalty_rule
rule_of(const struct limits *l)
{
	return (struct penalty_rule){l->account_fail_penalty, l->account_penalty_from,
		l->account_penalty_max};
}

/* For an address that is not known. */
static int64_t
must_wait(struct tried *t, const struct limits *l, struct mono now)
{
	const struct penalty_rule rule = rule_of(l);

	penalty_forgive(&t->penalty, &rule, now);
	if (rule.first == 0)
		return 0;
	if (t->penalty.refused)
		return MAX(mono_diff_ms(t->penalty.until, now), 1);
	return t->under_way >= NAME_GATE_AT_ONCE ? 1000 : 0;
}

int64_t
name_gate_begin(struct name_gate *g, uint64_t name, uint64_t source, const struct limits *l,
	struct mono now)
{
	struct tried *t;
	int64_t ms;

	pthread_mutex_lock(&g->lock);
	t = tried_get(g, name);
	ms = is_known(g, name, source, now) ? 0 : must_wait(t, l, now);
	if (ms == 0)
		t->under_way++;
	pthread_mutex_unlock(&g->lock);
	return ms;
}

void
name_gate_end(struct name_gate *g, uint64_t name, uint64_t source, enum name_end how,
	const struct limits *l, struct mono now)
{
	struct tried *t;

	pthread_mutex_lock(&g->lock);
	t = idmap_get(&g->tried_map, name);
	must(t != NULL && t->under_way > 0);
	t->under_way--;
	if (how == NAME_RIGHT)
		remember(g, name, source, now);
	if (how == NAME_WRONG) {
		const struct penalty_rule rule = rule_of(l);

		(void)penalty_add(&t->penalty, &rule, now);
	}
	if (t->under_way == 0 && t->penalty.fails == 0)
		tried_free(g, t);
	pthread_mutex_unlock(&g->lock);
}
