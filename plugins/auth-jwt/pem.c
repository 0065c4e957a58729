/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Reading PEM, block by block; what stands between blocks is for people. Nothing is left out: who
 * names a file means all that is in it, so each block is understood or the file is refused. Of
 * certificates there may be one only, because behind it usually come those of its issuers, whose
 * keys are not meant. */

#include "pem.h"

#include <gnutls/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

struct block {
	const char *at, *end; /* with both of its lines */
	char label[40];
	unsigned line;
};

struct pem {
	const char *text;
	const struct key_defaults *defaults;
	struct jwt_key *key;
	size_t n;
	unsigned certificates;
	char *why;
	size_t cap;
};

__attribute__((format(printf, 3, 4))) static int
no(const struct pem *p, const struct block *b, const char *fmt, ...)
{
	int n = snprintf(p->why, p->cap, "line %u: ", b->line);
	va_list ap;

	va_start(ap, fmt);
	if (n > 0 && (size_t)n < p->cap)
		vsnprintf(p->why + n, p->cap - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* The next line that begins so, at or behind at. */
static const char *
find_line(const char *text, const char *at, const char *start)
{
	while ((at = strstr(at, start)) != NULL && at != text && at[-1] != '\n')
		at++;
	return at;
}

bool
pem_is(const char *text)
{
	return find_line(text, text, BEGIN) != NULL;
}

static unsigned
line_of(const char *text, const char *at)
{
	unsigned n = 1;

	for (; text < at; text++)
		n += *text == '\n';
	return n;
}

/* 1, 0: none behind at, -1: it does not end. */
static int
next_block(const struct pem *p, const char *at, struct block *b_r)
{
	char end[sizeof(END) + sizeof(b_r->label) + sizeof(DASHES)];
	const char *label;
	size_t n;

	at = find_line(p->text, at, BEGIN);
	if (at == NULL)
		return 0;
	b_r->at = at;
	b_r->line = line_of(p->text, at);
	label = at + strlen(BEGIN);
	n = strcspn(label, "-\r\n");
	if (n >= sizeof(b_r->label) || strncmp(label + n, DASHES, strlen(DASHES)) != 0)
		return no(p, b_r, "this is no beginning of a PEM block");
	memcpy(b_r->label, label, n);
	b_r->label[n] = '\0';
	snprintf(end, sizeof(end), END "%s" DASHES, b_r->label);
	b_r->end = find_line(p->text, at, end);
	if (b_r->end == NULL)
		return no(p, b_r, "the block \"%s\" has no end", b_r->label);
	b_r->end += strlen(end);
	return 1;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static int
import_certificate(gnutls_pubkey_t pub, const gnutls_datum_t *pem)
{
	gnutls_x509_crt_t crt = NULL;
	int rc = gnutls_x509_crt_init(&crt);

	if (rc == 0)
		rc = gnutls_x509_crt_import(crt, pem, GNUTLS_X509_FMT_PEM);
	if (rc == 0)
		rc = gnutls_pubkey_import_x509(pub, crt, 0);
	gnutls_x509_crt_deinit(crt);
	return rc;
}

static int
take_key(struct pem *p, const struct block *b, bool certificate)
{
	/* GnuTLS does not write there. */
	const gnutls_datum_t pem = {.data = (unsigned char *)(uintptr_t)b->at,
		.size = (unsigned)(b->end - b->at)};
	gnutls_pubkey_t pub = NULL;
	char why[KEY_WHY];
	int rc = gnutls_pubkey_init(&pub);

	if (rc == 0)
		rc = certificate ? import_certificate(pub, &pem)
				 : gnutls_pubkey_import(pub, &pem, GNUTLS_X509_FMT_PEM);
	if (rc < 0) {
		gnutls_pubkey_deinit(pub);
		return no(p, b, "this %s cannot be read: %s", certificate ? "certificate" : "key",
			gnutls_strerror(rc));
	}
	if (key_from_public(pub, JWS_NONE, p->defaults, NULL, &p->key[p->n], why) < 0)
		return no(p, b, "the key %s", why);
	p->n++;
	return 0;
}

static int
take_block(struct pem *p, const struct block *b)
{
	if (strcmp(b->label, "PUBLIC KEY") == 0)
		return take_key(p, b, false);
	if (strcmp(b->label, "CERTIFICATE") == 0 && p->certificates++ == 0)
		return take_key(p, b, true);
	if (strcmp(b->label, "CERTIFICATE") == 0)
		return no(p, b, "a second certificate: only that of who signs the tokens belongs "
				"here, not those of its issuers");
	if (strstr(b->label, "PRIVATE KEY") != NULL)
		return no(p, b, "a private key, which nobody but who signs the tokens may have; "
				"'openssl pkey -pubout' makes the public one");
	if (strcmp(b->label, "RSA PUBLIC KEY") == 0)
		return no(p, b, "an older form of RSA key; 'openssl rsa -RSAPublicKey_in -pubout' "
				"makes one that begins with BEGIN PUBLIC KEY");
	return no(p, b, "\"%s\" is neither a public key nor a certificate", b->label);
}

int
pem_parse(const char *text, const struct key_defaults *d, struct jwt_key *key_r, size_t max,
	char *why, size_t cap)
{
	struct pem p = {.text = text, .defaults = d, .key = key_r, .why = why, .cap = cap};
	struct block b = {.end = text};
	int rc;

	while ((rc = next_block(&p, b.end, &b)) == 1) {
		rc = p.n < max ? take_block(&p, &b) : no(&p, &b, "more than %zu keys", max);
		if (rc < 0)
			break;
	}
	if (rc == 0)
		return (int)p.n;
	while (p.n > 0)
		key_fini(&p.key[--p.n]);
	return -1;
}
