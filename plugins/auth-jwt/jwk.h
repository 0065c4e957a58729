/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One JSON Web Key, RFC 7517, 7518 section 6 and 8037. Any thread. */

#ifndef ADIT_JWT_JWK_H
#define ADIT_JWT_JWK_H

#include <jansson.h>

#include "keys.h"

enum jwk_result {
	JWK_TAKEN,
	JWK_OTHER,   /* for something else than checking signatures: encryption, perhaps */
	JWK_UNKNOWN, /* not understood or not fit */
	JWK_EXPOSED, /* what is secret stands where it must not */
};

/* The first three words of why are right behind "key 2": "is …", "has …". */
enum jwk_result jwk_parse(json_t *jwk, const struct keys_how *how, struct jwt_key *key_r,
	char why[KEY_WHY]);
/* The kid for people: cut, and without characters that do not show; "" if it has none. */
void jwk_kid_text(json_t *jwk, char text[64]);

#endif
