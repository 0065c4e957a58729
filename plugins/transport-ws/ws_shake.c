/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The server's half of the WebSocket handshake, and the plain HTTP that others speak to it. Pure.
 * Whatever is wrong has its own words, which reach the person at the other end: most failures are
 * those of a proxy in between that was not told to pass WebSocket on. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ws_shake.h"

/* ---- The request ----------------------------------------------------------------------------- */

static void
bad(struct ws_request *req, unsigned status, const char *why)
{
	if (req->bad != NULL)
		return;
	req->status = status;
	req->bad = why;
}

static void
parse_first(struct ws_request *req, struct span line)
{
	struct span version = line;

	if (!span_until(&version, ' ', &req->method) || !http_is_token(req->method)) {
		req->method = (struct span){0};
		bad(req, 400, "the first line begins with no method");
		return;
	}
	if (!span_until(&version, ' ', &req->target)) {
		bad(req, 400, "the first line has no version");
		return;
	}
	for (size_t i = 0; i < req->target.n; i++)
		if (req->target.p[i] <= ' ' || req->target.p[i] > '~')
			bad(req, 400, "the target holds what no URL may hold");
	req->old = span_is(version, "HTTP/1.0");
	if (!req->old && !span_is(version, "HTTP/1.1"))
		bad(req, version.n == 8 && memcmp(version.p, "HTTP/", 5) == 0 ? 505 : 400,
			"only HTTP/1.1 is spoken here");
	else if (req->target.n == 0 || req->target.p[0] != '/')
		bad(req, 400, "the target is no path");
}

static bool
holds(struct span list, const char *word)
{
	struct span e;

	while (span_element(&list, &e))
		if (span_is_nocase(e, word))
			return true;
	return false;
}

/* RFC 9110 section 7.2, loosely: what a name, an address and a port can be made of. */
static bool
host_valid(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("/?#@\\,\"<>", s.p[i]) != NULL)
			return false;
	return true;
}

static void
parse_websocket(struct ws_request *req, struct span name, struct span value)
{
	if (span_is_nocase(name, "Sec-WebSocket-Key")) {
		req->keys++;
		req->key = value;
	} else if (span_is_nocase(name, "Sec-WebSocket-Version")) {
		req->versions++;
		req->version_13 = span_is(value, "13");
	} else if (span_is_nocase(name, "Sec-WebSocket-Protocol")) {
		req->offers = true;
		req->offers_adit = req->offers_adit || holds(value, WS_PROTOCOL_NAME);
	}
}

/* The nearest proxies have written last. */
static void
keep_forwarded(struct ws_request *req, struct span value)
{
	if (req->n_forwarded == WS_FORWARDED) {
		memmove(req->forwarded, req->forwarded + 1, sizeof(value) * (WS_FORWARDED - 1));
		req->n_forwarded--;
	}
	req->forwarded[req->n_forwarded++] = value;
}

static void
parse_field(struct ws_request *req, struct span name, struct span value)
{
	if (span_is_nocase(name, "Host")) {
		if (req->hosts++ > 0)
			bad(req, 400, "Host is there twice");
		if (!host_valid(value))
			bad(req, 400, "Host is no name of a host");
	} else if (span_is_nocase(name, "Upgrade")) {
		req->upgrade = true;
		req->upgrade_websocket = req->upgrade_websocket || holds(value, "websocket");
	} else if (span_is_nocase(name, "Connection")) {
		req->connection_upgrade = req->connection_upgrade || holds(value, "upgrade");
	} else if (span_is_nocase(name, "Transfer-Encoding")) {
		req->body = true;
	} else if (span_is_nocase(name, "Content-Length")) {
		req->body = req->body || !span_is(value, "0");
	} else if (span_is_nocase(name, "X-Forwarded-For")) {
		keep_forwarded(req, value);
	} else {
		parse_websocket(req, name, value);
	}
}

static void
parse(const char *p, size_t n, struct ws_request *req)
{
	struct span rest = {p, n}, name, value;
	const char *why = NULL;

	parse_first(req, http_line(&rest));
	while (http_field(&rest, &name, &value, &why))
		parse_field(req, name, value);
	if (why != NULL)
		bad(req, 400, why);
	if (req->hosts == 0 && !req->old)
		bad(req, 400, "Host is missing");
}

/* ---- Judgement ------------------------------------------------------------------------------- */

