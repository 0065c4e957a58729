/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Facts. Runs on its owner's thread. What must always hold: no key is there twice. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"
#include "util/facts.h"

static struct fact *
find(const struct facts *f, const char *key)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->fact[i].key, key) == 0)
			return &f->fact[i];
	return NULL;
}

static void
add(struct facts *f, const char *key, const char *value)
{
	f->fact = xrealloc(f->fact, (f->n + 1) * sizeof(*f->fact));
	f->fact[f->n++] = (struct fact){xstrdup(key), xstrdup(value)};
}

int
facts_set(struct facts *f, const char *key, const char *value)
{
	struct fact *old = find(f, key);
	char *fresh;

	if (key[0] == '\0' || strlen(key) > FACTS_KEY_MAX || strlen(value) > FACTS_VALUE_MAX)
		return -EMSGSIZE;
	if (old != NULL) {
		fresh = xstrdup(value); /* first: value may be a part of the old one */
		free(old->value);
		old->value = fresh;
		return 0;
	}
	if (f->n == FACTS_MAX)
		return -ENOSPC;
	add(f, key, value);
	return 0;
}

const char *
facts_get(const struct facts *f, const char *key)
{
	const struct fact *found = find(f, key);

	return found != NULL ? found->value : NULL;
}

void
facts_copy(const struct facts *f, struct facts *to_r)
{
	struct facts copy = {.n = 0};

	for (size_t i = 0; i < f->n; i++)
		add(&copy, f->fact[i].key, f->fact[i].value);
	facts_fini(to_r);
	*to_r = copy;
}

void
facts_fini(struct facts *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->fact[i].key);
		free(f->fact[i].value);
	}
	free(f->fact);
	*f = (struct facts){.n = 0};
}
