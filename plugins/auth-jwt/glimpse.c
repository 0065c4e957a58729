/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Half a JSON object. What is no JSON gives nonsense, which is as good as nothing: the whole
 * text is read by strict.c in the end. Pure, any thread. */

#include "glimpse.h"

#include <string.h>

struct glimpse {
	const char *p, *end;
};

static void
skip_blanks(struct glimpse *g)
{
	while (g->p < g->end && memchr(" \t\r\n", *g->p, 4) != NULL)
		g->p++;
}

/* Over a text that begins here, from quotation mark to quotation mark; copied into text_r (cap
 * bytes) if it is plain and fits. Returns whether that is so. */
static bool
take_text(struct glimpse *g, char *text_r, size_t cap)
{
	bool plain = true, ended = false;
	size_t n = 0;

	for (g->p++; g->p < g->end && !ended; g->p++) {
		char c = *g->p;

		ended = c == '"';
		if (c == '\\' && ++g->p < g->end) {
			plain &= *g->p == '/';
			c = '/';
		}
		if (!ended && n + 1 < cap)
			text_r[n++] = c;
		else if (!ended)
			plain = false;
	}
	text_r[n] = '\0';
	return plain && ended;
}

/* Over a value that is no text, and the comma behind it. */
static void
skip_value(struct glimpse *g)
{
	unsigned depth = 0;
	char ignored[1];

	while (g->p < g->end) {
		char c = *g->p;

		if (c == '"') {
			take_text(g, ignored, sizeof(ignored));
			continue;
		}
		if (c == ',' && depth == 0)
			return;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth-- == 0)
			g->p = g->end - 1; /* the object has ended */
		g->p++;
	}
}

static bool
skip(struct glimpse *g, char c)
{
	skip_blanks(g);
	if (g->p >= g->end || *g->p != c)
		return false;
	g->p++;
	skip_blanks(g);
	return g->p < g->end;
}

bool
glimpse_text(const char *json, size_t n, const char *name, char *text_r, size_t cap)
{
	struct glimpse g = {json, json + n};
	char key[64];

	if (!skip(&g, '{'))
		return false;
	while (g.p < g.end && *g.p == '"') {
		bool found = take_text(&g, key, sizeof(key)) && strcmp(key, name) == 0;

		if (!skip(&g, ':'))
			return false;
		if (found && *g.p == '"')
			return take_text(&g, text_r, cap);
		skip_value(&g);
		if (found || !skip(&g, ','))
			return false;
	}
	return false;
}
