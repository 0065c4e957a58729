/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Keys: which algorithm one is for, and whether it is fit for that. What GnuTLS takes without
 * looking (points that are not on their curve, any exponent) is looked at here. */

#include "key.h"

#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT_MIN 65537u
#define DIFFERENT_MIN 8 /* bytes; 32 random ones have fewer once in 10^40 */

/* Secrets that stand in everybody's examples and are long enough. */
static const char *const well_known[] = {
	"a-string-secret-at-least-256-bits-long",
	"a-valid-string-secret-that-is-at-least-384-bits-long",
	"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
};

__attribute__((format(printf, 2, 3))) static int
no(char why[KEY_WHY], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, KEY_WHY, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- RSA ------------------------------------------------------------------------------------- */

/* Without the zeros in front. */
static gnutls_datum_t
trimmed(const gnutls_datum_t *d)
{
	gnutls_datum_t t = *d;

	while (t.size > 0 && t.data[0] == 0) {
		t.data++;
		t.size--;
	}
	return t;
}

static int
check_numbers(const gnutls_datum_t *modulus, const gnutls_datum_t *exponent, char why[KEY_WHY])
{
	gnutls_datum_t n = trimmed(modulus), e = trimmed(exponent);
	unsigned bits = n.size * 8;
	uint64_t v = 0;

	if (n.size > 0)
		bits -= (unsigned)__builtin_clz(n.data[0]) - 24;
	if (bits < KEY_RSA_BITS_MIN)
		return no(why, "is an RSA key of %u bits; %d are needed at least", bits,
			KEY_RSA_BITS_MIN);
	if (bits > KEY_RSA_BITS_MAX)
		return no(why, "is an RSA key of %u bits; %d are taken at most", bits,
			KEY_RSA_BITS_MAX);
	for (unsigned i = 0; i < e.size && e.size <= 4; i++)
		v = v << 8 | e.data[i];
	if (v < EXPONENT_MIN || v % 2 == 0)
		return no(why, "has an RSA exponent that is not odd, from %u to 2^32",
			EXPONENT_MIN);
	if (n.data[n.size - 1] % 2 == 0)
		return no(why, "has an even RSA modulus");
	return 0;
}

/* Of a key for PSS alone: the hash that it is restricted to, in bits; 0: none. */
static unsigned
pss_bits(gnutls_pubkey_t pub)
{
	gnutls_digest_algorithm_t hash = GNUTLS_DIG_UNKNOWN;
	gnutls_x509_spki_t spki;
	unsigned salt = 0, bits = 0;

	if (gnutls_x509_spki_init(&spki) < 0)
		return 1; /* matches no algorithm */
	if (gnutls_pubkey_get_spki(pub, spki, 0) == 0 &&
		gnutls_x509_spki_get_rsa_pss_params(spki, &hash, &salt) == 0)
		bits = 8 * (unsigned)gnutls_hash_get_len(hash);
	gnutls_x509_spki_deinit(spki);
	return bits;
}

/* A certificate or PEM may say that its key is for PSS only, and with which hash. */
static int
check_pss(gnutls_pubkey_t pub, enum jws_alg alg, char why[KEY_WHY])
{
	unsigned bits = pss_bits(pub);

	if (alg < JWS_PS256 || alg > JWS_PS512)
		return no(why, "is for RSASSA-PSS only, not for %s", jws_alg_name(alg));
	if (bits != 0 && bits != jws_alg_bits(alg))
		return no(why, "is for RSASSA-PSS with another hash than that of %s",
			jws_alg_name(alg));
	return 0;
}

/* The same key as plain RSA: the algorithm that it is bound to says what it is for. */
static int
replace_rsa(gnutls_pubkey_t *pub, const gnutls_datum_t *n, const gnutls_datum_t *e,
	char why[KEY_WHY])
{
	gnutls_pubkey_t plain = NULL;

	if (gnutls_pubkey_init(&plain) < 0 || gnutls_pubkey_import_rsa_raw(plain, n, e) < 0) {
		gnutls_pubkey_deinit(plain);
		return no(why, "is an RSA key that GnuTLS does not take");
	}
	gnutls_pubkey_deinit(*pub);
	*pub = plain;
	return 0;
}

static int
take_rsa(gnutls_pubkey_t *pub, bool pss, enum jws_alg alg, char why[KEY_WHY])
{
	gnutls_datum_t n = {NULL, 0}, e = {NULL, 0};
	int rc;

	if (gnutls_pubkey_export_rsa_raw(*pub, &n, &e) < 0)
		return no(why, "is an RSA key whose numbers cannot be read");
	rc = check_numbers(&n, &e, why);
	if (rc == 0 && pss)
		rc = check_pss(*pub, alg, why);
	if (rc == 0 && pss)
		rc = replace_rsa(pub, &n, &e, why);
	gnutls_free(n.data);
	gnutls_free(e.data);
	return rc;
}

/* ---- Curves ---------------------------------------------------------------------------------- */

/* The one that ECDSA has with a key on this curve, RFC 7518 section 3.4. */
static enum jws_alg
alg_of_curve(gnutls_pubkey_t pub)
{
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
	gnutls_datum_t x = {NULL, 0}, y = {NULL, 0};

	if (gnutls_pubkey_export_ecc_raw(pub, &curve, &x, &y) < 0)
		return JWS_NONE;
	gnutls_free(x.data);
	gnutls_free(y.data);
	switch (curve) {
	case GNUTLS_ECC_CURVE_SECP256R1: return JWS_ES256;
	case GNUTLS_ECC_CURVE_SECP384R1: return JWS_ES384;
	case GNUTLS_ECC_CURVE_SECP521R1: return JWS_ES512;
	default: return JWS_NONE;
	}
}

static int
check_curve(gnutls_pubkey_t pub, enum jws_alg alg, char why[KEY_WHY])
{
	if (alg == JWS_NONE)
		return no(why, "is on a curve that no algorithm has");
	if (gnutls_pubkey_verify_params(pub) < 0)
		return no(why, "is a point that is not on its curve");
	return 0;
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* Those of base64 and of a few more names that issuers make; nothing is opened by that name. */
bool
key_id_valid(const char *kid, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = kid[i];
		bool word = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9');

		if (!word && (c == '\0' || strchr("._-+/=:@~", c) == NULL))
			return false;
	}
	return n >= 1 && n <= KEY_ID_MAX;
}

/* ---- Making ---------------------------------------------------------------------------------- */

/* want, if that is one of what a key of this kind can do; else what it is for by itself. */
static int
choose(enum jws_family family, enum jws_alg want, enum jws_alg itself, enum jws_alg *alg_r,
	char why[KEY_WHY])
{
	bool free_choice = family == JWS_FAMILY_RSA || family == JWS_FAMILY_HMAC;

	if (want != JWS_NONE &&
		(jws_alg_family(want) != family || (!free_choice && want != itself)))
		return no(why, "says that it is for %s, which a key of its type cannot be",
			jws_alg_name(want));
	*alg_r = want != JWS_NONE ? want : itself;
	return 0;
}

/* Finds the algorithm, and makes *pub fit for it. */
static int
bind_public(gnutls_pubkey_t *pub, enum jws_alg want, const struct key_defaults *d,
	enum jws_alg *alg_r, char why[KEY_WHY])
{
	int type = gnutls_pubkey_get_pk_algorithm(*pub, NULL);

	switch (type) {
	case GNUTLS_PK_RSA:
	case GNUTLS_PK_RSA_PSS:
		if (choose(JWS_FAMILY_RSA, want, d->rsa, alg_r, why) < 0)
			return -1;
		return take_rsa(pub, type == GNUTLS_PK_RSA_PSS, *alg_r, why);
	case GNUTLS_PK_ECDSA:
		if (choose(JWS_FAMILY_EC, want, alg_of_curve(*pub), alg_r, why) < 0)
			return -1;
		return check_curve(*pub, *alg_r, why);
	case GNUTLS_PK_EDDSA_ED25519:
	case GNUTLS_PK_EDDSA_ED448:
		return choose(JWS_FAMILY_ED, want, JWS_EDDSA, alg_r, why);
	default:
		return no(why, "is of a type that signs no tokens");
	}
}

static int
finish(struct jwt_key *k, const char *kid, struct jwt_key *key_r, char why[KEY_WHY])
{
	if (kid != NULL)
		k->kid = strdup(kid);
	if (kid != NULL && k->kid == NULL) {
		key_fini(k);
		return no(why, "finds no memory");
	}
	*key_r = *k;
	return 0;
}

int
key_from_public(gnutls_pubkey_t pub, enum jws_alg want, const struct key_defaults *d,
	const char *kid, struct jwt_key *key_r, char why[KEY_WHY])
{
	struct jwt_key k = {.pub = pub};

	if (bind_public(&k.pub, want, d, &k.alg, why) < 0) {
		key_fini(&k);
		return -1;
	}
	return finish(&k, kid, key_r, why);
}

static unsigned
different_bytes(const uint8_t *p, size_t n)
{
	bool seen[256] = {false};
	unsigned count = 0;

	for (size_t i = 0; i < n; i++) {
		count += !seen[p[i]];
		seen[p[i]] = true;
	}
	gnutls_memset(seen, 0, sizeof(seen));
	return count;
}

/* RFC 7518 section 3.2: as long as the hash at least. */
static int
check_secret(const uint8_t *secret, size_t n, enum jws_alg alg, char why[KEY_WHY])
{
	size_t min = jws_alg_bits(alg) / 8;

	if (n < min)
		return no(why, "is a secret of %zu bytes; %s needs %zu at least", n,
			jws_alg_name(alg), min);
	if (n > KEY_SECRET_MAX)
		return no(why, "is a secret of %zu bytes; %d are taken at most", n,
			KEY_SECRET_MAX);
	for (size_t i = 0; i < sizeof(well_known) / sizeof(well_known[0]); i++)
		if (n == strlen(well_known[i]) && gnutls_memcmp(secret, well_known[i], n) == 0)
			return no(why, "is a secret that stands in everybody's examples");
	if (different_bytes(secret, n) < DIFFERENT_MIN)
		return no(why, "is a secret that is easy to guess: it has fewer than %d different "
			"bytes", DIFFERENT_MIN);
	return 0;
}

int
key_from_secret(const uint8_t *secret, size_t n, enum jws_alg want, const struct key_defaults *d,
	const char *kid, struct jwt_key *key_r, char why[KEY_WHY])
{
	struct jwt_key k = {.alg = JWS_NONE};

	if (choose(JWS_FAMILY_HMAC, want, d->hmac, &k.alg, why) < 0 ||
		check_secret(secret, n, k.alg, why) < 0)
		return -1;
	k.secret = malloc(n);
	if (k.secret == NULL)
		return no(why, "finds no memory");
	memcpy(k.secret, secret, n);
	k.n_secret = n;
	return finish(&k, kid, key_r, why);
}

void
key_fini(struct jwt_key *k)
{
	if (k->pub != NULL)
		gnutls_pubkey_deinit(k->pub);
	if (k->secret != NULL)
		gnutls_memset(k->secret, 0, k->n_secret);
	free(k->secret);
	free(k->kid);
	memset(k, 0, sizeof(*k));
}
