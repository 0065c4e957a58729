/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/msg.c: every payload there and back, cut at every byte, and with bytes behind it. */

#include <config.h>

#include <stdlib.h>

#include "tap.h"
#include "util/compiler.h"
#include "wire/frame.h"
#include "wire/msg.h"

typedef const char *decoder(const uint8_t *p, size_t n);

/* The decoders without their results, so that one loop can try them all. */
#define DECODER(kind)                                                                              \
	static const char *judge_##kind(const uint8_t *p, size_t n)                                \
	{                                                                                          \
		struct msg_##kind m;                                                               \
                                                                                                   \
		memset(&m, 0x5a, sizeof(m));                                                       \
		return msg_##kind##_decode(p, n, &m);                                              \
	}

DECODER(hello)
DECODER(auth)
DECODER(auth_ok)
DECODER(auth_fail)
DECODER(resume)
DECODER(resume_ok)
DECODER(bind)
DECODER(bind_ok)
DECODER(bind_fail)
DECODER(open)
DECODER(end)
DECODER(goaway)

static const char *
judge_data(const uint8_t *p, size_t n)
{
	struct text t;

	return msg_data_decode(p, n, &t);
}

static const char *
judge_credit(const uint8_t *p, size_t n)
{
	struct msg_credit c;

	return msg_credit_decode(p, n, &c);
}

static const char *
judge_u32(const uint8_t *p, size_t n)
{
	uint32_t v;

	return msg_u32_decode(p, n, &v);
}

static const char *
judge_u64(const uint8_t *p, size_t n)
{
	uint64_t v;

	return msg_u64_decode(p, n, &v);
}

static bool
same(struct text a, const char *b)
{
	return a.n == strlen(b) && memcmp(a.p, b, a.n) == 0;
}

/* p holds a payload without tail. In memory of exactly its size, so that reading on is noticed. */
static void
cut_and_stretch(const char *name, decoder *judge, const uint8_t *p, size_t n, bool tail)
{
	unsigned taken = 0;
	uint8_t *b;

	must(n > 0);
	for (size_t i = 0; i < n; i++) {
		b = xmalloc(i);
		memcpy(b, p, i);
		taken += judge(b, i) == NULL;
		free(b);
	}
	ok(taken == 0, "%s: no cut is taken (%zu bytes)", name, n);
	b = xcalloc(1, n + 12);
	memcpy(b, p, n);
	ok(judge(b, n) == NULL, "%s: whole, it is", name);
	ok(judge(b, n + 1) != NULL, "%s: a byte too many is not", name);
	ok(judge(b, n + 3) != NULL, "%s: nor are three", name);
	ok((judge(b, n + 4) == NULL) == tail, "%s: an extension %s", name, tail ? "is" : "is not");
	ok((judge(b, n + 8) == NULL) == tail, "%s: two are the same", name);
	b[n + 3] = 4;
	ok((judge(b, n + 8) == NULL) == tail, "%s: or one with four bytes", name);
	ok(judge(b, n + 7) != NULL, "%s: of which none may be missing", name);
	b[n + 2] = 0xff;
	ok(judge(b, n + 12) != NULL, "%s: nor may it lie about its length", name);
	free(b);
}

