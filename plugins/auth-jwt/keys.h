/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A set of keys as one file or one answer holds it, and the search for the one key that a token may
 * be checked with. Constant once parsed; any thread. */

#ifndef ADIT_JWT_KEYS_H
#define ADIT_JWT_KEYS_H

#include <adit/plugin.h>
#include <stdbool.h>

#include "key.h"

#define KEYS_TEXT_MAX (256u << 10) /* bytes of a file or an answer */
#define KEYS_MAX 128               /* keys in it */

/* Where a text comes from says what may stand in it. Private halves may not in any. */
enum keys_from {
	KEYS_FROM_FILE = 0,        /* public keys: PEM, certificates, JWK, JWK sets */
	KEYS_FROM_SECRET_FILE = 1, /* one secret as text; or JWK and JWK sets, also with secrets */
	KEYS_FROM_URL = 2,         /* a JWK set with public keys */
};

struct keys_how {
	enum keys_from from;
	struct key_defaults defaults;
	/* Says what is not used, and why; names no secret. */
	void (*note)(void *arg, enum adit_log_level level, const char *text);
	void *arg;
};

struct keys {
	size_t n;
	struct jwt_key key[];
};

/* Parses len bytes, which are terminated and have no NUL in them. Keys of a JWK set that are not
 * understood, or not for checking signatures, are left out with a note, as RFC 7517 section 5
 * wants; what is wrong with anything else refuses all of it. Returns 0, or -1 with why set, as
 * "line 3: …", "key 2 is …" or "holds no …". */
int keys_parse(const struct keys_how *how, const char *text, size_t len, struct keys **keys_r,
	char *why, size_t cap);
/* NULL is harmless. */
void keys_free(struct keys *k);

/* A search over one set or several: begin with KEY_SEARCH, add each, ask for the result. */
struct key_search {
	const char *kid; /* as the token has it; NULL: it has none */
	enum jws_alg alg; /* as the token has it: it is only compared */
	const struct jwt_key *named;    /* with this kid and this algorithm */
	const struct jwt_key *nameless; /* without a kid, for this algorithm */
	const struct jwt_key *fitting;  /* for this algorithm */
	unsigned n_named, n_nameless, n_fitting;
	bool other_alg; /* the kid is there, but for another algorithm */
};

#define KEY_SEARCH(token_kid, token_alg) {.kid = (token_kid), .alg = (token_alg)}

void key_search_add(struct key_search *s, const struct keys *k);
/* The key of exactly this kid and algorithm; if no key has the kid the only one of the algorithm
 * that has none; for a token without a kid the only one of the algorithm. NULL: why_r is the reason
 * for the log, a constant text. */
const struct jwt_key *key_search_result(const struct key_search *s, const char **why_r);
/* Could another set know better: is there no key of this kid, or none at all that fits? */
bool key_search_open(const struct key_search *s);

#endif
