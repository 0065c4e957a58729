/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Claims. What must always hold: a claim of a type that it cannot have refuses the token, whether
 * anybody needs the claim or not; whatever the rules ask for and a token does not have refuses it,
 * too. Pure, any thread. */

#include "claims.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */

/* ---- Times ----------------------------------------------------------------------------------- */

/* A NumericDate, which may have a fraction, into whole seconds. 1: it is there; 0: it is not; or
 * -1. */
static int
take_time(const json_t *json, const char *name, bool up, int64_t *t_r, struct why *why)
{
	const json_t *value = json_object_get(json, name);
	double d = json_number_value(value);
	int64_t t;

	if (value == NULL)
		return 0;
	if (!json_is_number(value) || !(d >= 0 && d <= (double)LAST_SECOND))
		return why_set(why, ADIT_CAUSE_MALFORMED, "its %s is no time", name);
	if (json_is_integer(value))
		t = json_integer_value(value);
	else
		t = (int64_t)(up ? ceil(d) : floor(d));
	*t_r = t;
	return 1;
}

static int
check_times(const struct rules *r, const json_t *json, int64_t now, struct claims *c,
	struct why *why)
{
	int64_t exp = 0, nbf = 0, iat = 0;
	int has_exp = take_time(json, "exp", false, &exp, why),
	    has_nbf = take_time(json, "nbf", true, &nbf, why),
	    has_iat = take_time(json, "iat", true, &iat, why);

	if (has_exp < 0 || has_nbf < 0 || has_iat < 0)
		return -1;
	if (has_exp == 0)
		return why_set(why, ADIT_CAUSE_MALFORMED, "it has no exp, so it would never end");
	if (now >= exp + r->leeway_s)
		return why_set(why, ADIT_CAUSE_EXPIRED, "it has expired %lld s ago",
			(long long)(now - exp));
	if (has_nbf == 1 && nbf > now + r->leeway_s)
		return why_set(why, ADIT_CAUSE_TOO_EARLY, "it is good in %lld s only (nbf)",
			(long long)(nbf - now));
	if (has_iat == 1 && iat > now + r->leeway_s)
		return why_set(why, ADIT_CAUSE_TOO_EARLY,
			"it was made %lld s in the future (iat): is this clock right?",
			(long long)(iat - now));
	c->ends = exp + r->leeway_s;
	return 0;
}

/* ---- Who made it, for whom ------------------------------------------------------------------- */

bool
claims_issuer_is(const struct rules *r, const json_t *json)
{
	const char *iss = json_string_value(json_object_get(json, "iss"));

	return iss != NULL && names_have(&r->issuers, iss);
}

/* True if value is a text, or an array of texts, of which at least one is among ours. */
static int
check_audience(const struct rules *r, const json_t *json, struct why *why)
{
	const json_t *aud = json_object_get(json, "aud"), *one;
	bool found = false;
	size_t i;

	if (aud == NULL)
		return why_set(why, ADIT_CAUSE_FORBIDDEN, "it has no aud");
	if (json_is_string(aud))
		found = names_have(&r->audiences, json_string_value(aud));
	else if (!json_is_array(aud))
		return why_set(why, ADIT_CAUSE_MALFORMED, "its aud is neither text nor array");
	json_array_foreach(aud, i, one) {
		if (!json_is_string(one))
			return why_set(why, ADIT_CAUSE_MALFORMED,
				"its aud has something in it that is no text");
		found |= names_have(&r->audiences, json_string_value(one));
	}
	if (!found)
		return why_set(why, ADIT_CAUSE_FORBIDDEN, "it is not for us: its aud has none of "
			"audience");
	return 0;
}

/* Of the names that RFC 7519 has types for those that nothing else looks at. */
static int
check_types(const json_t *json, struct why *why)
{
	static const char *const texts[] = {"iss", "sub", "jti"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const json_t *value = json_object_get(json, texts[i]);

		if (value != NULL && !json_is_string(value))
			return why_set(why, ADIT_CAUSE_MALFORMED, "its %s is no text", texts[i]);
	}
	return 0;
}

/* ---- What the configuration asks for --------------------------------------------------------- */

/* What one value is as text: texts, and whole numbers. NULL for all others. */
static const char *
value_text(const json_t *value, char number[24])
{
	if (!json_is_integer(value))
		return json_string_value(value);
	snprintf(number, 24, "%lld", (long long)json_integer_value(value));
	return number;
}

static bool
is_value(const json_t *value, const char *want)
{
	char number[24];
	const char *text = value_text(value, number);

	if (json_is_boolean(value))
		text = json_is_true(value) ? "true" : "false";
	return text != NULL && strcmp(text, want) == 0;
}

/* The claim is that value, or an array that has it. */
static bool
holds(const json_t *value, const char *want)
{
	const json_t *one;
	size_t i;

	json_array_foreach(value, i, one)
		if (is_value(one, want))
			return true;
	return is_value(value, want);
}

