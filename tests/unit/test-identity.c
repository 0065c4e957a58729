/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Names and grants: what is a name, what is refused, what replaces. */

#include <errno.h>

#include "tap.h"
#include "tunnel/identity.h"

static void
test_names(void)
{
	static const char *const good[] = {"a", "web1", "A-Z.a_z-09", "...", "-"};
	static const char *const bad[] = {"", " ", "a b", "a/b", "caf\xc3\xa9", "a\n", "a:b",
		"a@b"};
	char longest[NAME_MAX_LEN + 2];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(name_valid(good[i]), "\"%s\" is a name", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!name_valid(bad[i]), "what is no name is refused (%zu)", i);
	memset(longest, 'x', sizeof(longest));
	longest[NAME_MAX_LEN] = '\0';
	ok(name_valid(longest), "64 letters are a name");
	longest[NAME_MAX_LEN] = 'x';
	longest[NAME_MAX_LEN + 1] = '\0';
	ok(!name_valid(longest), "65 are not");
	ok(!name_valid_n("a\0b", 3), "a zero byte is no part of a name");
	ok(name_valid_n("abc/", 3), "only n bytes are looked at");
}

static void
test_grants(void)
{
	static char key[GRANT_KEY_MAX + 2], value[GRANT_VALUE_MAX + 2];
	struct identity id = {.account = "acme"};

	ok(identity_granted(&id, "ports") == NULL, "nothing is granted at first");
	is_int(identity_grant(&id, "ports", "1-2"), 0, "a grant is taken");
	is_str(identity_granted(&id, "ports"), "1-2", "and found");
	is_int(identity_grant(&id, "ports", identity_granted(&id, "ports")), 0,
		"its own value may replace it");
	is_int(identity_grant(&id, "ports", "443"), 0, "the same key again");
	is_str(identity_granted(&id, "ports"), "443", "replaces");
	is_int(id.n_grants, 1, "and adds nothing");
	is_int(identity_grant(&id, "", "x"), -EINVAL, "an empty key is refused");
	is_int(identity_grant(&id, "empty", ""), 0, "an empty value is not");

	memset(key, 'k', sizeof(key) - 1);
	is_int(identity_grant(&id, key, "x"), -EINVAL, "a key that is too long is refused");
	key[GRANT_KEY_MAX] = '\0';
	is_int(identity_grant(&id, key, "x"), 0, "one letter less is taken");
	memset(value, 'v', sizeof(value) - 1);
	is_int(identity_grant(&id, "long", value), -EINVAL, "a value that is too long is refused");
	value[GRANT_VALUE_MAX] = '\0';
	is_int(identity_grant(&id, "long", value), 0, "one letter less is taken");
	is_str(identity_granted(&id, "long"), value, "whole");

	for (int i = (int)id.n_grants; i < GRANTS_MAX; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		if (identity_grant(&id, key, "v") != 0)
			break;
	}
	is_int(id.n_grants, GRANTS_MAX, "32 grants fit");
	is_int(identity_grant(&id, "one-more", "v"), -ENOSPC, "one more does not");
	is_int(identity_grant(&id, "ports", "80"), 0, "replacing still works");

	identity_fini(&id);
	ok(id.n_grants == 0 && id.account[0] == '\0', "afterwards it is empty");
	identity_fini(&id);
	ok(true, "emptying twice is harmless");
}

static void
test_same_grants(void)
{
	struct identity a = {.account = "a"}, b = {.account = "b"};

	ok(identity_same_grants(&a, &b), "nothing is the same as nothing");
	identity_grant(&a, "ports", "1-2");
	ok(!identity_same_grants(&a, &b) && !identity_same_grants(&b, &a), "one is more");
	identity_grant(&b, "ports", "1-3");
	ok(!identity_same_grants(&a, &b), "another value is another grant");
	identity_grant(&b, "ports", "1-2");
	identity_grant(&b, "hosts", "x");
	identity_grant(&a, "hosts", "x");
	identity_grant(&a, "more", "");
	ok(!identity_same_grants(&a, &b), "an empty one counts");
	identity_grant(&b, "less", "");
	ok(!identity_same_grants(&a, &b), "and so does its name");
	identity_grant(&a, "less", "");
	identity_grant(&b, "more", "");
	ok(identity_same_grants(&a, &b) && identity_same_grants(&b, &a),
		"the order does not matter");
	identity_fini(&a);
	identity_fini(&b);
}

static void
test_limits(void)
{
	static const char *const bad[] = {"", "0", "00", "-1", "+1", " 1", "1 ", "1000001", "1e3",
		"0x10", "99999999999999999999", "10,20", "ten", "1.0"};
	struct identity id = {.account = "acme"};
	int64_t n = 7;

	is_int(identity_limit(&id, "max_streams", &n), 0, "what is not granted");
	ok(n == NO_LIMIT, "is not limited");
	identity_grant(&id, "max_streams", "1000000");
	ok(identity_limit(&id, "max_streams", &n) == 0 && n == 1000000, "a number");
	identity_grant(&id, "max_streams", "0012");
	ok(identity_limit(&id, "max_streams", &n) == 0 && n == 12, "is decimal");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		identity_grant(&id, "max_streams", bad[i]);
		ok(identity_limit(&id, "max_streams", &n) == -EINVAL && n == 12,
			"\"%s\" is no limit", bad[i]);
	}
	identity_fini(&id);
}

int
main(void)
{
	test_names();
	test_grants();
	test_same_grants();
	test_limits();
	return done_testing();
}
