/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What is said to a proxy, and what may come back: good answers of many forms, and bad ones. Each is
 * given whole and byte by byte, and must end in the same way at the same byte. */

#include <config.h>

#include <stdlib.h>

#include "io/proxy_talk.h"
#include "tap.h"
#include "util/compiler.h"
#include "wire/code.h"

static struct proxy
proxy_of(const char *url)
{
	struct err e;
	struct proxy p;

	must(proxy_parse(url, &p, &e) == 0);
	return p;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

struct answer {
	const char *text;
	size_t len;
	const char *error; /* part of it; NULL: open */
	int code;
	size_t rest; /* bytes behind it that are the server's */
};

#define OPEN(text, rest) {text, sizeof(text) - 1, NULL, CODE_NONE, rest}
#define NO(text, code, error) {text, sizeof(text) - 1, error, CODE_##code, 0}
/* More is waited for. */
#define HALF(text) {text, sizeof(text) - 1, "", CODE_NONE, 0}

/* Gives all bytes, at most piece at once; returns how many were the proxy's. */
static size_t
feed(struct proxy_talk *t, const uint8_t *p, size_t n, size_t piece)
{
	size_t taken = 0;

	while (taken < n && t->state == PROXY_TALKING)
		taken += proxy_talk_input(t, p + taken, MIN(piece, n - taken));
	return taken;
}

static void
try_answer(const char *url, const struct answer *a, size_t piece, int number)
{
	struct proxy p = proxy_of(url);
	struct proxy_talk t;
	size_t taken;

	proxy_talk_start(&t, &p, "example.org", 443);
	taken = feed(&t, (const uint8_t *)a->text, a->len, piece);
	if (a->error == NULL) {
		ok(t.state == PROXY_OPEN, "%d: open", number);
		is_int(taken, a->len - a->rest, "and what follows is left");
	} else if (a->error[0] == '\0') {
		ok(t.state == PROXY_TALKING && taken == a->len, "%d: more is waited for", number);
	} else {
		ok(t.state == PROXY_REFUSED, "%d: refused", number);
		is_int(t.code, a->code, "the code");
		if (!ok(strstr(t.error, a->error) != NULL, "the text has \"%s\"", a->error))
			diag("%s", t.error);
		ok(strncmp(t.error, "the proxy at p:1 ", 17) == 0, "and names the proxy");
	}
	proxy_talk_fini(&t);
	proxy_fini(&p);
}

static void
try_all(const char *url, const struct answer *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		try_answer(url, &all[i], SIZE_MAX, (int)i);
		try_answer(url, &all[i], 1, (int)i);
		try_answer(url, &all[i], 3, (int)i);
	}
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

static void
is_said(const char *url, const char *host, const char *want, const char *what)
{
	struct proxy p = proxy_of(url);
	struct proxy_talk t;

	proxy_talk_start(&t, &p, host, 443);
	ok(t.out_len == strlen(want) && memcmp(t.out, want, t.out_len) == 0, "%s", what);
	if (t.out_len != strlen(want))
		diag("got %.*s", (int)t.out_len, t.out);
	proxy_talk_fini(&t);
	ok(t.out_len == 0 && t.out[0] == 0, "and is forgotten");
	proxy_fini(&p);
}

#define AGENT "User-Agent: adit/" PACKAGE_VERSION "\r\n"

static void
test_http_request(void)
{
	is_said("http://p:1", "example.org",
		"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n" AGENT "\r\n",
		"a name is asked for as a name");
	is_said("http://p:1", "2001:db8::1",
		"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n" AGENT "\r\n",
		"a v6 address in brackets");
	is_said("http://Aladdin:open%20sesame@p:1", "h",
		"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n" AGENT
		"Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
		"the login is RFC 7617's");
	is_said("http://a:@p:1", "h",
		"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n" AGENT
		"Proxy-Authorization: Basic YTo=\r\n\r\n",
		"with an empty password");
	is_said("http://ab:c%c3%bf@p:1", "h",
		"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n" AGENT
		"Proxy-Authorization: Basic YWI6Y8O/\r\n\r\n",
		"and with bytes above 127");
}

/* The longest that can be asked fits. */
static void
test_longest(void)
{
	char url[700], a[256], host[HOST_MAX + 1];
	struct proxy_talk t;
	struct proxy p;

	memset(a, 'a', sizeof(a));
	a[255] = '\0';
	memset(host, 'h', HOST_MAX);
	host[HOST_MAX] = '\0';
	snprintf(url, sizeof(url), "http://%s:%s@p:1", a, a);
	p = proxy_of(url);
	proxy_talk_start(&t, &p, host, 65535);
	ok(t.out_len > 2 * HOST_MAX + 680 && t.state == PROXY_TALKING, "the longest HTTP request");
	proxy_fini(&p);
	snprintf(url, sizeof(url), "socks5://%s:%s@p:1", a, a);
	p = proxy_of(url);
	proxy_talk_start(&t, &p, host, 65535);
	proxy_talk_input(&t, (const uint8_t *)"\x05\x02\x01", 4);
	is_int(t.out_len, 4 + 3 + 510 + 4 + 1 + HOST_MAX + 2, "the longest SOCKS conversation");
	proxy_fini(&p);
}

static const struct answer http_answers[] = {
	OPEN("HTTP/1.1 200 Connection established\r\n\r\n", 0),
	OPEN("HTTP/1.0 200 OK\r\nVia: x\r\n\r\nrest", 4),
	OPEN("HTTP/1.1 200 OK\n\nrest", 4),
	OPEN("HTTP/1.1 200\r\n\r\n", 0),
	OPEN("HTTP/1.1 200 \r\n\r\n", 0),
	OPEN("HTTP/1.1 204 No Content\r\n\r\n\r\n", 2),
	OPEN("HTTP/1.1 299 x\r\n\r\n\0", 1),
	OPEN("HTTP/1.9 200 x\r\n\r\n", 0),
	OPEN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", 5),
	OPEN("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest", 4),
	OPEN("HTTP/1.1 102 a\r\nA: b\r\n\r\nHTTP/1.1 103 b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 0),
	OPEN("HTTP/1.1 200 \xc3\xa4\r\nX:\t\xff\r\n\r\n", 0),
	OPEN("HTTP/1.1 200 OK\r\nX:\r\nY: \t z\r\nProxy-Authenticate: Basic\r\n\r\n", 0),
	HALF(""),
	HALF("H"),
	HALF("HTTP/1.1 200 OK\r\n"),
	HALF("HTTP/1.1 200 OK\r\n\r"),
	HALF("HTTP/1.1 200 OK\r\nA: b"),
	HALF("HTTP/1.1 100 Continue\r\n\r\n"),
	HALF("HTTP/1.1 403 Forbidden\r\n"),
	NO("HTTP/1.1 403 Forbidden\r\n\r\n", NOT_PERMITTED,
		"refuses to connect to example.org:443: 403 Forbidden"),
	NO("HTTP/1.1 403\r\n\r\n", NOT_PERMITTED, "example.org:443: 403"),
	NO("HTTP/1.1 405 Method Not Allowed\r\n\r\n", NOT_PERMITTED, ": 405 Method Not Allowed"),
	NO("HTTP/1.0 501 Not Implemented\r\n\r\n", NOT_PERMITTED, ": 501"),
	NO("HTTP/1.1 404 Not Found\r\n\r\n", UNREACHABLE, ": 404 Not Found"),
	NO("HTTP/1.1 502 Bad Gateway\r\n\r\n", UNREACHABLE, ": 502 Bad Gateway"),
	NO("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\n\r\n<html>", UNREACHABLE, ": 503"),
	NO("HTTP/1.1 504 Gateway Timeout\r\n\r\n", CONNECT_TIMEOUT, ": 504 Gateway Timeout"),
	NO("HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", UNREACHABLE, ": 302 Found"),
	NO("HTTP/1.1 101 Switching Protocols\r\n\r\n", UNREACHABLE, ": 101 Switching"),
	NO("HTTP/1.1 400 a\x80\xff\tb\r\n\r\n", UNREACHABLE, ": 400 a???b"),
	NO("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n", NOT_PERMITTED, ": 403 No"),
	NO("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", AUTH_FAILED,
		"wants a user and a password: 407 Proxy Authentication Required"),
	NO("HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm=\"a\"\r\n\r\n", AUTH_FAILED,
		"wants a user and a password: 407 X"),
	NO("HTTP/1.1 407 X\r\nproxy-AUTHENTICATE:Negotiate\r\n\r\n", AUTH_FAILED,
		"wants a login by Negotiate, and adit knows Basic only"),
	NO("HTTP/1.1 407 X\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: basic realm=x\r\n\r\n",
		AUTH_FAILED, "wants a user and a password"),
	NO("HTTP/1.1 407 X\r\nProxy-Authenticate: basic\r\nProxy-Authenticate: Digest a=b\r\n\r\n",
		AUTH_FAILED, "wants a user and a password"),
	NO("HTTP/1.1 407 X\r\nProxy-Authenticate:\r\n\r\n", AUTH_FAILED, "wants a user"),
	NO("HTTP/1.1 407 X\r\nProxy-Authenticate: "
	   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n",
		AUTH_FAILED, "by aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, and"),
	NO("\r\nHTTP/1.1 200 OK\r\n\r\n", PROTOCOL, "does not answer as an HTTP proxy does"),
	NO("\nHTTP/1.1 200 OK\r\n\r\n", PROTOCOL, "does not answer as"),
	NO(" HTTP/1.1 200 OK\r\n\r\n", PROTOCOL, "does not answer as"),
	NO("http/1.1 200 OK\r\n\r\n", PROTOCOL, "does not answer as"),
	NO("HTTP/2 200\r\n\r\n", PROTOCOL, "does not answer as"),
	NO("HTTP/0.9 200 OK\r\n\r\n", PROTOCOL, "does not answer as"),
	NO("HTTP/11 200 OK\r\n\r\n", PROTOCOL, "does not answer as"),
	NO("HTTP/1\r\n", PROTOCOL, "does not answer as"),
	NO("HTTP\n", PROTOCOL, "does not answer as"),
	NO("ICY 200 OK\r\n\r\n", PROTOCOL, "does not answer as"),
	NO("SSH-2.0-OpenSSH_9.2\r\n", PROTOCOL, "does not answer as"),
	NO("220 mail ESMTP\r\n", PROTOCOL, "does not answer as"),
	NO("\x15\x03\x01\x00\x02\x02\x46", PROTOCOL, "does not answer as"),
	NO("\x05\xff", PROTOCOL, "does not answer as"),
	NO("\0", PROTOCOL, "does not answer as"),
	NO("<html>", PROTOCOL, "does not answer as"),
	NO("HTTP/1.x 200 OK\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 \r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 20\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 2000 OK\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1  200 OK\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1\t200 OK\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 20x OK\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 -20 OK\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 200OK\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.10 200 OK\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 000 x\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 099 x\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 600 x\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 999 x\r\n", PROTOCOL, "no status line"),
	NO("HTTP/1.1 200 OK\r\nno colon\r\n", PROTOCOL, "its head has a wrong line"),
	NO("HTTP/1.1 200 OK\r\n: x\r\n", PROTOCOL, "wrong line"),
	NO("HTTP/1.1 200 OK\r\nA : x\r\n", PROTOCOL, "wrong line"),
	NO("HTTP/1.1 200 OK\r\nA: x\r\n folded\r\n", PROTOCOL, "wrong line"),
	NO("HTTP/1.1 200 OK\r\n\tA: x\r\n", PROTOCOL, "wrong line"),
	NO("HTTP/1.1 200 OK\r\n\xff: x\r\n", PROTOCOL, "wrong line"),
	NO("HTTP/1.1 200 OK\rA: b\r\n\r\n", PROTOCOL, "a byte 0x41 in its head"),
	NO("HTTP/1.1 200 OK\r\r\n\r\n", PROTOCOL, "a byte 0x0d in its head"),
	NO("HTTP/1.1 200 O\0K\r\n", PROTOCOL, "a byte 0x00 in its head"),
	NO("HTTP/1.1 200 OK\r\nA: \x1b[2J\r\n", PROTOCOL, "a byte 0x1b in its head"),
	NO("HTTP/1.1 200 OK\r\nA: \x7f\r\n", PROTOCOL, "a byte 0x7f in its head"),
	NO("HTTP/1.1 100 a\r\n\r\n\r\n", PROTOCOL, "does not answer as"),
	NO("HTTP/1.1 100 a\r\n\r\nrest", PROTOCOL, "does not answer as"),
};

/* With a login: other texts, the same rules. */
static const struct answer http_login_answers[] = {
	OPEN("HTTP/1.1 200 OK\r\n\r\n", 0),
	NO("HTTP/1.1 407 Nope\r\nProxy-Authenticate: Basic realm=\"a\"\r\n\r\n", AUTH_FAILED,
		"refuses the user or the password: 407 Nope"),
	NO("HTTP/1.1 407 Nope\r\nProxy-Authenticate: Kerberos\r\n\r\n", AUTH_FAILED,
		"wants a login by Kerberos"),
	NO("HTTP/1.1 403 Forbidden\r\n\r\n", NOT_PERMITTED, "403 Forbidden"),
};

/* Repeats a line until the talk ends; returns the bytes that it took. */
static size_t
flood(const char *first, const char *line, struct proxy_talk *t)
{
	struct proxy p = proxy_of("http://p:1");
	size_t n = strlen(line), taken;

	proxy_talk_start(t, &p, "example.org", 443);
	taken = proxy_talk_input(t, (const uint8_t *)first, strlen(first));
	while (t->state == PROXY_TALKING && taken < 1000000)
		taken += proxy_talk_input(t, (const uint8_t *)line, n);
	proxy_fini(&p);
	return taken;
}

static void
test_endless(void)
{
	static const struct {
		const char *first, *line, *what;
	} given[] = {
		{"HTTP/1.1 200 OK\r\n", "A: b\r\n", "lines"},
		{"HTTP/1.1 200 OK\r\n", "aaaaaaaaaaaaa", "a name"},
		{"HTTP/1.1 200 OK\r\nA:", " b", "a line"},
		{"HTTP/1.1 200 OK", "K", "a status line"},
		{"", "HTTP/1.1 100 Continue\r\n\r\n", "heads"},
	};

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		struct proxy_talk t;
		size_t taken = flood(given[i].first, given[i].line, &t);

		ok(t.state == PROXY_REFUSED, "endless %s are refused", given[i].what);
		is_int(taken, PROXY_HEAD_MAX + 1, "at the first byte too many");
		ok(strstr(t.error, "a head of more than 16384 bytes") != NULL, "and said");
	}
}

/* A line is longer than what is kept of it, and that is no harm. */
static void
test_long_lines(void)
{
	static const size_t lengths[] = {254, 255, 256, 257, 1000, 8000};
	struct proxy p = proxy_of("http://p:1");

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		static char text[9000], name[8100];
		struct proxy_talk t;
		int n;

		memset(name, 'n', sizeof(name));
		n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nA:%.*s\r\n\r\n",
			(int)lengths[i] - 2, name);
		proxy_talk_start(&t, &p, "h", 1);
		proxy_talk_input(&t, (uint8_t *)text, (size_t)n);
		ok(t.state == PROXY_OPEN, "a field of %zu bytes", lengths[i]);
		n = snprintf(text, sizeof(text), "HTTP/1.1 403 %.*s\r\n\r\n", (int)lengths[i] - 13,
			name);
		proxy_talk_start(&t, &p, "h", 1);
		proxy_talk_input(&t, (uint8_t *)text, (size_t)n);
		ok(t.state == PROXY_REFUSED && t.code == CODE_NOT_PERMITTED,
			"a status line of %zu bytes", lengths[i]);
	}
	proxy_fini(&p);
}

