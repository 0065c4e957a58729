/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Who may log in by a password: lines, and the constant table that is made of them. One line each,
 * as htpasswd writes them, as /etc/shadow has them, or with words of ours behind the hash:
 *
 *   USER:HASH
 *   USER:HASH:LAST:MIN:MAX:WARN:INACTIVE:EXPIRE:
 *   USER:HASH:[account=NAME] [agent=NAME] [expires=2027-01-31T00:00:00Z] [KEY=VALUE …]
 *
 * A value may stand in quotes, and then have blanks in it. A hash that begins with ! or * is
 * locked. Pure; a table is constant, so any thread may read it. */

#ifndef AUTH_PASSWORD_ACCOUNTS_H
#define AUTH_PASSWORD_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define ACCOUNTS_FILE_MAX (16u << 20)
#define ACCOUNTS_NAME 64
#define ACCOUNTS_GRANTS 32

struct account {
	char *user;
	char *hash;   /* to work with, also of a locked one; NULL: there is none */
	bool locked;
	char account[ACCOUNTS_NAME + 1];
	char agent[ACCOUNTS_NAME + 1]; /* "": as the agent calls itself */
	time_t expires; /* 0: never */
	char **grant;   /* "key\0value", n_grants of them */
	size_t n_grants;
	uint64_t seed;  /* of accounts_decoy() */
	int line;
};

struct accounts {
	struct account *account; /* ordered by user */
	size_t n;
};

/* Reads the text of a file, which it changes. 0, or -1 with why: "PATH:LINE: …". */
int accounts_parse(const char *path, char *text, struct accounts **a_r, char *why, size_t cap);
void accounts_free(struct accounts *a); /* wipes; NULL is harmless */

const struct account *accounts_find(const struct accounts *a, const char *user); /* or NULL */

/* The hash that a name without one is checked against, so that it takes as long as somebody's: one
 * of the file, always the same for a name as long as that one is there, and which one cannot be
 * told without knowing the file. */
const char *accounts_decoy(const struct accounts *a, const char *user);

/* Reads one line, without its newline, which it changes: 1, or 0 when there is nobody in it, or -1
 * with why. Free with account_fini(). */
int account_line_parse(char *line, struct account *a_r, char *why, size_t cap);
void account_fini(struct account *a); /* wipes */

#endif
