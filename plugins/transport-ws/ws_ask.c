/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent's half of the WebSocket handshake. Pure. Who answers in the server's place (a proxy, a
 * front in the cloud, something else on that port) is told apart by what it says, as far as that
 * goes, and its words reach the user. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ws_shake.h"

#define BODY_MAX 512 /* of a refusal is waited for */

/* ---- The request ----------------------------------------------------------------------------- */

size_t
ws_ask_format(char *out, size_t cap, const struct ws_ask *ask)
{
	bool v6 = strchr(ask->host, ':') != NULL;
	char host[300] = "", port[8] = "";
	int n;

	if (ask->port != ask->default_port)
		snprintf(port, sizeof(port), ":%u", ask->port);
	if (!ask->no_host)
		snprintf(host, sizeof(host), "Host: %s%.255s%s%s\r\n", v6 ? "[" : "", ask->host,
			v6 ? "]" : "", port);
	n = snprintf(out, cap,
		"GET %s HTTP/1.1\r\n"
		"%s"
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: %s\r\n"
		"Sec-WebSocket-Protocol: " WS_PROTOCOL_NAME "\r\n"
		"%s"
		"\r\n",
		ask->path, host, ask->key, ask->fields);
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

const char *
ws_field_check(const char *line)
{
	static const char *const ours[] = {"Connection", "Upgrade", "Content-Length",
		"Transfer-Encoding", "TE", "Trailer", "Expect", NULL};
	struct span rest = {line, strlen(line)}, name;

	for (const char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return "holds a control character";
	if (!span_until(&rest, ':', &name))
		return "has no colon: \"Name: value\" is expected";
	if (!http_is_token(name))
		return "has a name that is none";
	if (name.n >= 14 && span_is_nocase((struct span){name.p, 14}, "Sec-WebSocket-"))
		return "is the handshake's own";
	for (size_t i = 0; ours[i] != NULL; i++)
		if (span_is_nocase(name, ours[i]))
			return "is the handshake's own";
	return NULL;
}

/* ---- The answer ------------------------------------------------------------------------------ */

struct reply {
	unsigned status;
	struct span line; /* "404 Not Found" */
	struct span location, type;
	size_t body;
	unsigned accepts;
	struct span accept;
	bool upgrade, connection, extensions, other_protocol;
	const char *bad;
};

static bool
number(struct span s, size_t max, size_t *v_r)
{
	size_t v = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || v > max)
			return false;
		v = v * 10 + (size_t)(s.p[i] - '0');
	}
	*v_r = v;
	return s.n > 0 && v <= max;
}

static void
parse_status(struct reply *r, struct span line)
{
	struct span version, code = {line.p, 3};
	size_t v;

	if (!span_until(&line, ' ', &version) || line.n < 3 || (line.n > 3 && line.p[3] != ' ')) {
		r->bad = "its first line has no status";
		return;
	}
	code.p = line.p;
	r->line = line;
	if (!span_is(version, "HTTP/1.1") && !span_is(version, "HTTP/1.0"))
		r->bad = "it speaks no HTTP/1.1";
	else if (!number(code, 599, &v) || v < 100)
		r->bad = "its first line has no status";
	else
		r->status = (unsigned)v;
	if (r->status == 101 && !span_is(version, "HTTP/1.1"))
		r->bad = "WebSocket needs HTTP/1.1, it speaks HTTP/1.0";
}

static void
parse_field(struct reply *r, struct span name, struct span value)
{
	struct span e;

	if (span_is_nocase(name, "Upgrade")) {
		r->upgrade = !r->upgrade && span_is_nocase(value, "websocket");
	} else if (span_is_nocase(name, "Connection")) {
		while (span_element(&value, &e))
			r->connection = r->connection || span_is_nocase(e, "upgrade");
	} else if (span_is_nocase(name, "Sec-WebSocket-Accept")) {
		r->accepts++;
		r->accept = value;
	} else if (span_is_nocase(name, "Sec-WebSocket-Extensions")) {
		r->extensions = true;
	} else if (span_is_nocase(name, "Sec-WebSocket-Protocol")) {
		r->other_protocol = r->other_protocol || !span_is(value, WS_PROTOCOL_NAME);
	} else if (span_is_nocase(name, "Location")) {
		r->location = value;
	} else if (span_is_nocase(name, "Content-Type")) {
		r->type = value;
	} else if (span_is_nocase(name, "Content-Length")) {
		if (!number(value, 1u << 30, &r->body))
			r->body = 0;
	}
}

