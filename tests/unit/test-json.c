/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* JSON as it is written. */

#include "tap.h"
#include "util/compiler.h"
#include "util/json.h"

static void
is_json(struct json *j, const char *want, const char *what)
{
	is_str(j->p, want, what);
	json_fini(j);
}

static void
text_is(const char *s, const char *want, const char *what)
{
	struct json j = {.n = 0};

	json_text(&j, s);
	is_json(&j, want, what);
}

static void
test_values(void)
{
	struct json j = {.n = 0};

	json_open(&j, '{');
	json_put_text(&j, "a", "x");
	json_put_number(&j, "b", INT64_MIN);
	json_put_bool(&j, "c", true);
	json_key(&j, "d");
	json_open(&j, '[');
	json_open(&j, '{');
	json_close(&j, '}');
	json_number(&j, 0);
	json_bool(&j, false);
	json_open(&j, '[');
	json_close(&j, ']');
	json_close(&j, ']');
	json_put_text(&j, "e", NULL);
	json_close(&j, '}');
	is_json(&j,
		"{\"a\":\"x\",\"b\":-9223372036854775808,\"c\":true,"
		"\"d\":[{},0,false,[]],\"e\":null}",
		"every kind of value, in objects and arrays");
}

#define NONE "\xef\xbf\xbd"

static void
test_texts(void)
{
	text_is("", "\"\"", "nothing");
	text_is("a\"b\\c/", "\"a\\\"b\\\\c/\"", "what must be escaped");
	text_is("\n\x1b\x7f", "\"\\u000a\\u001b\\u007f\"", "control characters");
	text_is("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
		"letters of two, three and four bytes");
	text_is("\x80\xff", "\"" NONE NONE "\"", "bytes that begin no letter");
	text_is("\xc3", "\"" NONE "\"", "half a letter");
	text_is("\xc3x", "\"" NONE "x\"", "half a letter before another");
	text_is("\xc0\xaf", "\"" NONE NONE "\"", "a letter that is too long");
	text_is("\xe0\x80\xaf", "\"" NONE NONE NONE "\"", "and another");
	text_is("\xed\xa0\x80", "\"" NONE NONE NONE "\"", "half a pair of UTF-16");
	text_is("\xf4\x90\x80\x80", "\"" NONE NONE NONE NONE "\"", "beyond the last letter");
}

static void
test_growth(void)
{
	struct json j = {.n = 0};

	json_open(&j, '[');
	for (int i = 0; i < 100000; i++)
		json_number(&j, i % 10);
	json_close(&j, ']');
	is_int(j.n, 200001, "a long array has its length");
	ok(j.p[0] == '[' && j.p[200000] == ']' && j.p[200001] == '\0', "and its ends");
	json_fini(&j);
	ok(j.p == NULL && j.n == 0, "it is empty again");
}

int
main(void)
{
	test_values();
	test_texts();
	test_growth();
	return done_testing();
}
