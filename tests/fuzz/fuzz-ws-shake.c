/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The WebSocket handshake: the first byte says whether the rest is a request or an answer. In one piece
 * and byte by byte it is judged the same; what is taken has what RFC 6455 asks for; what is written in
 * return can be read. */

#include <config.h>

#include <string.h>

#include "fuzz.h"
#include "util/compiler.h"
#include "ws_shake.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define INPUT_MAX 10000

static void
check_answer(struct ws_answer a, const struct ws_request *req)
{
	const struct ws_ask ask = {.host = "a", .path = "/adit", .key = req->key.p};
	char out[WS_ANSWER_MAX], text[150];
	size_t n = ws_answer_format(out, a, req), seen = 0, used = 0;
	enum ws_verdict v;

	must(n > 0 && n < sizeof(out) && memchr(out, '\0', n) == NULL);
	must((a.why == NULL) == (a.status == 101 || a.status == 200));
	v = ws_verdict(out, n, &seen, &ask, &used, text, sizeof(text));
	if (a.status != 101) {
		must(v == WS_NO || span_is(req->method, "HEAD"));
		return;
	}
	must(ws_key_valid(req->key.p, req->key.n));
	must(v == WS_UP && used == n);
}

static void
try_request(const char *p, size_t n)
{
	struct ws_answer whole, cut = {0};
	size_t seen = 0, used = 0, used_cut = 0;
	struct ws_request req, req_cut;

	whole = ws_request_judge(p, n, &seen, "/adit", &req, &used);
	seen = 0;
	for (size_t i = 1; i <= n && cut.status == 0; i++)
		cut = ws_request_judge(p, i, &seen, "/adit", &req_cut, &used_cut);
	must(whole.status == cut.status && whole.why == cut.why);
	must(whole.status == 0 || (used == used_cut && used <= n));
	if (whole.status != 0)
		check_answer(whole, &req);
}

static void
try_reply(const char *p, size_t n)
{
	const struct ws_ask ask = {.host = "a", .path = "/adit", .key = KEY};
	enum ws_verdict whole, cut = WS_WAIT;
	size_t seen = 0, used = 0, used_cut = 0;
	char text[150] = "";

	whole = ws_verdict(p, n, &seen, &ask, &used, text, sizeof(text));
	must((whole == WS_NO) == (text[0] != '\0') && strlen(text) < sizeof(text));
	for (const char *c = text; *c != '\0'; c++)
		must(*c >= ' ' && *c <= '~');
	seen = 0;
	for (size_t i = 1; i <= n && cut == WS_WAIT; i++)
		cut = ws_verdict(p, i, &seen, &ask, &used_cut, text, sizeof(text));
	must(whole == cut && used == used_cut);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 2 || n > INPUT_MAX)
		return 0;
	if (data[0] & 1)
		try_request((const char *)data + 1, n - 1);
	else
		try_reply((const char *)data + 1, n - 1);
	return 0;
}
