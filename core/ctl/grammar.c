/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The syntax of a configuration file, by recursive descent of bounded depth:
 *
 *   settings = { name ( "=" | ":" ) value [ ";" | "," ] }
 *   value    = scalar | "{" settings "}" | "(" [ value { "," value } ] ")"
 *            | "[" [ scalar { "," scalar } ] "]"
 *   scalar   = integer | float | true | false | string { string }
 *
 * Each function begins with the current token as its first and leaves the one behind its last. */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/grammar.h"
#include "ctl/lex.h"
#include "util/compiler.h"

struct key {
	const char *s;
	size_t n;
	int line;
};

/* The settings of one group: for finding a key that is there twice. */
struct scope {
	struct key key[GRAMMAR_KEYS_MAX];
	size_t n;
};

struct grammar {
	struct lex lex;
	struct err *e;
	unsigned depth;
	struct key key; /* of the value that is being read */
};

static int value(struct grammar *g);

/* Says what was expected at the current token. */
static int
fail(struct grammar *g, const char *expected)
{
	char found[80];

	return err_at(g->e, g->lex.file, g->lex.tok.line, "expected %s, found %s", expected,
		lex_text(&g->lex, found, sizeof(found)));
}

static int
fail_value(struct grammar *g)
{
	char found[80];

	lex_text(&g->lex, found, sizeof(found));
	if (g->lex.tok.kind == TOKEN_NAME)
		return err_at(g->e, g->lex.file, g->lex.tok.line,
			"key '%.*s': %s is not a value: strings stand in quotation marks, switches "
			"are true or false",
			(int)g->key.n, g->key.s, found);
	return err_at(g->e, g->lex.file, g->lex.tok.line, "key '%.*s': expected a value, found %s",
		(int)g->key.n, g->key.s, found);
}

static int
next(struct grammar *g)
{
	return lex_next(&g->lex, g->e);
}

/* The same where a value is expected: an error is the key's. */
static int
next_value(struct grammar *g)
{
	int rc = next(g);

	if (rc < 0)
		err_prefix(g->e, "key '%.*s'", (int)MIN(g->key.n, 60), g->key.s);
	return rc;
}

static int
scalar(struct grammar *g)
{
	enum token_kind kind = g->lex.tok.kind;
	int rc;

	if (kind != TOKEN_STRING && kind != TOKEN_INT && kind != TOKEN_FLOAT && kind != TOKEN_BOOL)
		return fail_value(g);
	do
		rc = next(g);
	while (rc == 0 && kind == TOKEN_STRING && g->lex.tok.kind == TOKEN_STRING);
	return rc;
}

/* What stands open while its inside is read. */
struct open {
	struct key key;
	int line;
	char close;
	enum token_kind kind; /* of an array's elements; END: not known yet */
};

static int
fail_open(struct grammar *g, const struct open *o)
{
	return err_at(g->e, g->lex.file, o->line, "key '%.*s': this is never closed with '%c'",
		(int)MIN(o->key.n, 60), o->key.s, o->close);
}

/* An array's elements are scalars of one type; a list's are anything. */
static int
element(struct grammar *g, struct open *o)
{
	enum token_kind kind = g->lex.tok.kind;

	if (o->close == ')')
		return value(g);
	if (o->kind != TOKEN_END && kind != o->kind && kind != TOKEN_PUNCT && kind != TOKEN_END)
		return err_at(g->e, g->lex.file, g->lex.tok.line,
			"key '%.*s': the elements of an array [ … ] must be of one type",
			(int)MIN(o->key.n, 60), o->key.s);
	o->kind = kind;
	return scalar(g);
}

/* Behind an element: a comma and another one, or the end. */
static int
separator(struct grammar *g, const struct open *o)
{
	if (lex_at(&g->lex, o->close))
		return 0;
	if (g->lex.tok.kind == TOKEN_END)
		return fail_open(g, o);
	if (!lex_at(&g->lex, ','))
		return fail(g, o->close == ')' ? "',' or ')'" : "',' or ']'");
	if (next_value(g) < 0)
		return -EINVAL;
	if (lex_at(&g->lex, o->close))
		return err_at(g->e, g->lex.file, g->lex.tok.line,
			"a comma stands between two elements, not before '%c'", o->close);
	return 0;
}

