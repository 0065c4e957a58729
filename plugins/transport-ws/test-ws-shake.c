/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The WebSocket handshake: the tables requests.txt and answers.txt in one piece and byte by byte,
 * the answers to requests, SHA-1 and the key, what the agent asks with and the user's fields. */

#include "tap.h"
#include "nets.h"
#include "test-table.h"
#include "ws_shake.h"

#define MESSAGE_MAX 20000
#define KEY	    "dGhlIHNhbXBsZSBub25jZQ==" /* that of RFC 6455 section 1.3 */

/* ---- Messages of a table --------------------------------------------------------------------- */

struct message {
	char line[16][512];
	size_t len[16], n;
	char body[512], text[MESSAGE_MAX];
	size_t body_len, text_len;
};

static void
add_line(struct message *m, const char *p, size_t n)
{
	memcpy(m->line[m->n], p, n);
	m->len[m->n++] = n;
}

static size_t
find_line(const struct message *m, const char *name, size_t n)
{
	for (size_t i = 1; i < m->n; i++)
		if (strncmp(m->line[i], name, n) == 0 && m->line[i][n] == ':')
			return i;
	diag("no field %.*s", (int)n, name);
	exit(99);
}

static void
put(struct message *m, const char *p, size_t n)
{
	memcpy(m->text + m->text_len, p, n);
	m->text_len += n;
}

static void
pad(struct message *m, const char *before, size_t n)
{
	put(m, before, strlen(before));
	memset(m->text + m->text_len, 'x', n);
	m->text_len += n;
	put(m, "\r\n", 2);
}

static void
edit(struct message *m, char *verb, size_t *padding, bool *raw)
{
	char *arg = strchr(verb, ':') + 1;
	size_t n, i;

	arg += *arg == ' ';
	*padding = strncmp(verb, "pad", 3) == 0 ? strtoul(arg, NULL, 10) : *padding;
	n = table_unescape(arg);
	if (strncmp(verb, "first:", 6) == 0) {
		memcpy(m->line[0], arg, n);
		m->len[0] = n;
	} else if (strncmp(verb, "pad-first:", 10) == 0) {
		m->n = 0;
	} else if (strncmp(verb, "drop:", 5) == 0) {
		i = find_line(m, arg, n);
		m->len[i] = 0;
		memset(m->line[i], 0, sizeof(m->line[i]));
	} else if (strncmp(verb, "set:", 4) == 0) {
		i = find_line(m, arg, strcspn(arg, ":"));
		memcpy(m->line[i], arg, n);
		m->len[i] = n;
	} else if (strncmp(verb, "add:", 4) == 0) {
		add_line(m, arg, n);
	} else if (strncmp(verb, "raw:", 4) == 0) {
		put(m, arg, n);
		*raw = true;
	} else if (strncmp(verb, "body:", 5) == 0) {
		memcpy(m->body, arg, n);
		m->body_len = n;
	} else if (strncmp(verb, "pad:", 4) != 0) {
		diag("what is %s", verb);
		exit(99);
	}
}

