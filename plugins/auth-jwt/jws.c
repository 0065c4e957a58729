/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Compact JWS. What must always hold: a signature is checked with the algorithm of the key,
 * and only if the header names the same; a text that is not in its one canonical form is no
 * token. Pure, any thread. */

#include "jws.h"

#include <gnutls/crypto.h>
#include <string.h>

#include "b64.h"
#include "strict.h"

/* ---- The header ------------------------------------------------------------------------------ */

static int
take_kid(const json_t *value, struct jws *j, struct why *why)
{
	const char *kid = json_string_value(value);
	size_t n = json_string_length(value);

	if (value == NULL)
		return 0;
	if (kid == NULL || n == 0 || n > KEY_ID_MAX)
		return why_set(why, ADIT_CAUSE_MALFORMED, "the header's kid is no text of 1 to %d "
			"characters", KEY_ID_MAX);
	if (!key_id_valid(kid, n))
		return why_set(why, ADIT_CAUSE_MALFORMED,
			"the header's kid has a character that is not allowed");
	memcpy(j->kid, kid, n + 1);
	j->has_kid = true;
	return 0;
}

/* RFC 7515 section 4.1.9: a media type, in any case, and "application/" may be left out. */
static int
take_typ(const json_t *value, struct jws *j, struct why *why)
{
	const char *typ = json_string_value(value);
	size_t n = json_string_length(value);

	if (value == NULL)
		return 0;
	if (typ != NULL && n > 12 && strncasecmp(typ, "application/", 12) == 0) {
		typ += 12;
		n -= 12;
	}
	if (typ == NULL || n == 0 || n > JWS_TYP_MAX)
		return why_set(why, ADIT_CAUSE_MALFORMED, "the header's typ is no text of 1 to %d "
			"characters", JWS_TYP_MAX);
	for (size_t i = 0; i < n; i++) {
		if (typ[i] <= ' ' || typ[i] > '~')
			return why_set(why, ADIT_CAUSE_MALFORMED,
				"the header's typ has a character that is not allowed");
		j->typ[i] = typ[i] >= 'A' && typ[i] <= 'Z' ? (char)(typ[i] + 32) : typ[i];
	}
	return 0;
}

static int
take_header(const json_t *header, struct jws *j, struct why *why)
{
	const char *alg = json_string_value(json_object_get(header, "alg"));

	if (alg == NULL)
		return why_set(why, ADIT_CAUSE_MALFORMED, "the header has no alg");
	if (strcasecmp(alg, "none") == 0)
		return why_set(why, ADIT_CAUSE_MALFORMED, "it is not signed: alg is none");
	j->alg = jws_alg_parse(alg);
	if (json_object_get(header, "crit") != NULL)
		return why_set(why, ADIT_CAUSE_MALFORMED,
			"the header has crit, which asks for an extension that is not known here");
	if (json_object_get(header, "enc") != NULL || json_object_get(header, "zip") != NULL ||
		json_object_get(header, "cty") != NULL)
		return why_set(why, ADIT_CAUSE_MALFORMED,
			"the header has enc, zip or cty: what it signs are no plain claims");
	if (take_kid(json_object_get(header, "kid"), j, why) < 0)
		return -1;
	return take_typ(json_object_get(header, "typ"), j, why);
}

int
jws_header(const char *text, size_t n, struct jws *jws_r, struct why *why)
{
	uint8_t bytes[B64_BYTES(JWS_HEADER_MAX)];
	const char *dot = memchr(text, '.', n);
	char what[STRICT_WHY];
	struct jws j = {.alg = JWS_NONE};
	json_t *header;
	ssize_t len;
	int rc;

	if (dot == NULL || dot - text > JWS_HEADER_MAX)
		return why_set(why, ADIT_CAUSE_MALFORMED,
			"it has no header of at most %d characters", JWS_HEADER_MAX);
	len = b64_decode(text, (size_t)(dot - text), bytes);
	if (len < 0)
		return why_set(why, ADIT_CAUSE_MALFORMED, "its header is not base64url");
	header = strict_parse((const char *)bytes, (size_t)len, what);
	if (header == NULL)
		return why_set(why, ADIT_CAUSE_MALFORMED, "its header %s", what);
	rc = take_header(header, &j, why);
	json_decref(header);
	if (rc == 0)
		*jws_r = j;
	return rc;
}

/* ---- The parts ------------------------------------------------------------------------------- */

int
jws_parse(const char *text, size_t n, struct jws *jws_r, struct why *why)
{
	const char *end = text + n, *first, *second;
	struct jws j;
	ssize_t sig;

	if (n > JWS_MAX)
		return why_set(why, ADIT_CAUSE_MALFORMED, "it is longer than %d characters",
			JWS_MAX);
	if (jws_header(text, n, &j, why) < 0)
		return -1;
	first = memchr(text, '.', n);
	second = memchr(first + 1, '.', (size_t)(end - first - 1));
	if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
		return why_set(why, ADIT_CAUSE_MALFORMED, "it does not have three parts");
	j.signed_text = text;
	j.n_signed = (size_t)(second - text);
	j.payload = first + 1;
	j.n_payload = (size_t)(second - first - 1);
	if (j.n_payload == 0 || second + 1 == end)
		return why_set(why, ADIT_CAUSE_MALFORMED, "a part of it is empty");
	if ((size_t)(end - second - 1) > B64_CHARS(JWS_SIG_MAX))
		return why_set(why, ADIT_CAUSE_MALFORMED, "its signature is too long");
	sig = b64_decode(second + 1, (size_t)(end - second - 1), j.sig);
	if (sig < 0)
		return why_set(why, ADIT_CAUSE_MALFORMED, "its signature is not base64url");
	j.n_sig = (size_t)sig;
	*jws_r = j;
	return 0;
}

