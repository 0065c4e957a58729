/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The hash maps, against arrays that hold the same, and SipHash against an independent value. */

#include <stdlib.h>

#include "tap.h"
#include "util/compiler.h"
#include "util/map.h"

#define KEYS 500

static uint32_t seed = 1;

static uint32_t
next(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

/* The values are from a second implementation, written from the paper and checked with the paper's
 * own vector of SipHash-2-4; key and input are the paper's: 00 01 … 0f, and 00 01 …. */
static void
test_siphash(void)
{
	static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	static const struct {
		size_t n;
		uint64_t hash;
	} want[] = {
		{0, UINT64_C(0xabac0158050fc4dc)},
		{1, UINT64_C(0xc9f49bf37d57ca93)},
		{7, UINT64_C(0xd3927d989bb11140)},
		{8, UINT64_C(0x369095118d299a8e)},
		{9, UINT64_C(0x25a48eb36c063de4)},
		{15, UINT64_C(0xd320d86d2a519956)},
		{16, UINT64_C(0xcc4fdd1a7d908b66)},
		{63, UINT64_C(0x9d199062b7bbb3a8)},
	};
	uint8_t in[64];
	uint64_t a, b;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		ok(hash_keyed(key, in, want[i].n) == want[i].hash, "SipHash-1-3 of %zu bytes",
			want[i].n);
	a = hash_bytes(in, 20);
	b = hash_bytes(in, 21);
	ok(a == hash_bytes(in, 20) && a != b, "under the process key: the same for the same");
	ok(a != hash_keyed(key, in, 20) && a != hash_keyed((uint64_t[2]){0, 0}, in, 20),
		"and the key is not a known one");
}

static void
test_strmap(void)
{
	struct strmap m = {0};
	char key[] = "web", one[1], two[1];
	const char *k = NULL;
	size_t pos = 0;

	ok(strmap_get(&m, "web") == NULL && strmap_del(&m, "web") == NULL,
		"zeroes are an empty map");
	ok(strmap_next(&m, &pos, &k) == NULL && k == NULL, "with nothing to walk");
	ok(strmap_put(&m, key, one) == NULL, "the first put replaces nothing");
	key[0] = 'W';
	ok(strmap_get(&m, "web") == one, "the key was copied");
	ok(strmap_get(&m, "Web") == NULL && strmap_get(&m, "we") == NULL,
		"other keys are not there");
	ok(strmap_put(&m, "web", two) == one && m.n == 1, "the second gives back the first");
	ok(strmap_put(&m, "", one) == NULL && strmap_get(&m, "") == one, "the empty key is a key");
	ok(strmap_del(&m, "web") == two && strmap_get(&m, "web") == NULL, "taken out");
	ok(strmap_del(&m, "web") == NULL && m.n == 1, "once");
	pos = 0;
	ok(strmap_next(&m, &pos, &k) == one && strcmp(k, "") == 0, "the walk finds what is left");
	ok(strmap_next(&m, &pos, NULL) == NULL, "and ends");
	strmap_fini(&m);
	ok(m.n == 0 && strmap_get(&m, "") == NULL, "after fini it is empty");
	strmap_put(&m, "x", one);
	ok(strmap_get(&m, "x") == one, "and can be used again");
	strmap_fini(&m);
}

/* Random puts and deletes; after each step one random key must be as the model says. */
static void
test_strmap_model(void)
{
	static void *model[KEYS];
	struct strmap m = {0};
	bool good = true;
	size_t n = 0;
	char key[32];

	for (int i = 0; i < 200000 && good; i++) {
		uint32_t k = next(KEYS), look = next(KEYS);
		void *value = &model[next(KEYS)], *old;
		bool put = next(100) < (i / 20000 % 2 == 0 ? 60 : 40);

		sprintf(key, "tunnel-%u", k);
		old = put ? strmap_put(&m, key, value) : strmap_del(&m, key);
		good = old == model[k];
		n += put ? old == NULL : 0;
		n -= put ? 0 : old != NULL;
		model[k] = put ? value : NULL;
		sprintf(key, "tunnel-%u", look);
		good = good && strmap_get(&m, key) == model[look] && m.n == n;
	}
	ok(good, "strmap: 200000 random steps match the model");
	ok(m.cap <= 2048, "puts and deletes in turn do not make it grow");
	strmap_fini(&m);
}

/* Small numbers and large ones that differ in their high bits only. */
static uint64_t
id_of(uint32_t k)
{
	return k % 2 != 0 ? k : (uint64_t)k << 40;
}

static void
test_idmap_model(void)
{
	static void *model[KEYS];
	struct idmap m = {0};
	bool good = true;
	size_t n = 0;

	ok(idmap_get(&m, 0) == NULL && idmap_del(&m, 0) == NULL, "zeroes are an empty map");
	for (int i = 0; i < 200000 && good; i++) {
		uint32_t k = next(KEYS), look = next(KEYS);
		void *value = &model[next(KEYS)], *old;
		bool put = next(100) < (i / 20000 % 2 == 0 ? 60 : 40);

		old = put ? idmap_put(&m, id_of(k), value) : idmap_del(&m, id_of(k));
		good = old == model[k];
		n += put ? old == NULL : 0;
		n -= put ? 0 : old != NULL;
		model[k] = put ? value : NULL;
		good = good && idmap_get(&m, id_of(look)) == model[look] && m.n == n;
	}
	ok(good, "idmap: 200000 random steps match the model");
	ok(m.cap <= 2048, "puts and deletes in turn do not make it grow");
	idmap_fini(&m);
	ok(m.n == 0 && idmap_get(&m, 1) == NULL, "after fini it is empty");
}

/* Streams come and go with ever new numbers: the table must not fill up with graves. */
static void
test_idmap_churn(void)
{
	struct idmap m = {0};
	bool good = true;
	char value[1];

	for (uint64_t id = 1; id <= 300000; id++) {
		good = good && idmap_put(&m, id, value) == NULL;
		if (id > 100)
			good = good && idmap_del(&m, id - 100) == value;
	}
	ok(good && m.n == 100, "a window of 100 numbers moves over 300000");
	ok(m.cap <= 256 && m.used <= m.cap * 3 / 4, "in a table that stays small");
	idmap_fini(&m);
}

/* Walks that delete some of what they see must see everything exactly once. */
static void
test_walk(void)
{
	static char value[KEYS];
	struct strmap s = {0};
	struct idmap m = {0};
	int twice = 0, wrong = 0, met = 0;
	size_t pos = 0;
	const char *key;
	uint64_t id;
	char *v, text[32];

	for (int i = 0; i < KEYS; i++) {
		sprintf(text, "%d", i);
		strmap_put(&s, text, &value[i]);
		idmap_put(&m, (uint64_t)i, &value[i]);
	}
	while ((v = strmap_next(&s, &pos, &key)) != NULL) {
		twice += (*v)++ != 0;
		wrong += v != &value[atoi(key)];
		met++;
		if ((v - value) % 3 != 0)
			wrong += strmap_del(&s, key) != v;
	}
	ok(met == KEYS && twice == 0 && wrong == 0, "strmap: all met once, two thirds deleted");
	is_int(s.n, (KEYS + 2) / 3, "the others are left");
	ok(strmap_get(&s, "3") == &value[3] && strmap_get(&s, "4") == NULL, "and only they");

	memset(value, 0, sizeof(value));
	pos = 0;
	met = 0;
	while ((v = idmap_next(&m, &pos, &id)) != NULL) {
		twice += (*v)++ != 0;
		wrong += v != &value[id];
		met++;
		wrong += idmap_del(&m, id) != v;
	}
	ok(met == KEYS && twice == 0 && wrong == 0, "idmap: all met once, all deleted");
	pos = 0;
	ok(m.n == 0 && idmap_next(&m, &pos, NULL) == NULL, "nothing is left");
	strmap_fini(&s);
	idmap_fini(&m);
}

int
main(void)
{
	test_siphash();
	test_strmap();
	test_strmap_model();
	test_idmap_model();
	test_idmap_churn();
	test_walk();
	return done_testing();
}
