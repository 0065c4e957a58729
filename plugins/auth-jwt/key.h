/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One key that tokens are checked with, bound to one algorithm: the one that the key's own
 * description names, or the one that the configuration has for keys of its type. What a token says
 * never chooses it. Constant once made: any thread may read it. */

#ifndef ADIT_JWT_KEY_H
#define ADIT_JWT_KEY_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alg.h"

#define KEY_ID_MAX 128      /* characters of a kid */
#define KEY_SECRET_MAX 1024 /* bytes of an HMAC secret */
#define KEY_RSA_BITS_MIN 2048
#define KEY_RSA_BITS_MAX 8192
#define KEY_WHY 256

struct jwt_key {
	char *kid;          /* NULL: it has none */
	enum jws_alg alg;   /* never JWS_NONE */
	gnutls_pubkey_t pub; /* NULL: a secret */
	uint8_t *secret;
	size_t n_secret;
};

/* What keys are for that do not say it: of the families RSA and HMAC. */
struct key_defaults {
	enum jws_alg rsa, hmac;
};

/* Makes a key of a public one that has been imported, and takes that over, also on failure. want is
 * what its description says it is for, or JWS_NONE. kid (which may be NULL) is copied. Returns 0,
 * or -1 with why set; why says what is wrong with the key, as "is …" or "has …". */
int key_from_public(gnutls_pubkey_t pub, enum jws_alg want, const struct key_defaults *d,
	const char *kid, struct jwt_key *key_r, char why[KEY_WHY]);
/* The same of n bytes that both sides know; copies them. */
int key_from_secret(const uint8_t *secret, size_t n, enum jws_alg want,
	const struct key_defaults *d, const char *kid, struct jwt_key *key_r, char why[KEY_WHY]);
/* Is this a kid: 1 to KEY_ID_MAX of [A-Za-z0-9] and of ._-+/=:@~ ? */
bool key_id_valid(const char *kid, size_t n);
/* Frees what it has; secrets are wiped. */
void key_fini(struct jwt_key *k);

#endif
