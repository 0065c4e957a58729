/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Names and grants. Pure; one user for each identity at a time. Keys are unique within an identity,
 * and nothing in it is ever longer than the header says. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/identity.h"
#include "util/compiler.h"

/* Not isalnum(): the locale must not decide who may log in. */
static bool
name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

bool
name_valid_n(const char *name, size_t n)
{
	if (n == 0 || n > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!name_char(name[i]))
			return false;
	return true;
}

bool
name_valid(const char *name)
{
	return name_valid_n(name, strnlen(name, NAME_MAX_LEN + 1));
}

static struct grant *
find(const struct identity *id, const char *key)
{
	for (size_t i = 0; i < id->n_grants; i++)
		if (strcmp(id->grants[i].key, key) == 0)
			return (struct grant *)&id->grants[i];
	return NULL;
}

int
identity_grant(struct identity *id, const char *key, const char *value)
{
	size_t n = strnlen(key, GRANT_KEY_MAX + 1);
	struct grant *g;

	if (n == 0 || n > GRANT_KEY_MAX || strnlen(value, GRANT_VALUE_MAX + 1) > GRANT_VALUE_MAX)
		return -EINVAL;
	g = find(id, key);
	if (g == NULL) {
		if (id->n_grants == GRANTS_MAX)
			return -ENOSPC;
		g = &id->grants[id->n_grants++];
		g->key = xstrdup(key);
		g->value = xstrdup(value);
	} else {
		char *fresh = xstrdup(value); /* first: value may be the old one */

		free(g->value);
		g->value = fresh;
	}
	return 0;
}

const char *
identity_granted(const struct identity *id, const char *key)
{
	const struct grant *g = find(id, key);

	return g != NULL ? g->value : NULL;
}

bool
identity_same_grants(const struct identity *a, const struct identity *b)
{
	if (a->n_grants != b->n_grants)
		return false;
	for (size_t i = 0; i < a->n_grants; i++) { /* no key is there twice */
		const char *other = identity_granted(b, a->grants[i].key);

		if (other == NULL || strcmp(other, a->grants[i].value) != 0)
			return false;
	}
	return true;
}

int
identity_limit(const struct identity *id, const char *key, int64_t *n_r)
{
	const char *value = identity_granted(id, key);
	size_t len = value != NULL ? strlen(value) : 0;
	int64_t n;

	if (value == NULL) {
		*n_r = NO_LIMIT;
		return 0;
	}
	if (len == 0 || len > 7 || strspn(value, "0123456789") != len)
		return -EINVAL;
	n = strtoll(value, NULL, 10);
	if (n < 1 || n > 1000000)
		return -EINVAL;
	*n_r = n;
	return 0;
}

void
identity_fini(struct identity *id)
{
	for (size_t i = 0; i < id->n_grants; i++) {
		free(id->grants[i].key);
		free(id->grants[i].value);
	}
	memset(id, 0, sizeof(*id));
}
