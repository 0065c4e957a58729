/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Socket addresses as text and as values. Pure: any thread. A v4-mapped v6 address (what accept()
 * gives on a socket that listens for both families) counts as the v4 address everywhere. */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/addr.h"
#include "util/compiler.h"

/* --- text to value --- */

/* Decimal digits only, 0 to 65535. */
static int
port_parse(const char *s, uint16_t *port_r)
{
	size_t n = strspn(s, "0123456789");
	unsigned v = 0;

	if (n == 0 || n > 5 || s[n] != '\0')
		return -EINVAL;
	for (; *s != '\0'; s++)
		v = v * 10 + (unsigned)(*s - '0');
	if (v > UINT16_MAX)
		return -EINVAL;
	*port_r = (uint16_t)v;
	return 0;
}

/* The characters of a name or a v4 address; "*" stands alone. */
static bool
host_ok(const char *s, size_t n)
{
	if (n == 1 && s[0] == '*')
		return true;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '.' || c == '_'))
			return false;
	}
	return n > 0 && n <= HOST_MAX && s[0] != '-';
}

static bool
is_v6(const char *s, size_t n)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ip;

	if (n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	return inet_pton(AF_INET6, text, &ip) == 1;
}

/* Where the host stands in s, and where the port (NULL when there is none). */
static int
split(const char *s, const char **host_r, size_t *len_r, const char **port_r)
{
	const char *colon = strchr(s, ':'), *close;

	*host_r = s;
	*port_r = NULL;
	if (s[0] == '[') {
		close = strchr(s, ']');
		if (close == NULL || (close[1] != '\0' && close[1] != ':') ||
			!is_v6(s + 1, (size_t)(close - s - 1)))
			return -EINVAL;
		*host_r = s + 1;
		*len_r = (size_t)(close - s - 1);
		if (close[1] == ':')
			*port_r = close + 2;
		return 0;
	}
	*len_r = strlen(s);
	if (is_v6(s, *len_r))
		return 0;
	if (colon != NULL) {
		*len_r = (size_t)(colon - s);
		*port_r = colon + 1;
	}
	return host_ok(s, *len_r) ? 0 : -EINVAL;
}

int
hostport_parse(const char *s, int default_port, char host_r[HOST_MAX + 1], uint16_t *port_r)
{
	const char *host, *port_text;
	uint16_t port = (uint16_t)default_port;
	size_t len;

	if (s[0] != '\0' && s[strspn(s, "0123456789")] == '\0') {
		if (port_parse(s, port_r) < 0)
			return -EINVAL;
		strcpy(host_r, "127.0.0.1");
		return 0;
	}
	if (split(s, &host, &len, &port_text) < 0)
		return -EINVAL;
	if (port_text == NULL && default_port <= 0)
		return -EINVAL;
	if (port_text != NULL && port_parse(port_text, &port) < 0)
		return -EINVAL;
	memcpy(host_r, host, len);
	host_r[len] = '\0';
	*port_r = port;
	return 0;
}

int
addr_parse(const char *host, uint16_t port, struct addr *a_r)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t ip[16] = {0};
	size_t n = strlen(host);

	if (strcmp(host, "*") == 0)
		return addr_from_bytes(4, ip, port, a_r);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		if (n - 2 >= sizeof(text))
			return -EINVAL;
		memcpy(text, host + 1, n - 2);
		text[n - 2] = '\0';
		host = text;
	} else if (inet_pton(AF_INET, host, ip) == 1) {
		return addr_from_bytes(4, ip, port, a_r);
	}
	if (inet_pton(AF_INET6, host, ip) != 1)
		return -EINVAL;
	return addr_from_bytes(6, ip, port, a_r);
}

/* --- bytes --- */

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

int
addr_from_bytes(int family, const uint8_t *ip, uint16_t port, struct addr *a_r)
{
	struct addr a;

	memset(&a, 0, sizeof(a));
	if (family == 6 && memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		family = 4;
		ip += sizeof(mapped_prefix);
	}
	if (family == 4) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		memcpy(&a.in.sin_addr, ip, 4);
		a.len = sizeof(a.in);
	} else if (family == 6) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		memcpy(&a.in6.sin6_addr, ip, 16);
		a.len = sizeof(a.in6);
	} else {
		return -EINVAL;
	}
	*a_r = a;
	return 0;
}

/* The address without its port: its bytes, and 4, 6 or 0 for what they are. */
static int
host_bytes(const struct addr *a, uint8_t ip[16])
{
	if (a->len == 0)
		return 0;
	if (a->sa.sa_family == AF_INET) {
		memcpy(ip, &a->in.sin_addr, 4);
		return 4;
	}
	if (a->sa.sa_family != AF_INET6)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) {
		memcpy(ip, a->in6.sin6_addr.s6_addr + 12, 4);
		return 4;
	}
	memcpy(ip, &a->in6.sin6_addr, 16);
	return 6;
}

int
addr_to_bytes(const struct addr *a, uint8_t ip[16], uint16_t *port_r)
{
	int family = host_bytes(a, ip);

	if (family != 0)
		*port_r = addr_port(a);
	return family;
}

/* --- questions --- */

uint16_t
addr_port(const struct addr *a)
{
	if (a->len == 0)
		return 0;
	if (a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	return a->sa.sa_family == AF_INET6 ? ntohs(a->in6.sin6_port) : 0;
}

void
addr_set_port(struct addr *a, uint16_t port)
{
	must(a->len > 0);
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else
		a->in6.sin6_port = htons(port);
}

bool
addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};
	uint8_t ip[16];
	int family = host_bytes(a, ip);

	if (family == 4)
		return ip[0] == 127;
	return family == 6 && memcmp(ip, one, 16) == 0;
}

bool
addr_is_any(const struct addr *a)
{
	static const uint8_t zero[16];
	uint8_t ip[16];
	int family = host_bytes(a, ip);

	return family != 0 && memcmp(ip, zero, family == 4 ? 4 : 16) == 0;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	uint8_t ia[16], ib[16];
	int fa = host_bytes(a, ia), fb = host_bytes(b, ib);

	if (fa != fb || addr_port(a) != addr_port(b))
		return false;
	if (fa == 6 && a->in6.sin6_scope_id != b->in6.sin6_scope_id)
		return false;
	return fa == 0 || memcmp(ia, ib, fa == 4 ? 4 : 16) == 0;
}

/* --- value to text --- */

const char *
addr_host_text(const struct addr *a, char *buf, size_t cap)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t ip[16];
	int family = host_bytes(a, ip);

	if (family == 0 ||
		inet_ntop(family == 4 ? AF_INET : AF_INET6, ip, text, sizeof(text)) == NULL)
		snprintf(buf, cap, "-");
	else
		snprintf(buf, cap, "%s", text);
	return buf;
}

const char *
addr_text(const struct addr *a, char *buf, size_t cap)
{
	char host[ADDR_TEXT_MAX];

	addr_host_text(a, host, sizeof(host));
	if (host[0] == '-')
		snprintf(buf, cap, "-");
	else
		snprintf(buf, cap, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host,
			(unsigned)addr_port(a));
	return buf;
}

uint64_t
addr_source_key(const struct addr *a)
{
	uint8_t ip[16];
	int family = host_bytes(a, ip);
	uint64_t key = 0;

	for (int i = 0; i < (family == 4 ? 4 : family == 6 ? 8 : 0); i++)
		key = key << 8 | ip[i];
	/* ffff:ffff::/32 is multicast and never a source, so v4 keys can live there. */
	return family == 4 ? key | UINT64_C(0xffffffff00000000) : key;
}
