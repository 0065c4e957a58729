/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The algorithms of RFC 7518 section 3 and RFC 8037 that are taken, by their names. "none" is not
 * among them, so nothing can ask for it. Any thread. */

#ifndef ADIT_JWT_ALG_H
#define ADIT_JWT_ALG_H

#include <stddef.h>

enum jws_alg {
	JWS_NONE = 0, /* no algorithm that we know; never that of a key */
	JWS_HS256,
	JWS_HS384,
	JWS_HS512,
	JWS_RS256,
	JWS_RS384,
	JWS_RS512,
	JWS_PS256,
	JWS_PS384,
	JWS_PS512,
	JWS_ES256,
	JWS_ES384,
	JWS_ES512,
	JWS_EDDSA, /* Ed25519 or Ed448, as the key is */
	JWS_ALGS,  /* how many */
};

/* What the key of an algorithm is. */
enum jws_family {
	JWS_FAMILY_NONE = 0,
	JWS_FAMILY_HMAC,
	JWS_FAMILY_RSA, /* RS and PS; a key still has one of them */
	JWS_FAMILY_EC,
	JWS_FAMILY_ED,
};

/* JWS_NONE if text is no name of one; names are compared exactly, as RFC 7515 section 4.1.1
 * asks. */
enum jws_alg jws_alg_parse(const char *text);
/* "HS256"; "none" for JWS_NONE. */
const char *jws_alg_name(enum jws_alg alg);
enum jws_family jws_alg_family(enum jws_alg alg);
/* Bits of the hash: 256, 384 or 512; 0 for EdDSA, which has its own. */
unsigned jws_alg_bits(enum jws_alg alg);

#endif
