/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Verification of the peer. A pinned key stands for itself: with pins alone neither names nor dates
 * nor issuers are looked at, as in RFC 7671 section 5.1. With certificate authorities all of it is,
 * and with both, both must hold. A revoked key is refused whoever vouches for it.
 *
 * The alerts are chosen so that the other end's log can tell the causes apart. */

#include "verify.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHAIN_MAX 8
#define NAMES_MAX 32 /* of a certificate that are looked at for texts and facts */

static int __attribute__((format(printf, 3, 4)))
refuse(struct refusal *r, gnutls_alert_description_t alert, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	r->alert = alert;
	return -1;
}

static const char *
whose(const struct creds *c)
{
	return c->side == ADIT_SIDE_AGENT ? "the server's" : "the agent's";
}

static const char *
date_text(time_t t, char buf[32])
{
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(buf, 32, "%Y-%m-%d", &tm) == 0)
		snprintf(buf, 32, "an unknown date");
	return buf;
}

/* ---- The peer's certificates ----------------------------------------------------------------- */

struct chain {
	gnutls_x509_crt_t crt[CHAIN_MAX];
	unsigned n;
};

static void
chain_fini(struct chain *ch)
{
	while (ch->n > 0)
		gnutls_x509_crt_deinit(ch->crt[--ch->n]);
}

/* The leaf first. 0 (n may be 0: none was shown) or -1. */
static int
chain_init(struct chain *ch, gnutls_session_t session, unsigned max)
{
	unsigned n = 0;
	const gnutls_datum_t *der = gnutls_certificate_get_peers(session, &n);

	ch->n = 0;
	if (der == NULL)
		return 0;
	if (n > CHAIN_MAX)
		return -1;
	for (unsigned i = 0; i < n && i < max; i++) {
		if (gnutls_x509_crt_init(&ch->crt[i]) < 0)
			break;
		ch->n++;
		if (gnutls_x509_crt_import(ch->crt[i], &der[i], GNUTLS_X509_FMT_DER) < 0)
			break;
		if (i + 1 == n || i + 1 == max)
			return 0;
	}
	chain_fini(ch);
	return -1;
}

/* Appends a name if it is one that can stand in a list; never part of one. */
static void
add_name(const char *name, size_t n, char *buf, size_t cap)
{
	size_t at = strlen(buf);

	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == ',')
			return;
	if (n == 0 || at + (at > 0) + n + 1 > cap)
		return;
	snprintf(buf + at, cap - at, "%s%.*s", at > 0 ? "," : "", (int)n, name);
}

static void
add_address(const char *ip, size_t n, char *buf, size_t cap)
{
	char text[INET6_ADDRSTRLEN];

	if ((n == 4 || n == 16) && inet_ntop(n == 4 ? AF_INET : AF_INET6, ip, text, sizeof(text)))
		add_name(text, strlen(text), buf, cap);
}

/* The names that a certificate is for; without any, its common name. One with a zero byte in it is
 * left out as a whole: what stands before the zero was never vouched for. */
static void
names_of(gnutls_x509_crt_t crt, char *buf, size_t cap)
{
	bool named = false;
	char name[256];
	size_t n;

	buf[0] = '\0';
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		int type;

		n = sizeof(name);
		type = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &n, NULL);
		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_RFC822NAME)
			add_name(name, n, buf, cap);
		else if (type == GNUTLS_SAN_IPADDRESS)
			add_address(name, n, buf, cap);
		named |= type < 0 || type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_RFC822NAME ||
			 type == GNUTLS_SAN_IPADDRESS;
	}
	n = sizeof(name);
	if (!named && gnutls_x509_crt_get_dn_by_oid(
				      crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &n) == 0)
		add_name(name, n, buf, cap);
}

/* ---- Certificate authorities ----------------------------------------------------------------- */

static unsigned
ask(gnutls_x509_trust_list_t list, struct chain *ch, const struct creds *c)
{
	char purpose[] = GNUTLS_KP_TLS_WWW_SERVER, client_purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st want = {.type = GNUTLS_DT_KEY_PURPOSE_OID};
	unsigned status = 0;

	want.data = (unsigned char *)(c->side == ADIT_SIDE_AGENT ? purpose : client_purpose);
	if (gnutls_x509_trust_list_verify_crt2(list, ch->crt, ch->n, &want, 1, 0, &status, NULL) <
		0)
		return GNUTLS_CERT_INVALID;
	return status;
}

