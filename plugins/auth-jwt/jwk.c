/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Reading a JSON Web Key. Members that say what it is for are looked at first, then those of its
 * type; all others, certificates and their addresses among them, are left alone. */

#include "jwk.h"

#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "b64.h"

#define NUMBER_MAX (KEY_RSA_BITS_MAX / 8 + 1) /* bytes; one zero in front is harmless */

__attribute__((format(printf, 2, 3))) static enum jwk_result
no(char why[KEY_WHY], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, KEY_WHY, fmt, ap);
	va_end(ap);
	return JWK_UNKNOWN;
}

/* ---- Members --------------------------------------------------------------------------------- */

static const char *
text_of(json_t *jwk, const char *name)
{
	return json_string_value(json_object_get(jwk, name));
}

/* A member of base64url into out_r; how many bytes, or 0 with why set. */
static size_t
bytes_of(json_t *jwk, const char *name, uint8_t *out_r, size_t cap, char why[KEY_WHY])
{
	json_t *m = json_object_get(jwk, name);
	size_t n = json_string_length(m);
	ssize_t got = -1;

	if (!json_is_string(m) || n == 0)
		no(why, "has no \"%s\"", name);
	else if (B64_BYTES(n) > cap + 2)
		no(why, "has a \"%s\" that is too long", name);
	else if ((got = b64_decode(json_string_value(m), n, out_r)) <= 0)
		no(why, "has a \"%s\" that is not base64url", name);
	return got > 0 ? (size_t)got : 0;
}

/* As bytes_of(), but exactly n bytes: a coordinate. */
static bool
coordinate(json_t *jwk, const char *name, uint8_t *out_r, size_t n, char why[KEY_WHY])
{
	size_t got = bytes_of(jwk, name, out_r, n, why);

	if (got != 0 && got != n)
		no(why, "has a \"%s\" of %zu bytes in place of %zu", name, got, n);
	return got == n;
}

void
jwk_kid_text(json_t *jwk, char text[64])
{
	const char *kid = text_of(jwk, "kid");
	size_t n = 0;

	for (; kid != NULL && kid[n] != '\0' && n < 63; n++)
		text[n] = kid[n] > ' ' && kid[n] <= '~' && kid[n] != '"' ? kid[n] : '?';
	text[n] = '\0';
}

/* ---- What it is for -------------------------------------------------------------------------- */

/* "use" and "key_ops", RFC 7517 sections 4.2 and 4.3. */
static enum jwk_result
check_use(json_t *jwk, char why[KEY_WHY])
{
	json_t *use = json_object_get(jwk, "use"), *ops = json_object_get(jwk, "key_ops"), *op;
	bool verify = false;
	size_t i;

	if (use != NULL && !json_is_string(use))
		return no(why, "has a \"use\" that is no string");
	if (ops != NULL && !json_is_array(ops))
		return no(why, "has \"key_ops\" that are no array");
	if (use != NULL && strcmp(json_string_value(use), "sig") != 0) {
		no(why, "is not for signatures (\"use\")");
		return JWK_OTHER;
	}
	json_array_foreach(ops, i, op) {
		if (!json_is_string(op))
			return no(why, "has \"key_ops\" that are no strings");
		verify |= strcmp(json_string_value(op), "verify") == 0;
	}
	if (ops != NULL && !verify) {
		no(why, "is not for checking signatures (\"key_ops\")");
		return JWK_OTHER;
	}
	return JWK_TAKEN;
}

static enum jwk_result
check_alg(json_t *jwk, enum jws_alg *alg_r, char why[KEY_WHY])
{
	json_t *alg = json_object_get(jwk, "alg");

	if (alg != NULL && !json_is_string(alg))
		return no(why, "has an \"alg\" that is no string");
	*alg_r = alg != NULL ? jws_alg_parse(json_string_value(alg)) : JWS_NONE;
	if (alg == NULL || *alg_r != JWS_NONE)
		return JWK_TAKEN;
	return no(why, "is for an algorithm (\"alg\") that is not known here");
}

static enum jwk_result
check_kid(json_t *jwk, const char **kid_r, char why[KEY_WHY])
{
	json_t *kid = json_object_get(jwk, "kid");
	size_t n = json_string_length(kid);

	if (kid != NULL && !json_is_string(kid))
		return no(why, "has a \"kid\" that is no string");
	if (kid != NULL && !key_id_valid(json_string_value(kid), n))
		return no(why, "has a \"kid\" that is not 1 to %d of A-Za-z0-9._-+/=:@~",
			KEY_ID_MAX);
	*kid_r = json_string_value(kid);
	return JWK_TAKEN;
}

/* What is not public in a public key. Every type calls its secret half "d", and RSA has more. */
static bool
has_private(json_t *jwk, const char *kty)
{
	static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth"};
	size_t n = strcmp(kty, "RSA") == 0 ? sizeof(names) / sizeof(names[0]) : 1;

	for (size_t i = 0; i < n; i++)
		if (json_object_get(jwk, names[i]) != NULL)
			return true;
	return false;
}

static enum jwk_result
check_exposed(json_t *jwk, const char *kty, const struct keys_how *how, char why[KEY_WHY])
{
	bool secret = strcmp(kty, "oct") == 0;

	if (secret && how->from == KEYS_FROM_SECRET_FILE)
		return JWK_TAKEN;
	if (!secret && !has_private(jwk, kty))
		return JWK_TAKEN;
	if (how->from == KEYS_FROM_URL)
		no(why, "is published with its secret part, so that anybody can sign with it");
	else if (secret)
		no(why, "is a secret (\"oct\"), which belongs into a file that secret_file names");
	else
		no(why, "has its private part with it; only the public one belongs here");
	return JWK_EXPOSED;
}

