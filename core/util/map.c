/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Hash maps with linear probing. Run on their owner's thread. What must hold: an entry is found by
 * probing from its home slot to the next empty one; used counts the slots that are not empty
 * (entries and graves), and at most three quarters are used, so that a probe always ends.
 *
 * Deleting never moves an entry, because walks may delete as they go. Instead the slot becomes a
 * grave, and graves are cleared at once when an empty slot follows, which is the usual case. */

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"
#include "util/map.h"
#include "util/rand.h"

#define MIN_CAP 8

static char grave_mark;
#define GRAVE ((void *)&grave_mark)

struct strmap_slot {
	uint64_t hash;
	char *key;
	void *value; /* NULL: empty; GRAVE: deleted */
};

struct idmap_slot {
	uint64_t id;
	void *value; /* as above */
};

static bool
live(const void *value)
{
	return value != NULL && value != GRAVE;
}

/* The capacity for one more entry: half full at most, so that growing (or sweeping out graves) is
 * paid for by many puts. */
static size_t
cap_for(size_t n)
{
	size_t cap = MIN_CAP;

	while ((n + 1) * 2 > cap)
		cap *= 2;
	return cap;
}

static bool
is_full(size_t cap, size_t used)
{
	return (used + 1) * 4 > cap * 3;
}

/* --- SipHash-1-3 (Aumasson and Bernstein), one round per word and three at the end --- */

static uint64_t sip_key[2];
static pthread_once_t sip_once = PTHREAD_ONCE_INIT;

static void
sip_init(void)
{
	rand_bytes(sip_key, sizeof(sip_key));
}

static inline uint64_t
rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

/* Up to eight bytes, the first one lowest. */
static inline uint64_t
le_word(const uint8_t *p, size_t n)
{
	uint64_t w = 0;

	for (size_t i = 0; i < n; i++)
		w |= (uint64_t)p[i] << 8 * i;
	return w;
}

static inline void
sip_word(uint64_t v[4], uint64_t w)
{
	v[3] ^= w;
	sip_round(v);
	v[0] ^= w;
}

uint64_t
hash_keyed(const uint64_t key[2], const void *p, size_t n)
{
	uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
	const uint8_t *b = p;
	size_t i;

	for (i = 0; i + 8 <= n; i += 8)
		sip_word(v, le_word(b + i, 8));
	sip_word(v, le_word(b + i, n - i) | (uint64_t)n << 56);
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
hash_bytes(const void *p, size_t n)
{
	pthread_once(&sip_once, sip_init);
	return hash_keyed(sip_key, p, n);
}

/* --- by string --- */

/* The slot of key, or NULL. */
static struct strmap_slot *
str_find(const struct strmap *m, const char *key, uint64_t hash)
{
	if (m->cap == 0)
		return NULL;
	for (size_t i = hash & (m->cap - 1); m->slot[i].value != NULL; i = (i + 1) & (m->cap - 1)) {
		struct strmap_slot *s = &m->slot[i];

		if (s->hash == hash && s->value != GRAVE && strcmp(s->key, key) == 0)
			return s;
	}
	return NULL;
}

/* The first slot for a new entry; reuses a grave. There is always one: see is_full(). */
static struct strmap_slot *
str_vacant(const struct strmap *m, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);

	while (live(m->slot[i].value))
		i = (i + 1) & (m->cap - 1);
	return &m->slot[i];
}

static void
str_rebuild(struct strmap *m)
{
	struct strmap old = *m;

	m->cap = cap_for(old.n);
	m->slot = xcalloc(m->cap, sizeof(*m->slot));
	m->used = old.n;
	for (size_t i = 0; i < old.cap; i++)
		if (live(old.slot[i].value))
			*str_vacant(m, old.slot[i].hash) = old.slot[i];
	free(old.slot);
}

void *
strmap_get(const struct strmap *m, const char *key)
{
	struct strmap_slot *s = m->n == 0 ? NULL : str_find(m, key, hash_bytes(key, strlen(key)));

	return s != NULL ? s->value : NULL;
}

void *
strmap_put(struct strmap *m, const char *key, void *value)
{
	uint64_t hash = hash_bytes(key, strlen(key));
	struct strmap_slot *s = str_find(m, key, hash);

	must(value != NULL);
	if (s != NULL) {
		void *old = s->value;

		s->value = value;
		return old;
	}
	if (is_full(m->cap, m->used))
		str_rebuild(m);
	s = str_vacant(m, hash);
	if (s->value == NULL)
		m->used++;
	*s = (struct strmap_slot){hash, xstrdup(key), value};
	m->n++;
	return NULL;
}

