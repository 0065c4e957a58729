/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* WebSocket frames: the table frames.txt in one piece and byte by byte; masking at every alignment;
 * what is written is read again. */

#include "tap.h"
#include "test-table.h"
#include "ws_frame.h"

#define ROOM 7 /* for unmasked data: small, so that it is handed on in pieces */

struct story {
	char text[300000];
	size_t n;
	bool data; /* the last word was of data */
	const char *why;
};

static void
tell(struct story *s, const char *word)
{
	s->n += (size_t)snprintf(
		s->text + s->n, sizeof(s->text) - s->n, "%s%s", s->n > 0 ? " " : "", word);
}

static void
tell_hex(struct story *s, const uint8_t *p, size_t n, const char *before)
{
	for (size_t i = 0; i < n; i++)
		s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "%s%02x",
			i == 0 ? before : "", p[i]);
}

static void
tell_event(struct story *s, enum ws_event ev, const struct ws_got *got)
{
	char word[40];

	if (ev != WS_EV_DATA)
		s->data = false;
	switch (ev) {
	case WS_EV_MORE:
		break;
	case WS_EV_DATA:
		if (!s->data)
			tell(s, "data");
		tell_hex(s, got->p, got->n, s->data ? "" : " ");
		s->data = true;
		break;
	case WS_EV_PING:
		tell(s, "ping");
		tell_hex(s, got->p, got->n, " ");
		break;
	case WS_EV_CLOSE:
		snprintf(word, sizeof(word), "close %d", (int)got->code);
		tell(s, word);
		tell_hex(s, got->p, got->n, " ");
		break;
	case WS_EV_BAD:
		snprintf(word, sizeof(word), "bad %d", (int)got->code);
		tell(s, word);
		s->why = got->why;
		break;
	}
}

/* Reads n bytes, so many at a time. */
static void
read_frames(struct story *s, bool masked, const uint8_t *p, size_t n, size_t step)
{
	enum ws_event ev = WS_EV_MORE;
	struct ws_reader r;

	*s = (struct story){0};
	ws_reader_init(&r, masked);
	while (n > 0) {
		size_t len = step < n ? step : n, left = len;

		do {
			bool data = s->data;
			struct ws_got got;
			uint8_t room[ROOM];

			ev = ws_read(&r, &p, &left, room, sizeof(room), &got);
			tell_event(s, ev, &got);
			if (ev == WS_EV_MORE)
				s->data = data; /* nothing was said in between */
		} while (ev == WS_EV_DATA || ev == WS_EV_PING);
		if (ev != WS_EV_MORE)
			return;
		n -= len;
	}
}

/* "data 61*3 close 1000" with every XX*N written out. */
static void
expand(const char *words, char *out, size_t cap)
{
	static uint8_t bytes[71000];
	char copy[512], *save, *w;
	size_t n = 0;
	bool first = true;

	snprintf(copy, sizeof(copy), "%s", words);
	for (w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		size_t len = strchr(w, '*') != NULL ? table_hex(w, bytes, sizeof(bytes)) : 0;

		n += (size_t)snprintf(out + n, cap - n, "%s%s", first ? "" : " ", len > 0 ? "" : w);
		for (size_t i = 0; i < len; i++)
			n += (size_t)snprintf(out + n, cap - n, "%02x", bytes[i]);
		first = false;
	}
	if (first)
		out[0] = '\0';
}

