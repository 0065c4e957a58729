/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Lines of JSON, written. */

#include "line.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"

/* How many bytes begin here that are one character; 0: none do. */
static size_t
utf8_character(const unsigned char *p, size_t n)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max;
		size_t n;
	} forms[] = {{0x00, 0x7f, 0, 0, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4}};
	size_t f = 0;

	while (p[0] < forms[f].first_min || p[0] > forms[f].first_max)
		if (++f == sizeof(forms) / sizeof(forms[0]))
			return 0;
	if (n < forms[f].n)
		return 0;
	if (forms[f].n > 1 && (p[1] < forms[f].second_min || p[1] > forms[f].second_max))
		return 0;
	for (size_t i = 2; i < forms[f].n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return forms[f].n;
}

bool
utf8_valid(const char *p, size_t n)
{
	for (size_t i = 0, one; i < n; i += one) {
		one = utf8_character((const unsigned char *)p + i, n - i);
		if (one == 0)
			return false;
	}
	return true;
}

/* ---- Pieces ---------------------------------------------------------------------------------- */

static void
put(struct line *l, const char *p, size_t n)
{
	if (l->bad || n > l->cap - l->n) {
		l->bad = true;
		return;
	}
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void
put_quoted(struct line *l, const char *p, size_t n)
{
	char escaped[8];

	put(l, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '"' || c == '\\') {
			escaped[0] = '\\';
			escaped[1] = p[i];
			put(l, escaped, 2);
		} else if (c < ' ' || c == 0x7f) {
			put(l, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x", c));
		} else {
			put(l, p + i, 1);
		}
	}
	put(l, "\"", 1);
}

static void
put_key(struct line *l, const char *key)
{
	if (l->n > 0 && !l->bad && l->p[l->n - 1] != '{')
		put(l, ",", 1);
	put_quoted(l, key, strlen(key));
	put(l, ":", 1);
}

/* ---- Members --------------------------------------------------------------------------------- */

void
line_begin(struct line *l, size_t room)
{
	*l = (struct line){.cap = room, .bad = room > LINE_MAX_OUT};
	if (!l->bad)
		l->p = malloc(room);
	if (l->p == NULL)
		l->bad = true;
	put(l, "{", 1);
}

void
line_text(struct line *l, const char *key, const char *value, size_t n)
{
	put_key(l, key);
	if (!utf8_valid(value, n))
		l->bad = true;
	put_quoted(l, value, n);
}

void
line_string(struct line *l, const char *key, const char *value)
{
	line_text(l, key, value, strlen(value));
}

void
line_base64(struct line *l, const char *key, const void *value, size_t n)
{
	size_t size = BASE64_SIZE(n);

	put_key(l, key);
	put(l, "\"", 1);
	if (!l->bad && size <= l->cap - l->n) {
		base64_encode(value, n, l->p + l->n);
		l->n += size;
	} else {
		l->bad = true;
	}
	put(l, "\"", 1);
}

void
line_number(struct line *l, const char *key, int64_t value)
{
	char text[24];

	put_key(l, key);
	put(l, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, value));
}

void
line_bool(struct line *l, const char *key, bool value)
{
	put_key(l, key);
	put(l, value ? "true" : "false", value ? 4 : 5);
}

void
line_object(struct line *l, const char *key)
{
	put_key(l, key);
	put(l, "{", 1);
}

void
line_close(struct line *l)
{
	put(l, "}", 1);
}

bool
line_end(struct line *l)
{
	put(l, "}\n", 2);
	if (l->bad)
		line_wipe(l);
	return !l->bad;
}

void
line_wipe(struct line *l)
{
	if (l->p != NULL) {
		explicit_bzero(l->p, l->cap);
		free(l->p);
	}
	l->p = NULL;
	l->n = l->cap = 0;
}
