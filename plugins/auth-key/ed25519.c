/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Ed25519. GnuTLS (nettle) refuses an S above the order itself, but takes keys of low order, under
 * which R = S = "nothing" verifies for every message: so both are looked at here, whatever the
 * library does. Nothing is kept between calls. */

#include "ed25519.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

/* A PKCS#8 structure with an Ed25519 seed (RFC 8410 section 7), up to the seed. */
static const uint8_t pkcs8_head[16] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b,
	0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

/* 2^255 - 19 and the order of the group, lowest byte first. */
static const uint8_t prime[32] = {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
	0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10};

/* The y of the eight points whose order divides 8; each with either sign of x. */
static const uint8_t low_order[][32] = {
	{0},
	{1},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0x7f},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
		0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d,
		0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
		0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92,
		0xac, 0x03, 0x7a},
};

/* a < b, lowest byte first; neither is a secret. */
static bool
below(const uint8_t a[32], const uint8_t b[32])
{
	for (size_t i = 32; i-- > 0;)
		if (a[i] != b[i])
			return a[i] < b[i];
	return false;
}

const char *
ed_public_wrong(const uint8_t public[ED_PUBLIC])
{
	uint8_t y[32];

	memcpy(y, public, sizeof(y));
	y[31] &= 0x7f;
	if (!below(y, prime))
		return "is not written as RFC 8032 says";
	for (size_t i = 0; i < sizeof(low_order) / sizeof(low_order[0]); i++)
		if (memcmp(y, low_order[i], sizeof(y)) == 0)
			return "is one of those for which anybody can sign";
	return NULL;
}

/* ---- Private keys ---------------------------------------------------------------------------- */

static int
take_public(gnutls_x509_privkey_t key, uint8_t public_r[ED_PUBLIC])
{
	gnutls_datum_t x = {NULL, 0}, y = {NULL, 0}, k = {NULL, 0};
	gnutls_ecc_curve_t curve;
	int rc = -1;

	if (gnutls_x509_privkey_export_ecc_raw(key, &curve, &x, &y, &k) < 0)
		return -1;
	if (curve == GNUTLS_ECC_CURVE_ED25519 && x.size == ED_PUBLIC) {
		memcpy(public_r, x.data, ED_PUBLIC);
		rc = 0;
	}
	if (k.data != NULL)
		gnutls_memset(k.data, 0, k.size);
	gnutls_free(k.data);
	gnutls_free(x.data);
	gnutls_free(y.data);
	return rc;
}

int
ed_from_seed(const uint8_t seed[ED_SEED], struct ed_key *k_r)
{
	uint8_t der[sizeof(pkcs8_head) + ED_SEED];
	const gnutls_datum_t text = {der, sizeof(der)};
	gnutls_x509_privkey_t key;
	int rc = -1;

	memcpy(der, pkcs8_head, sizeof(pkcs8_head));
	memcpy(der + sizeof(pkcs8_head), seed, ED_SEED);
	if (gnutls_x509_privkey_init(&key) == 0) {
		if (gnutls_x509_privkey_import_pkcs8(key, &text, GNUTLS_X509_FMT_DER, NULL,
			    GNUTLS_PKCS_PLAIN) == 0)
			rc = take_public(key, k_r->public);
		gnutls_x509_privkey_deinit(key);
	}
	gnutls_memset(der, 0, sizeof(der));
	if (rc == 0)
		memmove(k_r->seed, seed, ED_SEED);
	return rc;
}

int
ed_sign(const struct ed_key *k, const void *msg, size_t n, uint8_t sig_r[ED_SIGNATURE])
{
	/* GnuTLS does not change what it is given. */
	const gnutls_datum_t x = {(unsigned char *)(uintptr_t)k->public, ED_PUBLIC},
			     seed = {(unsigned char *)(uintptr_t)k->seed, ED_SEED},
			     text = {(unsigned char *)(uintptr_t)msg, (unsigned)n};
	gnutls_datum_t sig = {NULL, 0};
	gnutls_privkey_t key;
	int rc = -1;

	if (gnutls_privkey_init(&key) < 0)
		return -1;
	if (gnutls_privkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_ED25519, &x, NULL, &seed) == 0 &&
		gnutls_privkey_sign_data2(key, GNUTLS_SIGN_EDDSA_ED25519, 0, &text, &sig) == 0 &&
		sig.size == ED_SIGNATURE) {
		memcpy(sig_r, sig.data, ED_SIGNATURE);
		rc = 0;
	}
	gnutls_free(sig.data);
	gnutls_privkey_deinit(key);
	return rc;
}

/* ---- Verifying ------------------------------------------------------------------------------- */

int
ed_verify(const uint8_t public[ED_PUBLIC], const void *msg, size_t n,
	const uint8_t sig[ED_SIGNATURE])
{
	const gnutls_datum_t x = {(unsigned char *)(uintptr_t)public, ED_PUBLIC},
			     text = {(unsigned char *)(uintptr_t)msg, (unsigned)n},
			     mark = {(unsigned char *)(uintptr_t)sig, ED_SIGNATURE};
	gnutls_pubkey_t key;
	int rc = -1;

	if (ed_public_wrong(public) != NULL || !below(sig + 32, order))
		return 0;
	if (gnutls_pubkey_init(&key) < 0)
		return -1;
	if (gnutls_pubkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_ED25519, &x, NULL) == 0)
		rc = gnutls_pubkey_verify_data2(
			     key, GNUTLS_SIGN_EDDSA_ED25519, 0, &text, &mark) >= 0;
	gnutls_pubkey_deinit(key);
	return rc;
}