/* ---- SOCKS ----------------------------------------------------------------------------------- */

/* One step: what has come, and what must have been said by then. */
struct step {
	const char *in;
	size_t n_in;
	const char *out;
	size_t n_out;
};

#define STEP(in, out) {in, sizeof(in) - 1, out, sizeof(out) - 1}

static void
try_steps(const char *url, const char *host, const struct step *steps, size_t n, const char *what)
{
	struct proxy p = proxy_of(url);
	struct proxy_talk t;

	proxy_talk_start(&t, &p, host, 0x1234);
	for (size_t i = 0; i < n; i++) {
		feed(&t, (const uint8_t *)steps[i].in, steps[i].n_in, 1);
		ok(t.out_len == steps[i].n_out && memcmp(t.out, steps[i].out, t.out_len) == 0,
			"%s, step %zu", what, i);
		t.out_len = 0;
	}
	ok(t.state == PROXY_OPEN, "and it is open");
	proxy_talk_fini(&t);
	proxy_fini(&p);
}

#define REPLIED STEP("\5\0\0\1\1\2\3\4\5\6", "")

static void
test_socks_steps(void)
{
	static const struct step name[] = {STEP("", "\5\1\0"),
		STEP("\5\0", "\5\1\0\3\7h.exmpl\x12\x34"), REPLIED};
	static const struct step v4[] = {STEP("", "\5\1\0"),
		STEP("\5\0", "\5\1\0\1\x0a\1\2\3\x12\x34"), REPLIED};
	static const struct step v6[] = {STEP("", "\5\1\0"),
		STEP("\5\0", "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x12\x34"), REPLIED};
	static const struct step login[] = {STEP("", "\5\2\0\2"), STEP("\5\2", "\1\3me!\2pw"),
		STEP("\1\0", "\5\1\0\3\1h\x12\x34"), REPLIED};
	static const struct step not_asked[] = {STEP("", "\5\2\0\2"),
		STEP("\5\0", "\5\1\0\3\1h\x12\x34"), REPLIED};

	try_steps("socks5://p:1", "h.exmpl", name, ARRAY_LEN(name), "a name");
	try_steps("socks5://p:1", "10.1.2.3", v4, ARRAY_LEN(v4), "a v4 address");
	try_steps("socks5://p:1", "2001:db8::1", v6, ARRAY_LEN(v6), "a v6 address");
	try_steps("socks5://me!:pw@p:1", "h", login, ARRAY_LEN(login), "a login");
	try_steps("socks5://me!:pw@p:1", "h", not_asked, ARRAY_LEN(not_asked),
		"a login that is not asked for");
}