static void
parse_reply(const char *p, size_t n, struct reply *r)
{
	struct span rest = {p, n}, name, value;
	const char *why = NULL;

	*r = (struct reply){0};
	parse_status(r, http_line(&rest));
	while (http_field(&rest, &name, &value, &why))
		parse_field(r, name, value);
	if (why != NULL && r->bad == NULL)
		r->bad = why;
}

/* What a 101 lacks. */
static const char *
check_up(const struct reply *r, const char *key)
{
	char accept[WS_ACCEPT + 1];

	ws_key_accept(key, accept);
	if (!r->upgrade)
		return "it does not say Upgrade: websocket";
	if (!r->connection)
		return "it does not say Connection: Upgrade";
	if (r->accepts != 1)
		return r->accepts == 0 ? "Sec-WebSocket-Accept is missing"
				       : "Sec-WebSocket-Accept is there twice";
	if (!span_is(r->accept, accept))
		return "Sec-WebSocket-Accept does not fit the key that was sent";
	if (r->extensions)
		return "it uses extensions that were not offered";
	if (r->other_protocol)
		return "it chooses a subprotocol that was not offered";
	return NULL;
}

static const char *
hint(unsigned status)
{
	switch (status) {
	case 200:
	case 404:
		return "is transport-ws enabled there, is the path right?";
	case 401:
	case 403:
		return "something in front of it wants a login (see the option headers)";
	case 421:
		return "something in front of it does not know this name of a host";
	case 429:
		return "something in front of it counts requests";
	case 502:
	case 503:
	case 504:
		return "the proxy in front of it does not reach it";
	default:
		return NULL;
	}
}

/* The first line of a refusal's body, if it is meant to be read; without the status that ours begin
 * with. */
static struct span
first_line(const struct reply *r, const char *p, size_t n)
{
	struct span body = {p, n < r->body ? n : r->body}, line;

	if (!span_until(&body, '\n', &line))
		line = body;
	if (line.n > r->line.n + 2 && memcmp(line.p, r->line.p, r->line.n) == 0 &&
		memcmp(line.p + r->line.n, ": ", 2) == 0) {
		line.p += r->line.n + 2;
		line.n -= r->line.n + 2;
	}
	while (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static enum ws_verdict
refused(const struct reply *r, const struct ws_ask *ask, const char *p, size_t n, char *text,
	size_t cap)
{
	bool plain = r->type.n >= 10 && span_is_nocase((struct span){r->type.p, 10}, "text/plain");
	const char *why = hint(r->status);
	char said[100], line[40];

	if (plain && why == NULL && n < (r->body < BODY_MAX ? r->body : BODY_MAX))
		return WS_WAIT;
	said[0] = '\0';
	if (r->status >= 300 && r->status < 400 && r->location.n > 0)
		span_text(r->location, said, sizeof(said));
	else if (plain && why == NULL)
		span_text(first_line(r, p, n), said, sizeof(said));
	snprintf(text, cap, "the server answers %s for %.60s%s%s",
		span_text(r->line, line, sizeof(line)), ask->path,
		why != NULL	  ? ": "
		: said[0] == '\0' ? ""
		: r->status < 400 ? ", it points to "
				  : ": ",
		why != NULL ? why : said);
	return WS_NO;
}

enum ws_verdict
ws_verdict(const char *p, size_t n, size_t *seen, const struct ws_ask *ask, size_t *used_r,
	char *text, size_t cap)
{
	const char *why;
	struct reply r;
	char begins[24];
	size_t len;

	/* At once: whoever speaks something else may wait for the rest of its own greeting. */
	if (memcmp(p, "HTTP/", n < 5 ? n : 5) != 0) {
		snprintf(text, cap, "the server does not speak HTTP: it begins with \"%s\"",
			span_text((struct span){p, n}, begins, sizeof(begins)));
		return WS_NO;
	}
	why = http_head_end(p, n, seen, &len);
	if (why == NULL && len == 0)
		return WS_WAIT;
	if (why == NULL) {
		parse_reply(p, len, &r);
		why = r.bad;
	}
	if (why == NULL && r.status != 101)
		return refused(&r, ask, p + len, n - len, text, cap);
	if (why == NULL)
		why = check_up(&r, ask->key);
	if (why != NULL) {
		snprintf(text, cap, "the server's answer is no WebSocket handshake: %s", why);
		return WS_NO;
	}
	*used_r = len;
	return WS_UP;
}