static int
refuse_dates(const struct creds *c, gnutls_x509_crt_t leaf, bool expired, struct refusal *r)
{
	time_t now = time(NULL), from = gnutls_x509_crt_get_activation_time(leaf),
	       to = gnutls_x509_crt_get_expiration_time(leaf);
	char date[32];

	if (expired && to < now)
		return refuse(r, GNUTLS_A_CERTIFICATE_EXPIRED, "%s certificate has expired on %s",
			whose(c), date_text(to, date));
	if (!expired && from > now)
		return refuse(r, GNUTLS_A_CERTIFICATE_EXPIRED,
			"%s certificate is valid only from %s on (is this machine's clock right?)",
			whose(c), date_text(from, date));
	return refuse(r, GNUTLS_A_CERTIFICATE_EXPIRED,
		"the certificate of an issuer of %s certificate %s", whose(c),
		expired ? "has expired" : "is not valid yet");
}

static int
refuse_issuer(const struct creds *c, gnutls_x509_crt_t leaf, struct refusal *r)
{
	const char *list = c->side == ADIT_SIDE_SERVER ? "in client_ca"
			   : c->trust == NULL	       ? "in the system's store"
			   : c->system == NULL	       ? "in ca_file"
						       : "in ca_file or the system's store";
	char issuer[96] = "";
	size_t n = sizeof(issuer);

	if (gnutls_x509_crt_get_issuer_dn_by_oid(
		    leaf, GNUTLS_OID_X520_COMMON_NAME, 0, 0, issuer, &n) < 0)
		snprintf(issuer, sizeof(issuer), "nobody with a name");
	return refuse(r, GNUTLS_A_UNKNOWN_CA,
		"%s certificate is signed by an unknown issuer, \"%s\", which is not %s", whose(c),
		issuer, list);
}

static int
check_issuer(const struct creds *c, struct chain *ch, struct refusal *r)
{
	unsigned status = GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_INVALID;
	gnutls_datum_t text = {.data = NULL};

	if (c->trust != NULL)
		status = ask(c->trust, ch, c);
	if ((status & GNUTLS_CERT_SIGNER_NOT_FOUND) != 0 && c->system != NULL)
		status = ask(c->system, ch, c);
	if (status == 0)
		return 0;
	if ((status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)) != 0)
		return refuse_issuer(c, ch->crt[0], r);
	if ((status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) != 0)
		return refuse_dates(c, ch->crt[0], (status & GNUTLS_CERT_EXPIRED) != 0, r);
	if ((status & GNUTLS_CERT_PURPOSE_MISMATCH) != 0)
		return refuse(r, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
			"%s certificate is not meant for a TLS %s", whose(c),
			c->side == ADIT_SIDE_AGENT ? "server" : "client");
	gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
	refuse(r, GNUTLS_A_BAD_CERTIFICATE, "%s certificate cannot be trusted: %s", whose(c),
		text.data != NULL ? (const char *)text.data : "unknown reason");
	gnutls_free(text.data);
	return -1;
}

static bool
is_for(gnutls_x509_crt_t crt, const char *host)
{
	unsigned char ip[16];

	if (inet_pton(AF_INET, host, ip) == 1)
		return gnutls_x509_crt_check_ip(crt, ip, 4, 0) != 0;
	if (inet_pton(AF_INET6, host, ip) == 1)
		return gnutls_x509_crt_check_ip(crt, ip, 16, 0) != 0;
	return gnutls_x509_crt_check_hostname2(crt, host, 0) != 0;
}

static int
check_name(const struct creds *c, gnutls_x509_crt_t leaf, const char *host, struct refusal *r)
{
	const char *name = c->server_name != NULL ? c->server_name : host;
	char names[96];

	if (c->side == ADIT_SIDE_SERVER || (name != NULL && is_for(leaf, name)))
		return 0;
	names_of(leaf, names, sizeof(names));
	return refuse(r, GNUTLS_A_BAD_CERTIFICATE,
		"the server's certificate is for %s, not for \"%.80s\"",
		names[0] != '\0' ? names : "no name", name != NULL ? name : "");
}

/* ---- Pins ------------------------------------------------------------------------------------ */

