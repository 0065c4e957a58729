/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Keys of WebSocket handshakes. Pure; any thread. */

#include <config.h>

#include <string.h>

#include "ws_key.h"

static uint32_t
rotate(uint32_t v, int n)
{
	return v << n | v >> (32 - n);
}

static uint32_t
word_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* FIPS 180-4 section 6.1.2. */
static void
sha1_block(uint32_t h[5], const uint8_t *p)
{
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

	for (size_t i = 0; i < 16; i++)
		w[i] = word_at(p + 4 * i);
	for (size_t i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (size_t i = 0; i < 80; i++) {
		uint32_t f = i < 20		 ? (b & c) | (~b & d)
			     : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d)
						 : b ^ c ^ d;
		static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
		uint32_t t = rotate(a, 5) + f + e + k[i / 20] + w[i];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = t;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

void
ws_sha1(const void *p, size_t n, uint8_t digest[20])
{
	uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	uint8_t padded[128] = {0};
	size_t len = n < 56 ? 64 : 128;

	memcpy(padded, p, n);
	padded[n] = 0x80;
	padded[len - 2] = (uint8_t)(n * 8 >> 8);
	padded[len - 1] = (uint8_t)(n * 8);
	for (size_t i = 0; i < len; i += 64)
		sha1_block(h, padded + i);
	for (size_t i = 0; i < 20; i++)
		digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* n bytes as base64, terminated. */
static void
base64(const uint8_t *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		v |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
		v |= i + 2 < n ? p[i + 2] : 0;
		*out++ = letters[v >> 18];
		*out++ = letters[v >> 12 & 63];
		*out++ = i + 1 < n ? letters[v >> 6 & 63] : '=';
		*out++ = i + 2 < n ? letters[v & 63] : '=';
	}
	*out = '\0';
}

void
ws_key_format(const uint8_t random[16], char key[WS_KEY + 1])
{
	base64(random, 16, key);
}

bool
ws_key_valid(const char *p, size_t n)
{
	if (n != WS_KEY || p[WS_KEY - 1] != '=' || p[WS_KEY - 2] != '=')
		return false;
	for (size_t i = 0; i < WS_KEY - 2; i++)
		if (p[i] == '\0' || strchr(letters, p[i]) == NULL)
			return false;
	return true;
}

void
ws_key_accept(const char *key, char accept[WS_ACCEPT + 1])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[WS_KEY + sizeof(guid)];
	uint8_t digest[20];

	memcpy(text, key, WS_KEY);
	memcpy(text + WS_KEY, guid, sizeof(guid));
	ws_sha1(text, WS_KEY + sizeof(guid) - 1, digest);
	base64(digest, sizeof(digest), accept);
}
