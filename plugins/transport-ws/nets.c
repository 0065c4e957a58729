/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Trusted proxies. Pure. What stands in X-Forwarded-For to the left of the first address that is
 * not trusted was written by who knows whom, and is never looked at. */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nets.h"

static bool
parse_ip(const char *text, unsigned char ip[16], bool *v4_r)
{
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	memcpy(ip, mapped, sizeof(mapped));
	*v4_r = inet_pton(AF_INET, text, ip + 12) == 1;
	return *v4_r || inet_pton(AF_INET6, text, ip) == 1;
}

int
nets_add(struct nets *s, const char *text)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char host[NETS_TEXT];
	struct net *more, net;
	unsigned long bits;
	char *end;
	bool v4;

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (!parse_ip(host, net.ip, &v4))
		return -EINVAL;
	bits = v4 ? 32 : 128;
	if (slash != NULL) {
		unsigned long given = strtoul(slash + 1, &end, 10);

		if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || given > bits)
			return -EINVAL;
		bits = given;
	}
	net.bits = (unsigned)bits + (v4 ? 96 : 0);
	more = realloc(s->net, (s->n + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	s->net = more;
	s->net[s->n++] = net;
	return 0;
}

void
nets_fini(struct nets *s)
{
	free(s->net);
	*s = (struct nets){0};
}

static bool
holds(const struct nets *s, const unsigned char ip[16])
{
	for (size_t i = 0; i < s->n; i++) {
		const struct net *n = &s->net[i];
		unsigned whole = n->bits / 8, rest = n->bits % 8;

		if (memcmp(n->ip, ip, whole) == 0 &&
			(rest == 0 || (n->ip[whole] ^ ip[whole]) >> (8 - rest) == 0))
			return true;
	}
	return false;
}

static void
format_ip(const unsigned char ip[16], bool v4, char out[NETS_TEXT])
{
	(void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? ip + 12 : ip, out, NETS_TEXT);
}

/* An element: an address, an IPv6 one perhaps in brackets, both perhaps with a port. */
static bool
parse_element(struct span e, unsigned char ip[16], bool *v4_r)
{
	char text[NETS_TEXT + 8], *p = text, *end;

	if (e.n == 0 || e.n >= sizeof(text))
		return false;
	memcpy(text, e.p, e.n);
	text[e.n] = '\0';
	if (*p == '[') {
		p++;
		end = strchr(p, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		*end = '\0';
	} else {
		end = strchr(p, ':');
		if (end != NULL && strchr(end + 1, ':') == NULL)
			*end = '\0';
	}
	return parse_ip(p, ip, v4_r);
}

/* Takes the last element of a list. */
static bool
last_element(struct span *list, struct span *element_r)
{
	size_t at = list->n;

	if (list->n == 0)
		return false;
	while (at > 0 && list->p[at - 1] != ',')
		at--;
	*element_r = (struct span){list->p + at, list->n - at};
	list->n = at > 0 ? at - 1 : 0;
	while (element_r->n > 0 && (*element_r->p == ' ' || *element_r->p == '\t')) {
		element_r->p++;
		element_r->n--;
	}
	while (element_r->n > 0 &&
		(element_r->p[element_r->n - 1] == ' ' || element_r->p[element_r->n - 1] == '\t'))
		element_r->n--;
	return true;
}

bool
nets_origin(const struct nets *s, const char *peer, const struct span *lines, size_t n_lines,
	char out[NETS_TEXT])
{
	unsigned char ip[16];
	bool v4, found = false;

	if (!parse_ip(peer, ip, &v4) || !holds(s, ip))
		return false;
	while (n_lines-- > 0) {
		struct span list = lines[n_lines], e;

		while (last_element(&list, &e)) {
			if (!parse_element(e, ip, &v4))
				return found;
			format_ip(ip, v4, out);
			found = true;
			if (!holds(s, ip))
				return true;
		}
	}
	return found;
}
