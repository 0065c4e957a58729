/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Whether the peer is the right one, and if not, why: in words for the person at this end, as an
 * alert for the one at the other. Pure but for the clock; any thread. */

#ifndef TRANSPORT_TLS_VERIFY_H
#define TRANSPORT_TLS_VERIFY_H

#include <gnutls/gnutls.h>

#include "creds.h"

#define VERIFY_WHY 256

struct refusal {
	gnutls_alert_description_t alert;
	char why[VERIFY_WHY];
};

/* What the peer has shown in this session. host: the name or address that the agent dialled; unused
 * on the server. Also asked when a ticket stands for the certificates: what was right an hour ago
 * may be refused now. 0, or -1 with *r_r set. */
int
verify_peer(const struct creds *c, gnutls_session_t session, const char *host, struct refusal *r_r);

/* Facts about the peer's certificate, for those who ask; "" when it has shown none. names: DNS
 * names and mail addresses, else the common name, separated by commas, as many as there is room
 * for. */
void verify_fingerprint(gnutls_session_t session, char hex[65]);
void verify_names(gnutls_session_t session, char *buf, size_t cap);
void verify_pin(gnutls_session_t session, char buf[PIN_TEXT]);

/* What an alert of the peer means here. */
const char *verify_alert_text(gnutls_alert_description_t alert);

#endif
