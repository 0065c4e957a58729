/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Facts: what was said is known, bounded, and copied. */

#include <config.h>

#include <errno.h>
#include <stdio.h>

#include "tap.h"
#include "util/facts.h"

static void
test_set(void)
{
	struct facts f = {.n = 0}, copy = {.n = 0};

	is_str(facts_get(&f, "alpn"), NULL, "nothing is known at first");
	is_int(facts_set(&f, "alpn", "adit/1"), 0, "a fact is taken");
	is_int(facts_set(&f, "names", "a,b"), 0, "and another");
	is_str(facts_get(&f, "alpn"), "adit/1", "the first is known");
	is_int(facts_set(&copy, "old", "x"), 0, "a second set");
	facts_copy(&f, &copy);
	is_str(facts_get(&copy, "old"), NULL, "copying replaces what was there");
	is_int(facts_set(&f, "names", facts_get(&f, "names") + 2), 0,
		"a value may be a part of the one that it replaces");
	is_str(facts_get(&f, "names"), "b", "the new value counts");
	is_str(facts_get(&copy, "names"), "a,b", "a copy keeps the old one");
	facts_fini(&f);
	is_str(facts_get(&f, "alpn"), NULL, "and nothing is left at the end");
	facts_fini(&copy);
}

static void
test_bounds(void)
{
	struct facts f = {.n = 0};
	char long_key[FACTS_KEY_MAX + 2], long_value[FACTS_VALUE_MAX + 2], key[16];

	memset(long_key, 'k', sizeof(long_key));
	memset(long_value, 'v', sizeof(long_value));
	long_key[FACTS_KEY_MAX + 1] = long_value[FACTS_VALUE_MAX + 1] = '\0';
	is_int(facts_set(&f, long_key, "x"), -EMSGSIZE, "a key may not be too long");
	is_int(facts_set(&f, "", "x"), -EMSGSIZE, "nor empty");
	is_int(facts_set(&f, "k", long_value), -EMSGSIZE, "nor a value too long");
	is_int(facts_set(&f, long_key + 1, long_value + 1), 0, "the longest are taken");
	for (int i = 1; i < FACTS_MAX; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		facts_set(&f, key, "x");
	}
	is_int(f.n, FACTS_MAX, "there is room for the most that there may be");
	is_int(facts_set(&f, "one more", "x"), -ENOSPC, "one more is refused");
	is_int(facts_set(&f, "key1", "y"), 0, "but a known one may still change");
	is_str(facts_get(&f, "key1"), "y", "and does");
	facts_fini(&f);
}

int
main(void)
{
	test_set();
	test_bounds();
	return done_testing();
}