static int
check_pins(const struct creds *c, gnutls_x509_crt_t leaf, struct refusal *r)
{
	struct pin pin;
	char text[PIN_TEXT];

	if (c->pins.n == 0 && c->revoked.n == 0)
		return 0;
	if (pin_of(leaf, &pin) < 0)
		return refuse(r, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
			"%s certificate has a key that cannot be read", whose(c));
	pin_text(&pin, text);
	if (pins_have(&c->revoked, &pin))
		return refuse(r, GNUTLS_A_CERTIFICATE_REVOKED,
			"%s key %s is revoked (it is one of revoked_pin)", whose(c), text);
	if (c->pins.n > 0 && !pins_have(&c->pins, &pin))
		return refuse(r, GNUTLS_A_CERTIFICATE_UNKNOWN,
			"the server's key is not the pinned one: it has %s; either this is not "
			"your server, or its key was changed",
			text);
	return 0;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static int
check(const struct creds *c, struct chain *ch, const char *host, struct refusal *r)
{
	if (ch->n == 0 && c->side == ADIT_SIDE_SERVER && c->client != CLIENT_REQUIRED)
		return 0;
	if (ch->n == 0)
		return refuse(
			r, GNUTLS_A_CERTIFICATE_REQUIRED, "%s certificate is missing", whose(c));
	if (check_pins(c, ch->crt[0], r) < 0)
		return -1;
	if (c->trust == NULL && c->system == NULL)
		return 0;
	if (check_issuer(c, ch, r) < 0)
		return -1;
	return check_name(c, ch->crt[0], host, r);
}

int
verify_peer(const struct creds *c, gnutls_session_t session, const char *host, struct refusal *r_r)
{
	struct chain ch;
	int rc;

	if (chain_init(&ch, session, CHAIN_MAX) < 0)
		return refuse(r_r, GNUTLS_A_BAD_CERTIFICATE,
			"%s certificate cannot be read, or its chain is too long", whose(c));
	rc = check(c, &ch, host, r_r);
	chain_fini(&ch);
	return rc;
}

/* ---- Facts ----------------------------------------------------------------------------------- */

void
verify_fingerprint(gnutls_session_t session, char hex[65])
{
	unsigned n = 0;
	const gnutls_datum_t *der = gnutls_certificate_get_peers(session, &n);
	uint8_t hash[32];

	hex[0] = '\0';
	if (der == NULL || n == 0 ||
		gnutls_hash_fast(GNUTLS_DIG_SHA256, der[0].data, der[0].size, hash) < 0)
		return;
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

void
verify_names(gnutls_session_t session, char *buf, size_t cap)
{
	struct chain ch;

	buf[0] = '\0';
	if (chain_init(&ch, session, 1) < 0 || ch.n == 0)
		return;
	names_of(ch.crt[0], buf, cap);
	chain_fini(&ch);
}

void
verify_pin(gnutls_session_t session, char buf[PIN_TEXT])
{
	struct chain ch;
	struct pin pin;

	buf[0] = '\0';
	if (chain_init(&ch, session, 1) < 0 || ch.n == 0)
		return;
	if (pin_of(ch.crt[0], &pin) == 0)
		pin_text(&pin, buf);
	chain_fini(&ch);
}

const char *
verify_alert_text(gnutls_alert_description_t alert)
{
	switch (alert) {
	case GNUTLS_A_BAD_CERTIFICATE:
		return "our certificate is not for the name that was dialled, or is damaged";
	case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
		return "our certificate is not of a kind it takes";
	case GNUTLS_A_CERTIFICATE_REVOKED:
		return "our certificate or its key is revoked";
	case GNUTLS_A_CERTIFICATE_EXPIRED:
		return "our certificate has expired or is not valid yet";
	case GNUTLS_A_CERTIFICATE_UNKNOWN:
		return "our key is not the pinned one";
	case GNUTLS_A_UNKNOWN_CA:
		return "our certificate is signed by an issuer it does not know";
	case GNUTLS_A_CERTIFICATE_REQUIRED:
		return "it wants a client certificate";
	case GNUTLS_A_NO_APPLICATION_PROTOCOL:
		return "it speaks none of the offered protocols (ALPN)";
	case GNUTLS_A_PROTOCOL_VERSION:
		return "it has no TLS 1.3";
	case GNUTLS_A_HANDSHAKE_FAILURE:
	case GNUTLS_A_INSUFFICIENT_SECURITY:
		return "the ends have no version (TLS 1.3), cipher, group or signature in common";
	default:
		return gnutls_alert_get_name(alert);
	}
}