/* A request to the path of links, which wants WebSocket or should. */
static struct ws_answer
judge_link(const struct ws_request *req)
{
	if (!span_is(req->method, "GET"))
		return (struct ws_answer){405, "WebSocket begins with GET"};
	if (!req->upgrade && !req->connection_upgrade)
		return (struct ws_answer){426,
			"only WebSocket is spoken here; a proxy on the way must pass Upgrade on"};
	if (req->old)
		return (struct ws_answer){400, "WebSocket needs HTTP/1.1, this is HTTP/1.0"};
	if (!req->upgrade_websocket)
		return (struct ws_answer){426, "Upgrade does not say websocket"};
	if (!req->connection_upgrade)
		return (struct ws_answer){
			400, "Connection does not say Upgrade; a proxy on the way must pass it on"};
	if (req->body)
		return (struct ws_answer){400, "a handshake has no body"};
	if (req->versions != 1)
		return (struct ws_answer){req->versions == 0 ? 426 : 400,
			req->versions == 0 ? "Sec-WebSocket-Version is missing"
					   : "Sec-WebSocket-Version is there twice"};
	if (!req->version_13)
		return (struct ws_answer){426, "only version 13 of WebSocket is spoken here"};
	if (req->keys != 1)
		return (struct ws_answer){400, req->keys == 0 ? "Sec-WebSocket-Key is missing"
							      : "Sec-WebSocket-Key is there twice"};
	if (!ws_key_valid(req->key.p, req->key.n))
		return (struct ws_answer){400, "Sec-WebSocket-Key is not 16 bytes in base64"};
	if (req->offers && !req->offers_adit)
		return (struct ws_answer){
			400, "none of the subprotocols offered is " WS_PROTOCOL_NAME};
	return (struct ws_answer){101, NULL};
}

static struct ws_answer
judge(const struct ws_request *req, const char *path)
{
	struct span rest = req->target, target = rest;

	if (req->bad != NULL)
		return (struct ws_answer){req->status, req->bad};
	(void)span_until(&rest, '?', &target); /* the query means nothing */
	if (span_is(target, path))
		return judge_link(req);
	if (req->upgrade_websocket)
		return (struct ws_answer){404, "no WebSocket at this path"};
	if (!span_is(req->method, "GET") && !span_is(req->method, "HEAD"))
		return (struct ws_answer){405, "only GET and HEAD are answered here"};
	if (!span_is(target, "/"))
		return (struct ws_answer){404, "nothing is here"};
	return (struct ws_answer){200, NULL};
}

struct ws_answer
ws_request_judge(const char *p, size_t n, size_t *seen, const char *path, struct ws_request *req_r,
	size_t *used_r)
{
	size_t len;
	const char *why = http_head_end(p, n, seen, &len);

	*req_r = (struct ws_request){0};
	*used_r = len;
	if (why != NULL)
		return (struct ws_answer){*seen >= HTTP_HEAD_MAX ? 431 : 400, why};
	if (len == 0)
		return (struct ws_answer){0, NULL};
	parse(p, len, req_r);
	return judge(req_r, path);
}

/* ---- The answer ------------------------------------------------------------------------------ */

const char *
ws_status_text(unsigned status)
{
	switch (status) {
	case 101:
		return "101 Switching Protocols";
	case 200:
		return "200 OK";
	case 404:
		return "404 Not Found";
	case 405:
		return "405 Method Not Allowed";
	case 426:
		return "426 Upgrade Required";
	case 431:
		return "431 Request Header Fields Too Large";
	case 505:
		return "505 HTTP Version Not Supported";
	default:
		return "400 Bad Request";
	}
}

static size_t
format_up(char *out, const struct ws_request *req)
{
	char accept[WS_ACCEPT + 1];

	ws_key_accept(req->key.p, accept);
	return (size_t)snprintf(out, WS_ANSWER_MAX,
		"HTTP/1.1 %s\r\n"
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\n"
		"%s\r\n",
		ws_status_text(101), accept,
		req->offers_adit ? "Sec-WebSocket-Protocol: " WS_PROTOCOL_NAME "\r\n" : "");
}

size_t
ws_answer_format(char out[WS_ANSWER_MAX], struct ws_answer a, const struct ws_request *req)
{
	const char *status = ws_status_text(a.status);
	const char *more = a.status == 426   ? "Connection: Upgrade, close\r\n"
					       "Upgrade: websocket\r\n"
					       "Sec-WebSocket-Version: 13\r\n"
			   : a.status == 405 ? "Connection: close\r\nAllow: GET, HEAD\r\n"
					     : "Connection: close\r\n";
	char body[256];
	int n;

	if (a.status == 101)
		return format_up(out, req);
	if (a.status == 200)
		n = snprintf(body, sizeof(body), "Adit is here. Agents connect by WebSocket.\n");
	else
		n = snprintf(body, sizeof(body), "%s: %s\n", status, a.why);
	/* Nothing of the request comes back in it. */
	return (size_t)snprintf(out, WS_ANSWER_MAX,
		"HTTP/1.1 %s\r\n"
		"%s"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Length: %d\r\n"
		"Cache-Control: no-store\r\n"
		"X-Content-Type-Options: nosniff\r\n"
		"\r\n"
		"%s",
		status, more, n, span_is(req->method, "HEAD") ? "" : body);
}