static void
test_hello(void)
{
	struct msg_hello h = {.version_min = 1,
		.version_max = 7,
		.role = 1,
		.features = 0x123456789abcdef0,
		.max_frame = 262144,
		.stream_window = 16777216,
		.session_window = 1073741824,
		.nonce = "0123456789abcdef0123456789abcde",
		.software = text_of("adit 0.1.0"),
		.instance = 0xfedcba9876543210,
		.member = 16},
			 g;
	uint8_t p[512];
	size_t n = msg_hello_encode(p, sizeof(p), &h);

	ok(n > 0 && msg_hello_decode(p, n, &g) == NULL, "HELLO");
	ok(g.version_min == 1 && g.version_max == 7 && g.role == 1 && g.features == h.features,
		"versions, role, features");
	ok(g.max_frame == h.max_frame && g.stream_window == h.stream_window &&
			g.session_window == h.session_window,
		"sizes");
	is_mem(g.nonce, h.nonce, MSG_NONCE, "nonce");
	ok(same(g.software, "adit 0.1.0"), "software");
	ok(g.instance == h.instance && g.member == 16, "which session of which agent");
	is_int(msg_hello_encode(p, n - 1, &h), 0, "no room is said");
	is_int(msg_hello_encode(p, n, &h), n, "just enough is enough");
	is_int(g.streams, 0, "no number of streams is said");
	h.streams = 4711;
	is_int(msg_hello_encode(p, sizeof(p), &h), n + 8, "one that is");
	ok(msg_hello_decode(p, n + 8, &g) == NULL && g.streams == 4711, "comes back");
	memset(p + n + 4, 0, 4);
	ok(msg_hello_decode(p, n + 8, &g) != NULL, "0 streams are illegal");
	p[n + 3] = 3;
	p[n + 6] = 1;
	ok(msg_hello_decode(p, n + 7, &g) != NULL, "so is a number of three bytes");
	p[n + 3] = 5;
	p[n + 8] = 1;
	ok(msg_hello_decode(p, n + 9, &g) != NULL, "or of five");
	h.streams = 0;
	h.instance = 0;
	n = msg_hello_encode(p, sizeof(p), &h);
	ok(n > 0 && msg_hello_decode(p, n, &g) == NULL && g.instance == 0 && g.member == 0,
		"an agent may keep that to itself");
	cut_and_stretch("HELLO", judge_hello, p, n, true);
}

static bool
hello_with(size_t at, size_t size, uint64_t v)
{
	struct msg_hello h = {.version_min = 1, .version_max = 1, .max_frame = 16384,
		.stream_window = 16384, .session_window = 65536, .software = text_of(""),
		.instance = 1, .member = 1};
	uint8_t p[512];
	size_t n = msg_hello_encode(p, sizeof(p), &h);

	for (size_t i = 0; i < size; i++)
		p[at + i] = (uint8_t)(v >> 8 * (size - 1 - i));
	return judge_hello(p, n) == NULL;
}

static void
test_hello_ranges(void)
{
	ok(hello_with(0, 4, 0x41444954) && !hello_with(0, 4, 0x41444955), "the magic");
	ok(!hello_with(4, 2, 0x0201) && hello_with(4, 2, 0x0001) && hello_with(4, 2, 0x01ff),
		"versions");
	ok(hello_with(6, 1, 1) && !hello_with(6, 1, 2), "role");
	ok(hello_with(7, 1, 0xff), "the reserved byte is ignored");
	ok(hello_with(16, 4, 262144) && !hello_with(16, 4, 262145) && !hello_with(16, 4, 16383),
		"max_frame");
	ok(hello_with(20, 4, 16777216) && !hello_with(20, 4, 16777217) && !hello_with(20, 4, 16383),
		"stream_window");
	ok(hello_with(24, 4, 1073741824) && !hello_with(24, 4, 1073741825) &&
			!hello_with(24, 4, 65535),
		"session_window");
	ok(hello_with(61, 2, 0xffff) && !hello_with(63, 2, 8) && !hello_with(63, 2, 10),
		"an extension has its length");
	ok(hello_with(65, 8, UINT64_MAX) && !hello_with(65, 8, 0), "instance");
	ok(hello_with(73, 1, 16) && !hello_with(73, 1, 17) && !hello_with(73, 1, 0), "member");
}

