/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Socket addresses as text and as values. */

#include <arpa/inet.h>
#include <errno.h>

#include "tap.h"
#include "util/addr.h"
#include "util/compiler.h"

static void
test_hostport(void)
{
	static const struct {
		const char *text;
		int fallback;
		const char *host; /* NULL: refused */
		int port;
	} given[] = {
		{"example.org:80", 0, "example.org", 80},
		{"example.org", 9000, "example.org", 9000},
		{"example.org", 0, NULL, 0},
		{"example.org:22", 9000, "example.org", 22},
		{"127.0.0.1:5432", 0, "127.0.0.1", 5432},
		{"*:80", 0, "*", 80},
		{"my_host-1.lan:1", 0, "my_host-1.lan", 1},
		{"22", 0, "127.0.0.1", 22},
		{"22", 9000, "127.0.0.1", 22},
		{"127.0.0.1:0", 0, "127.0.0.1", 0},
		{"[::1]:80", 0, "::1", 80},
		{"[::1]", 9000, "::1", 9000},
		{"[::1]", 0, NULL, 0},
		{"::1", 9000, "::1", 9000},
		{"fe80::1:80", 0, NULL, 0},
		{"a:65535", 0, "a", 65535},
		{"a:65536", 0, NULL, 0},
		{"65536", 0, NULL, 0},
		{"a:000080", 0, NULL, 0},
		{"a:", 0, NULL, 0},
		{"a:", 9000, NULL, 0},
		{":80", 0, NULL, 0},
		{"", 9000, NULL, 0},
		{"a:b", 0, NULL, 0},
		{"a:80x", 0, NULL, 0},
		{"a:-1", 0, NULL, 0},
		{"a: 80", 0, NULL, 0},
		{"a:80:90", 0, NULL, 0},
		{"a b:80", 0, NULL, 0},
		{"-a:80", 0, NULL, 0},
		{"**:80", 0, NULL, 0},
		{"a/b:80", 0, NULL, 0},
		{"http://a:80", 0, NULL, 0},
		{"b\xc3\xbc" "cher.example:80", 0, NULL, 0},
		{"[::1:80", 0, NULL, 0},
		{"[::1]80", 9000, NULL, 0},
		{"[::1]:", 9000, NULL, 0},
		{"[]:80", 0, NULL, 0},
		{"[a]:80", 0, NULL, 0},
		{"[127.0.0.1]:80", 0, NULL, 0},
		{"[fe80::1%eth0]:80", 0, NULL, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		char host[HOST_MAX + 1] = "untouched";
		uint16_t port = 7;
		int rc = hostport_parse(given[i].text, given[i].fallback, host, &port);

		if (given[i].host == NULL)
			ok(rc == -EINVAL && strcmp(host, "untouched") == 0 && port == 7,
				"'%s' (default %d) is refused", given[i].text, given[i].fallback);
		else
			ok(rc == 0 && strcmp(host, given[i].host) == 0 && port == given[i].port,
				"'%s' (default %d) is %s port %d", given[i].text, given[i].fallback,
				given[i].host, given[i].port);
	}
}

static void
test_long_host(void)
{
	char text[HOST_MAX + 10], host[HOST_MAX + 1];
	uint16_t port;

	memset(text, 'a', HOST_MAX);
	strcpy(text + HOST_MAX, ":80");
	ok(hostport_parse(text, 0, host, &port) == 0 && strlen(host) == HOST_MAX,
		"the longest host fits");
	memset(text, 'a', HOST_MAX + 1);
	strcpy(text + HOST_MAX + 1, ":80");
	is_int(hostport_parse(text, 0, host, &port), -EINVAL, "one letter more does not");
}

static void
test_parse(void)
{
	static const struct {
		const char *host, *text; /* with port 80; NULL: refused */
	} given[] = {
		{"1.2.3.4", "1.2.3.4:80"},
		{"*", "0.0.0.0:80"},
		{"::", "[::]:80"},
		{"::1", "[::1]:80"},
		{"[2001:db8::0:1]", "[2001:db8::1]:80"},
		{"::ffff:1.2.3.4", "1.2.3.4:80"},
		{"localhost", NULL},
		{"1.2.3", NULL},
		{"1.2.3.4.5", NULL},
		{"010.0.0.1", NULL},
		{"1.2.3.256", NULL},
		{"[1.2.3.4]", NULL},
		{"[::1", NULL},
		{"[]", NULL},
		{"[", NULL},
		{"", NULL},
		{"[00000000000000000000000000000000000000000000000000000000::1]", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		struct addr a = {.len = 0};
		char buf[ADDR_TEXT_MAX];
		int rc = addr_parse(given[i].host, 80, &a);

		if (given[i].text == NULL)
			ok(rc == -EINVAL && a.len == 0, "'%s' is no address", given[i].host);
		else
			ok(rc == 0 && strcmp(addr_text(&a, buf, sizeof(buf)), given[i].text) == 0,
				"'%s' is %s", given[i].host, given[i].text);
	}
}

static void
test_bytes(void)
{
	static const uint8_t v4[4] = {10, 0, 0, 1};
	static const uint8_t v6[16] = {0x20, 1, 0x0d, 0xb8, [15] = 9};
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1};
	struct addr a = {.len = 0}, b;
	uint8_t ip[16] = {0};
	uint16_t port = 7;

	is_int(addr_to_bytes(&a, ip, &port), 0, "no address has no bytes");
	is_int(port, 7, "and no port");
	is_int(addr_from_bytes(5, v4, 80, &a), -EINVAL, "there is no family 5");
	is_int(a.len, 0, "nothing was set");
	addr_from_bytes(4, v4, 80, &a);
	ok(a.len == sizeof(struct sockaddr_in) && a.in.sin_family == AF_INET &&
			ntohs(a.in.sin_port) == 80, "a v4 address for the kernel");
	ok(addr_to_bytes(&a, ip, &port) == 4 && memcmp(ip, v4, 4) == 0 && port == 80, "and back");
	addr_from_bytes(6, mapped, 80, &b);
	ok(addr_equal(&a, &b) && b.sa.sa_family == AF_INET, "a mapped one is v4");
	addr_from_bytes(6, v6, 81, &b);
	ok(b.len == sizeof(struct sockaddr_in6) && b.in6.sin6_family == AF_INET6 &&
			ntohs(b.in6.sin6_port) == 81, "a v6 address for the kernel");
	ok(addr_to_bytes(&b, ip, &port) == 6 && memcmp(ip, v6, 16) == 0 && port == 81, "and back");
}

/* As accept() fills it in on a socket for both families. */
static struct addr
accepted_mapped(void)
{
	struct addr a = {.len = sizeof(a.in6)};

	a.in6.sin6_family = AF_INET6;
	a.in6.sin6_port = htons(80);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &a.in6.sin6_addr);
	return a;
}

