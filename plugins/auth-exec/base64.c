/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Base64. Strict when read: no other characters, padding as it must be, and no bits behind the last
 * byte, so that every text stands for different bytes. */

#include "base64.h"

#include <string.h>

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(const void *p, size_t n, char *text_r)
{
	const uint8_t *from = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t bits = (uint32_t)from[i] << 16;

		bits |= left > 1 ? (uint32_t)from[i + 1] << 8 : 0;
		bits |= left > 2 ? from[i + 2] : 0;
		*text_r++ = alphabet[bits >> 18];
		*text_r++ = alphabet[bits >> 12 & 63];
		*text_r++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		*text_r++ = left > 2 ? alphabet[bits & 63] : '=';
	}
}

static int
value(char c)
{
	const char *at = c != '\0' ? memchr(alphabet, c, sizeof(alphabet)) : NULL;

	return at != NULL ? (int)(at - alphabet) : -1;
}

ssize_t
base64_decode(const char *text, size_t n, uint8_t *p_r, size_t max)
{
	size_t pad = 0, len;
	uint32_t bits = 0;

	if (n % 4 != 0)
		return -1;
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	len = n / 4 * 3 - pad;
	if (len > max)
		return -1;
	for (size_t i = 0, at = 0; i < n; i++) {
		int v = i < n - pad ? value(text[i]) : 0;

		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 != 3)
			continue;
		for (int shift = 16; shift >= 0; shift -= 8, at++) {
			uint8_t byte = (uint8_t)(bits >> shift);

			if (at < len)
				p_r[at] = byte;
			else if (byte != 0)
				return -1;
		}
		bits = 0;
	}
	return (ssize_t)len;
}
