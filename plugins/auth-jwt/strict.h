/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* JSON from outside: an object, in which no name is there twice, nothing is deeper than
 * STRICT_DEPTH, and no number is longer than anybody needs. The last two are looked at before
 * anything is parsed, so that the work is bounded by the length. Any thread. */

#ifndef ADIT_JWT_STRICT_H
#define ADIT_JWT_STRICT_H

#include <jansson.h>
#include <stddef.h>

#define STRICT_DEPTH 8   /* the object itself is 1 */
#define STRICT_NUMBER 40 /* characters */
#define STRICT_WHY 200

/* Parses n bytes, the length of which the caller has bounded. A new reference, or NULL: why says
 * what is wrong, and with nothing of what the text says. */
json_t *strict_parse(const char *text, size_t n, char why[STRICT_WHY]);

#endif