static void
test_login(void)
{
	struct msg_auth a = {text_of("token"), text_of("web1"), text_of("proof")}, b;
	struct msg_auth_ok ok1 = {0xfedcba9876543210, text_of("acme"), text_of("web1"),
		0x102030405060708, 60000, text_of("thirty-two bytes that are a key!"),
		text_of("server")}, ok2;
	struct msg_auth_fail fail = {3, 90000, text_of("no")}, fail2;
	struct msg_resume r1 = {0x123456789abcdef0, text_of("thirty-two bytes that are a key!"), 4711}, r2;
	struct msg_resume_ok r3;
	struct text data;
	uint8_t p[512];
	size_t n = msg_auth_encode(p, sizeof(p), &a);

	ok(msg_auth_decode(p, n, &b) == NULL, "AUTH");
	ok(same(b.method, "token") && same(b.agent, "web1") && same(b.data, "proof"), "its fields");
	cut_and_stretch("AUTH", judge_auth, p, n, false);

	n = msg_auth_ok_encode(p, sizeof(p), &ok1);
	ok(msg_auth_ok_decode(p, n, &ok2) == NULL && ok2.session == ok1.session, "AUTH_OK");
	ok(same(ok2.account, "acme") && same(ok2.agent, "web1") && ok2.resume_ms == 60000 &&
			ok2.expires_ms == ok1.expires_ms &&
			same(ok2.secret, "thirty-two bytes that are a key!") &&
			same(ok2.data, "server"),
		"its fields");
	cut_and_stretch("AUTH_OK", judge_auth_ok, p, n, true);
	ok1.resume_ms = 0;
	ok1.secret = text_of(NULL);
	n = msg_auth_ok_encode(p, sizeof(p), &ok1);
	ok(msg_auth_ok_decode(p, n, &ok2) == NULL && ok2.resume_ms == 0 && ok2.secret.n == 0,
		"without anything to resume with");
	cut_and_stretch("AUTH_OK", judge_auth_ok, p, n, true);

	n = msg_auth_fail_encode(p, sizeof(p), &fail);
	ok(msg_auth_fail_decode(p, n, &fail2) == NULL && fail2.code == 3 &&
			fail2.retry_after_ms == 90000 && same(fail2.text, "no"),
		"AUTH_FAIL");
	cut_and_stretch("AUTH_FAIL", judge_auth_fail, p, n, false);

	n = msg_resume_encode(p, sizeof(p), &r1);
	ok(msg_resume_decode(p, n, &r2) == NULL && r2.session == r1.session && r2.received == 4711 &&
			same(r2.secret, "thirty-two bytes that are a key!"),
		"RESUME");
	cut_and_stretch("RESUME", judge_resume, p, n, false);
	n = msg_resume_ok_encode(p, sizeof(p), &(struct msg_resume_ok){r1.session});
	ok(msg_resume_ok_decode(p, n, &r3) == NULL && r3.received == r1.session, "RESUME_OK");
	cut_and_stretch("RESUME_OK", judge_resume_ok, p, n, false);

	n = msg_data_encode(p, sizeof(p), text_of("challenge"));
	ok(msg_data_decode(p, n, &data) == NULL && same(data, "challenge"), "AUTH_CHALLENGE");
	cut_and_stretch("AUTH_CHALLENGE", judge_data, p, n, false);
}

static void
test_tunnels(void)
{
	struct msg_bind b = {.tunnel = 0x01020304,
		.route = text_of("port"),
		.name = text_of("ssh.1_x-Y"),
		.n_params = 2,
		.param = {{text_of("port"), text_of("10022")}, {text_of("note"), text_of("")}}},
			c;
	struct msg_bind_ok ok1 = {5, text_of("tcp://[::]:10022")}, ok2;
	struct msg_bind_fail f1 = {6, 24, text_of("which port?")}, f2;
	uint8_t p[512];
	size_t n = msg_bind_encode(p, sizeof(p), &b);

	ok(msg_bind_decode(p, n, &c) == NULL && c.tunnel == b.tunnel, "BIND");
	ok(same(c.route, "port") && same(c.name, "ssh.1_x-Y") && c.n_params == 2, "its fields");
	ok(same(c.param[0].key, "port") && same(c.param[0].value, "10022") &&
			same(c.param[1].key, "note") && same(c.param[1].value, ""),
		"its parameters");
	cut_and_stretch("BIND", judge_bind, p, n, true);

	n = msg_bind_ok_encode(p, sizeof(p), &ok1);
	ok(msg_bind_ok_decode(p, n, &ok2) == NULL && ok2.tunnel == 5 &&
			same(ok2.address, "tcp://[::]:10022"),
		"BIND_OK");
	cut_and_stretch("BIND_OK", judge_bind_ok, p, n, true);

	n = msg_bind_fail_encode(p, sizeof(p), &f1);
	ok(msg_bind_fail_decode(p, n, &f2) == NULL && f2.tunnel == 6 && f2.code == 24 &&
			same(f2.text, "which port?"),
		"BIND_FAIL");
	cut_and_stretch("BIND_FAIL", judge_bind_fail, p, n, false);
}