/* The lines of base with the edits. */
static void
build(struct message *m, const char *const *base, char *edits)
{
	size_t padding = 0;
	bool raw = false;
	char *next;

	memset(m, 0, sizeof(*m));
	for (; *base != NULL; base++)
		add_line(m, *base, strlen(*base));
	for (char *e = edits; e != NULL && strcmp(edits, "-") != 0; e = next) {
		next = strstr(e, " ;; ");
		if (next != NULL) {
			*next = '\0';
			next += 4;
		}
		edit(m, e, &padding, &raw);
	}
	if (raw)
		return;
	for (size_t i = 0; i < m->n; i++) {
		if (m->len[i] == 0)
			continue;
		put(m, m->line[i], m->len[i]);
		put(m, "\r\n", 2);
	}
	if (padding > 0)
		pad(m, m->n == 0 ? "GET /" : "X-Pad: ", padding);
	put(m, "\r\n", 2);
	put(m, m->body, m->body_len);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static struct ws_answer
judge(const struct message *m, size_t step, struct ws_request *req, size_t *used)
{
	struct ws_answer a = {0};
	size_t seen = 0;

	for (size_t n = step; a.status == 0 && n <= m->text_len; n += step)
		a = ws_request_judge(m->text, n, &seen, "/adit", req, used);
	return a;
}

static void
check_answer(const struct message *m, struct ws_answer a, const struct ws_request *req)
{
	char out[WS_ANSWER_MAX];
	size_t n = ws_answer_format(out, a, req);
	const char *end = strstr(out, "\r\n\r\n"), *length = strstr(out, "Content-Length: ");
	bool head = m->text_len > 5 && memcmp(m->text, "HEAD ", 5) == 0 && req->method.n > 0;

	ok(n < WS_ANSWER_MAX && n == strlen(out) && end != NULL, "its answer is whole");
	if (a.status == 101) {
		char accept[WS_ACCEPT + 1];

		ws_key_accept(req->key.p, accept);
		ok(strstr(out, accept) != NULL && end[4] == '\0',
			"it has what the key leads to, and no body");
		ok((strstr(out, "Sec-WebSocket-Protocol: adit.1\r\n") != NULL) == req->offers_adit,
			"and the subprotocol if it was offered");
		return;
	}
	ok(strstr(out, "close\r\n") != NULL && length != NULL &&
			(head ? end[4] == '\0' : strlen(end + 4) == strtoul(length + 16, NULL, 10)),
		"with the end of the connection and %s",
		head ? "no body" : "the length of its body");
}

static void
test_requests(void)
{
	static const char *const base[] = {"GET /adit HTTP/1.1", "Host: example.net",
		"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: " KEY, NULL};
	static struct message m;
	struct table t;
	int rows = 0, refused = 0;

	table_open(&t, "requests.txt");
	while (table_row(&t)) {
		unsigned want = (unsigned)strtoul(t.column[2], NULL, 10);
		struct ws_request req;
		struct ws_answer a;
		size_t used;

		build(&m, base, t.column[1]);
		rows++;
		refused += want >= 400;
		a = judge(&m, 1, &req, &used);
		ok(a.status == want, "%s: %u byte by byte", t.column[0], a.status);
		a = judge(&m, m.text_len, &req, &used);
		ok(a.status == want && (want >= 400) == (a.why != NULL) &&
				(a.why == NULL || strstr(a.why, t.column[3]) != NULL),
			"%s: %u %s", t.column[0], a.status, a.why != NULL ? a.why : "");
		ok(want == 400 || want == 431 || used == m.text_len - m.body_len,
			"and so much was the request");
		check_answer(&m, a, &req);
	}
	ok(rows >= 100 && refused >= 75, "%d rows, %d of them refused", rows, refused);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void
test_answers(void)
{
	static const char *const base[] = {"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket",
		"Connection: Upgrade", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
		"Sec-WebSocket-Protocol: adit.1", NULL};
	const struct ws_ask ask = {.host = "example.net", .path = "/adit", .key = KEY};
	static struct message m;
	struct table t;
	int rows = 0;

	table_open(&t, "answers.txt");
	while (table_row(&t)) {
		bool up = strcmp(t.column[2], "up") == 0;

		build(&m, base, t.column[1]);
		rows++;
		for (size_t step = 1; step <= m.text_len; step += m.text_len - 1) {
			enum ws_verdict v = WS_WAIT;
			char text[160] = "";
			size_t seen = 0, used = 0;

			for (size_t n = step; v == WS_WAIT && n <= m.text_len; n += step)
				v = ws_verdict(m.text, n, &seen, &ask, &used, text, sizeof(text));
			ok(up ? v == WS_UP && used == m.text_len - m.body_len
			      : v == WS_NO && (step == 1 || strstr(text, t.column[2]) != NULL),
				"%s: %s", t.column[0], up ? "up" : text);
		}
	}
	ok(rows >= 50, "%d rows", rows);
}

/* ---- The rest -------------------------------------------------------------------------------- */

static void
test_key(void)
{
	static const struct {
		const char *text, *digest;
	} sha[] = {
		{"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
	};
	char accept[WS_ACCEPT + 1], key[WS_KEY + 1];
	uint8_t digest[20], one[WS_SHA1_MAX];

	for (size_t i = 0; i < sizeof(sha) / sizeof(sha[0]); i++) {
		char hex[41];

		ws_sha1(sha[i].text, strlen(sha[i].text), digest);
		for (int j = 0; j < 20; j++)
			snprintf(hex + 2 * j, 3, "%02x", digest[j]);
		is_str(hex, sha[i].digest, "SHA-1 is that of FIPS 180-4");
	}
	memset(one, 'a', sizeof(one));
	ws_sha1(one, 55, digest);
	is_mem(digest,
		"\xc1\xc8\xbb\xdc\x22\x79\x6e\x28\xc0\xe1\x51\x63\xd2\x08\x99\xb6\x56\x21\xd6"
		"\x5a",
		20, "of 55 bytes");
	ws_sha1(one, 64, digest);
	is_mem(digest,
		"\x00\x98\xba\x82\x4b\x5c\x16\x42\x7b\xd7\xa1\x12\x2a\x5a\x44\x2a\x25\xec\x64"
		"\x4d",
		20, "of 64 bytes");
	ws_sha1(one, 119, digest);
	is_mem(digest,
		"\xee\x97\x10\x65\xaa\xa0\x17\xe0\x63\x2a\x8c\xa6\xc7\x7b\xb3\xbf\x8b\x1d\xfc"
		"\x56",
		20, "of 119 bytes");
	ws_key_accept(KEY, accept);
	is_str(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the example of RFC 6455");
	ws_key_format((const uint8_t *)"the sample nonce", key);
	is_str(key, KEY, "and its key");
	ok(ws_key_valid(key, WS_KEY), "which is one");
}

static const char *
asked(struct ws_ask ask, char *out, size_t cap)
{
	size_t n = ws_ask_format(out, cap, &ask);

	return n == strlen(out) ? out : "";
}

static void
test_ask(void)
{
	struct ws_ask ask = {.host = "example.net",
		.port = 80,
		.default_port = 80,
		.path = "/adit",
		.key = KEY,
		.fields = "User-Agent: x\r\n"};
	char out[1024];
	struct ws_request req;
	size_t seen = 0, used;

	is_str(asked(ask, out, sizeof(out)),
		"GET /adit HTTP/1.1\r\nHost: example.net\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY
		"\r\nSec-WebSocket-Protocol: adit.1\r\nUser-Agent: x\r\n\r\n",
		"the agent's request");
	is_int(ws_request_judge(out, strlen(out), &seen, "/adit", &req, &used).status, 101,
		"which our server takes");
	ask.port = 8080;
	ok(strstr(asked(ask, out, sizeof(out)), "Host: example.net:8080\r\n") != NULL,
		"a port that is not the usual one is named");
	ask.host = "2001:db8::1";
	ok(strstr(asked(ask, out, sizeof(out)), "Host: [2001:db8::1]:8080\r\n") != NULL,
		"an IPv6 address stands in brackets");
	ask.no_host = true;
	ok(strstr(asked(ask, out, sizeof(out)), "Host:") == NULL, "no Host if the user has one");
	is_int(ws_ask_format(out, 100, &ask), 0, "what does not fit is not sent");
}

static void
test_fields(void)
{
	static const char *const bad[] = {"", "X", "X y: z", ": z", "X-A: b\r\nUpgrade: h2c",
		"X-A: b\n", "X-A: b\rc", "X-A: \x1b", "Connection: close", "upgrade: h2c",
		"Content-Length: 3", "transfer-encoding: chunked", "Sec-WebSocket-Key: x",
		"sec-websocket-protocol: y", "Expect: 100-continue", " X: y", "X : y"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(ws_field_check(bad[i]) != NULL, "refused: field %zu, it %s", i,
			ws_field_check(bad[i]) != NULL ? ws_field_check(bad[i]) : "is taken");
	is_str(ws_field_check("Host: front.example"), NULL, "Host may be set");
	is_str(ws_field_check("CF-Access-Client-Id: x.access"), NULL, "and what a front wants");
	is_str(ws_field_check("X-Empty:"), NULL, "and an empty value");
}

/* ---- Trusted proxies ------------------------------------------------------------------------- */

static const char *
origin(const struct nets *s, const char *peer, const char *one, const char *two)
{
	static char out[NETS_TEXT];
	const struct span lines[2] = {{one, strlen(one)}, {two, strlen(two)}};

	snprintf(out, sizeof(out), "-");
	return nets_origin(s, peer, lines, two[0] != '\0' ? 2 : 1, out) ? out : NULL;
}

static void
test_nets(void)
{
	static const char *const bad[] = {"", "a", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
		"10.0.0.0/8x", "10.0.0", "::1/129", "10.0.0.0/ 8", "[::1]", "10.0.0.0/8/8"};
	struct nets s = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(nets_add(&s, bad[i]) < 0, "\"%s\" is no network", bad[i]);
	ok(nets_add(&s, "127.0.0.1") == 0 && nets_add(&s, "10.20.0.0/14") == 0 &&
			nets_add(&s, "2001:db8::/33") == 0,
		"three are");
	is_str(origin(&s, "192.0.2.9", "198.51.100.1", ""), NULL,
		"who is not trusted says nothing");
	is_str(origin(&s, "127.0.0.1", "", ""), NULL, "who says nothing speaks for itself");
	is_str(origin(&s, "127.0.0.1", "198.51.100.1", ""), "198.51.100.1", "one proxy");
	is_str(origin(&s, "127.0.0.1", "198.51.100.1, 198.51.100.2", ""), "198.51.100.2",
		"what came to it already is not believed");
	is_str(origin(&s, "127.0.0.1", "198.51.100.1, 10.23.255.255", ""), "198.51.100.1",
		"a chain of two");
	is_str(origin(&s, "127.0.0.1", "198.51.100.1, 10.24.0.0", ""), "10.24.0.0",
		"just behind the network");
	is_str(origin(&s, "127.0.0.1", "198.51.100.1", "10.20.0.1"), "198.51.100.1",
		"in two lines");
	is_str(origin(&s, "127.0.0.1", "10.20.0.9,10.20.0.1", ""), "10.20.0.9",
		"all trusted: the leftmost");
	is_str(origin(&s, "127.0.0.1", "unknown, 10.20.0.1", ""), "10.20.0.1",
		"no further than what can be read");
	is_str(origin(&s, "127.0.0.1", "for=1", ""), NULL, "nothing that can be read");
	is_str(origin(&s, "127.0.0.1", "198.51.100.1:4711", ""), "198.51.100.1", "with a port");
	is_str(origin(&s, "127.0.0.1", "[2001:db9::1]:4711", ""), "2001:db9::1",
		"IPv6 with a port");
	is_str(origin(&s, "127.0.0.1", "2001:db9::1", ""), "2001:db9::1", "IPv6");
	is_str(origin(&s, "2001:db8:7fff::1", "198.51.100.1", ""), "198.51.100.1", "an IPv6 proxy");
	is_str(origin(&s, "2001:db8:8000::1", "198.51.100.1", ""), NULL,
		"and one behind the network");
	nets_fini(&s);
	is_str(origin(&s, "127.0.0.1", "198.51.100.1", ""), NULL,
		"nobody is trusted if none is named");
}

int
main(void)
{
	test_nets();
	test_key();
	test_ask();
	test_fields();
	test_requests();
	test_answers();
	return done_testing();
}
