/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Sets of keys: from a text, whatever its form, and the search in them. */

#include "keys.h"

#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jwk.h"
#include "pem.h"
#include "strict.h"

/* A set that is being filled. */
struct filling {
	const struct keys_how *how;
	struct keys *keys; /* with room for KEYS_MAX */
	char *why;
	size_t cap;
};

__attribute__((format(printf, 2, 3))) static int
no(const struct filling *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->why, f->cap, fmt, ap);
	va_end(ap);
	return -1;
}

__attribute__((format(printf, 3, 4))) static void
note(const struct filling *f, enum adit_log_level level, const char *fmt, ...)
{
	char text[KEY_WHY + 160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->how->note(f->how->arg, level, text);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* Two keys of one name and one algorithm: which one is meant cannot be told. */
static bool
is_double(const struct keys *k, const struct jwt_key *key)
{
	for (size_t i = 0; i < k->n && key->kid != NULL; i++)
		if (k->key[i].kid != NULL && strcmp(k->key[i].kid, key->kid) == 0 &&
			k->key[i].alg == key->alg)
			return true;
	return false;
}

/* "key 2 (kid "x")", for people. */
static void
name_key(json_t *jwk, size_t nth, char name[112])
{
	char kid[64];

	jwk_kid_text(jwk, kid);
	snprintf(name, 112, "key %zu%s%s%s", nth, kid[0] != '\0' ? " (kid \"" : "", kid,
		kid[0] != '\0' ? "\")" : "");
}

/* Element nth of a set, or the only key, whose nth is 0. 0 or -1. */
static int
take_jwk(struct filling *f, json_t *jwk, size_t nth)
{
	struct keys *k = f->keys;
	char why[KEY_WHY] = "", name[112];
	enum jwk_result rc;

	name_key(jwk, nth > 0 ? nth : 1, name);
	rc = jwk_parse(jwk, f->how, &k->key[k->n], why);
	if (rc == JWK_TAKEN && is_double(k, &k->key[k->n])) {
		key_fini(&k->key[k->n]);
		snprintf(why, sizeof(why), "has the kid and the algorithm of a key before it");
		rc = JWK_UNKNOWN;
	}
	if (rc == JWK_TAKEN) {
		k->n++;
		return 0;
	}
	if (nth == 0 || (rc == JWK_EXPOSED && f->how->from != KEYS_FROM_URL))
		return no(f, "%s %s", name, why);
	note(f, rc == JWK_OTHER ? ADIT_LOG_INFO : ADIT_LOG_WARN, "%s %s; it is not used", name,
		why);
	return 0;
}

/* A set from a URL may have no key for us: that withdraws those it had before. In a file it is a
 * mistake, unless it is empty. */
static int
take_jwks(struct filling *f, json_t *list)
{
	size_t n = json_array_size(list), i;
	json_t *jwk;

	if (!json_is_array(list))
		return no(f, "has \"keys\" that are no array");
	if (n > KEYS_MAX)
		return no(f, "has %zu keys; %d are taken at most", n, KEYS_MAX);
	json_array_foreach(list, i, jwk)
		if (take_jwk(f, jwk, i + 1) < 0)
			return -1;
	if (f->keys->n == 0 && n > 0 && f->how->from != KEYS_FROM_URL)
		return no(f, "holds no key that can be used");
	if (f->keys->n == 0)
		note(f, ADIT_LOG_WARN, "holds no key that can be used: nobody can log in by it");
	return 0;
}

/* What jansson keeps of secrets; the text itself is its owner's. */
static void
wipe_secrets(json_t *o)
{
	json_t *k = json_object_get(o, "k"), *jwk;
	size_t i;

	if (json_is_string(k))
		gnutls_memset((char *)(uintptr_t)json_string_value(k), 0, json_string_length(k));
	json_array_foreach(json_object_get(o, "keys"), i, jwk) {
		k = json_object_get(jwk, "k");
		if (json_is_string(k))
			gnutls_memset((char *)(uintptr_t)json_string_value(k), 0,
				json_string_length(k));
	}
}

static int
parse_json(struct filling *f, const char *text, size_t len)
{
	char why[STRICT_WHY];
	json_t *o = strict_parse(text, len, why), *list;
	int rc;

	if (o == NULL)
		return no(f, "%s", why);
	list = json_object_get(o, "keys");
	if (list != NULL)
		rc = take_jwks(f, list);
	else if (f->how->from != KEYS_FROM_URL && json_object_get(o, "kty") != NULL)
		rc = take_jwk(f, o, 0);
	else
		rc = no(f, "is JSON, but no JWK set: it has no \"keys\"");
	wipe_secrets(o);
	json_decref(o);
	return rc;
}

/* ---- All forms ------------------------------------------------------------------------------- */

/* The text is the secret, but for the newline that editors put behind it. */
static int
parse_secret(struct filling *f, const char *text, size_t len)
{
	char why[KEY_WHY];

	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (key_from_secret((const uint8_t *)text, len, JWS_NONE, &f->how->defaults, NULL,
		    &f->keys->key[0], why) < 0)
		return no(f, "%s", why);
	f->keys->n = 1;
	return 0;
}

static int
parse_pem(struct filling *f, const char *text)
{
	int n;

	if (f->how->from == KEYS_FROM_SECRET_FILE)
		return no(f, "is PEM, which belongs into a file that key_file names: as a secret "
			"it would let everybody sign who has the public key");
	n = pem_parse(text, &f->how->defaults, f->keys->key, KEYS_MAX, f->why, f->cap);
	if (n >= 0)
		f->keys->n = (size_t)n;
	return n < 0 ? -1 : 0;
}

static int
parse(struct filling *f, const char *text, size_t len)
{
	if (len > KEYS_TEXT_MAX)
		return no(f, "has %zu bytes; %u are taken at most", len, KEYS_TEXT_MAX);
	if (f->how->from == KEYS_FROM_URL || text[strspn(text, " \t\r\n")] == '{')
		return parse_json(f, text, len);
	if (pem_is(text))
		return parse_pem(f, text);
	if (f->how->from == KEYS_FROM_SECRET_FILE)
		return parse_secret(f, text, len);
	return no(f, "holds no key: neither PEM nor a JSON Web Key");
}

int
keys_parse(const struct keys_how *how, const char *text, size_t len, struct keys **keys_r,
	char *why, size_t cap)
{
	struct keys *k = calloc(1, sizeof(*k) + KEYS_MAX * sizeof(k->key[0])), *fit;
	struct filling f = {.how = how, .keys = k, .why = why, .cap = cap};

	if (k == NULL)
		return no(&f, "finds no memory");
	if (parse(&f, text, len) < 0) {
		keys_free(k);
		return -1;
	}
	fit = realloc(k, sizeof(*k) + k->n * sizeof(k->key[0]));
	*keys_r = fit != NULL ? fit : k;
	return 0;
}

void
keys_free(struct keys *k)
{
	for (size_t i = 0; k != NULL && i < k->n; i++)
		key_fini(&k->key[i]);
	free(k);
}

/* ---- Search ---------------------------------------------------------------------------------- */

void
key_search_add(struct key_search *s, const struct keys *k)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct jwt_key *key = &k->key[i];
		bool same = s->kid != NULL && key->kid != NULL && strcmp(s->kid, key->kid) == 0;

		s->other_alg |= same && key->alg != s->alg;
		if (key->alg != s->alg)
			continue;
		s->fitting = key;
		s->n_fitting++;
		if (same && s->n_named++ == 0)
			s->named = key;
		if (key->kid == NULL && s->n_nameless++ == 0)
			s->nameless = key;
	}
}

const struct jwt_key *
key_search_result(const struct key_search *s, const char **why_r)
{
	if (s->named != NULL)
		return s->named;
	if (s->other_alg)
		*why_r = "its key is for another algorithm";
	else if (s->kid != NULL && s->n_nameless == 1)
		return s->nameless;
	else if (s->kid == NULL && s->n_fitting == 1)
		return s->fitting;
	else if (s->kid != NULL && s->n_nameless == 0)
		*why_r = "no key has its kid";
	else if (s->n_fitting == 0)
		*why_r = "no key is for its algorithm";
	else
		*why_r = "it has no kid that would tell which of several keys to take";
	return NULL;
}

bool
key_search_open(const struct key_search *s)
{
	return s->kid != NULL ? s->named == NULL && !s->other_alg : s->n_fitting == 0;
}
