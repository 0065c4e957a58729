/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Writing JSON. Pure, but for memory. */

#include "util/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"

static void
put(struct json *j, const char *p, size_t n)
{
	if (j->n + n + 1 > j->cap) {
		j->cap = MAX(2 * j->cap, j->n + n + 1);
		j->cap = MAX(j->cap, (size_t)256);
		j->p = xrealloc(j->p, j->cap);
	}
	memcpy(j->p + j->n, p, n);
	j->n += n;
	j->p[j->n] = '\0';
}

/* What comes before a value. */
static void
begin(struct json *j)
{
	if (j->follows)
		put(j, ",", 1);
	j->follows = true;
}

void
json_fini(struct json *j)
{
	free(j->p);
	*j = (struct json){.n = 0};
}

void
json_key(struct json *j, const char *key)
{
	begin(j);
	put(j, "\"", 1);
	put(j, key, strlen(key));
	put(j, "\":", 2);
	j->follows = false;
}

void
json_open(struct json *j, char bracket)
{
	begin(j);
	put(j, &bracket, 1);
	j->follows = false;
}

void
json_close(struct json *j, char bracket)
{
	put(j, &bracket, 1);
	j->follows = true;
}

/* How many bytes the letter of UTF-8 at s has, 0 if there is none: no surrogates, nothing that
 * could be shorter, nothing over U+10FFFF (RFC 3629 section 4). */
static size_t
letter(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	unsigned char low = 0x80, high = 0xbf;

	if (s[0] > 0xf4)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < n; i++) {
		if (s[i] < low || s[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

void
json_text(struct json *j, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	char hex[8];

	begin(j);
	if (s == NULL) {
		put(j, "null", 4);
		return;
	}
	put(j, "\"", 1);
	while (*p != '\0') {
		size_t n = letter(p);

		if (n == 0) {
			put(j, "\xef\xbf\xbd", 3);
			n = 1;
		} else if (*p < ' ' || *p == 0x7f) {
			snprintf(hex, sizeof(hex), "\\u%04x", *p);
			put(j, hex, 6);
		} else {
			if (*p == '"' || *p == '\\')
				put(j, "\\", 1);
			put(j, (const char *)p, n);
		}
		p += n;
	}
	put(j, "\"", 1);
}

void
json_number(struct json *j, int64_t n)
{
	char text[24];

	begin(j);
	put(j, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, n));
}

void
json_bool(struct json *j, bool b)
{
	begin(j);
	put(j, b ? "true" : "false", b ? 4 : 5);
}

void
json_put_text(struct json *j, const char *key, const char *s)
{
	json_key(j, key);
	json_text(j, s);
}

void
json_put_number(struct json *j, const char *key, int64_t n)
{
	json_key(j, key);
	json_number(j, n);
}

void
json_put_bool(struct json *j, const char *key, bool b)
{
	json_key(j, key);
	json_bool(j, b);
}
