/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent's file with its token. Any thread that may block. */

#ifndef ADIT_JWT_TOKENFILE_H
#define ADIT_JWT_TOKENFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_FILE_WHY 600

struct token_file {
	char *path;
	bool shared; /* others may read it, but not write */
};

/* Reads the token, at most JWT_LOGIN_MAX characters, blanks around it left away. A file below
 * $CREDENTIALS_DIRECTORY, where systemd puts it, counts as shared. Returns 0, and token_file_done()
 * is due; or -1 with why set. */
int token_file_read(const struct token_file *f, char **token_r, size_t *n_r,
	char why[TOKEN_FILE_WHY]);
/* Wipes and frees. */
void token_file_done(char *token, size_t n);
/* True if the token can be read and says that it has expired; *past_r: seconds ago. It is asked for
 * the sake of a hint in the log only: the server decides. */
bool token_file_expired(const char *token, size_t n, int64_t now, int64_t *past_r);

#endif
