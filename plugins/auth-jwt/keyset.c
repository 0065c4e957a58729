/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The keys of an instance. A search takes the newest copy of every source and keeps all of them
 * until its grip is released, so that nobody frees the key that is being used. */

#include "keyset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "../common/reread.h"
#include "url.h"

struct source {
	struct keys_how how;
	struct reread *file;
	const char *path;
};

struct keyset {
	struct source source[KEYSET_FILES_MAX];
	size_t n;
	struct fetch *url; /* NULL: none */
	struct key_defaults defaults;
};

/* ---- Files ----------------------------------------------------------------------------------- */

static void
on_note(void *arg, enum adit_log_level level, const char *text)
{
	const struct source *s = arg;

	adit_log(&adit_plugin, level, "%s: %s", s->path, text);
}

static int
parse(void *arg, const char *path, char *text, size_t len, void **data_r, char *why, size_t cap)
{
	struct source *s = arg;
	struct keys *keys;
	char what[KEY_WHY + 160];

	s->path = path; /* of the reread, which outlives its copies */
	if (keys_parse(&s->how, text, len, &keys, what, sizeof(what)) < 0) {
		snprintf(why, cap, "%s: %s", path, what);
		return -1;
	}
	*data_r = keys;
	return 0;
}

static void
free_data(void *keys)
{
	keys_free(keys);
}

static int
open_file(struct keyset *ks, const struct adit_conf *conf, const char *option, const char *path,
	enum keys_from from)
{
	struct source *s = &ks->source[ks->n];
	struct reread_how how = {
		.plugin = &adit_plugin,
		.path = path,
		.max = KEYS_TEXT_MAX,
		.rule = from == KEYS_FROM_FILE ? ADIT_FILE_TRUSTED : ADIT_FILE_SECRET,
		.parse = parse,
		.free_data = free_data,
		.arg = s,
	};
	char why[REREAD_WHY_MAX];

	if (ks->n == KEYSET_FILES_MAX)
		return adit_conf_error(conf, option, "names more than %d files in all",
			KEYSET_FILES_MAX);
	s->how = (struct keys_how){.from = from, .defaults = ks->defaults, .note = on_note,
		.arg = s};
	s->file = reread_open(&how, why, sizeof(why));
	if (s->file == NULL)
		return adit_conf_error(conf, option, "%s", why);
	ks->n++;
	return 0;
}

static int
open_files(struct keyset *ks, const struct adit_conf *conf, const char *option, enum keys_from from)
{
	const char *path;

	for (size_t i = 0; (path = adit_conf_list(conf, option, i)) != NULL; i++)
		if (open_file(ks, conf, option, path, from) < 0)
			return -1;
	return 0;
}

/* ---- Options --------------------------------------------------------------------------------- */

static int
take_algorithm(const struct adit_conf *conf, const char *option, enum jws_family family,
	enum jws_alg *alg_r)
{
	const char *text = adit_conf_string(conf, option);
	enum jws_alg alg = jws_alg_parse(text);

	if (jws_alg_family(alg) != family)
		return adit_conf_error(conf, option, "expects %s, but is \"%.40s\"",
			family == JWS_FAMILY_RSA ? "RS256, RS384, RS512, PS256, PS384 or PS512"
						 : "HS256, HS384 or HS512", text);
	*alg_r = alg;
	return 0;
}

static int
open_url(struct keyset *ks, const struct adit_conf *conf, const char *issuer)
{
	bool discover = adit_conf_bool(conf, "discovery");
	struct fetch_how how = {
		.url = discover ? issuer : adit_conf_string(conf, "jwks_url"),
		.discover = discover,
		.ca_file = adit_conf_string(conf, "ca_file"),
		.defaults = ks->defaults,
		.when = {.max_age = adit_conf_int(conf, "jwks_max_age"),
			.min_interval = adit_conf_int(conf, "jwks_min_interval"),
			.stale_for = adit_conf_int(conf, "jwks_stale_for")},
		.timeout_ms = adit_conf_int(conf, "jwks_timeout"),
	};
	const char *option = discover ? "discovery" : "jwks_url", *wrong;
	char why[400];

	if (discover && adit_conf_given(conf, "jwks_url"))
		return adit_conf_error(conf, "discovery", "stands in place of jwks_url: not both");
	if (discover && issuer == NULL)
		return adit_conf_error(conf, "discovery", "needs issuer, where it begins");
	if (how.url == NULL)
		return how.ca_file == NULL ? 0 : adit_conf_error(conf, "ca_file",
			"is for jwks_url, which is missing");
	wrong = url_wrong(how.url);
	if (wrong != NULL)
		return adit_conf_error(conf, option, "%.200s: the address %s", how.url, wrong);
	if (discover && strchr(how.url, '?') != NULL)
		return adit_conf_error(conf, option, "%.200s: an issuer has no \"?\"", how.url);
	ks->url = fetch_open(&how, why, sizeof(why));
	return ks->url != NULL ? 0 : adit_conf_error(conf, option, "%s", why);
}