/* ---- Types ----------------------------------------------------------------------------------- */

/* What all types have, once it is checked. */
struct reader {
	json_t *jwk;
	const struct keys_how *how;
	enum jws_alg alg;
	const char *kid;
	struct jwt_key *key_r;
	char *why;
};

static enum jwk_result
finish(const struct reader *r, gnutls_pubkey_t pub)
{
	int rc = key_from_public(pub, r->alg, &r->how->defaults, r->kid, r->key_r, r->why);

	return rc == 0 ? JWK_TAKEN : JWK_UNKNOWN;
}

/* GnuTLS gets the numbers without zeros in front, and none that are nothing else. */
static bool
number(const struct reader *r, const char *name, uint8_t *buf, gnutls_datum_t *d_r)
{
	size_t n = bytes_of(r->jwk, name, buf, NUMBER_MAX, r->why);

	while (n > 0 && *buf == 0) {
		buf++;
		n--;
		if (n == 0)
			no(r->why, "has a \"%s\" that is zero", name);
	}
	*d_r = (gnutls_datum_t){.data = buf, .size = (unsigned)n};
	return n > 0;
}

static enum jwk_result
read_rsa(const struct reader *r)
{
	uint8_t modulus[NUMBER_MAX + 2], exponent[NUMBER_MAX + 2];
	gnutls_pubkey_t pub = NULL;
	gnutls_datum_t n, e;

	if (!number(r, "n", modulus, &n) || !number(r, "e", exponent, &e))
		return JWK_UNKNOWN;
	if (gnutls_pubkey_init(&pub) < 0 || gnutls_pubkey_import_rsa_raw(pub, &n, &e) < 0) {
		gnutls_pubkey_deinit(pub);
		return no(r->why, "has numbers that are no RSA key");
	}
	return finish(r, pub);
}

static enum jwk_result
read_point(const struct reader *r, gnutls_ecc_curve_t curve, size_t n, bool has_y)
{
	uint8_t x[68], y[68];
	gnutls_datum_t dx = {.data = x, .size = (unsigned)n}, dy = {.data = y, .size = (unsigned)n};
	gnutls_pubkey_t pub = NULL;

	if (!coordinate(r->jwk, "x", x, n, r->why) ||
		(has_y && !coordinate(r->jwk, "y", y, n, r->why)))
		return JWK_UNKNOWN;
	if (gnutls_pubkey_init(&pub) < 0 ||
		gnutls_pubkey_import_ecc_raw(pub, curve, &dx, has_y ? &dy : NULL) < 0) {
		gnutls_pubkey_deinit(pub);
		return no(r->why, "has coordinates that are no key");
	}
	return finish(r, pub);
}

static enum jwk_result
read_curve(const struct reader *r, bool edwards)
{
	static const struct {
		const char *name;
		gnutls_ecc_curve_t curve;
		size_t n; /* bytes of a coordinate */
		bool edwards;
	} curves[] = {
		{"P-256", GNUTLS_ECC_CURVE_SECP256R1, 32, false},
		{"P-384", GNUTLS_ECC_CURVE_SECP384R1, 48, false},
		{"P-521", GNUTLS_ECC_CURVE_SECP521R1, 66, false},
		{"Ed25519", GNUTLS_ECC_CURVE_ED25519, 32, true},
		{"Ed448", GNUTLS_ECC_CURVE_ED448, 57, true},
	};
	const char *crv = text_of(r->jwk, "crv");

	if (crv == NULL)
		return no(r->why, "has no \"crv\"");
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (curves[i].edwards == edwards && strcmp(crv, curves[i].name) == 0)
			return read_point(r, curves[i].curve, curves[i].n, !edwards);
	return no(r->why, "is on a curve (\"crv\") that is not known here");
}

static enum jwk_result
read_secret(const struct reader *r)
{
	uint8_t secret[KEY_SECRET_MAX + 2];
	size_t n = bytes_of(r->jwk, "k", secret, KEY_SECRET_MAX, r->why);
	int rc = -1;

	if (n > 0)
		rc = key_from_secret(secret, n, r->alg, &r->how->defaults, r->kid, r->key_r,
			r->why);
	gnutls_memset(secret, 0, sizeof(secret));
	return rc == 0 ? JWK_TAKEN : JWK_UNKNOWN;
}

enum jwk_result
jwk_parse(json_t *jwk, const struct keys_how *how, struct jwt_key *key_r, char why[KEY_WHY])
{
	struct reader r = {.jwk = jwk, .how = how, .key_r = key_r, .why = why};
	const char *kty = text_of(jwk, "kty");
	enum jwk_result rc;

	if (kty == NULL)
		return no(why, "has no \"kty\"");
	rc = check_exposed(jwk, kty, how, why);
	if (rc == JWK_TAKEN)
		rc = check_use(jwk, why);
	if (rc == JWK_TAKEN)
		rc = check_alg(jwk, &r.alg, why);
	if (rc == JWK_TAKEN)
		rc = check_kid(jwk, &r.kid, why);
	if (rc != JWK_TAKEN)
		return rc;
	if (strcmp(kty, "RSA") == 0)
		return read_rsa(&r);
	if (strcmp(kty, "EC") == 0 || strcmp(kty, "OKP") == 0)
		return read_curve(&r, kty[0] == 'O');
	if (strcmp(kty, "oct") == 0)
		return read_secret(&r);
	return no(why, "is of a type (\"kty\") that is not known here");
}
