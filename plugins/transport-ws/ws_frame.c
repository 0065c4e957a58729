/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* WebSocket frames. Pure; the reader keeps at most a head and one control frame. What is illegal is
 * said as soon as the byte that makes it so is here. */

#include <config.h>

#include <string.h>

#include "ws_frame.h"

#define FIN	  0x80
#define RESERVED  0x70
#define MASKED	  0x80
#define LENGTH_16 126
#define LENGTH_64 127
#define BLOCK	  32

/* ---- Masking --------------------------------------------------------------------------------- */

void
ws_mask(uint8_t *dst, const uint8_t *src, size_t n, uint8_t key[4])
{
	const uint8_t k[8] = {key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]};
	uint64_t wide;
	size_t i = 0;

	memcpy(&wide, k, sizeof(wide));
	/* Loads and stores of 32 bytes at any address, which the compiler makes vectors of. */
	for (; n - i >= BLOCK; i += BLOCK) {
		uint64_t v[BLOCK / 8];

		memcpy(v, src + i, BLOCK);
		for (size_t j = 0; j < BLOCK / 8; j++)
			v[j] ^= wide;
		memcpy(dst + i, v, BLOCK);
	}
	for (; i < n; i++)
		dst[i] = src[i] ^ k[i % 4];
	for (size_t j = 0; j < 4; j++)
		key[j] = k[(n + j) % 4];
}

/* ---- Reading --------------------------------------------------------------------------------- */

void
ws_reader_init(struct ws_reader *r, bool masked)
{
	memset(r, 0, sizeof(*r));
	r->masked = masked;
	r->head_need = 2;
}

static enum ws_event
bad(struct ws_got *got, enum ws_code code, const char *why)
{
	*got = (struct ws_got){.code = code, .why = why};
	return WS_EV_BAD;
}

static enum ws_event
check_control(const struct ws_reader *r, struct ws_got *got_r)
{
	if (!(r->head[0] & FIN))
		return bad(got_r, WS_PROTOCOL, "a control frame in fragments");
	if ((r->head[1] & ~MASKED) > WS_CONTROL_MAX)
		return bad(got_r, WS_PROTOCOL, "a control frame of more than 125 bytes");
	return WS_EV_MORE;
}

/* The first two bytes: everything but the value of a long length. */
static enum ws_event
check_start(const struct ws_reader *r, struct ws_got *got_r)
{
	unsigned op = r->head[0] & 0x0f;

	if (r->head[0] & RESERVED)
		return bad(got_r, WS_PROTOCOL, "reserved bits are set and no extension was agreed");
	if (!(r->head[1] & MASKED) != !r->masked)
		return bad(got_r, WS_PROTOCOL,
			r->masked ? "a frame of the client is not masked"
				  : "a frame of the server is masked");
	switch (op) {
	case WS_CONTINUATION:
		return r->message ? WS_EV_MORE
				  : bad(got_r, WS_PROTOCOL, "a continuation of no message");
	case WS_BINARY:
		return !r->message ? WS_EV_MORE
				   : bad(got_r, WS_PROTOCOL, "a message inside another");
	case WS_TEXT:
		return bad(got_r, WS_NOT_TAKEN, "a text frame: an Adit link is binary");
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		return check_control(r, got_r);
	default:
		return bad(got_r, WS_PROTOCOL, "a frame of an unknown kind");
	}
}

/* Bytes of the whole head, by its second byte. */
static uint8_t
head_size(uint8_t second)
{
	uint8_t length = second & (uint8_t)~MASKED;

	return (uint8_t)(2 +
			 (length == LENGTH_16	       ? 2
				 : length == LENGTH_64 ? 8
						       : 0) +
			 (second & MASKED ? 4 : 0));
}

/* The head is whole. */
static enum ws_event
begin_payload(struct ws_reader *r, struct ws_got *got_r)
{
	uint8_t length = r->head[1] & (uint8_t)~MASKED;
	size_t wide = length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;

	r->left = wide > 0 ? 0 : length;
	for (size_t i = 0; i < wide; i++)
		r->left = r->left << 8 | r->head[2 + i];
	if (wide > 0 && r->left < (wide == 2 ? LENGTH_16 : 1u << 16))
		return bad(got_r, WS_PROTOCOL, "a length in more bytes than it needs");
	if (r->left >> 63 != 0)
		return bad(got_r, WS_PROTOCOL, "a length with its highest bit set");
	if (r->left > WS_FRAME_MAX)
		return bad(got_r, WS_TOO_BIG, "a frame of more than 16 MiB");
	if (r->masked)
		memcpy(r->key, r->head + 2 + wide, sizeof(r->key));
	r->op = r->head[0] & 0x0f;
	if (r->op < WS_CLOSE)
		r->message = !(r->head[0] & FIN);
	r->payload = true;
	r->control_len = 0;
	return WS_EV_MORE;
}

static enum ws_event
read_head(struct ws_reader *r, const uint8_t **p, size_t *n, struct ws_got *got_r)
{
	while (r->head_len < r->head_need) {
		if (*n == 0)
			return WS_EV_MORE;
		r->head[r->head_len++] = *(*p)++;
		--*n;
		if (r->head_len != 2)
			continue;
		if (check_start(r, got_r) == WS_EV_BAD)
			return WS_EV_BAD;
		r->head_need = head_size(r->head[1]);
	}
	return begin_payload(r, got_r);
}

static void
end_frame(struct ws_reader *r)
{
	r->payload = false;
	r->head_len = 0;
	r->head_need = 2;
}

