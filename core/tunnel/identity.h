/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Who a session is: the one object that authentication makes and that routes, limits, logs and
 * metrics use. Constant once made; owned by its session. */

#ifndef ADIT_TUNNEL_IDENTITY_H
#define ADIT_TUNNEL_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_MAX_LEN 64 /* of accounts, agents and tunnels */
#define GRANTS_MAX 32
#define GRANT_KEY_MAX 32
#define GRANT_VALUE_MAX 1024

struct grant {
	char *key, *value;
};

struct identity {
	char account[NAME_MAX_LEN + 1];
	char agent[NAME_MAX_LEN + 1];
	struct grant grants[GRANTS_MAX];
	size_t n_grants;
};

/* 1 to 64 of [A-Za-z0-9._-]. */
bool name_valid(const char *name);
bool name_valid_n(const char *name, size_t n);

/* 0, -EINVAL (key or value too long or empty key), -ENOSPC. The same key again replaces. */
int identity_grant(struct identity *id, const char *key, const char *value);
const char *identity_granted(const struct identity *id, const char *key); /* or NULL */
/* The same keys with the same values, in whatever order. */
bool identity_same_grants(const struct identity *a, const struct identity *b);

/* The number in a grant that is a limit; what is not granted is not limited: NO_LIMIT. 0, or
 * -EINVAL when it is no number from 1 to a million. */
#define NO_LIMIT INT64_MAX
int identity_limit(const struct identity *id, const char *key, int64_t *n_r);
void identity_fini(struct identity *id); /* frees grants; id is empty afterwards */

#endif
