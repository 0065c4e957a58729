/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Errors for people: places, prefixes, cutting. */

#include <errno.h>

#include "tap.h"
#include "util/err.h"

int
main(void)
{
	char buf[2048], long_text[2000];
	struct err e = {.file = "old", .line = 3, .msg = "old"};

	is_int(err_set(&e, "no %s in %d", "luck", 7), -EINVAL, "err_set returns -EINVAL");
	is_str(err_text(&e, buf, sizeof(buf)), "no luck in 7", "without a place: the message");
	is_int(err_at(&e, "a.conf", 12, "unknown key %s", "prot"), -EINVAL, "so does err_at");
	is_str(err_text(&e, buf, sizeof(buf)), "a.conf:12: unknown key prot", "file and line");
	err_at(&e, "a.conf", 0, "cannot be read");
	is_str(err_text(&e, buf, sizeof(buf)), "a.conf: cannot be read", "a file without a line");
	err_at(&e, NULL, 4, "nowhere");
	is_str(err_text(&e, buf, sizeof(buf)), "nowhere", "a line without a file is no place");

	err_at(&e, "a.conf", 9, "too small");
	err_prefix(&e, "tunnel %s", "web");
	is_str(err_text(&e, buf, sizeof(buf)), "a.conf:9: tunnel web: too small",
		"a prefix goes before the message, after the place");
	err_set(&e, "again: %s", e.msg);
	is_str(e.msg, "again: tunnel web: too small", "an error may be set from its own text");

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	err_at(&e, long_text, 1, "%s", long_text);
	is_int(strlen(e.msg), sizeof(e.msg) - 1, "a long message is cut");
	is_int(strlen(e.file), sizeof(e.file) - 1, "a long file name too");
	err_set(&e, "%s", long_text);
	err_prefix(&e, "front");
	ok(strncmp(e.msg, "front: xxx", 10) == 0 && strlen(e.msg) == sizeof(e.msg) - 1,
		"a prefix pushes the end out");
	err_text(&e, buf, 8);
	is_str(buf, "front: ", "err_text keeps to its buffer");

	is_int(err_set(NULL, "nobody %d", 1), -EINVAL, "nobody need want to know");
	is_int(err_at(NULL, "f", 1, "nobody"), -EINVAL, "not the place either");
	err_prefix(NULL, "nobody");
	return done_testing();
}
