/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What an issuer does, by GnuTLS: for tests only. Whatever fails ends the program. */

#include "signer.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "b64.h"

__attribute__((noreturn)) static void
die(const char *what, const char *name)
{
	fprintf(stderr, "signer: %s: %s\n", name, what);
	exit(99);
}

char *
signer_file(const char *folder, const char *name, size_t *len_r)
{
	char path[4096], *text = calloc(1, 1 << 16);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	if (f == NULL || text == NULL)
		die("cannot be read", path);
	*len_r = fread(text, 1, (1 << 16) - 1, f);
	fclose(f);
	return text;
}

enum jws_alg
signer_alg(const char *kid)
{
	for (enum jws_alg alg = JWS_HS256; alg < JWS_ALGS; alg++)
		if (strcasecmp(jws_alg_name(alg), kid) == 0)
			return alg;
	if (strcmp(kid, "ed448") != 0)
		die("is no test key", kid);
	return JWS_EDDSA;
}

size_t
signer_hmac(enum jws_alg alg, const void *secret, size_t n_secret, const void *data, size_t n,
	uint8_t sig_r[SIGNER_SIG_MAX])
{
	static const gnutls_mac_algorithm_t macs[] = {
		GNUTLS_MAC_SHA256, GNUTLS_MAC_SHA384, GNUTLS_MAC_SHA512};
	gnutls_mac_algorithm_t mac = macs[alg - JWS_HS256];

	if (gnutls_hmac_fast(mac, secret, n_secret, data, n, sig_r) < 0)
		die("no HMAC", jws_alg_name(alg));
	return gnutls_hmac_get_len(mac);
}

/* ---- Private keys ---------------------------------------------------------------------------- */

static gnutls_privkey_t
load(const char *folder, const char *kid)
{
	enum jws_alg alg = signer_alg(kid);
	gnutls_privkey_t key;
	gnutls_datum_t pem;
	char name[32];
	size_t len;

	snprintf(name, sizeof(name), "%s.key", kid);
	if (jws_alg_family(alg) == JWS_FAMILY_RSA)
		snprintf(name, sizeof(name), "rsa.key");
	else if (strcmp(kid, "eddsa") == 0)
		snprintf(name, sizeof(name), "ed25519.key");
	pem.data = (void *)signer_file(folder, name, &len);
	pem.size = (unsigned)len;
	if (gnutls_privkey_init(&key) < 0 ||
		gnutls_privkey_import_x509_raw(key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0) < 0)
		die("is no private key", name);
	free(pem.data);
	return key;
}

static gnutls_datum_t
sign(const char *folder, const char *kid, const void *data, size_t n)
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
	gnutls_sign_algorithm_t algorithm = algorithms[signer_alg(kid)];
	gnutls_privkey_t key = load(folder, kid);
	gnutls_datum_t text = {(void *)data, (unsigned)n}, sig;

	if (strcmp(kid, "ed448") == 0)
		algorithm = GNUTLS_SIGN_EDDSA_ED448;
	if (gnutls_privkey_sign_data2(key, algorithm, 0, &text, &sig) < 0)
		die("does not sign", kid);
	gnutls_privkey_deinit(key);
	return sig;
}

size_t
signer_der(const char *folder, const char *kid, const void *data, size_t n,
	uint8_t sig_r[SIGNER_SIG_MAX])
{
	gnutls_datum_t sig = sign(folder, kid, data, n);
	size_t len = sig.size;

	if (len > SIGNER_SIG_MAX)
		die("signs at great length", kid);
	memcpy(sig_r, sig.data, len);
	gnutls_free(sig.data);
	return len;
}

/* A number in exactly n bytes. */
static void
put_number(uint8_t *p, size_t n, gnutls_datum_t d)
{
	while (d.size > n && d.data[0] == 0) {
		d.data++;
		d.size--;
	}
	if (d.size > n)
		die("is too long", "a number");
	memset(p, 0, n - d.size);
	memcpy(p + n - d.size, d.data, d.size);
}

static size_t
sign_ecdsa(const char *folder, const char *kid, const void *data, size_t n,
	uint8_t sig_r[SIGNER_SIG_MAX])
{
	unsigned bits = jws_alg_bits(signer_alg(kid));
	size_t half = bits == 512 ? 66 : bits / 8;
	gnutls_datum_t der = sign(folder, kid, data, n), r, s;

	if (gnutls_decode_rs_value(&der, &r, &s) < 0)
		die("makes no DER", kid);
	put_number(sig_r, half, r);
	put_number(sig_r + half, half, s);
	gnutls_free(r.data);
	gnutls_free(s.data);
	gnutls_free(der.data);
	return 2 * half;
}

size_t
signer_sign(const char *folder, const char *kid, const void *data, size_t n,
	uint8_t sig_r[SIGNER_SIG_MAX])
{
	enum jws_alg alg = signer_alg(kid);
	uint8_t secret[128];
	char name[32], *text;
	ssize_t n_secret;
	size_t len;

	if (jws_alg_family(alg) == JWS_FAMILY_EC)
		return sign_ecdsa(folder, kid, data, n, sig_r);
	if (jws_alg_family(alg) != JWS_FAMILY_HMAC)
		return signer_der(folder, kid, data, n, sig_r);
	snprintf(name, sizeof(name), "%s.secret", kid);
	text = signer_file(folder, name, &len);
	n_secret = len <= 128 ? b64_decode(text, len, secret) : -1;
	if (n_secret < 0)
		die("is no secret", name);
	free(text);
	return signer_hmac(alg, secret, (size_t)n_secret, data, n, sig_r);
}
