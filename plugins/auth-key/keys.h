/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The server's file of keys: lines "[options] ssh-ed25519 BASE64 [comment]" in OpenSSH's syntax of
 * authorized_keys, with options of our own. Constant once parsed; any thread. */

#ifndef ADIT_KEY_KEYS_H
#define ADIT_KEY_KEYS_H

#include "from.h"
#include "ssh_key.h"

#define KEYS_FILE_MAX (4u << 20)
#define KEYS_LINE_MAX 8192
#define KEYS_NAME     65 /* of an account or an agent, terminated */
#define KEYS_NOTE     65 /* of a comment that is kept, terminated */
#define KEYS_GRANTS   6

struct key_grant {
	const char *name; /* constant */
	char *value;
};

struct key {
	uint8_t public[ED_PUBLIC];
	int line;
	bool revoked;
	char account[KEYS_NAME];
	char agent[KEYS_NAME]; /* "": whatever the agent calls itself */
	char note[KEYS_NOTE];  /* the beginning of the comment */
	int64_t expires;       /* Unix time; 0: never */
	struct from from;      /* n 0: from everywhere */
	struct key_grant grant[KEYS_GRANTS];
	size_t n_grants;
};

struct keys {
	struct key *key; /* ordered by public key, each there once */
	size_t n;
};

/* Reads a whole file, which is changed. account: whose keys are that name none, or NULL. 0, or -1
 * with why, which begins with path and line. keys_free() frees. */
int keys_parse(const char *path, char *text, const char *account, struct keys **keys_r, char *why,
	size_t cap);
/* NULL: it is not there. The time it takes depends on the number of keys only. */
const struct key *keys_find(const struct keys *keys, const uint8_t public[ED_PUBLIC]);
void keys_free(struct keys *keys);

/* The options of one line, key_options.c: those up to the first blank outside of quotes. *p is left
 * behind them. 0, or -1 with why. What is set in k stays, on failure too. */
int key_options(char **p, struct key *k, char *why, size_t cap);

/* 1 to 64 of A-Z a-z 0-9 . _ - */
bool key_name_valid(const char *name);

#endif
