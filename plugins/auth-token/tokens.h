/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The server's tokens: their lines, and the table that is made of them. One line each:
 *
 *   ID ACCOUNT STORED_KEY SERVER_KEY [agent=NAME] [expires=2027-01-31T00:00:00Z]
 *           [invite=2027-01-31T00:00:00Z] [key=value …]
 *
 * A line with invite= is an invite: it logs nobody in, but whoever has it may put keys of their own
 * in its place, once, until that time. The file itself is tokens_file.h's. */

#ifndef AUTH_TOKEN_TOKENS_H
#define AUTH_TOKEN_TOKENS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "token.h"

#define TOKENS_GRANTS 32
#define TOKENS_NAME 64
#define TOKENS_LINE_MAX 40000u /* an ID, a name, two keys and as many grants as there can be */

struct token {
	char id[TOKEN_ID + 1];
	char account[TOKENS_NAME + 1];
	char agent[TOKENS_NAME + 1]; /* "" if the token is not bound to one */
	uint8_t stored[TOKEN_KEY], server[TOKEN_KEY];
	time_t expires; /* 0: never */
	time_t invite;  /* 0: a token; else an invite, until then */
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

/* Reads one line, without its newline, which it changes: 1, or 0 when there is no token in it, or
 * -1 with why. Free with token_fini(). */
int token_line_parse(char *line, struct token *t_r, struct tokens_error *why);
void token_fini(struct token *t); /* wipes */
/* The line of t, without a newline; returns its length. */
size_t token_line(const struct token *t, char line_r[TOKENS_LINE_MAX]);
/* Puts t into the table, in place of the one with its ID; the table has it from then on. 0, or -1
 * when memory is short: then it is still the caller's. */
int tokens_put(struct tokens *t, struct token *token);

/* Checks "key=value" as it may stand in a line. 0 or -1 with why. */
int tokens_check_word(const char *word, struct tokens_error *why);

/* As it stands in a line: "2027-01-31T00:00:00Z". */
void tokens_time_text(time_t t, char text_r[24]);

#endif
