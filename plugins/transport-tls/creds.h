/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What one configuration of TLS has: our certificates with their keys, and by what the peer is
 * verified. Built on the main thread, constant from then on, used by all workers; counted by
 * reference, so that links keep the certificates they began with when a reload brings others.
 *
 * The functions that build return 0, or -1 with the reason in why. */

#ifndef TRANSPORT_TLS_CREDS_H
#define TRANSPORT_TLS_CREDS_H

#include <adit/plugin.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <time.h>

#include "pin.h"

#define CREDS_WHY 256

enum client_certificate { CLIENT_NO, CLIENT_OPTIONAL, CLIENT_REQUIRED };

struct creds {
	atomic_uint refs;
	enum adit_side side;
	gnutls_certificate_credentials_t own;
	gnutls_priority_t priority;
	gnutls_x509_trust_list_t trust;	 /* ca_file or client_ca; NULL: none */
	gnutls_x509_trust_list_t system; /* shared by the whole process; NULL: not used */
	const gnutls_datum_t *tickets;	 /* server: what tickets are sealed with; the process' */
	struct pins pins, revoked;
	char *server_name; /* agent: in place of the host that was dialled; NULL */
	enum client_certificate client;
};

/* With one reference. NULL when there is no memory. */
struct creds *creds_new(enum adit_side side);
struct creds *creds_ref(struct creds *c);
void creds_unref(struct creds *c);

/* One certificate (PEM, with the chain behind it) and its key (PEM). Several: the name that the
 * agent asks for chooses. *expires_r: when its validity ends. */
int creds_add_pair(struct creds *c, const gnutls_datum_t *certificate, const gnutls_datum_t *key,
	time_t *expires_r, char why[CREDS_WHY]);
/* Certificates (PEM) of those who sign for the peer. */
int creds_add_trust(struct creds *c, const gnutls_datum_t *pem, char why[CREDS_WHY]);
/* The system's store. It is read once, by the first that asks for it, and kept. Main thread. */
int creds_add_system(struct creds *c, char why[CREDS_WHY]);
int creds_add_pin(struct pins *pins, const char *text, char why[CREDS_WHY]);

#endif
