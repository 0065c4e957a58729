/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Changes of the server's file of tokens, durable when they return. Whoever changes it, in whatever
 * process, has it for itself meanwhile. Blocks; never on a loop. */

#ifndef AUTH_TOKEN_TOKENS_FILE_H
#define AUTH_TOKEN_TOKENS_FILE_H

#include "tokens.h"

#define TOKENS_FILE_MAX (16u << 20)

/* Appends a line (which ends in a newline); the file is created with mode 0600 if it is missing. 0
 * or a negative errno. */
int tokens_append(const char *path, const char *line);

/* An invite that has been proved becomes a token. */
struct redeem {
	const char *id;        /* TOKEN_ID letters */
	const uint8_t *proved; /* the stored key that it was proved with */
	const uint8_t *stored, *server; /* the token's */
	const char *note; /* for people, behind the line: no control characters */
	time_t now;
};

/* Writes the file anew with the token in place of the invite, and without invites whose time is
 * over, and renames it: after a crash there is the one or the other. *token_r is the token; free it
 * with token_fini(). 0; -ENOENT: there is no such invite any more; or another negative errno. Then
 * why has a text and nothing has changed. */
int tokens_redeem(const char *path, const struct redeem *r, struct token *token_r,
	struct tokens_error *why);

#endif
