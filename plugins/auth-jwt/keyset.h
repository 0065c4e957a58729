/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* All keys of one instance: its files, each read again when it has changed, and its URL. The
 * options that say which are here, too. */

#ifndef ADIT_JWT_KEYSET_H
#define ADIT_JWT_KEYSET_H

#include <adit/plugin.h>

#include "keys.h"

#define KEYSET_FILES_MAX 16
#define KEYSET_WHY 800

struct keyset;
struct reread_copy;
struct fetched;

/* Opens what the options name. issuer: where discovery begins; NULL: the configuration has none.
 * Main thread, in create(). 0, or -1 after adit_conf_error(). */
int keyset_open(const struct adit_conf *conf, const char *issuer, struct keyset **ks_r);
/* No grip may be left. Main thread. NULL is harmless. */
void keyset_close(struct keyset *ks);

enum keyset_answer {
	KEYSET_FOUND,
	KEYSET_UNKNOWN, /* no key fits: the token is wrong */
	KEYSET_LATER,   /* keys are being fetched or cannot be: it may be right */
};

/* A key that was found, and what keeps it valid. */
struct keyset_grip {
	const struct jwt_key *key; /* NULL: none */
	bool foreign;              /* none has the token's kid: the token may be another's */
	char why[KEYSET_WHY];      /* for the log, if none was found: follows "the token: " */
	/* keyset.c's: */
	const struct reread_copy *copy[KEYSET_FILES_MAX];
	const struct fetched *fetched;
};

/* The one key for a token with this kid (NULL: it has none) and this algorithm. May look at files,
 * but never waits for the network; any thread that may block. keyset_release() afterwards, whatever
 * the answer. */
enum keyset_answer keyset_find(struct keyset *ks, const char *kid, enum jws_alg alg,
	struct keyset_grip *grip_r);
void keyset_release(struct keyset *ks, struct keyset_grip *grip);

/* For the plugin's table of options. */
#define KEYSET_OPTION(option_name, option_type)                                                    \
	.name = (option_name), .type = ADIT_OPT_##option_type, .sides = ADIT_SIDE_SERVER
#define KEYSET_OPTIONS										\
	{KEYSET_OPTION("key_file", PATHS),							\
		.help = "files with the public keys of who signs the tokens: PEM or JWK"},	\
	{KEYSET_OPTION("secret_file", PATHS),							\
		.help = "files with secrets shared with the signer: text or JWK"},		\
	{KEYSET_OPTION("jwks_url", STRING),							\
		.help = "https address of the signer's set of public keys"},			\
	{KEYSET_OPTION("discovery", BOOL),							\
		.dflt = "false",								\
		.help = "whether jwks_url is found at the issuer (OpenID Connect)"},		\
	{KEYSET_OPTION("ca_file", PATH),							\
		.help = "authorities for jwks_url in place of the system's"},			\
	{KEYSET_OPTION("jwks_max_age", DURATION),						\
		.dflt = "1h", .min = 1000, .max = 604800000,					\
		.help = "after how long the keys of jwks_url are fetched again"},		\
	{KEYSET_OPTION("jwks_min_interval", DURATION),						\
		.dflt = "30s", .min = 100, .max = 86400000,					\
		.help = "how often tokens with unknown keys may have keys fetched"},		\
	{KEYSET_OPTION("jwks_stale_for", DURATION),						\
		.dflt = "24h", .min = 0, .max = 2592000000,					\
		.help = "how much longer keys count that cannot be fetched again"},		\
	{KEYSET_OPTION("jwks_timeout", DURATION),						\
		.dflt = "10s", .min = 100, .max = 60000,					\
		.help = "how long fetching may take"},						\
	{KEYSET_OPTION("rsa_algorithm", STRING),						\
		.dflt = "RS256",								\
		.help = "what RSA keys are for that do not say it: RS256 to PS512"},		\
	{KEYSET_OPTION("hmac_algorithm", STRING),						\
		.dflt = "HS256",								\
		.help = "what secrets are for that do not say it: HS256 to HS512"}

#endif
