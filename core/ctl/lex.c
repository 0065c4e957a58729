/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The words of a configuration file. Every byte is looked at once, and nothing outside the text.
 *
 * Why at all, when libconfig reads the file afterwards: 1.5 makes 705032704 of 5000000000 without
 * a word, ends at a zero byte, and has one text, "syntax error", for everything. */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/lex.h"
#include "util/log.h"

/* Longer numbers are no numbers. */
#define NUMBER_MAX 40

static bool
is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '*';
}

static bool
is_name(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '*';
}

/* A digit, or a sign or point with something behind it. */
static bool
is_number_start(const char *p, const char *end)
{
	if (*p == '.')
		return end - p > 1 && isdigit((unsigned char)p[1]);
	return isdigit((unsigned char)*p) || *p == '-' || *p == '+';
}

/* --- between the words --- */

static void
skip_line(struct lex *l)
{
	while (l->p < l->end && *l->p != '\n')
		l->p++;
}

static int
skip_block(struct lex *l, struct err *e)
{
	int line = l->line;

	for (l->p += 2; l->end - l->p >= 2; l->p++) {
		if (l->p[0] == '*' && l->p[1] == '/') {
			l->p += 2;
			return 0;
		}
		l->line += l->p[0] == '\n';
	}
	return err_at(e, l->file, line, "the comment that begins here with /* has no end");
}

static int
skip_blank(struct lex *l, struct err *e)
{
	while (l->p < l->end) {
		char next = l->end - l->p > 1 ? l->p[1] : '\0';

		if (*l->p == '\n')
			l->line++;
		if (strchr(" \t\r\n\f", *l->p) != NULL) {
			l->p++;
		} else if (*l->p == '#' || (*l->p == '/' && next == '/')) {
			skip_line(l);
		} else if (*l->p == '/' && next == '*') {
			if (skip_block(l, e) < 0)
				return -EINVAL;
		} else {
			break;
		}
	}
	return 0;
}

/* --- words --- */

/* libconfig understands \x41 as a byte: a zero would cut the string. */
static bool
is_zero_escape(const char *p, const char *end)
{
	return end - p >= 4 && p[0] == '\\' && (p[1] == 'x' || p[1] == 'X') && p[2] == '0' &&
	       p[3] == '0';
}

static int
take_string(struct lex *l, struct err *e)
{
	int line = l->line;

	for (l->p++; l->p < l->end && *l->p != '"'; l->p++) {
		l->line += *l->p == '\n';
		if (is_zero_escape(l->p, l->end))
			return err_at(e, l->file, l->line, "a string cannot contain \\x00");
		if (*l->p == '\\' && l->end - l->p > 1) {
			l->p++;
			l->line += *l->p == '\n';
		}
	}
	if (l->p == l->end)
		return err_at(e, l->file, line,
			"the string that begins here has no closing quotation mark");
	l->p++;
	l->tok.kind = TOKEN_STRING;
	return 0;
}

static bool
is_word(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

static void
take_name(struct lex *l)
{
	while (l->p < l->end && is_name(*l->p))
		l->p++;
	l->tok.n = (size_t)(l->p - l->tok.s);
	if (is_word(l->tok.s, l->tok.n, "true") || is_word(l->tok.s, l->tok.n, "false"))
		l->tok.kind = TOKEN_BOOL;
	else
		l->tok.kind = TOKEN_NAME;
}

/* An integer's value must survive libconfig: 32 bits, or 64 with L. s is terminated, its L gone. */
static int
check_int(struct lex *l, const char *s, bool wide, struct err *e)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	long long v;

	errno = 0;
	v = strtoll(s, NULL, hex ? 16 : 10);
	if (errno == ERANGE)
		return err_at(e, l->file, l->line, "%s does not fit into 64 bits", s);
	if (!wide && (v > INT32_MAX || v < INT32_MIN))
		return err_at(e, l->file, l->line,
			"%s does not fit into 32 bits and would be cut without a word: write %sL, "
			"or a size as a string (\"5GiB\")",
			s, s);
	l->tok.kind = TOKEN_INT;
	return 0;
}

/* What is left of s behind an optional sign and digits. */
static const char *
behind_digits(const char *s, bool *any_r)
{
	const char *p = s + (*s == '-' || *s == '+');
	const char *first = p;

	while (isdigit((unsigned char)*p))
		p++;
	*any_r = p > first;
	return p;
}

