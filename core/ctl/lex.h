/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The words of a configuration file, in libconfig's syntax as version 1.5 has it, but stricter
 * where that one guesses: an integer outside its bits, "30s", a zero byte. Pure; any thread. */

#ifndef ADIT_CTL_LEX_H
#define ADIT_CTL_LEX_H

#include <stddef.h>

#include "util/err.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_BOOL,
	TOKEN_INT,
	TOKEN_FLOAT,
	TOKEN_STRING,
	TOKEN_PUNCT, /* one of = : ; , { } ( ) [ ] */
};

struct token {
	enum token_kind kind;
	const char *s; /* into the text; not terminated */
	size_t n;
	int line; /* where it begins */
};

struct lex {
	const char *p, *end, *file;
	int line;
	struct token tok; /* the current one */
};

/* text must stay; it need not be terminated. The first token is current afterwards. */
int lex_init(struct lex *l, const char *file, const char *text, size_t len, struct err *e);

/* Goes to the next token. 0 or -EINVAL with e set. */
int lex_next(struct lex *l, struct err *e);

/* The current token is this punctuation. */
bool lex_at(const struct lex *l, char punct);

/* The current token for a message, quoted, escaped and cut: "'30s'", or "the end of the file". */
const char *lex_text(const struct lex *l, char *buf, size_t cap);

#endif