static void
test_mapped(void)
{
	struct addr m = accepted_mapped(), a;
	uint8_t ip[16];
	uint16_t port;
	char buf[ADDR_TEXT_MAX];

	addr_parse("127.0.0.1", 80, &a);
	ok(addr_equal(&m, &a), "mapped: equals the v4 address");
	ok(addr_is_loopback(&m), "mapped: is loopback");
	is_str(addr_text(&m, buf, sizeof(buf)), "127.0.0.1:80", "mapped: reads like it");
	is_int(addr_to_bytes(&m, ip, &port), 4, "mapped: travels like it");
	ok(addr_source_key(&m) == addr_source_key(&a), "mapped: has its key");
}

static struct addr
at(const char *host, uint16_t port)
{
	struct addr a = {.len = 0};

	must(addr_parse(host, port, &a) == 0);
	return a;
}

static void
test_questions(void)
{
	struct addr none = {.len = 0}, a = at("1.2.3.4", 80), b = at("1.2.3.4", 81),
		    c = at("::1", 80);
	struct addr any4 = at("*", 1), any6 = at("::", 1), lo = at("127.9.9.9", 1),
		    d = at("::2", 80);

	ok(addr_port(&none) == 0 && addr_port(&a) == 80 && addr_port(&c) == 80, "ports");
	ok(!addr_equal(&a, &b), "the port counts");
	addr_set_port(&b, 80);
	ok(addr_equal(&a, &b), "a port can be set");
	addr_set_port(&d, 9);
	is_int(addr_port(&d), 9, "on v6 too");
	addr_set_port(&d, 80);
	ok(!addr_equal(&c, &d) && !addr_equal(&a, &c) && addr_equal(&none, &none) &&
			!addr_equal(&none, &a), "equal means equal");
	d = c;
	d.in6.sin6_scope_id = 3;
	ok(!addr_equal(&c, &d), "the same address on another link is another");
	ok(addr_is_loopback(&c) && addr_is_loopback(&lo), "loopback");
	ok(!addr_is_loopback(&a) && !addr_is_loopback(&any6) && !addr_is_loopback(&none), "not");
	ok(addr_is_any(&any4) && addr_is_any(&any6), "any");
	ok(!addr_is_any(&a) && !addr_is_any(&c) && !addr_is_any(&none), "not any");
}

static void
test_text(void)
{
	struct addr none = {.len = 0}, a = at("1.2.3.4", 80), c = at("2001:db8::1", 443);
	struct addr widest = at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 65535);
	char buf[ADDR_TEXT_MAX];

	is_str(addr_text(&none, buf, sizeof(buf)), "-", "no address");
	is_str(addr_host_text(&none, buf, sizeof(buf)), "-", "no host");
	is_str(addr_text(&c, buf, sizeof(buf)), "[2001:db8::1]:443", "v6 in brackets");
	is_str(addr_host_text(&c, buf, sizeof(buf)), "2001:db8::1", "a host without them");
	is_str(addr_host_text(&a, buf, sizeof(buf)), "1.2.3.4", "a v4 host");
	is_str(addr_text(&widest, buf, sizeof(buf)),
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535", "the widest fits");
	addr_text(&a, buf, 5);
	is_str(buf, "1.2.", "keeps to its buffer");
}

static void
test_source_key(void)
{
	struct addr none = {.len = 0}, a = at("1.2.3.4", 80), a2 = at("1.2.3.4", 81);
	struct addr b = at("1.2.3.5", 80), c = at("2001:db8:1:2::1", 80),
		    d = at("2001:db8:1:2:f::", 9);
	struct addr e = at("2001:db8:1:3::1", 80), f = at("0:0:102:304::1", 80);

	ok(addr_source_key(&a) == addr_source_key(&a2), "the port does not count");
	ok(addr_source_key(&a) != addr_source_key(&b), "each v4 address has its key");
	ok(addr_source_key(&c) == addr_source_key(&d), "a /64 shares one");
	ok(addr_source_key(&c) != addr_source_key(&e), "the next /64 does not");
	ok(addr_source_key(&a) != addr_source_key(&f), "no v6 source can pass for a v4 one");
	ok(addr_source_key(&none) == 0, "no address, no key");
}

int
main(void)
{
	test_hostport();
	test_long_host();
	test_parse();
	test_bytes();
	test_mapped();
	test_questions();
	test_text();
	test_source_key();
	return done_testing();
}
