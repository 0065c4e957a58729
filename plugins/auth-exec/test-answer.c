/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the program may write, and what it is asked: answers and their refusals, lines, base64. */

#include "answer.h"

#include <stdlib.h>

#include "base64.h"
#include "line.h"
#include "tap.h"

/* ---- Base64 ---------------------------------------------------------------------------------- */

static void
is_base64(const char *text, const char *bytes)
{
	size_t n = strlen(bytes);
	char out[64] = "";
	uint8_t back[64];

	base64_encode(bytes, n, out);
	out[BASE64_SIZE(n)] = '\0';
	is_str(out, text, "RFC 4648: written");
	ok(base64_decode(text, strlen(text), back, sizeof(back)) == (ssize_t)n &&
			memcmp(back, bytes, n) == 0,
		"and read: %s", text);
}

static bool
base64_refused(const char *text)
{
	uint8_t out[64];

	return base64_decode(text, strlen(text), out, sizeof(out)) < 0;
}

static void
test_base64(void)
{
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Zg==Zg==",
		"Zm 8=", "Zm8-", "Zm_8", "Zm8=\n", "=m8="};
	uint8_t out[3];

	is_base64("", "");
	is_base64("Zg==", "f");
	is_base64("Zm8=", "fo");
	is_base64("Zm9v", "foo");
	is_base64("Zm9vYg==", "foob");
	is_base64("Zm9vYmE=", "fooba");
	is_base64("Zm9vYmFy", "foobar");
	is_base64("++//", "\xfb\xef\xff");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(base64_refused(bad[i]), "refused: \"%s\"", bad[i]);
	ok(base64_decode("Zm9v", 4, out, 2) == -1 && base64_decode("Zm9v", 4, out, 3) == 3,
		"never more than there is room for");
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static void
test_lines(void)
{
	struct line l;

	line_begin(&l, 1000);
	line_number(&l, "adit", 1);
	line_string(&l, "text", "a\"b\\c\n\x01\x7f\xc3\xa9");
	line_object(&l, "facts");
	line_close(&l);
	line_object(&l, "more");
	line_bool(&l, "yes", true);
	line_base64(&l, "data", "foob", 4);
	line_close(&l);
	line_bool(&l, "no", false);
	ok(line_end(&l), "a line is made");
	if (l.p != NULL)
		l.p[l.n - 1] = '\0';
	is_str(l.p,
		"{\"adit\":1,\"text\":\"a\\\"b\\\\c\\u000a\\u0001\\u007f\xc3\xa9\",\"facts\":{},"
		"\"more\":{\"yes\":true,\"data\":\"Zm9vYg==\"},\"no\":false}",
		"as it must be");
	line_wipe(&l);

	line_begin(&l, 20);
	line_string(&l, "key", "0123456789");
	ok(!line_end(&l) && l.p == NULL, "what does not fit makes no line");
	line_begin(&l, LINE_MAX_OUT + 1);
	line_string(&l, "key", "x");
	ok(!line_end(&l) && l.p == NULL, "nor does a room that is too large");
	line_begin(&l, 100);
	line_string(&l, "key", "\xc3");
	ok(!line_end(&l) && l.p == NULL, "nor what is no UTF-8");
}