static const struct answer socks_answers[] = {
	OPEN("\5\0\5\0\0\1\1\2\3\4\5\6", 0),
	OPEN("\5\0\5\0\0\1\1\2\3\4\5\6rest", 4),
	OPEN("\5\0\5\0\0\4" "0123456789abcdef" "\5\6rest", 4),
	OPEN("\5\0\5\0\0\3\4name\5\6rest", 4),
	OPEN("\5\0\5\0\0\3\0\5\6rest", 4),
	OPEN("\5\0\5\0\0\3\1\0\5\6\5", 1),
	HALF(""),
	HALF("\5"),
	HALF("\5\0"),
	HALF("\5\0\5"),
	HALF("\5\0\5\0\0\1\1\2\3\4\5"),
	HALF("\5\0\5\0\0\3\4name\5"),
	HALF("\5\0\5\0\0\3\xff"),
	NO("\5\0\5\1", UNREACHABLE, "refuses to connect to example.org:443: general failure"),
	NO("\5\0\5\2", NOT_PERMITTED, "example.org:443: not allowed by its rules"),
	NO("\5\0\5\3", UNREACHABLE, ": network unreachable"),
	NO("\5\0\5\4\0\1\0\0\0\0\0\0", UNREACHABLE, ": host unreachable"),
	NO("\5\0\5\5", REFUSED, ": connection refused"),
	NO("\5\0\5\6", CONNECT_TIMEOUT, ": TTL expired"),
	NO("\5\0\5\7", NOT_PERMITTED, ": command not supported"),
	NO("\5\0\5\x8", NOT_PERMITTED, ": address type not supported"),
	NO("\5\0\5\x9", UNREACHABLE, ": unknown reply 0x09"),
	NO("\5\0\5\xff", UNREACHABLE, ": unknown reply 0xff"),
	NO("\5\xff", AUTH_FAILED, "wants a login"),
	NO("\5\2", PROTOCOL, "a login that was not offered (0x02)"),
	NO("\5\1", PROTOCOL, "a login that was not offered (0x01)"),
	NO("\5\x80", PROTOCOL, "a login that was not offered (0x80)"),
	NO("\4\0", PROTOCOL, "does not answer as a SOCKS5 proxy does"),
	NO("\0\x5a", PROTOCOL, "does not answer as a SOCKS5 proxy does"),
	NO("HTTP/1.1 400 Bad Request\r\n", PROTOCOL, "does not answer as a SOCKS5 proxy does"),
	NO("\5\0\4\0\0\1", PROTOCOL, "does not answer as"),
	NO("\5\0\0\0\0\1", PROTOCOL, "does not answer as"),
	NO("\5\0\5\0\1\1", PROTOCOL, "reserved byte 0x01"),
	NO("\5\0\5\0\0\0", PROTOCOL, "address type 0"),
	NO("\5\0\5\0\0\2", PROTOCOL, "address type 2"),
	NO("\5\0\5\0\0\5", PROTOCOL, "address type 5"),
	NO("\5\0\5\0\0\xff", PROTOCOL, "address type 255"),
};

