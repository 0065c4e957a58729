/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* For tests only. */

#include "trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer.h"

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "trial: %s: %s\n", what, why);
	exit(99);
}

static void
on_note(void *arg, enum adit_log_level level, const char *text)
{
	(void)arg;
	(void)level;
	die("keys.jwks", text);
}

void
trial_open(struct trial *t, const char *folder)
{
	const struct keys_how how = {.from = KEYS_FROM_SECRET_FILE,
		.defaults = {.rsa = JWS_RS256, .hmac = JWS_HS256}, .note = on_note};
	const char *src = getenv("top_srcdir");
	char why[512] = "", none[] = "account_claim=sub", *text;
	size_t n;

	memset(t, 0, sizeof(*t));
	snprintf(t->folder, sizeof(t->folder), "%s%s",
		folder != NULL ? folder : src != NULL ? src : ".",
		folder != NULL ? "" : "/plugins/auth-jwt/vectors");
	text = signer_file(t->folder, "keys.jwks", &n);
	if (keys_parse(&how, text, n, &t->keys, why, sizeof(why)) < 0)
		die("keys.jwks", why);
	free(text);
	trial_rules(t, none);
}

void
trial_close(struct trial *t)
{
	rules_fini(&t->rules);
	keys_free(t->keys);
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*take)(struct rules *r, const char *text, char why[RULES_WHY]);
} options[] = {
	{"account=", rules_account},
	{"account_claim=", rules_account_claim},
	{"agent_claim=", rules_agent_claim},
	{"grant=", rules_grant},
	{"fixed=", rules_fixed_grant},
	{"require=", rules_require},
	{"type=", rules_type},
};

static void
take_option(struct rules *r, const char *word)
{
	char why[RULES_WHY] = "is not known";
	int rc = -1;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strncmp(word, options[i].name, strlen(options[i].name)) == 0)
			rc = options[i].take(r, word + strlen(options[i].name), why);
	if (strncmp(word, "leeway=", 7) == 0) {
		r->leeway_s = strtol(word + 7, NULL, 10);
		rc = 0;
	}
	if (rc < 0)
		die(word, why);
}

void
trial_rules(struct trial *t, char *words)
{
	char why[RULES_WHY], *word;

	rules_fini(&t->rules);
	rules_issuer(&t->rules, "https://id.example", why);
	rules_audience(&t->rules, "adit", why);
	rules_audience(&t->rules, "adit2", why);
	t->rules.leeway_s = RULES_LEEWAY;
	while ((word = strsep(&words, " ")) != NULL)
		take_option(&t->rules, word);
}

/* ---- Judging --------------------------------------------------------------------------------- */

static enum key_found
find(void *arg, const char *kid, enum jws_alg alg, const struct jwt_key **key_r,
	const char **why_r)
{
	struct key_search s = KEY_SEARCH(kid, alg);
	const struct trial *t = arg;

	key_search_add(&s, t->keys);
	*key_r = key_search_result(&s, why_r);
	if (*key_r != NULL)
		return KEY_FOUND;
	return kid != NULL && !s.other_alg ? KEY_UNKNOWN : KEY_UNFIT;
}

enum adit_verdict
trial_judge(struct trial *t, const char *token, size_t n, struct claims *claims_r,
	struct why *why)
{
	const struct judge judge = {.rules = &t->rules, .find = find, .arg = t};

	return judge_token(&judge, token, n, TRIAL_NOW, claims_r, why);
}

const char *
trial_verdict(enum adit_verdict v, const struct why *why, char text[64])
{
	static const char *const causes[] = {"other", "unknown", "wrong", "expired", "too_early",
		"forbidden", "malformed", "unencrypted"};

	if (v == ADIT_ALLOW)
		return "allow";
	snprintf(text, 64, "%s %s",
		v == ADIT_DENY ? "deny" : v == ADIT_NEXT ? "next" : "another",
		causes[why->cause]);
	return text;
}
