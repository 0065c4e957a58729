/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A signed token in its compact form, RFC 7515 section 3.1: taken apart, and its signature checked.
 * The header chooses nothing: its algorithm is compared with that of the key, and keys that it
 * brings or points to (jwk, jku, x5u, x5c) are never looked at. Pure, any thread. */

#ifndef ADIT_JWT_JWS_H
#define ADIT_JWT_JWS_H

#include <stdbool.h>

#include "key.h"
#include "why.h"

#define JWS_MAX 8192        /* characters of a token */
#define JWS_HEADER_MAX 2000 /* characters of its header: it is whole in the first message */
#define JWS_TYP_MAX 64
#define JWS_SIG_MAX 1024 /* bytes: of an RSA key of 8192 bits */

struct jws {
	/* Inside the caller's text. */
	const char *signed_text; /* header, dot, payload */
	size_t n_signed;
	const char *payload; /* base64url */
	size_t n_payload;
	/* From the header. */
	enum jws_alg alg; /* JWS_NONE: one that we do not know */
	bool has_kid;
	char kid[KEY_ID_MAX + 1];
	char typ[JWS_TYP_MAX + 1]; /* "" if there is none; in lower case, without "application/" */
	uint8_t sig[JWS_SIG_MAX];
	size_t n_sig;
};

/* Takes the header of a token of which n characters are there, perhaps not all: its first dot must
 * be. Fills alg, has_kid, kid and typ. Returns 0 or -1. */
int jws_header(const char *text, size_t n, struct jws *jws_r, struct why *why);
/* Takes a whole token of n characters apart; text must outlive jws_r. Returns 0 or -1. */
int jws_parse(const char *text, size_t n, struct jws *jws_r, struct why *why);
/* Checks the signature with one key. Returns 0 or -1. */
int jws_verify(const struct jws *jws, const struct jwt_key *key, struct why *why);

#endif
