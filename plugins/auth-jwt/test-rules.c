/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The small parts of auth-jwt that the table of tokens does not reach: base64url, paths to
 * claims, words of the configuration, half a token, and tokens in messages. */

#include <stdlib.h>

#include "../common/jwt-login.h"
#include "b64.h"
#include "glimpse.h"
#include "rules.h"
#include "tap.h"
#include "trial.h"

/* ---- base64url ------------------------------------------------------------------------------- */

static void
test_b64(void)
{
	static const char *const wrong[] = {"A", "AB", "AAB", "AA=", "AA==", "A A", "+A", "/A",
		"AAAAA", "AAAA\n"};
	static const char *const right[] = {"", "AA", "AAA", "AAAA", "-_-_", "_w", "__8"};
	uint8_t bytes[256], again[256];
	char text[400];
	unsigned bad = 0;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(b64_decode(wrong[i], strlen(wrong[i]), bytes) == -1, "%s is refused", wrong[i]);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		ssize_t n = b64_decode(right[i], strlen(right[i]), bytes);

		if (ok(n >= 0, "%s is taken", right[i]))
			ok(b64_encode(bytes, (size_t)n, text) == strlen(right[i]) &&
				strcmp(text, right[i]) == 0, "%s comes back", right[i]);
	}
	for (size_t n = 0; n < sizeof(bytes); n++) {
		size_t len;

		bytes[n] = (uint8_t)(n * 151 + 7);
		len = b64_encode(bytes, n, text);
		bad += len != B64_CHARS(n) || b64_decode(text, len, again) != (ssize_t)n ||
			memcmp(bytes, again, n) != 0;
	}
	is_int(bad, 0, "0 to 255 bytes go and come back");
}

/* ---- Paths ----------------------------------------------------------------------------------- */

static void
test_paths(void)
{
	static const char *const wrong[] = {"", ".", "a.", ".a", "a..b", "/", "//", "/a/", "/a~",
		"/a~2", "a.b.c.d.e.f.g.h"};
	static const struct {
		const char *path, *found;
	} right[] = {
		{"a", "one"}, {"b.c", "two"}, {"/b/c", "two"}, {"/d.e", "three"},
		{"/f~1g~0", "four"}, {"/b.c", NULL}, {"b.x", NULL}, {"a.b", NULL}, {"n", NULL},
		{"l.0", NULL}, {"A", NULL},
	};
	json_t *json = json_loads("{\"a\":\"one\",\"b\":{\"c\":\"two\"},\"d.e\":\"three\","
		"\"f/g~\":\"four\",\"n\":null,\"l\":[\"x\"]}", 0, NULL);
	struct path p;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(path_init(&p, wrong[i]) < 0, "\"%s\" is no path", wrong[i]);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		if (!ok(path_init(&p, right[i].path) == 0, "%s is a path", right[i].path))
			continue;
		is_str(json_string_value(path_find(&p, json)), right[i].found, "which leads there");
		is_str(p.text, right[i].path, "and has its text");
		path_fini(&p);
	}
	json_decref(json);
}

/* ---- Words of the configuration -------------------------------------------------------------- */

typedef int take_fn(struct rules *r, const char *text, char why[RULES_WHY]);

static void
refused(take_fn *take, const char *text, const char *words)
{
	struct rules r = {.account = NULL};
	char why[RULES_WHY] = "";

	ok(take(&r, text, why) < 0 && strstr(why, words) != NULL, "\"%.40s\": %s", text, why);
	rules_fini(&r);
}

