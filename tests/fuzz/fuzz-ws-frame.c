/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* WebSocket frames: the first byte says who reads and in what pieces the rest comes. However the bytes
 * are cut, the same payload, pings, ends and errors come out, and never more than went in. */

#include <config.h>

#include <string.h>

#include "fuzz.h"
#include "util/compiler.h"
#include "ws_frame.h"

#define INPUT_MAX 65536

struct story {
	uint8_t data[INPUT_MAX];
	size_t n;
	uint32_t sum; /* of pings and of the end */
	enum ws_event end;
	enum ws_code code;
};

static void
add(struct story *s, const struct ws_got *got)
{
	s->sum = s->sum * 31 + (uint32_t)got->n + 1;
	for (size_t i = 0; i < got->n; i++)
		s->sum = s->sum * 31 + got->p[i];
}

static void
take(struct story *s, enum ws_event ev, const struct ws_got *got)
{
	if (ev == WS_EV_DATA) {
		must(got->n > 0 && got->n <= sizeof(s->data) - s->n);
		memcpy(s->data + s->n, got->p, got->n);
		s->n += got->n;
		return;
	}
	s->end = ev == WS_EV_PING ? s->end : ev;
	s->code = got->code;
	must(got->n <= WS_CONTROL_MAX);
	must((ev == WS_EV_BAD) == (got->why != NULL));
	if (ev != WS_EV_MORE)
		add(s, got);
}

static void
read_all(struct story *s, bool masked, const uint8_t *p, size_t n, size_t step, size_t cap)
{
	uint8_t room[4096];
	struct ws_reader r;

	s->n = s->sum = 0;
	s->end = WS_EV_MORE;
	ws_reader_init(&r, masked);
	while (n > 0 && s->end == WS_EV_MORE) {
		size_t len = MIN(step, n), left = len;
		enum ws_event ev;

		do {
			struct ws_got got;

			ev = ws_read(&r, &p, &left, room, cap, &got);
			take(s, ev, &got);
		} while (ev == WS_EV_DATA || ev == WS_EV_PING);
		must(ev != WS_EV_MORE || left == 0);
		n -= len;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct story whole, cut;
	bool masked;

	if (n < 1 || n > INPUT_MAX)
		return 0;
	masked = data[0] & 1;
	read_all(&whole, masked, data + 1, n - 1, n, 4096);
	read_all(&cut, masked, data + 1, n - 1, 1 + (data[0] >> 1) % 16, 5);
	must(whole.n == cut.n && memcmp(whole.data, cut.data, cut.n) == 0);
	must(whole.end == cut.end && whole.sum == cut.sum && whole.code == cut.code);
	return 0;
}
