/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What has been said about something: a few keys with a text each, copied, in the order in which
 * they were said first. Bounded, because some of it comes from peers. Not locked.
 * Zero-initialised is empty and holds no memory. */

#ifndef ADIT_UTIL_FACTS_H
#define ADIT_UTIL_FACTS_H

#include <stddef.h>

#define FACTS_MAX 32
#define FACTS_KEY_MAX 63
#define FACTS_VALUE_MAX 1023

struct fact {
	char *key, *value;
};

struct facts {
	struct fact *fact;
	size_t n;
};

/* A second value of a key replaces the first. 0, -EMSGSIZE when one of the two is too long (or the
 * key is empty), -ENOSPC when there are too many: nothing is changed then. */
int facts_set(struct facts *f, const char *key, const char *value);
/* Until it is set again; NULL: nobody has said it. */
const char *facts_get(const struct facts *f, const char *key);
/* What was in to_r is freed. */
void facts_copy(const struct facts *f, struct facts *to_r);
void facts_fini(struct facts *f); /* it is empty and usable afterwards */

#endif
