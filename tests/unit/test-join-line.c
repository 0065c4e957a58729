/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Join lines: what is taken, what is refused and in which words, and that a line which is written
 * is read again as it was. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/join_line.h"
#include "tap.h"
#include "util/compiler.h"

#define PIN "sha256-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define TOKEN "adit_abcdefgh_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8123456"

static struct err e;

static int
parse(const char *text, struct join_line *l_r)
{
	return join_line_parse(text, strlen(text), l_r, &e);
}

static void
test_good(void)
{
	static const struct {
		const char *line, *token, *host;
		int port;
	} good[] = {
		{"adit://" TOKEN "@example.org:443?pin=" PIN, TOKEN, "example.org", 443},
		{"adit://" TOKEN "@example.org?pin=" PIN, TOKEN, "example.org", 7835},
		{"adit://" TOKEN "@example.org/?pin=" PIN, TOKEN, "example.org", 7835},
		{"  adit://t@h1:1?pin=" PIN "\r\n", "t", "h1", 1},
		{"adit://t@192.0.2.1:65535?pin=" PIN, "t", "192.0.2.1", 65535},
		{"adit://t@[2001:db8::1]:7?pin=" PIN, "t", "2001:db8::1", 7},
		{"adit://t@[::1]?pin=" PIN, "t", "::1", 7835},
		{"adit://a%2Fb%40c%3f@my_host-1.lan?pin=" PIN, "a/b@c?", "my_host-1.lan", 7835},
		{"adit://a:b!$&'()*+,;=@h?pin=" PIN, "a:b!$&'()*+,;=", "h", 7835},
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct join_line l, again;
		char *text;

		if (!ok(parse(good[i].line, &l) == 0, "line %zu is taken: %s", i, e.msg))
			continue;
		is_str(l.token, good[i].token, "its token");
		is_str(l.host, good[i].host, "its host");
		is_int(l.port, good[i].port, "its port");
		is_str(l.pin, PIN, "its pin");
		text = join_line_format(&l);
		ok(parse(text, &again) == 0 && memcmp(&l, &again, sizeof(l)) == 0,
			"%s is the same line", text);
		free(text);
	}
}

