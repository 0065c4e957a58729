/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Answers, read. jansson reads the JSON; what it would let pass is looked at before (depth) and
 * after (types, sizes). */

#include "answer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"

#define NAME_LONGEST 64
#define REASON_LONGEST 1000
#define KEY_LONGEST 32
#define VALUE_LONGEST 1024

__attribute__((format(printf, 2, 3))) static bool
wrong(struct answer *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->wrong, sizeof(a->wrong), fmt, ap);
	va_end(ap);
	return false;
}

/* Brackets outside of strings, no more than ANSWER_DEPTH inside each other. What is no JSON is left
 * to jansson. */
static bool
shallow(const char *p, size_t n)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (quoted && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			quoted = !quoted;
		else if (!quoted && (p[i] == '{' || p[i] == '['))
			depth++;
		else if (!quoted && (p[i] == '}' || p[i] == ']'))
			depth--;
		if (depth > ANSWER_DEPTH)
			return false;
	}
	return true;
}

/* ---- Members --------------------------------------------------------------------------------- */

/* Sets *text_r if it is there. */
static bool
take_string(struct answer *a, const char *key, size_t longest, const char **text_r)
{
	const json_t *v = json_object_get(a->root, key);

	if (v == NULL)
		return true;
	if (!json_is_string(v))
		return wrong(a, "%s is not a string", key);
	if (json_string_length(v) > longest)
		return wrong(a, "%s has more than %zu bytes", key, longest);
	*text_r = json_string_value(v);
	return true;
}

static bool
take_bytes(struct answer *a, const char *key, struct answer_bytes *b)
{
	const char *text = NULL;
	ssize_t n;

	if (!take_string(a, key, BASE64_SIZE(ADIT_AUTH_DATA_MAX), &text))
		return false;
	if (text == NULL)
		return true;
	n = base64_decode(text, strlen(text), b->p, sizeof(b->p));
	if (n < 0)
		return wrong(a, "%s is not base64 of at most %d bytes", key, ADIT_AUTH_DATA_MAX);
	b->given = true;
	b->n = (size_t)n;
	return true;
}

static bool
take_expires(struct answer *a)
{
	const json_t *v = json_object_get(a->root, "expires");

	if (v == NULL)
		return true;
	if (!json_is_integer(v) || json_integer_value(v) <= 0)
		return wrong(a, "expires is not a number of seconds since 1970");
	a->expires = json_integer_value(v);
	return true;
}

static bool
take_grant(struct answer *a, const char *key, const json_t *v)
{
	size_t i = a->n_grants;

	if (i == ANSWER_GRANTS)
		return wrong(a, "grants are more than %d", ANSWER_GRANTS);
	if (key[0] == '\0' || strlen(key) > KEY_LONGEST)
		return wrong(a, "grants: a name has 1 to %d bytes", KEY_LONGEST);
	a->grant[i].key = key;
	if (json_is_integer(v)) {
		snprintf(a->number[i], sizeof(a->number[i]), "%" JSON_INTEGER_FORMAT,
			json_integer_value(v));
		a->grant[i].value = a->number[i];
	} else if (json_is_string(v) && json_string_length(v) <= VALUE_LONGEST) {
		a->grant[i].value = json_string_value(v);
	} else {
		return wrong(a, "grants: %s is neither a string of at most %d bytes nor an integer",
			key, VALUE_LONGEST);
	}
	a->n_grants++;
	return true;
}

static bool
take_grants(struct answer *a)
{
	json_t *grants = json_object_get(a->root, "grants"), *v;
	const char *key;

	if (grants == NULL)
		return true;
	if (!json_is_object(grants))
		return wrong(a, "grants is not an object");
	json_object_foreach(grants, key, v) {
		if (!take_grant(a, key, v))
			return false;
	}
	return true;
}

/* The place of a word in a list, -1 if it is not there. */
static int
word_in(const char *word, const char *const *list)
{
	for (int i = 0; list[i] != NULL; i++)
		if (strcmp(word, list[i]) == 0)
			return i;
	return -1;
}

static bool
take_cause(struct answer *a)
{
	static const char *const words[] = {"other", "unknown", "wrong", "expired", "too-early",
		"forbidden", "malformed", NULL};
	const char *word = NULL;
	int i;

	if (!take_string(a, "cause", NAME_LONGEST, &word))
		return false;
	if (word == NULL)
		return true;
	i = word_in(word, words);
	if (i < 0)
		return wrong(a, "cause is none of the known ones");
	a->cause = (enum adit_cause)i;
	return true;
}

static bool
take_verdict(struct answer *a)
{
	static const char *const words[] = {"allow", "deny", "next", "continue", "fail", NULL};
	static const enum adit_verdict verdicts[] = {ADIT_ALLOW, ADIT_DENY, ADIT_NEXT,
		ADIT_CONTINUE, ADIT_FAIL};
	const char *word = NULL;
	int i;

	if (!take_string(a, "verdict", NAME_LONGEST, &word))
		return false;
	if (word == NULL)
		return wrong(a, "verdict is missing");
	i = word_in(word, words);
	if (i < 0)
		return wrong(a, "verdict is not allow, deny, next, continue or fail");
	a->verdict = verdicts[i];
	return true;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static bool
take_id(struct answer *a)
{
	const json_t *id = json_object_get(a->root, "id");

	if (!json_is_string(id))
		return wrong(a, "there is no id that is a string");
	if (json_string_length(id) == 0 || json_string_length(id) > ANSWER_ID)
		return wrong(a, "the id has 1 to %d bytes", ANSWER_ID);
	memcpy(a->id, json_string_value(id), json_string_length(id) + 1);
	return true;
}

static bool
take_members(struct answer *a)
{
	if (!take_verdict(a) || !take_string(a, "account", NAME_LONGEST, &a->account) ||
		!take_string(a, "agent", NAME_LONGEST, &a->agent) ||
		!take_string(a, "reason", REASON_LONGEST, &a->reason) || !take_cause(a) ||
		!take_expires(a) || !take_bytes(a, "challenge", &a->challenge) ||
		!take_bytes(a, "reply", &a->reply) || !take_grants(a))
		return false;
	if (a->verdict == ADIT_ALLOW && a->account == NULL)
		return wrong(a, "allow needs an account");
	if (a->verdict == ADIT_CONTINUE && !a->challenge.given)
		return wrong(a, "continue needs a challenge");
	return true;
}

enum answer_is
answer_parse(const char *text, size_t n, struct answer *a)
{
	json_error_t e;

	memset(a, 0, sizeof(*a));
	if (n > ANSWER_MAX) {
		wrong(a, "it has more than %u bytes", ANSWER_MAX);
		return ANSWER_GARBAGE;
	}
	if (!shallow(text, n)) {
		wrong(a, "it is nested deeper than %d", ANSWER_DEPTH);
		return ANSWER_GARBAGE;
	}
	a->root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	if (a->root == NULL) {
		/* jansson's own words quote the line, which may have a secret in it. */
		wrong(a, "it is no JSON from byte %d on", e.position);
		return ANSWER_GARBAGE;
	}
	if (!json_is_object(a->root)) {
		wrong(a, "it is no object");
		return ANSWER_GARBAGE;
	}
	if (!take_id(a))
		return ANSWER_GARBAGE;
	return take_members(a) ? ANSWER_GOOD : ANSWER_WRONG;
}

void
answer_fini(struct answer *a)
{
	json_decref(a->root);
	a->root = NULL;
}
