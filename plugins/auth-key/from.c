/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Lists of networks. What would never match, or more than its writer can have meant, is an error
 * and not a list: bits behind the prefix, and lists of refusals only. */

#include "from.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* True if text is an address; IPv4 inside IPv6 stays as it is. */
static bool
parse_ip(const char *text, struct from_net *net)
{
	memset(net->ip, 0, sizeof(net->ip));
	net->bytes = 4;
	if (inet_pton(AF_INET, text, net->ip) == 1)
		return true;
	net->bytes = 16;
	return inet_pton(AF_INET6, text, net->ip) == 1;
}

/* ::ffff:192.0.2.0/120 is 192.0.2.0/24. */
static void
unmap(struct from_net *net)
{
	if (net->bytes != 16 || net->bits < 96 || memcmp(net->ip, mapped, sizeof(mapped)) != 0)
		return;
	memmove(net->ip, net->ip + 12, 4);
	memset(net->ip + 4, 0, 12);
	net->bytes = 4;
	net->bits = (uint8_t)(net->bits - 96);
}

/* Bit i of the address, from the left. */
static bool
bit_of(const struct from_net *net, unsigned i)
{
	return (net->ip[i / 8] >> (7 - i % 8) & 1) != 0;
}

static int
take_bits(const char *text, struct from_net *net)
{
	unsigned long bits;
	char *end;

	if (text[0] < '0' || text[0] > '9' || strlen(text) > 3 ||
		(text[0] == '0' && text[1] != '\0'))
		return -1;
	bits = strtoul(text, &end, 10);
	if (*end != '\0' || bits > 8ul * net->bytes)
		return -1;
	net->bits = (uint8_t)bits;
	return 0;
}

static int
parse_one(char *text, struct from_net *net, char *why, size_t cap)
{
	const char *word = text;
	char *slash;

	net->refused = text[0] == '!';
	text += net->refused;
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash = '\0';
	if (!parse_ip(text, net)) {
		snprintf(why, cap, "from=\"…\" expects addresses and networks like 192.0.2.0/24, "
				   "not \"%.60s\"", word);
		return -1;
	}
	net->bits = (uint8_t)(8 * net->bytes);
	if (slash != NULL && take_bits(slash + 1, net) < 0) {
		snprintf(why, cap, "from=\"…\": /%.10s is no length of a network behind %.60s",
			slash + 1, text);
		return -1;
	}
	for (unsigned i = net->bits; i < 8u * net->bytes; i++)
		if (bit_of(net, i)) {
			snprintf(why, cap, "from=\"…\": %.60s has bits behind the /%u of its "
					   "network", text, (unsigned)net->bits);
			return -1;
		}
	unmap(net);
	return 0;
}

int
from_parse(char *text, struct from *f_r, char *why, size_t cap)
{
	struct from_net net[FROM_MAX] = {{.bits = 0}};
	bool taken = false;
	size_t n = 0;
	char *one;

	while ((one = strsep(&text, ",")) != NULL) {
		if (n == FROM_MAX) {
			snprintf(why, cap, "from=\"…\" has more than %d elements", FROM_MAX);
			return -1;
		}
		if (parse_one(one, &net[n], why, cap) < 0)
			return -1;
		taken |= !net[n++].refused;
	}
	if (!taken) {
		snprintf(why, cap, "from=\"…\" refuses addresses, but takes none: add 0.0.0.0/0 "
				   "or ::/0 for all others");
		return -1;
	}
	f_r->net = calloc(n, sizeof(*net));
	if (f_r->net == NULL) {
		snprintf(why, cap, "out of memory");
		return -1;
	}
	memcpy(f_r->net, net, n * sizeof(*net));
	f_r->n = n;
	return 0;
}

static bool
net_holds(const struct from_net *net, const struct from_net *one)
{
	if (net->bytes != one->bytes)
		return false;
	for (unsigned i = 0; i < net->bits; i++)
		if (bit_of(net, i) != bit_of(one, i))
			return false;
	return true;
}

bool
from_holds(const struct from *f, const char *address)
{
	struct from_net one = {.bits = 0};
	size_t n = strcspn(address, "%"); /* behind it is an interface */
	char text[INET6_ADDRSTRLEN];
	bool taken = false;

	if (n >= sizeof(text))
		return false;
	memcpy(text, address, n);
	text[n] = '\0';
	if (!parse_ip(text, &one))
		return false;
	one.bits = (uint8_t)(8 * one.bytes);
	unmap(&one);
	for (size_t i = 0; i < f->n; i++) {
		if (!net_holds(&f->net[i], &one))
			continue;
		if (f->net[i].refused)
			return false;
		taken = true;
	}
	return taken;
}

void
from_fini(struct from *f)
{
	free(f->net);
	*f = (struct from){.n = 0};
}
