/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Private keys in files. Whatever the file says of it, the public half is derived from the private
 * one. What GnuTLS hands out is wiped. */

#include "private_key.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#include "ssh_key.h"

#define PKCS8_PLAIN  "-----BEGIN PRIVATE KEY-----"
#define PKCS8_LOCKED "-----BEGIN ENCRYPTED PRIVATE KEY-----"

bool
private_is_locked(const char *text)
{
	return strstr(text, PKCS8_LOCKED) != NULL;
}

static const char *
take_pkcs8(gnutls_x509_privkey_t key, struct ed_key *k_r)
{
	gnutls_datum_t x = {NULL, 0}, y = {NULL, 0}, seed = {NULL, 0};
	const char *wrong = "holds no Ed25519 key: openssl genpkey -algorithm ed25519 makes one";
	gnutls_ecc_curve_t curve;

	if (gnutls_x509_privkey_get_pk_algorithm(key) != GNUTLS_PK_EDDSA_ED25519 ||
		gnutls_x509_privkey_export_ecc_raw(key, &curve, &x, &y, &seed) < 0)
		return wrong;
	if (seed.size == ED_SEED)
		wrong = ed_from_seed(seed.data, k_r) == 0 ? NULL : "cannot be used by GnuTLS";
	if (seed.data != NULL)
		gnutls_memset(seed.data, 0, seed.size);
	gnutls_free(seed.data);
	gnutls_free(x.data);
	gnutls_free(y.data);
	return wrong;
}

static const char *
read_pkcs8(const char *text, size_t n, const char *passphrase, struct ed_key *k_r)
{
	const gnutls_datum_t pem = {(unsigned char *)(uintptr_t)text, (unsigned)n};
	const char *wrong;
	gnutls_x509_privkey_t key;
	int rc;

	if (gnutls_x509_privkey_init(&key) < 0)
		return "cannot be used by GnuTLS";
	rc = gnutls_x509_privkey_import_pkcs8(key, &pem, GNUTLS_X509_FMT_PEM, passphrase,
		passphrase == NULL ? GNUTLS_PKCS_PLAIN : 0);
	if (rc == 0)
		wrong = take_pkcs8(key, k_r);
	else if (passphrase == NULL)
		wrong = "is damaged, or of a form that GnuTLS does not know";
	else if (rc == GNUTLS_E_DECRYPTION_FAILED)
		wrong = "has another passphrase";
	else
		wrong = "has another passphrase, or a cipher that GnuTLS does not know, like "
			"scrypt";
	gnutls_x509_privkey_deinit(key);
	return wrong;
}

static const char *
read_ssh(const char *text, size_t n, struct ed_key *k_r)
{
	struct ed_key said, derived;
	const char *wrong = ssh_private_parse(text, n, &said);

	if (wrong != NULL)
		return wrong;
	if (ed_from_seed(said.seed, &derived) < 0)
		wrong = "cannot be used by GnuTLS";
	else if (memcmp(said.public, derived.public, ED_PUBLIC) != 0)
		wrong = "is damaged: its public half is another key's";
	else
		*k_r = derived;
	gnutls_memset(&said, 0, sizeof(said));
	gnutls_memset(&derived, 0, sizeof(derived));
	return wrong;
}

const char *
private_read(const char *text, size_t n, const char *passphrase, struct ed_key *k_r)
{
	const char *begin = strstr(text, "-----BEGIN ");

	if (begin == NULL && strstr(text, SSH_TYPE " ") != NULL)
		return "is a public key; the private one has the same name without .pub";
	if (begin == NULL)
		return "holds no private key: adit keygen makes one";
	if (strncmp(begin, SSH_PRIVATE_BEGIN, strlen(SSH_PRIVATE_BEGIN)) == 0)
		return read_ssh(begin, n - (size_t)(begin - text), k_r);
	if (strncmp(begin, PKCS8_PLAIN, strlen(PKCS8_PLAIN)) == 0 ||
		strncmp(begin, PKCS8_LOCKED, strlen(PKCS8_LOCKED)) == 0)
		return read_pkcs8(text, n, passphrase, k_r);
	return "is of a form that is not read: expected OpenSSH's or PKCS#8 (BEGIN PRIVATE KEY)";
}
