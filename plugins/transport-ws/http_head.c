/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Heads of HTTP/1 messages. Pure. */

#include <config.h>

#include <string.h>
#include <strings.h>

#include "http_head.h"

bool
span_is(struct span s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

bool
span_is_nocase(struct span s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span
trim(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool
span_until(struct span *rest, char c, struct span *before_r)
{
	const char *at = rest->n > 0 ? memchr(rest->p, c, rest->n) : NULL;

	if (at == NULL)
		return false;
	*before_r = (struct span){rest->p, (size_t)(at - rest->p)};
	rest->n -= before_r->n + 1;
	rest->p = at + 1;
	return true;
}

bool
span_element(struct span *list, struct span *element_r)
{
	while (list->n > 0) {
		struct span e;

		if (!span_until(list, ',', &e)) {
			e = *list;
			*list = (struct span){list->p + list->n, 0};
		}
		e = trim(e);
		if (e.n == 0)
			continue;
		*element_r = e;
		return true;
	}
	return false;
}

bool
http_is_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			continue;
		if (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)
			return false;
	}
	return s.n > 0;
}

const char *
span_text(struct span s, char *buf, size_t cap)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	for (size_t i = 0; i < n; i++)
		buf[i] = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';
	buf[n] = '\0';
	return buf;
}

/* ---- The whole head -------------------------------------------------------------------------- */

static bool
is_end(const char *p, size_t n)
{
	return n >= 4 && memcmp(p + n - 4, "\r\n\r\n", 4) == 0;
}

const char *
http_head_end(const char *p, size_t n, size_t *seen, size_t *len_r)
{
	*len_r = is_end(p, *seen) ? *seen : 0;
	if (*len_r > 0)
		return NULL;
	for (size_t i = *seen; i < n && i < HTTP_HEAD_MAX; i++) {
		unsigned char c = (unsigned char)p[i];

		*seen = i + 1;
		if ((c == '\n') != (i > 0 && p[i - 1] == '\r'))
			return c == '\n' ? "a line ends without CR" : "a CR without LF";
		if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
			return "a control character in the head";
		if (is_end(p, *seen)) {
			*len_r = *seen;
			return NULL;
		}
	}
	return *seen >= HTTP_HEAD_MAX ? "a head of more than 8 KiB" : NULL;
}

struct span
http_line(struct span *rest)
{
	struct span line = {rest->p, 0};

	if (span_until(rest, '\n', &line) && line.n > 0)
		line.n--; /* the CR */
	return line;
}

bool
http_field(struct span *rest, struct span *name_r, struct span *value_r, const char **why_r)
{
	struct span line = http_line(rest), name;

	if (line.n == 0)
		return false;
	if (is_blank(line.p[0])) {
		*why_r = "a folded line";
		return false;
	}
	if (!span_until(&line, ':', &name)) {
		*why_r = "a line without a colon";
		return false;
	}
	if (!http_is_token(name)) {
		*why_r = name.n > 0 && is_blank(name.p[name.n - 1])
				 ? "a blank between a field's name and its colon"
				 : "a field whose name is none";
		return false;
	}
	*name_r = name;
	*value_r = trim(line);
	return true;
}