static enum ws_event
read_data(struct ws_reader *r, const uint8_t **p, size_t *n, uint8_t *room, size_t cap,
	struct ws_got *got_r)
{
	size_t len = r->left < *n ? (size_t)r->left : *n;

	got_r->p = *p;
	if (r->masked) {
		len = len < cap ? len : cap;
		ws_mask(room, *p, len, r->key);
		got_r->p = room;
	}
	got_r->n = len;
	*p += len;
	*n -= len;
	r->left -= len;
	if (r->left == 0)
		end_frame(r);
	return len > 0 ? WS_EV_DATA : WS_EV_MORE;
}

/* RFC 6455 section 7.4: what may stand in a close frame. */
static bool
code_valid(unsigned code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}

/* Whether n bytes are UTF-8 (RFC 3629: shortest form, no surrogates, up to U+10FFFF). */
static bool
utf8_valid(const uint8_t *p, size_t n)
{
	static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};

	for (size_t i = 0; i < n;) {
		uint8_t c = p[i++];
		int more = c < 0x80	  ? 0
			   : c >> 5 == 6  ? 1
			   : c >> 4 == 14 ? 2
			   : c >> 3 == 30 ? 3
					  : -1;
		uint32_t v = more == 0 ? c : c & (0x3fu >> (more > 0 ? more : 0));

		if (more < 0 || (size_t)more > n - i)
			return false;
		for (int j = 0; j < more; j++, i++) {
			if (p[i] >> 6 != 2)
				return false;
			v = v << 6 | (p[i] & 0x3f);
		}
		if (v < least[more] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
			return false;
	}
	return true;
}

static enum ws_event
got_close(const struct ws_reader *r, struct ws_got *got_r)
{
	unsigned code = (unsigned)r->control[0] << 8 | r->control[1];

	*got_r = (struct ws_got){.code = WS_NO_CODE};
	if (r->control_len == 0)
		return WS_EV_CLOSE;
	if (r->control_len == 1)
		return bad(got_r, WS_PROTOCOL, "a close frame with half a code");
	if (!code_valid(code))
		return bad(got_r, WS_PROTOCOL, "a close frame with a code that has no meaning");
	got_r->p = r->control + 2;
	got_r->n = r->control_len - 2u;
	if (!utf8_valid(got_r->p, got_r->n))
		return bad(got_r, WS_BAD_TEXT, "a close frame whose reason is not UTF-8");
	got_r->code = (enum ws_code)code;
	return WS_EV_CLOSE;
}

static enum ws_event
read_control(struct ws_reader *r, const uint8_t **p, size_t *n, struct ws_got *got_r)
{
	size_t len = r->left < *n ? (size_t)r->left : *n;

	ws_mask(r->control + r->control_len, *p, len, r->key);
	r->control_len = (uint8_t)(r->control_len + len);
	*p += len;
	*n -= len;
	r->left -= len;
	if (r->left > 0)
		return WS_EV_MORE;
	end_frame(r);
	if (r->op == WS_CLOSE)
		return got_close(r, got_r);
	if (r->op != WS_PING)
		return WS_EV_MORE;
	*got_r = (struct ws_got){.p = r->control, .n = r->control_len};
	return WS_EV_PING;
}

enum ws_event
ws_read(struct ws_reader *r, const uint8_t **p, size_t *n, uint8_t *room, size_t cap,
	struct ws_got *got_r)
{
	enum ws_event ev = WS_EV_MORE;

	*got_r = (struct ws_got){0};
	/* A frame without payload is done when its head is: nothing more has to come. */
	while (ev == WS_EV_MORE && (*n > 0 || (r->payload && r->left == 0))) {
		if (!r->payload)
			ev = read_head(r, p, n, got_r);
		else if (r->op < WS_CLOSE)
			ev = read_data(r, p, n, room, cap, got_r);
		else
			ev = read_control(r, p, n, got_r);
	}
	return ev;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static size_t
write_head(uint8_t *out, enum ws_op op, size_t n, const uint8_t *key)
{
	size_t wide = n < LENGTH_16 ? 0 : n <= 0xffff ? 2 : 8, len = 2;
	uint64_t left = n;

	out[0] = (uint8_t)(FIN | op);
	out[1] = (uint8_t)((key != NULL ? MASKED : 0) | (wide == 0	    ? n
								: wide == 2 ? LENGTH_16
									    : LENGTH_64));
	for (size_t i = wide; i > 0; i--, left >>= 8)
		out[1 + i] = (uint8_t)left;
	len += wide;
	if (key != NULL) {
		memcpy(out + len, key, 4);
		len += 4;
	}
	return len;
}

size_t
ws_write(uint8_t *out, enum ws_op op, const void *p, size_t n, const uint8_t key[4])
{
	size_t len = write_head(out, op, n, key);
	uint8_t moving[4];

	if (key == NULL) {
		if (n > 0)
			memcpy(out + len, p, n);
		return len + n;
	}
	memcpy(moving, key, sizeof(moving));
	ws_mask(out + len, p, n, moving);
	return len + n;
}

size_t
ws_close_payload(uint8_t out[WS_CONTROL_MAX], enum ws_code code, const char *reason)
{
	size_t n = strnlen(reason, WS_CONTROL_MAX - 2);

	out[0] = (uint8_t)(code >> 8);
	out[1] = (uint8_t)code;
	memcpy(out + 2, reason, n);
	return 2 + n;
}
