/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Certificates for tests. */

#include "mint.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY (24 * 3600)

static void
need(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "mint: %s: %s\n", what, gnutls_strerror(rc));
	exit(99);
}

static void
add_names(gnutls_x509_crt_t crt, const char *names)
{
	char one[256];

	while (names != NULL && *names != '\0') {
		size_t n = strcspn(names, ",");
		unsigned char ip[16];

		snprintf(one, sizeof(one), "%.*s", (int)n, names);
		names += n + (names[n] == ',');
		if (inet_pton(AF_INET, one, ip) == 1)
			need(gnutls_x509_crt_set_subject_alt_name(
				     crt, GNUTLS_SAN_IPADDRESS, ip, 4, GNUTLS_FSAN_APPEND),
				"IPv4 address");
		else if (inet_pton(AF_INET6, one, ip) == 1)
			need(gnutls_x509_crt_set_subject_alt_name(
				     crt, GNUTLS_SAN_IPADDRESS, ip, 16, GNUTLS_FSAN_APPEND),
				"IPv6 address");
		else
			need(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, one,
				     (unsigned)strlen(one), GNUTLS_FSAN_APPEND),
				"name");
	}
}

static void
set_purpose(gnutls_x509_crt_t crt, const char *purpose)
{
	if (purpose == NULL)
		return;
	need(gnutls_x509_crt_set_key_purpose_oid(crt,
		     strcmp(purpose, "client") == 0 ? GNUTLS_KP_TLS_WWW_CLIENT
						    : GNUTLS_KP_TLS_WWW_SERVER,
		     0),
		"purpose");
}

static void
make_key(gnutls_x509_privkey_t *key_r)
{
	need(gnutls_x509_privkey_init(key_r), "key");
	need(gnutls_x509_privkey_generate(
		     *key_r, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
		"P-256 key");
}

void
mint(const struct mint_ask *ask, const struct minted *issuer, struct minted *m_r)
{
	unsigned char serial[12];
	time_t now = time(NULL);
	gnutls_x509_crt_t crt;

	make_key(&m_r->privkey);
	need(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)), "serial number");
	serial[0] &= 0x7f;
	need(gnutls_x509_crt_init(&crt), "certificate");
	need(gnutls_x509_crt_set_version(crt, 3), "version");
	need(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)), "serial number");
	need(gnutls_x509_crt_set_activation_time(crt, now + (time_t)ask->from * DAY), "from");
	need(gnutls_x509_crt_set_expiration_time(crt, now + (time_t)ask->to * DAY), "to");
	need(gnutls_x509_crt_set_dn_by_oid(
		     crt, GNUTLS_OID_X520_COMMON_NAME, 0, ask->cn, (unsigned)strlen(ask->cn)),
		"common name");
	add_names(crt, ask->names);
	if (ask->san != NULL)
		need(gnutls_x509_crt_set_extension_by_oid(
			     crt, "2.5.29.17", ask->san, ask->n_san, 0),
			"names as DER");
	set_purpose(crt, ask->purpose);
	need(gnutls_x509_crt_set_basic_constraints(crt, (unsigned)ask->ca, -1), "constraints");
	need(gnutls_x509_crt_set_key(crt, m_r->privkey), "key");
	need(gnutls_x509_crt_sign2(crt, issuer != NULL ? issuer->crt : crt,
		     issuer != NULL ? issuer->privkey : m_r->privkey, GNUTLS_DIG_SHA256, 0),
		"signature");
	m_r->crt = crt;
	need(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &m_r->certificate), "PEM");
	need(gnutls_x509_privkey_export2_pkcs8(
		     m_r->privkey, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &m_r->key),
		"PEM");
}

void
mint_load(const char *certificate, const char *key, struct minted *m_r)
{
	need(gnutls_load_file(certificate, &m_r->certificate), certificate);
	need(gnutls_load_file(key, &m_r->key), key);
	need(gnutls_x509_crt_init(&m_r->crt), "certificate");
	need(gnutls_x509_crt_import(m_r->crt, &m_r->certificate, GNUTLS_X509_FMT_PEM), certificate);
	need(gnutls_x509_privkey_init(&m_r->privkey), "key");
	need(gnutls_x509_privkey_import(m_r->privkey, &m_r->key, GNUTLS_X509_FMT_PEM), key);
}

void
mint_fini(struct minted *m)
{
	gnutls_free(m->certificate.data);
	gnutls_free(m->key.data);
	gnutls_x509_crt_deinit(m->crt);
	gnutls_x509_privkey_deinit(m->privkey);
}
