/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What both kinds of proxies have in common. Any thread. */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/proxy_talk.h"
#include "util/compiler.h"

void
proxy_talk_start(struct proxy_talk *t, const struct proxy *proxy, const char *host, uint16_t port)
{
	memset(t, 0, sizeof(*t));
	t->proxy = proxy;
	t->host = host;
	t->port = port;
	if (proxy->kind == PROXY_HTTP)
		proxy_http_start(t);
	else
		proxy_socks_start(t);
}

size_t
proxy_talk_input(struct proxy_talk *t, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && t->state == PROXY_TALKING) {
		if (t->proxy->kind == PROXY_HTTP)
			proxy_http_byte(t, p[i++]);
		else
			proxy_socks_byte(t, p[i++]);
	}
	return i;
}

void
proxy_talk_fini(struct proxy_talk *t)
{
	explicit_bzero(t, sizeof(*t));
}

void
proxy_talk_say(struct proxy_talk *t, const void *p, size_t n)
{
	must(t->out_len + n <= sizeof(t->out));
	memcpy(t->out + t->out_len, p, n);
	t->out_len += n;
}

void
proxy_talk_refused(struct proxy_talk *t, uint16_t code, const char *fmt, ...)
{
	va_list ap;
	int n;

	t->state = PROXY_REFUSED;
	t->code = code;
	n = snprintf(t->error, sizeof(t->error), "the proxy at %.100s ", t->proxy->name);
	va_start(ap, fmt);
	vsnprintf(t->error + n, sizeof(t->error) - (size_t)n, fmt, ap);
	va_end(ap);
}

const char *
proxy_talk_target(const struct proxy_talk *t, char buf[PROXY_TARGET_MAX])
{
	snprintf(buf, PROXY_TARGET_MAX, strchr(t->host, ':') != NULL ? "[%.253s]:%u" : "%.253s:%u",
		t->host, t->port);
	return buf;
}
