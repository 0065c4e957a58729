/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* base64url, strictly. Any thread. */

#include "b64.h"

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 0 to 63, or -1. */
static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

ssize_t
b64_decode(const char *text, size_t n, uint8_t *out_r)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t out = 0;

	if (n % 4 == 1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int d = digit(text[i]);

		if (d < 0)
			return -1;
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out_r[out++] = (uint8_t)(bits >> have);
			bits &= (1U << have) - 1;
		}
	}
	return bits == 0 ? (ssize_t)out : -1;
}

size_t
b64_encode(const void *data, size_t n, char *out_r)
{
	const uint8_t *p = data;
	uint32_t bits = 0;
	unsigned have = 0;
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		bits = (bits << 8 | p[i]) & 0xffff;
		for (have += 8; have >= 6; have -= 6)
			out_r[out++] = digits[bits >> (have - 6) & 63];
	}
	if (have > 0)
		out_r[out++] = digits[bits << (6 - have) & 63];
	out_r[out] = '\0';
	return out;
}
