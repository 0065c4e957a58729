/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Changes of the file of accounts, durable when they return. Whoever changes it has it for himself
 * meanwhile, and after a crash there is the old file or the new one. What is not the user's line
 * stays as it is, and so do the words of that line. Blocks. */

#ifndef AUTH_PASSWORD_ACCOUNTS_FILE_H
#define AUTH_PASSWORD_ACCOUNTS_FILE_H

#include <stddef.h>

enum accounts_changed {
	ACCOUNTS_ADDED = 1,
	ACCOUNTS_CHANGED = 2,
	ACCOUNTS_DELETED = 3,
};

/* Gives the user a hash, or, if that is NULL, removes him. The file is made, with mode 0600, if it
 * is missing. Returns what was done, or -1 with why. */
int accounts_file_change(const char *path, const char *user, const char *hash, char *why,
	size_t cap);

/* The whole text, terminated; free it with accounts_text_free(), which wipes it. 0, or -1 with
 * why. */
int accounts_file_read(const char *path, char **text_r, size_t *n_r, char *why, size_t cap);
void accounts_text_free(char *text, size_t n);

#endif
