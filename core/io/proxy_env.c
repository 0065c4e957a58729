/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the environment says of proxies. The words are curl's; as there, small letters go first and
 * an empty variable is none. Before other threads are started. */

#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/proxy.h"
#include "util/compiler.h"

#define SEPARATORS ", \t\r\n"

static const char *const proxy_variables[] = {
	"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
static const char *const except_variables[] = {"no_proxy", "NO_PROXY"};

/* The first that is set and not empty. */
static const char *
first_of(const char *const *names, size_t n, const char **name_r)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0') {
			*name_r = names[i];
			return value;
		}
	}
	return NULL;
}

bool
proxy_host_is_local(const char *host)
{
	struct addr a;

	return strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0 ||
		(addr_parse(host, 0, &a) == 0 && addr_is_loopback(&a));
}

const char *
proxy_environment(const char *host, uint16_t port, const char **variable_r)
{
	const char *ignored, *variable = NULL;
	const char *url = first_of(proxy_variables, ARRAY_LEN(proxy_variables), &variable);
	const char *list = first_of(except_variables, ARRAY_LEN(except_variables), &ignored);

	if (url == NULL || proxy_host_is_local(host) ||
		(list != NULL && proxy_excepts(list, host, port)))
		return NULL;
	*variable_r = variable;
	return url;
}

/* ---- NO_PROXY -------------------------------------------------------------------------------- */

/* The first bits of two addresses of one family. */
static bool
same_network(const struct addr *a, const struct addr *b, unsigned bits)
{
	uint8_t ia[16], ib[16];
	uint16_t port;
	int family = addr_to_bytes(a, ia, &port);
	unsigned whole = bits / 8, rest = bits % 8;

	if (family != addr_to_bytes(b, ib, &port) || bits > (family == 4 ? 32u : 128u))
		return false;
	if (memcmp(ia, ib, whole) != 0)
		return false;
	return rest == 0 || (ia[whole] ^ ib[whole]) >> (8 - rest) == 0;
}

/* "10.0.0.0/8", "fd00::/8"; a is the host's address. */
static bool
in_network(const char *network, const char *slash, const struct addr *a)
{
	size_t n = strlen(slash + 1);
	char text[ADDR_TEXT_MAX];
	struct addr net;

	if ((size_t)(slash - network) >= sizeof(text) || n == 0 || n > 3 ||
		strspn(slash + 1, "0123456789") != n)
		return false;
	memcpy(text, network, (size_t)(slash - network));
	text[slash - network] = '\0';
	return addr_parse(text, 0, &net) == 0 &&
		same_network(a, &net, (unsigned)strtoul(slash + 1, NULL, 10));
}

/* Without the dot that may end a name. */
static size_t
name_len(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && s[n - 1] == '.' ? n - 1 : n;
}

/* name itself, or a name below it. */
static bool
in_domain(const char *name, const char *host)
{
	size_t n, n_host = name_len(host);

	if (strncmp(name, "*.", 2) == 0)
		name++;
	while (name[0] == '.')
		name++;
	n = name_len(name);
	if (n == 0 || n > n_host || strncasecmp(host + n_host - n, name, n) != 0)
		return false;
	return n == n_host || host[n_host - n - 1] == '.';
}

static bool
entry_names(const char *entry, const char *host, uint16_t port)
{
	const char *slash = strchr(entry, '/');
	char name[HOST_MAX + 1];
	uint16_t entry_port;
	struct addr a, b;
	bool numeric = addr_parse(host, 0, &a) == 0;

	if (slash != NULL)
		return numeric && in_network(entry, slash, &a);
	if (entry[strspn(entry, "0123456789")] != '\0' &&
		hostport_parse(entry[0] == '.' ? entry + 1 : entry, port, name, &entry_port) == 0) {
		if (entry_port != port)
			return false;
		entry = name;
	}
	if (numeric)
		return addr_parse(entry, 0, &b) == 0 && addr_equal(&a, &b);
	return in_domain(entry, host);
}

bool
proxy_excepts(const char *list, const char *host, uint16_t port)
{
	char entry[HOST_MAX + 16];

	while (*(list += strspn(list, SEPARATORS)) != '\0') {
		size_t n = strcspn(list, SEPARATORS);

		if (n == 1 && list[0] == '*')
			return true;
		if (n < sizeof(entry)) {
			memcpy(entry, list, n);
			entry[n] = '\0';
			if (entry_names(entry, host, port))
				return true;
		}
		list += n;
	}
	return false;
}
