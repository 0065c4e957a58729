/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Words of the configuration into rules. On the main thread. */

#include "rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define KEY_MAX 64

__attribute__((format(printf, 2, 3))) static int
no(char why[RULES_WHY], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, RULES_WHY, fmt, ap);
	va_end(ap);
	return -1;
}

bool
rules_name_valid(const char *name)
{
	size_t n = strspn(name, LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n > 0 && n <= 64 && name[n] == '\0';
}

bool
names_have(const struct names *n, const char *name)
{
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->name[i], name) == 0)
			return true;
	return false;
}

static int
names_add(struct names *n, const char *text, char why[RULES_WHY])
{
	if (text[0] == '\0')
		return no(why, "expects texts that are not empty");
	if (n->n == RULES_NAMES)
		return no(why, "has more than %d", RULES_NAMES);
	n->name[n->n] = strdup(text);
	if (n->name[n->n] == NULL)
		return no(why, "finds no memory");
	n->n++;
	return 0;
}

int
rules_issuer(struct rules *r, const char *text, char why[RULES_WHY])
{
	return names_add(&r->issuers, text, why);
}

int
rules_audience(struct rules *r, const char *text, char why[RULES_WHY])
{
	return names_add(&r->audiences, text, why);
}

/* As jws.h has them: in lower case, without "application/". */
int
rules_type(struct rules *r, const char *text, char why[RULES_WHY])
{
	char low[65];
	size_t n = 0;

	if (strncasecmp(text, "application/", 12) == 0)
		text += 12;
	for (; text[n] > ' ' && text[n] <= '~' && n < 64; n++)
		low[n] = text[n] >= 'A' && text[n] <= 'Z' ? (char)(text[n] + 32) : text[n];
	low[n] = '\0';
	if (text[n] != '\0')
		return no(why, "expects media types such as at+jwt, found \"%.64s\"", text);
	return names_add(&r->types, low, why);
}

int
rules_account(struct rules *r, const char *text, char why[RULES_WHY])
{
	if (!rules_name_valid(text))
		return no(why, "expects 1 to 64 letters, digits, . _ -, found \"%.64s\"", text);
	free(r->account);
	r->account = strdup(text);
	return r->account != NULL ? 0 : no(why, "finds no memory");
}

static int
take_path(struct path *p, const char *text, char why[RULES_WHY])
{
	if (path_init(p, text) == 0)
		return 0;
	return no(why, "expects a claim such as sub, realm.roles or /https:~1~1name, "
		"found \"%.64s\"", text);
}

int
rules_account_claim(struct rules *r, const char *text, char why[RULES_WHY])
{
	return take_path(&r->account_claim, text, why);
}

int
rules_agent_claim(struct rules *r, const char *text, char why[RULES_WHY])
{
	return take_path(&r->agent_claim, text, why);
}

/* What stands before the first "=", into key; returns what stands behind it, or NULL. */
static const char *
split(const char *text, char *key, size_t cap)
{
	size_t n = strcspn(text, "=");

	if (text[n] != '=' || n == 0 || n >= cap || text[n + 1] == '\0')
		return NULL;
	memcpy(key, text, n);
	key[n] = '\0';
	return text + n + 1;
}

int
rules_require(struct rules *r, const char *text, char why[RULES_WHY])
{
	struct demand *d = &r->demand[r->n_demands];
	char claim[256];
	const char *value = split(text, claim, sizeof(claim));

	if (value == NULL)
		return no(why, "expects claim=value, found \"%.64s\"", text);
	if (r->n_demands == RULES_NAMES)
		return no(why, "has more than %d", RULES_NAMES);
	if (take_path(&d->path, claim, why) < 0)
		return -1;
	r->n_demands++;
	d->value = strdup(value);
	return d->value != NULL ? 0 : no(why, "finds no memory");
}

/* A place for a grant of this name, which the caller fills. */
static int
new_grant(struct rules *r, const char *key, struct grant_rule **g_r, char why[RULES_WHY])
{
	size_t n = strspn(key, LOWER "0123456789_");

	if (key[n] != '\0' || n > KEY_MAX || strspn(key, LOWER) == 0)
		return no(why, "expects a grant's name of a-z, 0-9 and _ before =, found \"%.64s\"",
			key);
	for (size_t i = 0; i < r->n_grants; i++)
		if (strcmp(r->grant[i].key, key) == 0)
			return no(why, "has the grant \"%s\" twice", key);
	if (r->n_grants == RULES_NAMES)
		return no(why, "has more than %d", RULES_NAMES);
	r->grant[r->n_grants].key = strdup(key);
	if (r->grant[r->n_grants].key == NULL)
		return no(why, "finds no memory");
	*g_r = &r->grant[r->n_grants++];
	return 0;
}

int
rules_grant(struct rules *r, const char *text, char why[RULES_WHY])
{
	char key[KEY_MAX + 2];
	const char *claim = split(text, key, sizeof(key));
	struct grant_rule *g;
	char *mark;

	if (claim == NULL)
		return no(why, "expects grant=claim, found \"%.64s\"", text);
	mark = strchr(key, '\0') - 1;
	if (*mark != '?')
		mark = NULL;
	else
		*mark = '\0';
	if (new_grant(r, key, &g, why) < 0)
		return -1;
	g->optional = mark != NULL;
	return take_path(&g->path, claim, why);
}

int
rules_fixed_grant(struct rules *r, const char *text, char why[RULES_WHY])
{
	char key[KEY_MAX + 1];
	const char *value = split(text, key, sizeof(key));
	struct grant_rule *g;

	if (value == NULL || strlen(value) > RULES_VALUE_MAX)
		return no(why, "expects grant=value, found \"%.64s\"", text);
	if (new_grant(r, key, &g, why) < 0)
		return -1;
	g->value = strdup(value);
	return g->value != NULL ? 0 : no(why, "finds no memory");
}

static void
names_fini(struct names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->name[i]);
	n->n = 0;
}

void
rules_fini(struct rules *r)
{
	names_fini(&r->issuers);
	names_fini(&r->audiences);
	names_fini(&r->types);
	free(r->account);
	path_fini(&r->account_claim);
	path_fini(&r->agent_claim);
	for (size_t i = 0; i < r->n_demands; i++) {
		path_fini(&r->demand[i].path);
		free(r->demand[i].value);
	}
	for (size_t i = 0; i < r->n_grants; i++) {
		free(r->grant[i].key);
		free(r->grant[i].value);
		path_fini(&r->grant[i].path);
	}
	*r = (struct rules){.account = NULL};
}