static void
test_table(void)
{
	static uint8_t bytes[71000];
	static struct story whole, single;
	static char want[300000];
	struct table t;
	int rows = 0;

	table_open(&t, "frames.txt");
	while (table_row(&t)) {
		size_t n = table_hex(t.column[2], bytes, sizeof(bytes));
		bool masked = strcmp(t.column[1], "server") == 0;

		rows++;
		expand(t.column[3], want, sizeof(want));
		read_frames(&whole, masked, bytes, n, n);
		read_frames(&single, masked, bytes, n, 1);
		ok(strcmp(whole.text, want) == 0, "%s", t.column[0]);
		if (strcmp(whole.text, want) != 0)
			diag("got %.200s, want %.200s", whole.text, want);
		ok(strcmp(single.text, want) == 0, "%s, byte by byte", t.column[0]);
		if (t.column[4][0] != '\0' || whole.why != NULL)
			ok(whole.why != NULL && t.column[4][0] != '\0' &&
					strstr(whole.why, t.column[4]) != NULL,
				"%s: %s", t.column[0], whole.why != NULL ? whole.why : "no reason");
	}
	ok(rows >= 100, "%d rows", rows);
}

static void
test_mask(void)
{
	static uint8_t src[256 + 16], dst[256 + 16], want[256 + 16];
	const uint8_t key[4] = {0x12, 0x34, 0x56, 0x78};
	int wrong = 0, moved = 0;

	for (size_t i = 0; i < sizeof(src); i++)
		src[i] = (uint8_t)(i * 7);
	for (size_t from = 0; from < 9; from++)
		for (size_t to = 0; to < 9; to++)
			for (size_t n = 0; n <= 140; n++) {
				uint8_t k[4] = {key[0], key[1], key[2], key[3]};

				memset(dst, 0xee, sizeof(dst));
				memset(want, 0xee, sizeof(want));
				for (size_t i = 0; i < n; i++)
					want[to + i] = (uint8_t)(src[from + i] ^ key[i % 4]);
				ws_mask(dst + to, src + from, n, k);
				wrong += memcmp(dst, want, sizeof(dst)) != 0;
				for (size_t i = 0; i < 4; i++)
					moved += k[i] == key[(n + i) % 4];
			}
	is_int(wrong, 0,
		"masking is right at every alignment and length, and touches nothing else");
	is_int(moved, 4 * 9 * 9 * 141, "and the key moves on");
	memcpy(dst, src, 100);
	ws_mask(dst, dst, 100, (uint8_t[4]){1, 2, 3, 4});
	ws_mask(dst, dst, 100, (uint8_t[4]){1, 2, 3, 4});
	is_mem(dst, src, 100, "in place, twice is once");
}

static void
test_write(void)
{
	static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 65537, 100000};
	static uint8_t payload[100000], out[100000 + WS_HEAD_MAX], back[100000];
	const uint8_t key[4] = {9, 8, 7, 6};

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 31 >> 3);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int masked = 0; masked < 2; masked++) {
			size_t n = ws_write(out, WS_BINARY, payload, sizes[i], masked ? key : NULL);
			const uint8_t *p = out;
			struct ws_reader r;
			struct ws_got got;
			enum ws_event ev;

			ws_reader_init(&r, masked);
			ev = ws_read(&r, &p, &n, back, sizeof(back), &got);
			ok(ev == (sizes[i] > 0 ? WS_EV_DATA : WS_EV_MORE) && n == 0 &&
					got.n == sizes[i] &&
					(sizes[i] == 0 || memcmp(got.p, payload, sizes[i]) == 0),
				"%zu bytes %s are read as they were written", sizes[i],
				masked ? "masked" : "not masked");
		}
	}
}

static void
test_close(void)
{
	uint8_t p[WS_CONTROL_MAX], out[WS_HEAD_MAX + WS_CONTROL_MAX];
	char large[300];
	size_t n;

	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	n = ws_close_payload(p, WS_PROTOCOL, "no");
	is_mem(p,
		"\x03\xea"
		"no",
		4, "a close frame has the code, then the reason");
	is_int(n, 4, "and nothing more");
	is_int(ws_close_payload(p, WS_NORMAL, large), WS_CONTROL_MAX, "a long reason is cut");
	n = ws_write(out, WS_CLOSE, p, WS_CONTROL_MAX, NULL);
	is_int(n, 2 + WS_CONTROL_MAX, "so that it fits");
}

int
main(void)
{
	test_mask();
	test_write();
	test_close();
	test_table();
	return done_testing();
}
