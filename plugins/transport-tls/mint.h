/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Certificates for tests: P-256, made while one waits. Ends the program when it cannot. */

#ifndef TRANSPORT_TLS_MINT_H
#define TRANSPORT_TLS_MINT_H

#include <gnutls/x509.h>
#include <stdint.h>

struct mint_ask {
	const char *cn;
	const char *names;   /* DNS names and addresses, separated by commas; NULL: none */
	int from, to;	     /* validity, in days from now */
	int ca;		     /* 1: may sign others */
	const char *purpose; /* "server", "client"; NULL: any */
	const uint8_t *san;  /* the names as DER, for wrong ones; NULL: names */
	unsigned n_san;
};

struct minted {
	gnutls_datum_t certificate, key; /* PEM, with a zero byte behind */
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t privkey;
};

/* issuer NULL: signed by itself. */
void mint(const struct mint_ask *ask, const struct minted *issuer, struct minted *m_r);
/* From the files that adit-mint wrote. */
void mint_load(const char *certificate, const char *key, struct minted *m_r);
void mint_fini(struct minted *m);

#endif