int
keyset_open(const struct adit_conf *conf, const char *issuer, struct keyset **ks_r)
{
	struct keyset *ks = calloc(1, sizeof(*ks));
	int rc;

	if (ks == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	rc = take_algorithm(conf, "rsa_algorithm", JWS_FAMILY_RSA, &ks->defaults.rsa);
	if (rc == 0)
		rc = take_algorithm(conf, "hmac_algorithm", JWS_FAMILY_HMAC, &ks->defaults.hmac);
	if (rc == 0)
		rc = open_files(ks, conf, "key_file", KEYS_FROM_FILE);
	if (rc == 0)
		rc = open_files(ks, conf, "secret_file", KEYS_FROM_SECRET_FILE);
	if (rc == 0)
		rc = open_url(ks, conf, issuer);
	if (rc == 0 && ks->n == 0 && ks->url == NULL)
		rc = adit_conf_error(conf, NULL,
			"has no keys: key_file, secret_file, jwks_url or discovery is needed");
	if (rc < 0) {
		keyset_close(ks);
		return -1;
	}
	*ks_r = ks;
	return 0;
}

void
keyset_close(struct keyset *ks)
{
	if (ks == NULL)
		return;
	fetch_close(ks->url);
	for (size_t i = 0; i < ks->n; i++)
		reread_close(ks->source[i].file);
	free(ks);
}

/* ---- Searching ------------------------------------------------------------------------------- */

/* No key, or one that only stands in for a kid that nobody has: a fetch may know better. */
static enum keyset_answer
ask_url(struct keyset *ks, const char *kid, struct keyset_grip *g)
{
	bool comes = fetch_want(ks->url, kid != NULL ? kid : "");

	if (g->key != NULL)
		return KEYSET_FOUND;
	if (g->fetched == NULL) {
		fetch_complaint(ks->url, g->why, sizeof(g->why));
		return KEYSET_LATER;
	}
	if (!comes)
		return KEYSET_UNKNOWN;
	snprintf(g->why, sizeof(g->why), "its key is not known; keys are being fetched");
	return KEYSET_LATER;
}

enum keyset_answer
keyset_find(struct keyset *ks, const char *kid, enum jws_alg alg, struct keyset_grip *g)
{
	struct key_search s = KEY_SEARCH(kid, alg);
	const char *why = "";

	*g = (struct keyset_grip){.key = NULL};
	for (size_t i = 0; i < ks->n; i++) {
		g->copy[i] = reread_take(ks->source[i].file);
		key_search_add(&s, reread_data(g->copy[i]));
	}
	if (ks->url != NULL && (g->fetched = fetch_take(ks->url)) != NULL)
		key_search_add(&s, fetched_keys(g->fetched));
	g->key = key_search_result(&s, &why);
	g->foreign = g->key == NULL && kid != NULL && !s.other_alg;
	snprintf(g->why, sizeof(g->why), "%s", why);
	if (ks->url != NULL && key_search_open(&s))
		return ask_url(ks, kid, g);
	return g->key != NULL ? KEYSET_FOUND : KEYSET_UNKNOWN;
}

void
keyset_release(struct keyset *ks, struct keyset_grip *g)
{
	for (size_t i = 0; i < ks->n; i++)
		reread_release(ks->source[i].file, g->copy[i]);
	fetched_release(g->fetched);
	*g = (struct keyset_grip){.key = NULL};
}
