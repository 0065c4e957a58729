/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* crypt_rn() with a state of its own for each call: it is 32 KiB, much for a thread's stack, and it
 * holds the password, so it is wiped. What must hold: a hash that was taken can be worked
 * out, in bounded time and memory. */

#include "hash.h"

#include <crypt.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITOA64 "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define BCRYPT_COST_MAX 15u       /* some seconds */
#define SHA512_ROUNDS_MAX 1000000u /* a second */
#define YESCRYPT_LOG2_MAX 28u     /* bytes: 256 MiB */

const char hash_nobody[] = "$y$j9T$nobodyHasThisSalt0000/$"
			   "0000000000000000000000000000000000000000000";

__attribute__((format(printf, 3, 4))) static int
wrong(char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return -1;
}

static int
damaged(const char *method, char *why, size_t cap)
{
	return wrong(why, cap, "has a hash that begins as one of %s, but is none: was it copied "
			       "whole?", method);
}

/* So many letters of the alphabet of all three, and then end. */
static bool
is_run(const char *p, size_t least, size_t most, char end)
{
	size_t n = strspn(p, ITOA64);

	return n >= least && n <= most && p[n] == end;
}

/* ---- What is taken --------------------------------------------------------------------------- */

static unsigned
value_of(char c)
{
	return (unsigned)(strchr(ITOA64, c) - ITOA64);
}

/* $y$PARAMS$SALT$HASH. The parameters are three letters: flavour j, N - 1 as a power of two, and
 * r - 1, which may have two letters. Others are not made by crypt_gensalt(3). */
static int
check_yescrypt(const char *p, char *why, size_t cap)
{
	unsigned log2 = 7, r;
	const char *salt;
	size_t n = strspn(p, ITOA64);

	if (p[n] != '$')
		return damaged("yescrypt", why, cap);
	if (p[0] != 'j' || n != 3 || value_of(p[1]) > 17 || value_of(p[2]) > 47)
		return wrong(why, cap, "has a yescrypt hash with the parameters \"%.*s\", which "
				       "are not taken; adit-passwd makes others",
			(int)(n < 16 ? n : 16), p);
	for (r = value_of(p[2]) + 1; r > 1; r /= 2)
		log2++;
	log2 += value_of(p[1]) + 1;
	if (log2 > YESCRYPT_LOG2_MAX)
		return wrong(why, cap, "has a hash that needs %u MiB of memory at each login; at "
				       "most %u are taken (adit-passwd --cost %d)",
			1u << (log2 - 20), 1u << (YESCRYPT_LOG2_MAX - 20), HASH_COST_MAX);
	salt = p + n + 1;
	n = strspn(salt, ITOA64);
	if (!is_run(salt, 0, 86, '$') || !is_run(salt + n + 1, 43, 43, '\0'))
		return damaged("yescrypt", why, cap);
	return 0;
}

/* $2b$CC$ and 53 letters. */
static int
check_bcrypt(const char *p, char *why, size_t cap)
{
	unsigned cost;

	if (strspn(p, "0123456789") != 2 || p[2] != '$' || !is_run(p + 3, 53, 53, '\0'))
		return damaged("bcrypt", why, cap);
	cost = (unsigned)strtoul(p, NULL, 10);
	if (cost < 4 || cost > BCRYPT_COST_MAX)
		return wrong(why, cap, "has a bcrypt hash of cost %u; from 4 to %u are taken", cost,
			BCRYPT_COST_MAX);
	return 0;
}

/* $6$[rounds=N$]SALT$ and 86 letters. */
static int
check_sha512(const char *p, char *why, size_t cap)
{
	size_t n;

	if (strncmp(p, "rounds=", 7) == 0) {
		unsigned long rounds;

		p += 7;
		n = strspn(p, "0123456789");
		rounds = strtoul(p, NULL, 10);
		if (n == 0 || n > 9 || p[n] != '$' || p[0] == '0')
			return damaged("sha512crypt", why, cap);
		if (rounds < 1000 || rounds > SHA512_ROUNDS_MAX)
			return wrong(why, cap, "has a sha512crypt hash of %lu rounds; from 1000 "
					       "to %u are taken", rounds, SHA512_ROUNDS_MAX);
		p += n + 1;
	}
	n = strspn(p, ITOA64);
	if (!is_run(p, 1, 16, '$') || !is_run(p + n + 1, 86, 86, '\0'))
		return damaged("sha512crypt", why, cap);
	return 0;
}