static void
test_words(void)
{
	char why[RULES_WHY], text[2000];
	struct rules r = {.account = NULL};
	int rc = 0;

	refused(rules_issuer, "", "not empty");
	refused(rules_account, "", "1 to 64");
	refused(rules_account, "a/b", "1 to 64");
	refused(rules_account_claim, "a..b", "expects a claim");
	refused(rules_agent_claim, "", "expects a claim");
	refused(rules_require, "a", "claim=value");
	refused(rules_require, "a=", "claim=value");
	refused(rules_require, "=b", "claim=value");
	refused(rules_require, "a.=b", "expects a claim");
	refused(rules_grant, "ports", "grant=claim");
	refused(rules_grant, "?=a", "a grant's name");
	refused(rules_grant, "9=a", "a grant's name");
	refused(rules_grant, "Ports=a", "a grant's name");
	refused(rules_grant, "por ts=a", "a grant's name");
	refused(rules_grant, "ports=a.", "expects a claim");
	refused(rules_fixed_grant, "ports?=1", "a grant's name");
	refused(rules_type, "a b", "media types");
	memset(text, 'x', sizeof(text));
	memcpy(text, "a=", 2);
	text[RULES_VALUE_MAX + 3] = '\0';
	refused(rules_fixed_grant, text, "grant=value");
	text[65] = '\0';
	refused(rules_account, text + 0, "1 to 64");
	for (int i = 0; i < RULES_NAMES; i++) {
		snprintf(text, sizeof(text), "g%c%c=c", 'a' + i / 26, 'a' + i % 26);
		rc |= rules_grant(&r, text, why) | rules_require(&r, text, why) |
			rules_audience(&r, text, why);
	}
	is_int(rc, 0, "as many as may be are taken");
	ok(rules_grant(&r, "one=more", why) < 0 && rules_require(&r, "one=more", why) < 0 &&
		rules_audience(&r, "one", why) < 0, "and not one more: %s", why);
	ok(rules_fixed_grant(&r, "gaa=c", why) < 0, "and none twice: %s", why);
	rules_fini(&r);
}

/* ---- Half a token ---------------------------------------------------------------------------- */

static void
test_glimpses(void)
{
	static const struct {
		const char *json, *iss;
	} cases[] = {
		{"{\"iss\":\"me\",", "me"},
		{" { \"iss\" : \"me\" ", "me"},
		{"{\"a\":1,\"b\":[{\"iss\":\"no\"},\",\"],\"c\":{\"iss\":\"no\"},"
		 "\"iss\":\"me\"", "me"},
		{"{\"a\":\"\\\",\\\"iss\\\":\\\"no\\\"\",\"iss\":\"me\"}", "me"},
		{"{\"iss\":\"https:\\/\\/me\"", "https://me"},
		{"{\"sub\":\"iss\",\"iss\":\"me\"", "me"},
		{"{\"iss\":\"me\",\"iss\":\"you\"}", "me"},
		{"{\"iss\":\"m\\u0065\"", NULL},
		{"{\"iss\":\"me", NULL},
		{"{\"iss\":[\"me\"],\"iss\":\"me\"}", NULL},
		{"{\"iss\":7}", NULL},
		{"{\"a\":{\"iss\":\"no\"}}", NULL},
		{"{\"a\":1},\"iss\":\"no\"", NULL},
		{"[\"iss\",\"me\"]", NULL},
		{"{\"iss\"", NULL},
		{"{", NULL},
		{"", NULL},
		{"{\"iss\":\"0123456789012345\"", NULL},
		{"{\"iss\":\"012345678901234\"", "012345678901234"},
	};
	char text[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].json);
		char *copy = malloc(n + 1);
		bool found;

		memcpy(copy, cases[i].json, n);
		found = glimpse_text(copy, n, "iss", text, sizeof(text));
		is_str(found ? text : NULL, cases[i].iss, cases[i].json);
		free(copy);
	}
}

static enum key_found
find_none(void *arg, const char *kid, enum jws_alg alg, const struct jwt_key **key_r,
	const char **why_r)
{
	(void)kid;
	(void)alg;
	(void)key_r;
	*why_r = "there is none";
	return *(enum key_found *)arg;
}

/* A token of header and the beginning of its claims. */
static enum adit_verdict
begin(struct trial *t, enum key_found keys, const char *header, const char *claims)
{
	const struct judge j = {.rules = &t->rules, .find = find_none, .arg = &keys};
	struct why why;
	char text[1024];
	size_t n = b64_encode(header, strlen(header), text);

	text[n++] = '.';
	n += b64_encode(claims, strlen(claims), text + n);
	return judge_beginning(&j, text, n, &why);
}