/* The elements of a list or of an array, and its closing bracket. */
static int
elements(struct grammar *g, struct open *o)
{
	for (size_t n = 0; !lex_at(&g->lex, o->close); n++) {
		if (g->lex.tok.kind == TOKEN_END)
			return fail_open(g, o);
		if (n == GRAMMAR_ITEMS_MAX)
			return err_at(g->e, g->lex.file, o->line, "more than %d elements",
				GRAMMAR_ITEMS_MAX);
		if (element(g, o) < 0 || separator(g, o) < 0)
			return -EINVAL;
	}
	return next(g);
}

static int
check_twice(struct grammar *g, const struct scope *scope)
{
	const struct token *t = &g->lex.tok;

	for (size_t i = 0; i < scope->n; i++) {
		const struct key *k = &scope->key[i];

		if (k->n == t->n && memcmp(k->s, t->s, t->n) == 0)
			return err_at(g->e, g->lex.file, t->line,
				"key '%.*s' is in line %d already", (int)t->n, t->s, k->line);
	}
	return 0;
}

static int
setting(struct grammar *g, struct scope *scope)
{
	if (g->lex.tok.kind != TOKEN_NAME)
		return fail(g, g->lex.tok.kind == TOKEN_STRING ? "a key without quotation marks"
							       : "a key");
	if (check_twice(g, scope) < 0)
		return -EINVAL;
	if (scope->n == GRAMMAR_KEYS_MAX)
		return err_at(g->e, g->lex.file, g->lex.tok.line, "more than %d keys in one group",
			GRAMMAR_KEYS_MAX);
	g->key = (struct key){g->lex.tok.s, g->lex.tok.n, g->lex.tok.line};
	scope->key[scope->n++] = g->key;
	if (next(g) < 0)
		return -EINVAL;
	if (!lex_at(&g->lex, '=') && !lex_at(&g->lex, ':')) {
		char expected[96];

		snprintf(expected, sizeof(expected), "'=' behind the key '%.*s'",
			(int)MIN(g->key.n, 40), g->key.s);
		return fail(g, expected);
	}
	if (next_value(g) < 0 || value(g) < 0)
		return -EINVAL;
	if (lex_at(&g->lex, ';') || lex_at(&g->lex, ','))
		return next(g);
	return 0;
}

/* Up to a '}' (which stays) or to the end. */
static int
settings(struct grammar *g)
{
	struct scope scope;

	scope.n = 0;
	while (g->lex.tok.kind != TOKEN_END && !lex_at(&g->lex, '}'))
		if (setting(g, &scope) < 0)
			return -EINVAL;
	return 0;
}

static int
group(struct grammar *g, const struct open *o)
{
	if (settings(g) < 0)
		return -EINVAL;
	if (!lex_at(&g->lex, '}'))
		return fail_open(g, o);
	return next(g);
}

static int
value(struct grammar *g)
{
	struct open o = {.key = g->key, .line = g->lex.tok.line, .kind = TOKEN_END};
	int rc;

	if (lex_at(&g->lex, '{'))
		o.close = '}';
	else if (lex_at(&g->lex, '('))
		o.close = ')';
	else if (lex_at(&g->lex, '['))
		o.close = ']';
	else
		return scalar(g);
	if (g->depth == GRAMMAR_DEPTH_MAX)
		return err_at(g->e, g->lex.file, o.line, "more than %d brackets inside each other",
			GRAMMAR_DEPTH_MAX);
	if ((o.close == '}' ? next(g) : next_value(g)) < 0)
		return -EINVAL;
	g->depth++;
	rc = o.close == '}' ? group(g, &o) : elements(g, &o);
	g->depth--;
	return rc;
}

int
grammar_check(const char *file, const char *text, size_t len, struct err *e)
{
	struct grammar g = {.e = e};
	int rc = lex_init(&g.lex, file, text, len, e);

	if (rc == 0)
		rc = settings(&g);
	if (rc == 0 && lex_at(&g.lex, '}'))
		rc = err_at(e, file, g.lex.tok.line, "'}' without '{'");
	return rc;
}
