/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Public keys and certificates in PEM form. Any thread. */

#ifndef ADIT_JWT_PEM_H
#define ADIT_JWT_PEM_H

#include "keys.h"

/* Is this a text of PEM, good or not? */
bool pem_is(const char *text);

/* Up to max keys, in their order. How many, or -1 with why set: "line 3: …", "holds no …"; then
 * those in key_r have been freed. */
int pem_parse(const char *text, const struct key_defaults *d, struct jwt_key *key_r, size_t max,
	char *why, size_t cap);

#endif