static void
test_beginnings(void)
{
	const char *with = "{\"alg\":\"ES256\",\"kid\":\"k\"}", *without = "{\"alg\":\"ES256\"}",
		   *ours = "{\"iss\":\"https://id.example\",\"x\":\"",
		   *other = "{\"iss\":\"o\",\"x\":\"",
		   *unseen = "{\"x\":\"";
	struct trial t;

	trial_open(&t, NULL);
	is_int(begin(&t, KEY_UNKNOWN, with, ours), ADIT_CONTINUE, "our issuer: keys may change");
	is_int(begin(&t, KEY_FOUND, with, other), ADIT_NEXT, "another's issuer");
	is_int(begin(&t, KEY_FOUND, without, unseen), ADIT_CONTINUE, "nothing to be seen");
	is_int(begin(&t, KEY_FOUND, with, unseen), ADIT_CONTINUE, "our kid");
	is_int(begin(&t, KEY_UNKNOWN, with, unseen), ADIT_NEXT, "another's kid");
	is_int(begin(&t, KEY_NONE, with, unseen), ADIT_CONTINUE, "keys that are to come");
	is_int(begin(&t, KEY_UNFIT, with, unseen), ADIT_CONTINUE, "a key that does not fit");
	is_int(begin(&t, KEY_FOUND, "{\"alg\":\"none\"}", ours), ADIT_DENY, "no token at all");
	is_int(begin(&t, KEY_FOUND, with, ""), ADIT_CONTINUE, "a header alone");
	trial_close(&t);
}

/* ---- Messages -------------------------------------------------------------------------------- */

static unsigned
parts(size_t n)
{
	static char token[JWT_LOGIN_MAX + 1];
	static struct jwt_login l;
	unsigned char message[ADIT_AUTH_DATA_MAX];
	enum jwt_login_got got = JWT_LOGIN_MORE;
	unsigned step = 0;
	size_t len;

	memset(token, 'x', n);
	token[n - 1] = 'y';
	l.n = 0;
	while ((len = jwt_login_part(token, n, step, message)) > 0 && got == JWT_LOGIN_MORE) {
		got = jwt_login_add(&l, message, len);
		step++;
	}
	return got == JWT_LOGIN_WHOLE && l.n == n && memcmp(l.token, token, n) == 0 ? step : 0;
}

static void
test_messages(void)
{
	static struct jwt_login l;
	static unsigned char most[ADIT_AUTH_DATA_MAX] = {1};

	is_int(parts(1), 1, "a token of one character goes in one message");
	is_int(parts(JWT_LOGIN_PART), 1, "one that just fits, too");
	is_int(parts(JWT_LOGIN_PART + 1), 2, "one more character needs another");
	is_int(parts(JWT_LOGIN_MAX), 5, "the longest token goes in five");
	is_int(jwt_login_add(&l, "", 0), JWT_LOGIN_WRONG, "a message is not empty");
	is_int(jwt_login_add(&l, "\0", 1), JWT_LOGIN_WRONG, "nor is a part");
	is_int(jwt_login_add(&l, "\1", 1), JWT_LOGIN_WRONG, "also not one behind which more comes");
	is_int(jwt_login_add(&l, "\2a", 2), JWT_LOGIN_WRONG, "it begins with 0 or 1");
	is_int(jwt_login_add(&l, "\xff""a", 2), JWT_LOGIN_WRONG, "and with nothing else");
	for (int i = 0; i < 4; i++)
		is_int(jwt_login_add(&l, most, sizeof(most)), JWT_LOGIN_MORE, "8188 characters");
	is_int(jwt_login_add(&l, "\1abcde", 6), JWT_LOGIN_WRONG, "not five more");
	is_int(l.n, 8188, "which changes nothing");
	is_int(jwt_login_add(&l, "\0abcd", 5), JWT_LOGIN_WHOLE, "but four");
	is_int(l.n, JWT_LOGIN_MAX, "which is all");
	is_int(l.token[l.n], '\0', "and ends");
}

int
main(void)
{
	test_b64();
	test_paths();
	test_words();
	test_glimpses();
	test_beginnings();
	test_messages();
	return done_testing();
}