static bool
is_hex(const char *s)
{
	if (s[0] != '0' || (s[1] != 'x' && s[1] != 'X') || !isxdigit((unsigned char)s[2]))
		return false;
	for (s += 2; *s != '\0'; s++)
		if (!isxdigit((unsigned char)*s))
			return false;
	return true;
}

static bool
is_float(const char *s)
{
	bool whole, part = false, power;
	const char *p = behind_digits(s, &whole);

	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++)
			part = true;
	}
	if (!whole && !part)
		return false;
	if (*p == 'e' || *p == 'E') {
		p = behind_digits(p + 1, &power);
		if (!power)
			return false;
	}
	return *p == '\0';
}

static int
take_number(struct lex *l, struct err *e)
{
	char s[NUMBER_MAX + 1], shown[80];
	size_t n;
	bool any, wide = false;

	while (l->p < l->end && (is_name(*l->p) || *l->p == '.' || *l->p == '+'))
		l->p++;
	l->tok.n = n = (size_t)(l->p - l->tok.s);
	log_safe(shown, sizeof(shown), l->tok.s, n);
	if (n > NUMBER_MAX)
		return err_at(e, l->file, l->line, "'%s' is not a number", shown);
	memcpy(s, l->tok.s, n);
	s[n] = '\0';
	if (*behind_digits(s, &any) == '\0' && any)
		return check_int(l, s, false, e);
	for (int i = 0; i < 2 && n > 1 && s[n - 1] == 'L'; i++) {
		s[--n] = '\0';
		wide = true;
	}
	if ((*behind_digits(s, &any) == '\0' && any) || is_hex(s))
		return check_int(l, s, wide, e);
	l->tok.kind = TOKEN_FLOAT;
	if (!wide && is_float(s))
		return 0;
	return err_at(e, l->file, l->line,
		"'%s' is not a number; sizes, durations and addresses are strings: \"%s\"", shown,
		shown);
}

static int
take_other(struct lex *l, struct err *e)
{
	unsigned char c = (unsigned char)*l->p;

	if (strchr("=:;,{}()[]", c) != NULL) {
		l->p++;
		l->tok.kind = TOKEN_PUNCT;
		return 0;
	}
	if (c == '.')
		return err_at(e, l->file, l->line,
			"unexpected '.': a name has no dots; the keys of a group stand inside of "
			"its { … }");
	if (c == '@')
		return err_at(e, l->file, l->line,
			"@include is not supported: put files into conf.d, or all into one file");
	if (isprint(c))
		return err_at(e, l->file, l->line, "unexpected '%c'", c);
	return err_at(e, l->file, l->line,
		"unexpected byte 0x%02x: outside of strings and comments only ASCII is understood",
		c);
}

/* --- interface --- */

int
lex_next(struct lex *l, struct err *e)
{
	int rc = 0;
	char c;

	if (skip_blank(l, e) < 0)
		return -EINVAL;
	l->tok = (struct token){.kind = TOKEN_END, .s = l->p, .line = l->line};
	if (l->p == l->end)
		return 0;
	c = *l->p;
	if (c == '"')
		rc = take_string(l, e);
	else if (is_name_start(c))
		take_name(l);
	else if (is_number_start(l->p, l->end))
		rc = take_number(l, e);
	else
		rc = take_other(l, e);
	l->tok.n = (size_t)(l->p - l->tok.s);
	return rc;
}

/* libconfig would read up to it and say nothing. From here on there is none in the text. */
static int
refuse_zero(const char *file, const char *text, size_t len, struct err *e)
{
	const char *zero = memchr(text, '\0', len);
	int line = 1;

	if (zero == NULL)
		return 0;
	for (const char *p = text; p < zero; p++)
		line += *p == '\n';
	return err_at(e, file, line, "a zero byte: this is not a text file");
}

int
lex_init(struct lex *l, const char *file, const char *text, size_t len, struct err *e)
{
	if (refuse_zero(file, text, len, e) < 0)
		return -EINVAL;
	*l = (struct lex){.p = text, .end = text + len, .file = file, .line = 1};
	return lex_next(l, e);
}

bool
lex_at(const struct lex *l, char punct)
{
	return l->tok.kind == TOKEN_PUNCT && *l->tok.s == punct;
}

const char *
lex_text(const struct lex *l, char *buf, size_t cap)
{
	char safe[60];

	if (l->tok.kind == TOKEN_END)
		snprintf(buf, cap, "the end of the file");
	else
		snprintf(buf, cap, "'%s'", log_safe(safe, sizeof(safe), l->tok.s, l->tok.n));
	return buf;
}