/* ---- Signatures ------------------------------------------------------------------------------ */

static int
wrong(struct why *why)
{
	return why_set(why, ADIT_CAUSE_WRONG, "its signature is wrong");
}

static int
verify_hmac(const struct jws *jws, const struct jwt_key *key, struct why *why)
{
	static const gnutls_mac_algorithm_t macs[] = {GNUTLS_MAC_SHA256, GNUTLS_MAC_SHA384,
		GNUTLS_MAC_SHA512};
	size_t n = jws_alg_bits(key->alg) / 8;
	uint8_t mac[64];
	int rc;

	if (jws->n_sig != n)
		return wrong(why);
	if (gnutls_hmac_fast(macs[key->alg - JWS_HS256], key->secret, key->n_secret,
		    jws->signed_text, jws->n_signed, mac) < 0)
		return why_set(why, ADIT_CAUSE_OTHER, "GnuTLS has no %s", jws_alg_name(key->alg));
	rc = gnutls_memcmp(mac, jws->sig, n);
	gnutls_memset(mac, 0, sizeof(mac));
	return rc == 0 ? 0 : wrong(why);
}

static int
verify_data(const struct jws *jws, const struct jwt_key *key, gnutls_sign_algorithm_t algorithm,
	const gnutls_datum_t *sig, struct why *why)
{
	gnutls_datum_t data = {(void *)jws->signed_text, (unsigned)jws->n_signed};

	if (gnutls_pubkey_verify_data2(key->pub, algorithm, 0, &data, sig) < 0)
		return wrong(why);
	return 0;
}

/* A number of the signature without zeros in front, as DER has it. */
static gnutls_datum_t
number(const uint8_t *p, size_t n)
{
	while (n > 0 && *p == 0) {
		p++;
		n--;
	}
	return (gnutls_datum_t){(void *)p, (unsigned)n};
}

/* RFC 7518 section 3.4: R and S, each exactly as long as the curve's order. */
static int
verify_ecdsa(const struct jws *jws, const struct jwt_key *key, gnutls_sign_algorithm_t algorithm,
	struct why *why)
{
	size_t n = key->alg == JWS_ES256 ? 32 : key->alg == JWS_ES384 ? 48 : 66;
	gnutls_datum_t der, r, s;
	int rc;

	if (jws->n_sig != 2 * n)
		return wrong(why);
	r = number(jws->sig, n);
	s = number(jws->sig + n, n);
	if (r.size == 0 || s.size == 0)
		return wrong(why);
	if (gnutls_encode_rs_value(&der, &r, &s) < 0)
		return why_set(why, ADIT_CAUSE_OTHER, "GnuTLS makes no DER");
	rc = verify_data(jws, key, algorithm, &der, why);
	gnutls_free(der.data);
	return rc;
}

static int
verify_public(const struct jws *jws, const struct jwt_key *key, struct why *why)
{
	static const gnutls_sign_algorithm_t algorithms[JWS_ALGS] = {
		[JWS_RS256] = GNUTLS_SIGN_RSA_SHA256,
		[JWS_RS384] = GNUTLS_SIGN_RSA_SHA384,
		[JWS_RS512] = GNUTLS_SIGN_RSA_SHA512,
		[JWS_PS256] = GNUTLS_SIGN_RSA_PSS_RSAE_SHA256,
		[JWS_PS384] = GNUTLS_SIGN_RSA_PSS_RSAE_SHA384,
		[JWS_PS512] = GNUTLS_SIGN_RSA_PSS_RSAE_SHA512,
		[JWS_ES256] = GNUTLS_SIGN_ECDSA_SHA256,
		[JWS_ES384] = GNUTLS_SIGN_ECDSA_SHA384,
		[JWS_ES512] = GNUTLS_SIGN_ECDSA_SHA512,
		[JWS_EDDSA] = GNUTLS_SIGN_EDDSA_ED25519,
	};
	gnutls_sign_algorithm_t algorithm = algorithms[key->alg];
	gnutls_datum_t sig = {(void *)jws->sig, (unsigned)jws->n_sig};

	if (key->alg == JWS_EDDSA &&
		gnutls_pubkey_get_pk_algorithm(key->pub, NULL) == GNUTLS_PK_EDDSA_ED448)
		algorithm = GNUTLS_SIGN_EDDSA_ED448;
	if (jws_alg_family(key->alg) == JWS_FAMILY_EC)
		return verify_ecdsa(jws, key, algorithm, why);
	return verify_data(jws, key, algorithm, &sig, why);
}

int
jws_verify(const struct jws *jws, const struct jwt_key *key, struct why *why)
{
	if (jws->alg != key->alg || key->alg == JWS_NONE)
		return why_set(why, ADIT_CAUSE_WRONG, "its alg is %s, but the key is for %s",
			jws->alg == JWS_NONE ? "not known here" : jws_alg_name(jws->alg),
			jws_alg_name(key->alg));
	if (jws_alg_family(key->alg) == JWS_FAMILY_HMAC)
		return verify_hmac(jws, key, why);
	return verify_public(jws, key, why);
}
