/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The table of flows. Its owner's thread only. What must hold: a flow is in the map, in one of the
 * two lists, in the same of its holder and in its source's list; a source lives as long as it has
 * flows. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "tunnel/flow.h"
#include "util/compiler.h"

struct flow_source {
	uint64_t key;
	struct list flows;
	size_t n;
};

void
flows_init(struct flows *t, int64_t brief_ms, int64_t lasting_ms, size_t per_source)
{
	memset(t, 0, sizeof(*t));
	list_init(&t->brief);
	list_init(&t->lasting);
	t->brief_ms = brief_ms;
	t->lasting_ms = lasting_ms;
	t->per_source = per_source;
}

void
flows_fini(struct flows *t)
{
	must(t->n == 0);
	idmap_fini(&t->by_key);
	idmap_fini(&t->sources);
}

/* Nobody outside knows the key of the hash, so nobody can look for two addresses with one
 * number. */
static uint64_t
key_of(const struct dgram_path *path)
{
	uint8_t b[16 + 16 + 2 + 4 + 2] = {0};
	uint16_t port, none;

	b[0] = (uint8_t)addr_to_bytes(&path->peer, b + 2, &port);
	b[1] = path->local.len > 0 ? (uint8_t)addr_to_bytes(&path->local, b + 18, &none) : 0;
	memcpy(b + 34, &port, sizeof(port));
	memcpy(b + 36, &path->interface, sizeof(path->interface));
	return hash_bytes(b, sizeof(b));
}

static bool
same_path(const struct dgram_path *a, const struct dgram_path *b)
{
	return addr_equal(&a->peer, &b->peer) && a->local.len == b->local.len &&
		(a->local.len == 0 || addr_equal(&a->local, &b->local));
}

struct flow *
flows_find(const struct flows *t, const struct dgram_path *path)
{
	struct flow *f = idmap_get(&t->by_key, key_of(path));

	return f != NULL && same_path(&f->path, path) ? f : NULL;
}

static bool
spare(const struct flow *f, struct mono now, int64_t ms)
{
	return mono_diff_ms(now, f->used) >= ms;
}

static struct flow *
oldest(const struct list *head)
{
	return list_first(head, struct flow, use);
}

struct flow *
flows_victim(const struct flows *t, const struct dgram_path *path, struct mono now,
	bool *refused_r)
{
	struct flow_source *s = idmap_get(&t->sources, addr_source_key(&path->peer));
	struct flow *f;

	*refused_r = false;
	if (s == NULL || s->n < t->per_source)
		return NULL;
	f = list_first(&s->flows, struct flow, of_source);
	if (f != NULL && spare(f, now, FLOW_SPARE_MS))
		return f;
	*refused_r = true;
	return NULL;
}

void
flow_holder_init(struct flow_holder *h)
{
	list_init(&h->brief);
	list_init(&h->lasting);
	h->n = 0;
}

/* Lasting ones have to make room in the end: else a datagram in minutes would keep each place. */
struct flow *
flow_holder_victim(const struct flow_holder *h, struct mono now)
{
	struct flow *f = list_first(&h->brief, struct flow, held);

	if (f != NULL && spare(f, now, FLOW_SPARE_MS))
		return f;
	f = list_first(&h->lasting, struct flow, held);
	return f != NULL && spare(f, now, FLOW_SPARE_LASTING_MS) ? f : NULL;
}

static struct flow_source *
source_get(struct flows *t, const struct addr *a)
{
	uint64_t key = addr_source_key(a);
	struct flow_source *s = idmap_get(&t->sources, key);

	if (s != NULL)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->key = key;
	list_init(&s->flows);
	idmap_put(&t->sources, key, s);
	return s;
}

struct flow *
flow_new(struct flows *t, struct flow_holder *h, const struct dgram_path *path, struct mono now)
{
	uint64_t key = key_of(path);
	struct flow *f;

	if (idmap_get(&t->by_key, key) != NULL)
		return NULL; /* two addresses with one number: once in the age of the world */
	f = xcalloc(1, sizeof(*f));
	f->path = *path;
	f->table = t;
	f->holder = h;
	f->key = key;
	f->began = f->used = now;
	f->source = source_get(t, &path->peer);
	f->source->n++;
	list_init(&f->use);
	list_init(&f->held);
	list_init(&f->of_source);
	list_push(&t->brief, &f->use);
	list_push(&h->brief, &f->held);
	list_push(&f->source->flows, &f->of_source);
	idmap_put(&t->by_key, key, f);
	t->n++;
	h->n++;
	return f;
}

void
flow_free(struct flow *f)
{
	struct flows *t = f->table;

	must(idmap_del(&t->by_key, f->key) == f);
	list_remove(&f->use);
	list_remove(&f->held);
	list_remove(&f->of_source);
	t->n--;
	f->holder->n--;
	if (--f->source->n == 0) {
		idmap_del(&t->sources, f->source->key);
		free(f->source);
	}
	free(f);
}

static void
use(struct flow *f, struct mono now)
{
	f->used = now;
	list_remove(&f->use);
	list_push(f->lasting ? &f->table->lasting : &f->table->brief, &f->use);
	list_remove(&f->held);
	list_push(f->lasting ? &f->holder->lasting : &f->holder->brief, &f->held);
	list_remove(&f->of_source);
	list_push(&f->source->flows, &f->of_source);
}

void
flow_heard(struct flow *f, struct mono now)
{
	f->in++;
	if (f->answered && mono_diff_ms(now, f->began) >= FLOW_SETTLED_MS)
		f->lasting = true;
	use(f, now);
}

void
flow_answered(struct flow *f, struct mono now)
{
	if (f->lasting || !f->answered)
		use(f, now);
	f->answered = true;
}

static struct mono
end_of(const struct list *head, int64_t ms)
{
	return list_empty(head) ? MONO_NEVER : mono_add_ms(oldest(head)->used, ms);
}

struct mono
flows_deadline(const struct flows *t)
{
	return mono_min(end_of(&t->brief, t->brief_ms), end_of(&t->lasting, t->lasting_ms));
}

struct flow *
flows_expired(const struct flows *t, struct mono now)
{
	if (!mono_before(now, end_of(&t->brief, t->brief_ms)))
		return oldest(&t->brief);
	if (!mono_before(now, end_of(&t->lasting, t->lasting_ms)))
		return oldest(&t->lasting);
	return NULL;
}