static void
test_bind_limits(void)
{
	struct msg_bind b = {.tunnel = 1, .route = text_of("r"), .name = text_of("n")}, c;
	char longest[66];
	uint8_t p[FRAME_CONTROL_MAX];
	size_t n;

	memset(longest, 'x', 65);
	longest[65] = '\0';
	b.n_params = MSG_PARAMS_MAX;
	for (unsigned i = 0; i < b.n_params; i++)
		b.param[i].key = b.param[i].value = text_of("k");
	n = msg_bind_encode(p, sizeof(p), &b);
	ok(msg_bind_decode(p, n, &c) == NULL && c.n_params == 16, "sixteen parameters");
	p[8]++; /* the count */
	ok(msg_bind_decode(p, n, &c) != NULL, "not seventeen");
	b.n_params = 0;
	b.name = (struct text){longest, 64};
	n = msg_bind_encode(p, sizeof(p), &b);
	ok(msg_bind_decode(p, n, &c) == NULL, "a name of 64");
	b.name = text_of(longest);
	n = msg_bind_encode(p, sizeof(p), &b);
	ok(msg_bind_decode(p, n, &c) != NULL, "not of 65");
	b.name = text_of("");
	n = msg_bind_encode(p, sizeof(p), &b);
	ok(msg_bind_decode(p, n, &c) != NULL, "nor of none");
	b.name = text_of("a b");
	n = msg_bind_encode(p, sizeof(p), &b);
	ok(msg_bind_decode(p, n, &c) != NULL, "nor with a blank");
	b.name = text_of("n");
	b.tunnel = 0;
	n = msg_bind_encode(p, sizeof(p), &b);
	ok(msg_bind_decode(p, n, &c) != NULL, "tunnel 0 is none");
	b.tunnel = 1;
	b.n_params = 1;
	b.param[0].value = (struct text){(const char *)p, 5000};
	is_int(msg_bind_encode(p, sizeof(p), &b), 0, "what does not fit into a frame is not made");
}

static void
test_streams(void)
{
	struct msg_open o = {.tunnel = 3, .family = 6, .port = 65535, .ip = "0123456789abcde"}, q;
	struct msg_end e = {40, text_of("gone")}, e2;
	struct msg_goaway g = {9, 1500, 77, text_of("restart")}, g2;
	uint32_t ms;
	uint8_t p[512];
	size_t n = msg_open_encode(p, sizeof(p), &o);

	ok(msg_open_decode(p, n, &q) == NULL && q.tunnel == 3 && q.family == 6 && q.port == 65535,
		"OPEN");
	is_mem(q.ip, o.ip, 16, "an IPv6 address");
	cut_and_stretch("OPEN", judge_open, p, n, true);
	o.family = 4;
	n = msg_open_encode(p, sizeof(p), &o);
	is_int(n, 11, "an IPv4 address has four bytes");
	ok(msg_open_decode(p, n, &q) == NULL && memcmp(q.ip, "0123\0\0\0\0\0\0\0\0\0\0\0", 16) == 0,
		"and zeros behind");
	p[4] = 5;
	ok(msg_open_decode(p, n, &q) != NULL, "there is no fifth family");
	o.family = 0;
	n = msg_open_encode(p, sizeof(p), &o);
	is_int(n, 7, "and an unknown address has none");
	ok(msg_open_decode(p, n, &q) == NULL && q.family == 0, "which is fine");

	n = msg_end_encode(p, sizeof(p), &e);
	ok(msg_end_decode(p, n, &e2) == NULL && e2.code == 40 && same(e2.text, "gone"), "RESET");
	cut_and_stretch("RESET", judge_end, p, n, false);

	n = msg_goaway_encode(p, sizeof(p), &g);
	ok(msg_goaway_decode(p, n, &g2) == NULL && g2.code == 9 && g2.retry_after_ms == 1500 &&
			g2.last == 77 && same(g2.text, "restart"),
		"GOAWAY");
	cut_and_stretch("GOAWAY", judge_goaway, p, n, false);
	ok(msg_u32_decode((const uint8_t *)"\0\0\x28\0", 4, &ms) == NULL && ms == 10240, "SPREAD");
	cut_and_stretch("SPREAD", judge_u32, (const uint8_t *)"\0\0\x28\0", 4, false);
}