/* What the others are called; NULL: it is no hash at all. */
static const char *
other_method(const char *hash)
{
	static const struct {
		const char *begin, *name;
	} row[] = {
		{"$1$", "MD5 (md5crypt)"},
		{"$apr1$", "Apache's MD5 (apr1)"},
		{"$5$", "sha256crypt"},
		{"$sha1", "sha1crypt"},
		{"$md5", "SunMD5"},
		{"$3$", "NTLM"},
		{"$2x$", "bcrypt with a known error (2x)"},
		{"$2$", "bcrypt with a known error (2)"},
		{"$7$", "scrypt"},
		{"$gy$", "gost-yescrypt"},
		{"$argon2", "Argon2"},
		{"{SHA}", "SHA-1 without salt"},
		{"{SSHA}", "SHA-1"},
		{"{PLAIN}", "no hash at all"},
		{"_", "DES (bsdicrypt)"},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (strncmp(hash, row[i].begin, strlen(row[i].begin)) == 0)
			return row[i].name;
	return strlen(hash) == 13 && strspn(hash, ITOA64) == 13 ? "DES" : NULL;
}

int
hash_check(const char *hash, char *why, size_t cap)
{
	const char *other;

	if (hash[0] == '\0')
		return wrong(why, cap, "has no password: anybody could log in");
	if (strlen(hash) > HASH_MAX)
		return wrong(why, cap, "has a hash that is too long to be one");
	if (strncmp(hash, "$y$", 3) == 0)
		return check_yescrypt(hash + 3, why, cap);
	if (strncmp(hash, "$2b$", 4) == 0 || strncmp(hash, "$2a$", 4) == 0 ||
		strncmp(hash, "$2y$", 4) == 0)
		return check_bcrypt(hash + 4, why, cap);
	if (strncmp(hash, "$6$", 3) == 0)
		return check_sha512(hash + 3, why, cap);
	if (strcmp(hash, "x") == 0)
		return wrong(why, cap, "has \"x\" for a hash: it is in /etc/shadow, whose line can "
				       "be copied");
	other = other_method(hash);
	if (other != NULL)
		return wrong(why, cap, "has a hash by %s, which is not taken: set the password "
				       "again with adit-passwd", other);
	return wrong(why, cap, "has something that is no hash; passwords are set with adit-passwd");
}

/* ---- Work ------------------------------------------------------------------------------------ */

/* crypt_rn() of a password that is not terminated. 0 with the hash, or a negative errno. */
static int
work(const char *password, size_t len, const char *setting, char hash_r[HASH_MAX + 1])
{
	struct crypt_data *d = calloc(1, sizeof(*d));
	char secret[HASH_SECRET + 1];
	const char *hash;
	int rc = 0;

	if (d == NULL)
		return -ENOMEM;
	memcpy(secret, password, len);
	secret[len] = '\0';
	errno = 0;
	/* Not crypt_r(): sanitizers put theirs in its place, which finds no other one when libcrypt
	 * comes with a plugin. */
	hash = crypt_rn(secret, setting, d, (int)sizeof(*d));
	if (hash == NULL || strlen(hash) > HASH_MAX)
		rc = errno != 0 ? -errno : -EINVAL;
	else
		memcpy(hash_r, hash, strlen(hash) + 1);
	gnutls_memset(secret, 0, sizeof(secret));
	gnutls_memset(d, 0, sizeof(*d));
	free(d);
	return rc;
}

int
hash_verify(const char *password, size_t len, const char *hash)
{
	bool fits = len <= HASH_SECRET;
	char got[HASH_MAX + 1];
	size_t n = strlen(hash);
	int rc = work(password, fits ? len : HASH_SECRET, hash, got);

	if (rc < 0)
		return -1;
	/* What is compared is as long in both for a given setting: no secret. */
	rc = fits && strlen(got) == n && gnutls_memcmp(got, hash, n) == 0;
	gnutls_memset(got, 0, sizeof(got));
	return rc;
}

int
hash_make(const char *password, size_t len, unsigned cost, char hash_r[HASH_MAX + 1])
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (len == 0 || len > HASH_SECRET || cost < HASH_COST_MIN || cost > HASH_COST_MAX)
		return -EINVAL;
	if (crypt_gensalt_rn("$y$", cost, NULL, 0, setting, sizeof(setting)) == NULL)
		return -errno;
	return work(password, len, setting, hash_r);
}
