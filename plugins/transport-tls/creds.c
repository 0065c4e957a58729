/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Credentials. Made on the main thread, read by all workers; only the count of references changes
 * afterwards. What GnuTLS makes of a bad file is said in words that name what is wrong. */

#include "creds.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

/* All is named, nothing is left to what a system's configuration of GnuTLS makes of "NORMAL".
 * AES-128-GCM first: with the processor's instructions for it, it is the fastest by far. The server
 * decides, because agents are many and it is one. The signatures at the end of the list are those
 * of issuers only: TLS 1.3 itself never uses RSA without PSS. */
#define PRIORITY(ciphers)                                                                          \
	"NONE:+VERS-TLS1.3:+AEAD:" ciphers ":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"      \
	":+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-EDDSA-ED25519:+SIGN-ECDSA-SECP384R1-SHA384"           \
	":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-RSAE-SHA512"           \
	":+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512"                                      \
	":+CTYPE-X509:+COMP-NULL:%SERVER_PRECEDENCE"

#define RSA_BITS_MIN 2048

static const char fast_aes[] = PRIORITY("+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305");
/* In software AES is slow, and a server that has the instructions would choose it all the same. */
static const char no_aes[] = PRIORITY("+CHACHA20-POLY1305");

static bool
has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & (1u << 3)) != 0; /* HWCAP_AES */
#else
	return false;
#endif
}

/* ---- What the process has once --------------------------------------------------------------- */

/* The key that tickets are sealed with: made by the first server's configuration and kept, so that
 * tickets outlive reloads. GnuTLS derives from it the keys that take turns. Made on the main
 * thread, as the system's store, and constant from then on. */
static gnutls_datum_t ticket_key;
static gnutls_x509_trust_list_t system_store;

static void __attribute__((destructor)) wipe(void)
{
	if (ticket_key.data != NULL)
		gnutls_memset(ticket_key.data, 0, ticket_key.size);
}

static const gnutls_datum_t *
tickets_get(void)
{
	if (ticket_key.data == NULL && gnutls_session_ticket_key_generate(&ticket_key) < 0)
		return NULL;
	return &ticket_key;
}

int
creds_add_system(struct creds *c, char why[CREDS_WHY])
{
	gnutls_x509_trust_list_t store;
	int n;

	if (system_store == NULL) {
		if (gnutls_x509_trust_list_init(&store, 0) < 0) {
			snprintf(why, CREDS_WHY, "out of memory");
			return -1;
		}
		n = gnutls_x509_trust_list_add_system_trust(store, 0, 0);
		if (n <= 0) {
			gnutls_x509_trust_list_deinit(store, 1);
			snprintf(why, CREDS_WHY,
				"the system has no store of certificate authorities (on Debian: "
				"apt-get install ca-certificates)");
			return -1;
		}
		system_store = store;
	}
	c->system = system_store;
	return 0;
}

/* ---- Life ------------------------------------------------------------------------------------ */

struct creds *
creds_new(enum adit_side side)
{
	struct creds *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	atomic_init(&c->refs, 1);
	c->side = side;
	if (side == ADIT_SIDE_SERVER)
		c->tickets = tickets_get();
	if ((side == ADIT_SIDE_SERVER && c->tickets == NULL) ||
		gnutls_certificate_allocate_credentials(&c->own) < 0 ||
		gnutls_priority_init(&c->priority,
			side == ADIT_SIDE_AGENT && !has_aes() ? no_aes : fast_aes, NULL) < 0) {
		creds_unref(c);
		return NULL;
	}
	return c;
}

struct creds *
creds_ref(struct creds *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void
creds_unref(struct creds *c)
{
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (c->own != NULL)
		gnutls_certificate_free_credentials(c->own); /* wipes the keys */
	if (c->priority != NULL)
		gnutls_priority_deinit(c->priority);
	if (c->trust != NULL)
		gnutls_x509_trust_list_deinit(c->trust, 1);
	pins_fini(&c->pins);
	pins_fini(&c->revoked);
	free(c->server_name);
	free(c);
}

/* ---- Building -------------------------------------------------------------------------------- */

static int
weak(gnutls_x509_crt_t crt, char why[CREDS_WHY])
{
	unsigned bits = 0;
	int algorithm = gnutls_x509_crt_get_pk_algorithm(crt, &bits);

	if (algorithm != GNUTLS_PK_RSA || bits >= RSA_BITS_MIN)
		return 0;
	snprintf(why, CREDS_WHY, "its RSA key of %u bits is too short, %d are needed at least",
		bits, RSA_BITS_MIN);
	return -1;
}

/* The leaf is the first of the file. */
static int
look_at_leaf(const gnutls_datum_t *pem, time_t *expires_r, char why[CREDS_WHY])
{
	gnutls_x509_crt_t crt;
	int rc = gnutls_x509_crt_init(&crt);

	if (rc == 0) {
		rc = gnutls_x509_crt_import(crt, pem, GNUTLS_X509_FMT_PEM);
		if (rc < 0)
			snprintf(why, CREDS_WHY, "holds no certificate in PEM form (%s)",
				gnutls_strerror(rc));
		else
			rc = weak(crt, why);
		if (rc == 0)
			*expires_r = gnutls_x509_crt_get_expiration_time(crt);
		gnutls_x509_crt_deinit(crt);
	}
	return rc < 0 ? -1 : 0;
}

int
creds_add_pair(struct creds *c, const gnutls_datum_t *certificate, const gnutls_datum_t *key,
	time_t *expires_r, char why[CREDS_WHY])
{
	int rc;

	if (look_at_leaf(certificate, expires_r, why) < 0)
		return -1;
	rc = gnutls_certificate_set_x509_key_mem2(
		c->own, certificate, key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc >= 0)
		return 0;
	if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		snprintf(why, CREDS_WHY, "its key is not the certificate's");
	else if (rc == GNUTLS_E_DECRYPTION_FAILED)
		snprintf(why, CREDS_WHY, "its key is encrypted with a password");
	else
		snprintf(why, CREDS_WHY, "cannot be used with its key (%s)", gnutls_strerror(rc));
	return -1;
}

int
creds_add_trust(struct creds *c, const gnutls_datum_t *pem, char why[CREDS_WHY])
{
	int n;

	if (c->trust == NULL && gnutls_x509_trust_list_init(&c->trust, 0) < 0) {
		snprintf(why, CREDS_WHY, "out of memory");
		return -1;
	}
	n = gnutls_x509_trust_list_add_trust_mem(c->trust, pem, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
	if (n > 0)
		return 0;
	snprintf(why, CREDS_WHY, "holds no certificate in PEM form");
	return -1;
}

int
creds_add_pin(struct pins *pins, const char *text, char why[CREDS_WHY])
{
	struct pin pin;

	if (pin_parse(text, &pin) < 0) {
		snprintf(why, CREDS_WHY,
			"expects \"sha256-\" and 43 characters of base64url, but is \"%.100s\"",
			text);
		return -1;
	}
	if (pins_add(pins, &pin) == 0)
		return 0;
	snprintf(why, CREDS_WHY, "out of memory");
	return -1;
}
