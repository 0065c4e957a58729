/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Hashes of passwords as crypt(5) has them: yescrypt, bcrypt, sha512crypt. What is checked before
 * is their form and what they cost, so that no file can bring a hash that takes a minute or a
 * gigabyte. Any thread; checking and making block for as long as a hash takes. Copies are wiped. */

#ifndef AUTH_PASSWORD_HASH_H
#define AUTH_PASSWORD_HASH_H

#include <stddef.h>

#define HASH_MAX 255u      /* letters of a hash */
#define HASH_SECRET 511u   /* bytes of a password that crypt(3) takes */
#define HASH_COST_MIN 1
#define HASH_COST_DEFAULT 5
#define HASH_COST_MAX 9    /* 256 MiB */

/* What stands in a file where a hash should be: 0, or -1 with why. */
int hash_check(const char *hash, char *why, size_t cap);

/* Whether the password, which has no NUL in it, is that of a hash or of a setting that hash_check()
 * has taken. 1 or 0, after the same time; -1: it cannot be told, for want of memory. One that is
 * longer than HASH_SECRET is wrong. */
int hash_verify(const char *password, size_t len, const char *hash);

/* Yescrypt with a fresh salt. 0, or a negative errno. */
int hash_make(const char *password, size_t len, unsigned cost, char hash_r[HASH_MAX + 1]);

/* What a name that nobody has is checked against when there is no hash at all. */
extern const char hash_nobody[];

#endif