static void
test_bad(void)
{
	static const struct {
		const char *line, *says;
	} bad[] = {
		{"", "is empty"},
		{" \n", "is empty"},
		{"adit", "begins with \"adit://\""},
		{"http://t@h?pin=" PIN, "begins with \"adit://\""},
		{"'adit://t@h?pin=" PIN "'", "begins with \"adit://\""},
		{"ADIT://t@h?pin=" PIN, "begins with \"adit://\""},
		{"adit://", "no '@'"},
		{"adit://h:1?pin=" PIN, "no '@'"},
		{"adit://@h?pin=" PIN, "no token"},
		{"adit://t t@h?pin=" PIN, "one line"},
		{"adit://t@h?pin=\n" PIN, "one line"},
		{"adit://t%@h?pin=" PIN, "two hexadecimal digits"},
		{"adit://t%4@h?pin=" PIN, "two hexadecimal digits"},
		{"adit://t%4g@h?pin=" PIN, "two hexadecimal digits"},
		{"adit://t%00@h?pin=" PIN, "cannot be in one"},
		{"adit://t%20@h?pin=" PIN, "cannot be in one"},
		{"adit://t\xc3\xa4@h?pin=" PIN, "cannot be in one"},
		{"adit://t@h", "no pin"},
		{"adit://t@h:7835", "no pin"},
		{"adit://t@?pin=" PIN, "no host"},
		{"adit://t@:1?pin=" PIN, "no host"},
		{"adit://t@[]?pin=" PIN, "no host"},
		{"adit://t@/?pin=" PIN, "no host"},
		{"adit://t@[::1?pin=" PIN, "lacks its ']'"},
		{"adit://t@[::1]7?pin=" PIN, "only ':' and a port"},
		{"adit://t@[h]?pin=" PIN, "no name and no address"},
		{"adit://t@::1?pin=" PIN, "no host"},
		{"adit://t@2001:db8::1?pin=" PIN, "no name and no address"},
		{"adit://t@[:::]?pin=" PIN, "no name and no address"},
		{"adit://t@7835?pin=" PIN, "no name and no address"},
		{"adit://t@-h?pin=" PIN, "no name and no address"},
		{"adit://t@h%41?pin=" PIN, "no name and no address"},
		{"adit://t@u@h?pin=" PIN, "no name and no address"},
		{"adit://t@h/x?pin=" PIN, "no name and no address"},
		{"adit://t@h:?pin=" PIN, "a port from 1 to 65535"},
		{"adit://t@h:0?pin=" PIN, "a port from 1 to 65535"},
		{"adit://t@h:65536?pin=" PIN, "a port from 1 to 65535"},
		{"adit://t@h:000001?pin=" PIN, "a port from 1 to 65535"},
		{"adit://t@h:1a?pin=" PIN, "a port from 1 to 65535"},
		{"adit://t@h:-1?pin=" PIN, "a port from 1 to 65535"},
		{"adit://t@h?", "\"pin=sha256-"},
		{"adit://t@h?pin", "\"pin=sha256-"},
		{"adit://t@h?key=" PIN, "\"pin=sha256-"},
		{"adit://t@h?pin=", "too short"},
		{"adit://t@h?pin=sha1-abc", "begin with \"sha256-\""},
		{"adit://t@h?pin=sha256-", "too short"},
		{"adit://t@h?pin=sha256-AAECAwQF", "too short"},
		{"adit://t@h?pin=" PIN "A", "too long"},
		{"adit://t@h?pin=" PIN "AAAAAAAAAAAAAAAAAAAAAAAAA", "too long"},
		{"adit://t@h?pin=" PIN "=", "too long"},
		{"adit://t@h?pin=sha256-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", "damaged"},
		{"adit://t@h?pin=sha256-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBka+xwdHh8", "damaged"},
		{"adit://t@h?pin=" PIN "&pin=" PIN, "nothing can follow"},
		{"adit://t@h?pin=" PIN "#x", "nothing can follow"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct join_line l = {.port = 77};

		ok(parse(bad[i].line, &l) == -EINVAL && strstr(e.msg, bad[i].says) != NULL,
			"line %zu: %s", i, e.msg);
		is_int(l.port, 77, "nothing is given back");
	}
}

/* n letters c between head and tail. */
static int
parse_long(const char *head, char c, size_t n, const char *tail)
{
	size_t size = strlen(head) + n + strlen(tail) + 1;
	char *text = xmalloc(size);
	struct join_line l;
	int rc;

	memcpy(text, head, strlen(head));
	memset(text + strlen(head), c, n);
	memcpy(text + strlen(head) + n, tail, strlen(tail) + 1);
	rc = parse(text, &l);
	free(text);
	return rc;
}

static void
test_long(void)
{
	is_int(parse_long("adit://", 't', JOIN_TOKEN_MAX, "@h?pin=" PIN), 0, "the longest token");
	ok(parse_long("adit://", 't', JOIN_TOKEN_MAX + 1, "@h?pin=" PIN) < 0, "a longer one");
	is_int(parse_long("adit://t@", 'h', HOST_MAX, "?pin=" PIN), 0, "the longest host");
	ok(parse_long("adit://t@", 'h', HOST_MAX + 1, "?pin=" PIN) < 0, "a longer one");
	ok(parse_long("adit://t@h?pin=", 'A', 1 << 20, "") < 0 && strstr(e.msg, "longer"),
		"a line without end");
}

/* What is said about a line must not have the token in it. */
static void
test_secret(void)
{
	static const char *const bad[] = {"adit://sEcReT@h", "adit://sEcReT", "adit://sEcReT%@h",
		"adit://sEcReT@h:x?pin=" PIN, "sEcReT@h?pin=" PIN, "adit://sEcReT@h?pin=x"};
	struct join_line l;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ok(parse(bad[i], &l) < 0 && strstr(e.msg, "sEcReT") == NULL, "%s", e.msg);
}

int
main(void)
{
	test_good();
	test_bad();
	test_long();
	test_secret();
	return done_testing();
}