static void
test_utf8(void)
{
	static const char *const good[] = {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xef\xbf\xbf",
		"\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80"};
	static const char *const bad[] = {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf",
		"\xed\xa0\x80", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xff", "\xe2\x82",
		"\xe2\x28\xa1", "a\xf0\x9f\x98"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(utf8_valid(good[i], strlen(good[i])), "UTF-8, number %zu", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!utf8_valid(bad[i], strlen(bad[i])), "no UTF-8, number %zu", i);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static struct answer a;

static enum answer_is
parse(const char *text)
{
	return answer_parse(text, strlen(text), &a);
}

static void
test_good(void)
{
	is_int(parse("{\"id\":\"1f\",\"verdict\":\"allow\",\"account\":\"acme\",\"agent\":\"web1\","
		     "\"expires\":1800000000,\"reply\":\"Zm9v\",\"grants\":{\"ports\":\"1-2\","
		     "\"max_tunnels\":5},\"reason\":\"r\",\"later\":{\"x\":[1,null]}}"),
		ANSWER_GOOD, "an answer with everything, and what a later version may add");
	is_str(a.id, "1f", "its id");
	ok(a.verdict == ADIT_ALLOW && a.expires == 1800000000, "verdict and expiry");
	is_str(a.account, "acme", "account");
	is_str(a.agent, "web1", "agent");
	is_str(a.reason, "r", "reason");
	ok(a.reply.given && a.reply.n == 3 && memcmp(a.reply.p, "foo", 3) == 0, "reply");
	ok(!a.challenge.given, "no challenge");
	is_int((intmax_t)a.n_grants, 2, "both grants");
	for (size_t i = 0; i < a.n_grants; i++)
		is_str(a.grant[i].value, strcmp(a.grant[i].key, "ports") == 0 ? "1-2" : "5",
			a.grant[i].key);
	answer_fini(&a);

	is_int(parse("{\"verdict\":\"deny\",\"id\":\"x\",\"cause\":\"too-early\"}\r"), ANSWER_GOOD,
		"in any order, also with a carriage return");
	ok(a.verdict == ADIT_DENY && a.cause == ADIT_CAUSE_TOO_EARLY && a.account == NULL, "deny");
	answer_fini(&a);
	is_int(parse("{\"id\":\"x\",\"verdict\":\"continue\",\"challenge\":\"\"}"), ANSWER_GOOD,
		"continue, with an empty challenge");
	ok(a.challenge.given && a.challenge.n == 0 && a.verdict == ADIT_CONTINUE, "it is there");
	answer_fini(&a);
	is_int(parse("{\"id\":\"x\",\"verdict\":\"next\"}"), ANSWER_GOOD, "next");
	ok(a.verdict == ADIT_NEXT, "is said");
	answer_fini(&a);
	is_int(parse("{\"id\":\"x\",\"verdict\":\"fail\"}"), ANSWER_GOOD, "fail");
	ok(a.verdict == ADIT_FAIL, "is said, too");
	answer_fini(&a);
}

static void
test_garbage(void)
{
	static const char *const bad[] = {"", "hello", "[]", "null", "1", "\"x\"", "{", "{}",
		"{\"id\":1,\"verdict\":\"deny\"}", "{\"id\":null,\"verdict\":\"deny\"}",
		"{\"id\":\"\",\"verdict\":\"deny\"}", "{\"id\":\"x\",\"verdict\":\"deny\"} x",
		"{\"id\":\"x\",\"verdict\":\"deny\"}{\"id\":\"y\",\"verdict\":\"deny\"}",
		"{\"id\":\"x\",\"verdict\":\"deny\",\"verdict\":\"allow\"}",
		"{\"id\":\"x\",\"id\":\"x\",\"verdict\":\"deny\"}",
		"{\"id\":\"x\",\"verdict\":\"deny\",\"grants\":{\"p\":1,\"p\":2}}",
		"{\"id\":\"x\",\"verdict\":\"deny\",\"a\":[[[[[[[[1]]]]]]]]}",
		"{\"id\":\"x\",\"verdict\":\"deny\",\"a\":\"\xff\"}",
		"{\"id\":\"x\",\"verdict\":\"deny\",\"a\":\"\\ud800\"}",
		"{\"id\":\"x\",\"verdict\":\"deny\",\"a\":\"\\u0000\"}",
		"{\"id\":\"x\",\"verdict\":\"deny\",\"a\":99999999999999999999}",
		"{\"id\":\"x\",\"verdict\":\"deny\",\"a\":1e999}",
		"{\"id\":\"x\",\"verdict\":\"deny\",\"a\":NaN}",
		"{'id':'x'}", "{\"id\":\"x\",\"verdict\":\"deny\",}",
		"{\"id\":\"01234567890123456789012345678901234567890123456789012345678901234\"}"};
	char *big = malloc(ANSWER_MAX + 2);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ok(parse(bad[i]) == ANSWER_GARBAGE && a.wrong[0] != '\0', "no answer: %.70s (%s)",
			bad[i], a.wrong);
		answer_fini(&a);
	}
	memset(big, ' ', ANSWER_MAX + 2);
	memcpy(big, "{\"id\":\"x\",\"verdict\":\"deny\"}", 27);
	is_int(answer_parse(big, ANSWER_MAX, &a), ANSWER_GOOD, "a line of 64 KiB");
	answer_fini(&a);
	is_int(answer_parse(big, ANSWER_MAX + 1, &a), ANSWER_GARBAGE, "and not a byte more");
	answer_fini(&a);
	memset(big, '[', ANSWER_MAX);
	is_int(answer_parse(big, ANSWER_MAX, &a), ANSWER_GARBAGE, "nested as deep as can be");
	answer_fini(&a);
	free(big);
	parse("{\"password\":hunter2}");
	ok(strstr(a.wrong, "hunter2") == NULL, "what is said of it does not quote it: %s", a.wrong);
	answer_fini(&a);
}

static void
is_wrong(const char *members, const char *why)
{
	char text[8192];

	snprintf(text, sizeof(text), "{\"id\":\"x\",%s}", members);
	is_int(parse(text), ANSWER_WRONG, members);
	is_str(a.wrong, why, "is told");
	is_str(a.id, "x", "and to which question it belongs");
	answer_fini(&a);
}

static void
test_wrong(void)
{
	char many[4096] = "\"verdict\":\"deny\",\"grants\":{\"a\":1", long_one[4096];

	is_wrong("\"verdict\":true", "verdict is not a string");
	is_wrong("\"verdict\":\"Allow\"", "verdict is not allow, deny, next, continue or fail");
	is_wrong("\"account\":\"a\"", "verdict is missing");
	is_wrong("\"verdict\":\"allow\"", "allow needs an account");
	is_wrong("\"verdict\":\"allow\",\"account\":null", "account is not a string");
	is_wrong("\"verdict\":\"allow\",\"account\":[\"a\"]", "account is not a string");
	is_wrong("\"verdict\":\"allow\",\"account\":\"a\",\"agent\":7", "agent is not a string");
	is_wrong("\"verdict\":\"allow\",\"account\":\"a\",\"expires\":\"1800000000\"",
		"expires is not a number of seconds since 1970");
	is_wrong("\"verdict\":\"allow\",\"account\":\"a\",\"expires\":1.5",
		"expires is not a number of seconds since 1970");
	is_wrong("\"verdict\":\"allow\",\"account\":\"a\",\"expires\":0",
		"expires is not a number of seconds since 1970");
	is_wrong("\"verdict\":\"allow\",\"account\":\"a\",\"expires\":null",
		"expires is not a number of seconds since 1970");
	is_wrong("\"verdict\":\"deny\",\"grants\":[]", "grants is not an object");
	is_wrong("\"verdict\":\"allow\",\"account\":\"a\",\"grants\":{\"x\":true}",
		"grants: x is neither a string of at most 1024 bytes nor an integer");
	is_wrong("\"verdict\":\"allow\",\"account\":\"a\",\"grants\":{\"\":\"y\"}",
		"grants: a name has 1 to 32 bytes");
	is_wrong("\"verdict\":\"continue\"", "continue needs a challenge");
	is_wrong("\"verdict\":\"continue\",\"challenge\":\"Zg\"",
		"challenge is not base64 of at most 2048 bytes");
	is_wrong("\"verdict\":\"deny\",\"reply\":7", "reply is not a string");
	is_wrong("\"verdict\":\"deny\",\"cause\":\"because\"", "cause is none of the known ones");
	is_wrong("\"verdict\":\"deny\",\"reason\":{}", "reason is not a string");
	for (int i = 0; i < 32; i++)
		snprintf(many + strlen(many), 20, ",\"k%d\":1", i);
	strcat(many, "}");
	is_wrong(many, "grants are more than 32");
	snprintf(long_one, sizeof(long_one), "\"verdict\":\"deny\",\"reason\":\"%01001d\"", 0);
	is_wrong(long_one, "reason has more than 1000 bytes");
	snprintf(long_one, sizeof(long_one),
		"\"verdict\":\"allow\",\"account\":\"a\",\"reply\":\"%02736d\"", 0);
	is_wrong(long_one, "reply has more than 2732 bytes");
}

int
main(void)
{
	test_base64();
	test_lines();
	test_utf8();
	test_good();
	test_garbage();
	test_wrong();
	return done_testing();
}
