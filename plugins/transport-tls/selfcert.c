/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Certificates that sign themselves. */

#include "selfcert.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#define DAY (24 * 3600)
#define VALID_DAYS 3653

static int
add_name(gnutls_x509_crt_t crt, const char *name)
{
	unsigned char ip[16];

	if (inet_pton(AF_INET, name, ip) == 1)
		return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, 4,
			GNUTLS_FSAN_APPEND);
	if (inet_pton(AF_INET6, name, ip) == 1)
		return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, 16,
			GNUTLS_FSAN_APPEND);
	return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
		(unsigned)strlen(name), GNUTLS_FSAN_APPEND);
}

/* Common names have 64 letters at most (RFC 5280 appendix A.1), and it is only for people. */
static int
set_subject(gnutls_x509_crt_t crt, const char *const *names)
{
	const char *cn = names[0] != NULL && strlen(names[0]) <= 64 ? names[0] : "aditd";
	int rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, cn,
		(unsigned)strlen(cn));

	for (size_t i = 0; rc >= 0 && names[i] != NULL; i++)
		rc = add_name(crt, names[i]);
	return rc;
}

/* From an hour ago: clocks differ. */
static int
set_times(gnutls_x509_crt_t crt)
{
	time_t now = time(NULL);
	int rc = gnutls_x509_crt_set_activation_time(crt, now - 3600);

	return rc < 0 ? rc : gnutls_x509_crt_set_expiration_time(crt, now + VALID_DAYS * DAY);
}

static int
set_serial(gnutls_x509_crt_t crt)
{
	unsigned char serial[16];
	int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and never short */
	return rc < 0 ? rc : gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
}

static int
fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *const *names)
{
	int rc = gnutls_x509_crt_set_version(crt, 3);

	if (rc >= 0)
		rc = set_serial(crt);
	if (rc >= 0)
		rc = set_times(crt);
	if (rc >= 0)
		rc = set_subject(crt, names);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_key(crt, key);
	return rc < 0 ? rc : gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
}

static int
export(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, char *certificate_r, char *key_r,
	size_t cap)
{
	size_t n = cap;
	int rc = gnutls_x509_crt_export(crt, GNUTLS_X509_FMT_PEM, certificate_r, &n);

	n = cap;
	return rc < 0 ? rc
		      : gnutls_x509_privkey_export_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL,
				GNUTLS_PKCS_PLAIN, key_r, &n);
}

int
selfcert_make(const char *const *names, char *certificate_r, char *key_r, size_t cap)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	int rc;

	memset(certificate_r, 0, cap); /* whether PEM ends in a zero byte is nowhere promised */
	memset(key_r, 0, cap);
	rc = gnutls_x509_privkey_init(&key);
	if (rc >= 0)
		rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
			GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (rc >= 0)
		rc = gnutls_x509_crt_init(&crt);
	if (rc >= 0)
		rc = fill(crt, key, names);
	if (rc >= 0)
		rc = export(crt, key, certificate_r, key_r, cap - 1);
	if (crt != NULL)
		gnutls_x509_crt_deinit(crt);
	if (key != NULL)
		gnutls_x509_privkey_deinit(key);
	return rc < 0 ? -1 : 0;
}
