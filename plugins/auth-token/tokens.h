/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The server's file of tokens. One line each:
 *
 *   ID ACCOUNT STORED_KEY SERVER_KEY [agent=NAME] [expires=2027-01-31T00:00:00Z] [key=value …]
 *
 * Reading makes a constant table; adding appends to the file and does not change the table. */

#ifndef AUTH_TOKEN_TOKENS_H
#define AUTH_TOKEN_TOKENS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "token.h"

#define TOKENS_GRANTS 32
#define TOKENS_NAME 64

struct token {
	char id[TOKEN_ID + 1];
	char account[TOKENS_NAME + 1];
	char agent[TOKENS_NAME + 1]; /* "" if the token is not bound to one */
	uint8_t stored[TOKEN_KEY], server[TOKEN_KEY];
	time_t expires; /* 0: never */
	char **grant;   /* "key\0value", n_grants of them */
	size_t n_grants;
};

struct tokens {
	struct token *token; /* ordered by ID */
	size_t n;
};

/* Why a text was refused. */
struct tokens_error {
	int line; /* 0: none */
	char text[256];
};

/* Reads the text of a file, which it changes. 0 or -1 with why. */
int tokens_parse(char *text, struct tokens *t_r, struct tokens_error *why);
/* The token with this ID (TOKEN_ID letters), or NULL. */
const struct token *tokens_find(const struct tokens *t, const char *id);
void tokens_fini(struct tokens *t); /* wipes */

/* Checks "key=value" as it may stand in a line. 0 or -1 with why. */
int tokens_check_word(const char *word, struct tokens_error *why);
/* 1 to 64 of [A-Za-z0-9._-]. */
bool tokens_name_valid(const char *name);

/* Appends a line (which ends in a newline) durably, alone among those who do; the file is created
 * with mode 0600 if it is missing. 0 or a negative errno. */
int tokens_append(const char *path, const char *line);

#endif