/* One that is asked for several times has to hold one of the values. */
static int
check_demands(const struct rules *r, const json_t *json, struct why *why)
{
	for (size_t i = 0; i < r->n_demands; i++) {
		const char *claim = r->demand[i].path.text;
		const json_t *value = path_find(&r->demand[i].path, json);
		bool held = false;

		for (size_t k = 0; k < r->n_demands; k++)
			if (strcmp(r->demand[k].path.text, claim) == 0)
				held |= holds(value, r->demand[k].value);
		if (value == NULL)
			return why_set(why, ADIT_CAUSE_FORBIDDEN,
				"the claim %s, which is required, is missing", claim);
		if (!held)
			return why_set(why, ADIT_CAUSE_FORBIDDEN,
				"the claim %s is not what is required", claim);
	}
	return 0;
}

static int
take_name(const struct path *p, const json_t *json, const char *what, char name_r[65],
	struct why *why)
{
	const json_t *value = path_find(p, json);
	const char *name;
	char number[24];

	if (value == NULL)
		return why_set(why, ADIT_CAUSE_FORBIDDEN, "the claim %s, which is to name the %s, "
			"is missing", p->text, what);
	name = value_text(value, number);
	if (name == NULL || !rules_name_valid(name))
		return why_set(why, ADIT_CAUSE_FORBIDDEN, "the claim %s cannot be the name of an "
			"%s, which has 1 to 64 letters, digits, . _ -", p->text, what);
	memcpy(name_r, name, strlen(name) + 1);
	return 0;
}

/* ---- Grants ---------------------------------------------------------------------------------- */

/* Appends one value behind n letters; the new length, or 0 if it cannot be part of a grant. */
static size_t
append(char text[RULES_VALUE_MAX + 1], size_t n, const json_t *value)
{
	char number[24];
	const char *one = value_text(value, number);
	size_t len = one != NULL ? strlen(one) : 0;

	if (len == 0 || n + 1 + len > RULES_VALUE_MAX)
		return 0;
	for (size_t i = 0; i < len; i++)
		if (one[i] < ' ' || one[i] > '~')
			return 0;
	if (n > 0)
		text[n++] = ',';
	memcpy(text + n, one, len + 1);
	return n + len;
}

/* A claim as the text of a grant: what is in an array has commas between. False if it has none. */
static bool
grant_text(const json_t *value, char text[RULES_VALUE_MAX + 1])
{
	const json_t *one;
	size_t i, n = 0;

	if (!json_is_array(value))
		return append(text, 0, value) > 0;
	json_array_foreach(value, i, one) {
		const char *part = json_string_value(one);

		if (part != NULL && strchr(part, ',') != NULL)
			return false; /* one of them must not become two */
		n = append(text, n, one);
		if (n == 0)
			return false;
	}
	return n > 0;
}

static int
take_grant(const struct grant_rule *g, const json_t *json, struct claims *c, struct why *why)
{
	char text[RULES_VALUE_MAX + 1];
	const json_t *value = path_find(&g->path, json);
	const char *granted = g->value != NULL ? g->value : text;

	if (g->value == NULL && value == NULL && g->optional)
		return 0;
	if (g->value == NULL && value == NULL)
		return why_set(why, ADIT_CAUSE_FORBIDDEN, "the claim %s, which is to be the grant "
			"%s, is missing", g->path.text, g->key);
	if (g->value == NULL && !grant_text(value, text))
		return why_set(why, ADIT_CAUSE_FORBIDDEN, "the claim %s cannot be the grant %s: "
			"it has to be text, a whole number, or an array of these",
			g->path.text, g->key);
	c->grant[c->n_grants].key = g->key;
	c->grant[c->n_grants].value = strdup(granted);
	if (c->grant[c->n_grants].value == NULL)
		return why_set(why, ADIT_CAUSE_OTHER, "out of memory");
	c->n_grants++;
	return 0;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static int
take_all(const struct rules *r, const json_t *json, int64_t now, struct claims *c, struct why *why)
{
	if (check_types(json, why) < 0 || check_times(r, json, now, c, why) < 0 ||
		check_audience(r, json, why) < 0 || check_demands(r, json, why) < 0)
		return -1;
	if (!claims_issuer_is(r, json))
		return why_set(why, ADIT_CAUSE_UNKNOWN, "its issuer is not one of issuer");
	if (r->account != NULL)
		snprintf(c->account, sizeof(c->account), "%s", r->account);
	else if (take_name(&r->account_claim, json, "account", c->account, why) < 0)
		return -1;
	if (r->agent_claim.n > 0 && take_name(&r->agent_claim, json, "agent", c->agent, why) < 0)
		return -1;
	for (size_t i = 0; i < r->n_grants; i++)
		if (take_grant(&r->grant[i], json, c, why) < 0)
			return -1;
	return 0;
}

int
claims_check(const struct rules *r, const json_t *json, int64_t now, struct claims *claims_r,
	struct why *why)
{
	struct claims c = {.n_grants = 0};

	if (take_all(r, json, now, &c, why) < 0) {
		claims_fini(&c);
		return -1;
	}
	*claims_r = c;
	return 0;
}

void
claims_fini(struct claims *c)
{
	for (size_t i = 0; i < c->n_grants; i++)
		free(c->grant[i].value);
	c->n_grants = 0;
}
