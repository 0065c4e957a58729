/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Two open-addressing hash maps: by string (SipHash-1-3 under a random key of the process, so that
 * peers cannot aim for collisions) and by 64-bit number. Values are pointers, never NULL, owned by
 * the caller. Not locked: the owner decides the thread. Zero-initialised is an empty map. */

#ifndef ADIT_UTIL_MAP_H
#define ADIT_UTIL_MAP_H

#include <stddef.h>
#include <stdint.h>

struct strmap_slot;

struct strmap {
	struct strmap_slot *slot;
	size_t cap, used, n;
};

/* The value of key, or NULL. */
void *strmap_get(const struct strmap *m, const char *key);
/* Adds or replaces; the key is copied. Returns the old value or NULL. */
void *strmap_put(struct strmap *m, const char *key, void *value);
/* Takes the key out; returns its value or NULL. */
void *strmap_del(struct strmap *m, const char *key);
/* Walks: start with *pos = 0; returns the next value and its key (valid until the map changes), or
 * NULL at the end. Deleting the entry just returned is allowed. */
void *strmap_next(const struct strmap *m, size_t *pos, const char **key_r);
void strmap_fini(struct strmap *m);

struct idmap_slot;

struct idmap {
	struct idmap_slot *slot;
	size_t cap, used, n;
};

void *idmap_get(const struct idmap *m, uint64_t id);
void *idmap_put(struct idmap *m, uint64_t id, void *value);
void *idmap_del(struct idmap *m, uint64_t id);
void *idmap_next(const struct idmap *m, size_t *pos, uint64_t *id_r);
void idmap_fini(struct idmap *m);

/* SipHash-1-3 of n bytes under the process key, and under a key of the caller's. */
uint64_t hash_bytes(const void *p, size_t n);
uint64_t hash_keyed(const uint64_t key[2], const void *p, size_t n);

#endif
