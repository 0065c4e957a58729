/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The layer itself. Each link's state belongs to its worker. */

#ifndef TRANSPORT_TLS_TLS_H
#define TRANSPORT_TLS_TLS_H

#include <adit/transport.h>

#include "creds.h"

struct tls;

/* What all links of one worker share: room for what a call decrypts, and the ticket with which the
 * agent's next link to the same server needs no certificates. That is used once and replaced by the
 * one that link brings. */
struct tls_worker {
	uint8_t *plain;
	gnutls_datum_t ticket;
	char *host;
	time_t good_until; /* the certificate that it stands for must still be valid */
};

/* NULL when there is no memory. */
struct tls_worker *tls_worker_new(void);
void tls_worker_free(struct tls_worker *w);

/* The operations of struct adit_layer_ops. */
int tls_open(struct creds *c, struct tls_worker *w, struct adit_layer *layer, struct tls **t_r);
int tls_input(void *state, const void *data, size_t n);
int tls_output(void *state, const void *data, size_t n);
void tls_finish(void *state);
void tls_close(void *state);
void tls_moved(void *state, void *worker);

/* Whether an agent that dials host asks for it by name: addresses are never asked for. */
bool tls_asks_for(const char *host);

/* Whether these are the first bytes of a ClientHello. */
enum adit_probe tls_probe(const void *inst, const void *data, size_t n);

#endif