void *
strmap_del(struct strmap *m, const char *key)
{
	struct strmap_slot *s = str_find(m, key, hash_bytes(key, strlen(key)));
	size_t i;
	void *value;

	if (s == NULL)
		return NULL;
	value = s->value;
	i = (size_t)(s - m->slot);
	/* key may be the copy in the slot (a walk hands it out), so nothing reads it from here. */
	free(s->key);
	*s = (struct strmap_slot){.value = GRAVE};
	m->n--;
	if (m->slot[(i + 1) & (m->cap - 1)].value != NULL)
		return value;
	for (; m->slot[i].value == GRAVE; i = (i - 1) & (m->cap - 1)) {
		m->slot[i].value = NULL;
		m->used--;
	}
	return value;
}

void *
strmap_next(const struct strmap *m, size_t *pos, const char **key_r)
{
	while (*pos < m->cap) {
		const struct strmap_slot *s = &m->slot[(*pos)++];

		if (!live(s->value))
			continue;
		if (key_r != NULL)
			*key_r = s->key;
		return s->value;
	}
	return NULL;
}

void
strmap_fini(struct strmap *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->slot[i].key);
	free(m->slot);
	*m = (struct strmap){0};
}

/* --- by number --- */

static size_t
id_home(const struct idmap *m, uint64_t id)
{
	return hash_bytes(&id, sizeof(id)) & (m->cap - 1);
}

static struct idmap_slot *
id_find(const struct idmap *m, uint64_t id)
{
	if (m->n == 0)
		return NULL;
	for (size_t i = id_home(m, id); m->slot[i].value != NULL; i = (i + 1) & (m->cap - 1))
		if (m->slot[i].id == id && m->slot[i].value != GRAVE)
			return &m->slot[i];
	return NULL;
}

static struct idmap_slot *
id_vacant(const struct idmap *m, uint64_t id)
{
	size_t i = id_home(m, id);

	while (live(m->slot[i].value))
		i = (i + 1) & (m->cap - 1);
	return &m->slot[i];
}

static void
id_rebuild(struct idmap *m)
{
	struct idmap old = *m;

	m->cap = cap_for(old.n);
	m->slot = xcalloc(m->cap, sizeof(*m->slot));
	m->used = old.n;
	for (size_t i = 0; i < old.cap; i++)
		if (live(old.slot[i].value))
			*id_vacant(m, old.slot[i].id) = old.slot[i];
	free(old.slot);
}

void *
idmap_get(const struct idmap *m, uint64_t id)
{
	struct idmap_slot *s = id_find(m, id);

	return s != NULL ? s->value : NULL;
}

void *
idmap_put(struct idmap *m, uint64_t id, void *value)
{
	struct idmap_slot *s = id_find(m, id);

	must(value != NULL);
	if (s != NULL) {
		void *old = s->value;

		s->value = value;
		return old;
	}
	if (is_full(m->cap, m->used))
		id_rebuild(m);
	s = id_vacant(m, id);
	if (s->value == NULL)
		m->used++;
	*s = (struct idmap_slot){id, value};
	m->n++;
	return NULL;
}

void *
idmap_del(struct idmap *m, uint64_t id)
{
	struct idmap_slot *s = id_find(m, id);
	size_t i;
	void *value;

	if (s == NULL)
		return NULL;
	value = s->value;
	i = (size_t)(s - m->slot);
	s->value = GRAVE;
	m->n--;
	if (m->slot[(i + 1) & (m->cap - 1)].value != NULL)
		return value;
	for (; m->slot[i].value == GRAVE; i = (i - 1) & (m->cap - 1)) {
		m->slot[i].value = NULL;
		m->used--;
	}
	return value;
}

void *
idmap_next(const struct idmap *m, size_t *pos, uint64_t *id_r)
{
	while (*pos < m->cap) {
		const struct idmap_slot *s = &m->slot[(*pos)++];

		if (!live(s->value))
			continue;
		if (id_r != NULL)
			*id_r = s->id;
		return s->value;
	}
	return NULL;
}

void
idmap_fini(struct idmap *m)
{
	free(m->slot);
	*m = (struct idmap){0};
}