static const struct answer socks_login_answers[] = {
	OPEN("\5\0\5\0\0\1\1\2\3\4\5\6", 0),
	OPEN("\5\2\1\0\5\0\0\1\1\2\3\4\5\6rest", 4),
	HALF("\5\2"),
	HALF("\5\2\1"),
	HALF("\5\2\1\0"),
	NO("\5\2\1\1", AUTH_FAILED, "refuses the user or the password"),
	NO("\5\2\1\xff", AUTH_FAILED, "refuses the user or the password"),
	NO("\5\2\5\0", PROTOCOL, "bad answer to the login (version 5)"),
	NO("\5\2\0\0", PROTOCOL, "bad answer to the login (version 0)"),
	NO("\5\xff", AUTH_FAILED, "takes no login by user and password, nor none"),
	NO("\5\1", PROTOCOL, "not offered (0x01)"),
	NO("\5\2\1\0\5\2", NOT_PERMITTED, "not allowed by its rules"),
	NO("\5\2\1\0\1\0", PROTOCOL, "does not answer as"),
};

/* The longest name that an answer can have, of which nothing is kept. */
static void
test_socks_long(void)
{
	struct proxy p = proxy_of("socks5://p:1");
	uint8_t in[2 + PROXY_SOCKS_ANSWER_MAX + 5];
	struct proxy_talk t;

	memset(in, 0xff, sizeof(in));
	memcpy(in, "\5\0\5\0\0\3\xff", 7);
	proxy_talk_start(&t, &p, "h", 1);
	is_int(proxy_talk_input(&t, in, sizeof(in)), 2 + PROXY_SOCKS_ANSWER_MAX,
		"a name of 255 bytes is skipped");
	ok(t.state == PROXY_OPEN, "and it is open");
	proxy_fini(&p);
}

int
main(void)
{
	test_http_request();
	test_longest();
	try_all("http://p:1", http_answers, ARRAY_LEN(http_answers));
	try_all("http://u:w@p:1", http_login_answers, ARRAY_LEN(http_login_answers));
	test_endless();
	test_long_lines();
	test_socks_steps();
	try_all("socks5://p:1", socks_answers, ARRAY_LEN(socks_answers));
	try_all("socks5://u:w@p:1", socks_login_answers, ARRAY_LEN(socks_login_answers));
	test_socks_long();
	return done_testing();
}