static void
test_numbers(void)
{
	static const uint8_t p[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct msg_credit c = {9, 9};
	uint8_t q[8];
	uint64_t v64 = 9;

	ok(msg_credit_decode(p, 8, &c) == NULL && c.bytes == 0x01020304 && c.taken == 0x05060708,
		"CREDIT");
	is_int(msg_credit_encode(q, sizeof(q), &c), 8, "CREDIT again");
	is_mem(q, p, 8, "and the same bytes");
	is_int(msg_credit_encode(q, 7, &c), 0, "which need their room");
	ok(msg_u64_decode(p, 8, &v64) == NULL && v64 == 0x0102030405060708, "u64");
	cut_and_stretch("CREDIT", judge_credit, p, 8, false);
	cut_and_stretch("u64", judge_u64, p, 8, false);
	memset(q, 0, sizeof(q));
	ok(msg_credit_decode(q, 8, &c) != NULL, "CREDIT of nothing is none");
	q[7] = 1;
	ok(msg_credit_decode(q, 8, &c) == NULL && c.bytes == 0 && c.taken == 1, "of either is one");
	ok(msg_credit_decode(p, 7, &c) != NULL && c.taken == 1, "a result is untouched on failure");
	ok(msg_empty_decode(0) == NULL && msg_empty_decode(1) != NULL, "nothing, and not nothing");
}

static bool
text_taken(const char *s, size_t len)
{
	uint8_t p[300] = {0, 0, (uint8_t)len};

	memcpy(p + 3, s, len);
	return judge_end(p, 3 + len) == NULL;
}

#define TAKEN(literal) text_taken(literal, sizeof(literal) - 1)

static void
test_texts(void)
{
	ok(TAKEN("") && TAKEN("plain ~") && TAKEN("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), "UTF-8");
	ok(TAKEN("\xed\x9f\xbf") && TAKEN("\xee\x80\x80") && TAKEN("\xf4\x8f\xbf\xbf") &&
			TAKEN("\xc2\xa0"),
		"the edges of it");
	ok(!TAKEN("a\nb") && !TAKEN("\x1b[31m") && !TAKEN("\x7f") && !text_taken("a\0b", 3),
		"no control characters");
	ok(!TAKEN("\xc2\x9b") && !TAKEN("\xc2\x80"), "the second set of them neither");
	ok(!TAKEN("\xff") && !TAKEN("\x80") && !TAKEN("\xc3") && !TAKEN("\xe2\x82") &&
			!TAKEN("\xf0\x9f\x98"),
		"no halves");
	ok(!TAKEN("\xc0\xaf") && !TAKEN("\xe0\x80\xaf") && !TAKEN("\xf0\x80\x80\xaf"), "no detours");
	ok(!TAKEN("\xed\xa0\x80") && !TAKEN("\xf4\x90\x80\x80") && !TAKEN("\xf5\x80\x80\x80"),
		"nothing beyond");
	ok(!TAKEN("\xc3\x28") && !TAKEN("\xe2\x28\xa1"), "no broken continuation");
}

/* What we are asked to send may be anything; what we send is legal. */
static void
test_tamed(void)
{
	struct msg_end e = {.code = 1}, f;
	char junk[4000], copy[256];
	uint8_t p[600];
	size_t n;

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (char)(i * 7 + i / 256);
	e.text = (struct text){junk, sizeof(junk)};
	n = msg_end_encode(p, sizeof(p), &e);
	ok(msg_end_decode(p, n, &f) == NULL, "junk is tamed");
	is_int(f.text.n, 255, "and cut");
	e.text = text_of("a\nb\xff" "c\xc3\xa9");
	n = msg_end_encode(p, sizeof(p), &e);
	ok(msg_end_decode(p, n, &f) == NULL && same(f.text, "a?b?c\xc3\xa9"), "characters stay");
	memset(junk, 'x', 254);
	memcpy(junk + 254, "\xe2\x82\xac", 3);
	e.text = (struct text){junk, 257};
	n = msg_end_encode(p, sizeof(p), &e);
	ok(msg_end_decode(p, n, &f) == NULL && f.text.n == 254, "no character is cut in two");
	is_str(text_copy(copy, 4, text_of("abcdef")), "abc", "a copy is cut and terminated");
	is_str(text_copy(copy, 4, text_of(NULL)), "", "of nothing");
}

int
main(void)
{
	test_hello();
	test_hello_ranges();
	test_login();
	test_tunnels();
	test_bind_limits();
	test_streams();
	test_numbers();
	test_texts();
	test_tamed();
	return done_testing();
}
