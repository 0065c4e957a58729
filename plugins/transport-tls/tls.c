/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* TLS on a link, by GnuTLS, which never sees a socket: it pulls from the bytes of the input() that
 * is under way and pushes into adit_layer_down(), which always takes all. So a call into GnuTLS
 * never waits, nothing is ever half sent, and how much a system call moves is the core's business.
 * Worker of the link. After input() nothing is left undecrypted but the beginning of a record,
 * because no event would come for it. */

#include "tls.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify.h"

#define RECORD_MAX     16384 /* plain bytes of a record: RFC 8446 section 5.1 */
#define LOGIN_MAX      4096  /* what may be a login, and is not left in memory */
#define TICKET_SECONDS 7200
/* Bytes that may come without bringing anything up: GnuTLS keeps a message until it is whole, 256
 * KiB of it on each link if we let it (measured: gnutls_handshake_set_max_packet_length() does not
 * change that). A stranger has a ClientHello to send; chains of certificates need more. */
#define STRANGER_MAX  (16u * 1024)
#define MUTE_MAX      (64u * 1024)
#define PLAIN_MAX      (272u * 1024) /* what one read brings, and a record that was begun */

struct tls {
	gnutls_session_t gnutls;
	struct adit_layer *layer;
	struct creds *creds;
	struct tls_worker *worker;
	const uint8_t *in; /* of the input() under way */
	size_t in_left;
	size_t mute; /* bytes since something was handed up */
	struct refusal *refusal; /* where verification says why, while the handshake runs */
	bool ready, ticketed;
	bool ended; /* nothing is sent any more, and what comes is dropped */
};

static const gnutls_datum_t alpn_adit = {(unsigned char *)"adit/1", 6},
			    alpn_http = {(unsigned char *)"http/1.1", 8};

/* ---- Under GnuTLS ---------------------------------------------------------------------------- */

static ssize_t
on_pull(gnutls_transport_ptr_t p, void *to, size_t n)
{
	struct tls *t = p;

	if (t->in_left == 0) {
		gnutls_transport_set_errno(t->gnutls, EAGAIN);
		return -1;
	}
	if (n > t->in_left)
		n = t->in_left;
	memcpy(to, t->in, n);
	t->in += n;
	t->in_left -= n;
	return (ssize_t)n;
}

static ssize_t
on_push(gnutls_transport_ptr_t p, const giovec_t *iov, int n_iov)
{
	struct tls *t = p;
	size_t n = 0;

	for (int i = 0; i < n_iov; i++) {
		if (adit_layer_down(t->layer, iov[i].iov_base, iov[i].iov_len) < 0) {
			gnutls_transport_set_errno(t->gnutls, EPIPE);
			return -1;
		}
		n += iov[i].iov_len;
	}
	return (ssize_t)n;
}

/* GnuTLS may only ask this when it waits by itself, which it never does here. */
static int
on_pull_timeout(gnutls_transport_ptr_t p, unsigned ms)
{
	(void)ms;
	return ((struct tls *)p)->in_left > 0;
}

/* ---- Failure --------------------------------------------------------------------------------- */

static const char *
other_end(const struct tls *t)
{
	return t->creds->side == ADIT_SIDE_AGENT ? "the server" : "the agent";
}

/* In words for whoever has to mend it. */
static const char *
error_text(const struct tls *t, int rc)
{
	switch (rc) {
	case GNUTLS_E_NO_APPLICATION_PROTOCOL:
		return "it speaks none of the protocols adit/1 and http/1.1 (ALPN)";
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
		return "it has no TLS 1.3";
	case GNUTLS_E_NO_CIPHER_SUITES:
	case GNUTLS_E_NO_COMMON_KEY_SHARE:
	case GNUTLS_E_INCOMPATIBLE_SIG_WITH_KEY:
	case GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM:
		return "the ends have no cipher, group or signature in common";
	case GNUTLS_E_UNEXPECTED_PACKET:
	case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
	case GNUTLS_E_RECORD_OVERFLOW:
		return t->ready ? "it sends what is no TLS record" : "it does not speak TLS";
	case GNUTLS_E_CERTIFICATE_REQUIRED:
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
		return "it shows no certificate, and one is required";
	case GNUTLS_E_PUSH_ERROR:
		return "nothing can be sent any more";
	default:
		return gnutls_strerror(rc);
	}
}

static int
failed(struct tls *t, int rc)
{
	const char *doing = t->ready ? "TLS" : "TLS handshake";
	gnutls_alert_description_t alert;

	t->ended = true;
	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		alert = gnutls_alert_get(t->gnutls);
		return adit_layer_error(t->layer, "%s refused by %s: %s (alert %d)", doing,
			other_end(t), verify_alert_text(alert), (int)alert);
	}
	/* Of an older version GnuTLS says no more than that no cipher of it is enabled. */
	if (rc == GNUTLS_E_NO_CIPHER_SUITES &&
		gnutls_protocol_get_version(t->gnutls) != GNUTLS_TLS1_3)
		rc = GNUTLS_E_UNSUPPORTED_VERSION_PACKET;
	gnutls_alert_send_appropriate(t->gnutls, rc);
	return adit_layer_error(
		t->layer, "%s with %s failed: %s", doing, other_end(t), error_text(t, rc));
}

static int
refused(struct tls *t, const struct refusal *r)
{
	t->ended = true;
	gnutls_alert_send(t->gnutls, GNUTLS_AL_FATAL, r->alert);
	return adit_layer_error(t->layer, "TLS: %s", r->why);
}

/* ---- Tickets --------------------------------------------------------------------------------- */

static void
ticket_drop(struct tls_worker *w)
{
	if (w->ticket.data != NULL)
		gnutls_memset(w->ticket.data, 0, w->ticket.size);
	gnutls_free(w->ticket.data);
	free(w->host);
	w->ticket = (gnutls_datum_t){.data = NULL};
	w->host = NULL;
}

struct tls_worker *
tls_worker_new(void)
{
	struct tls_worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->plain = malloc(PLAIN_MAX);
	if (w->plain == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

void
tls_worker_free(struct tls_worker *w)
{
	if (w == NULL)
		return;
	ticket_drop(w);
	gnutls_memset(w->plain, 0, PLAIN_MAX);
	free(w->plain);
	free(w);
}

/* Agent, before the handshake. */
static void
ticket_use(struct tls *t)
{
	struct tls_worker *w = t->worker;

	if (w->ticket.data == NULL)
		return;
	if (time(NULL) < w->good_until && strcmp(w->host, adit_layer_host(t->layer)) == 0)
		(void)gnutls_session_set_data(t->gnutls, w->ticket.data, w->ticket.size);
	ticket_drop(w);
}

/* Agent: whether the server has sent one. */
static void
ticket_look(struct tls *t)
{
	struct tls_worker *w = t->worker;
	gnutls_datum_t fresh;

	if (t->creds->side == ADIT_SIDE_SERVER ||
		(gnutls_session_get_flags(t->gnutls) & GNUTLS_SFLAGS_SESSION_TICKET) == 0)
		return;
	t->ticketed = true;
	if (gnutls_session_get_data2(t->gnutls, &fresh) < 0)
		return;
	ticket_drop(w);
	w->ticket = fresh;
	w->good_until = gnutls_certificate_expiration_time_peers(t->gnutls);
	w->host = strdup(adit_layer_host(t->layer));
	if (w->host == NULL)
		ticket_drop(w);
}

/* ---- The handshake --------------------------------------------------------------------------- */

static const char *
host_of(const struct tls *t)
{
	const char *name = t->creds->server_name;

	return name != NULL ? name : adit_layer_host(t->layer);
}

static int
on_verify(gnutls_session_t session)
{
	struct tls *t = gnutls_session_get_ptr(session);

	if (verify_peer(t->creds, session, host_of(t), t->refusal) == 0)
		return 0;
	return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

static void
say_hex(struct adit_layer *layer, const char *key, const uint8_t *p, size_t n)
{
	char hex[2 * 64 + 1];

	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", p[i]);
	(void)adit_layer_fact(layer, key, hex);
}

/* A fact that does not fit is one that nobody learns; the link is none the worse. */
static void
say(struct adit_layer *layer, const char *key, const char *value)
{
	if (value != NULL && value[0] != '\0')
		(void)adit_layer_fact(layer, key, value);
}

static void
say_peer(struct tls *t)
{
	char text[ADIT_FACT_SIZE_MAX + 1];

	if (t->creds->side == ADIT_SIDE_AGENT) {
		verify_pin(t->gnutls, text);
		say(t->layer, "tls-pin", text);
		return;
	}
	if (t->creds->client == CLIENT_NO) /* a ticket may still bring one that nobody asks for */
		return;
	verify_fingerprint(t->gnutls, text);
	say(t->layer, "tls-fingerprint", text);
	verify_names(t->gnutls, text, sizeof(text));
	say(t->layer, "tls-names", text);
}

static void
say_facts(struct tls *t)
{
	gnutls_session_t s = t->gnutls;
	gnutls_datum_t alpn;
	uint8_t exporter[32];

	if (gnutls_alpn_get_selected_protocol(s, &alpn) == 0)
		say(t->layer, "alpn", alpn.size == alpn_adit.size ? "adit/1" : "http/1.1");
	say(t->layer, "tls-version", gnutls_protocol_get_name(gnutls_protocol_get_version(s)));
	say(t->layer, "tls-cipher", gnutls_cipher_get_name(gnutls_cipher_get(s)));
	if (gnutls_prf_rfc5705(s, strlen("EXPORTER-Channel-Binding"), "EXPORTER-Channel-Binding", 0,
		    "", sizeof(exporter), (char *)exporter) == 0)
		say_hex(t->layer, "tls-exporter", exporter, sizeof(exporter));
	gnutls_memset(exporter, 0, sizeof(exporter));
	say_peer(t);
}

/* What answers without having agreed on a protocol is not known to be Adit: inside of a WebSocket
 * the handshake above finds out, bare frames have nobody else. */
static int
check_alpn(struct tls *t)
{
	static const struct refusal none = {GNUTLS_A_NO_APPLICATION_PROTOCOL,
		"the server does not say that it speaks adit/1 (ALPN): it is no Adit server, or "
		"what stands before it leaves that out"};
	const char *upper = adit_layer_upper(t->layer);
	gnutls_datum_t alpn;

	if (t->creds->side == ADIT_SIDE_SERVER || upper == NULL || upper[0] != '\0' ||
		gnutls_alpn_get_selected_protocol(t->gnutls, &alpn) == 0)
		return 0;
	return refused(t, &none);
}

/* A ticket stands for certificates that were shown before; that they are still right is asked
 * again. */
static int
established(struct tls *t)
{
	struct refusal r;

	if (gnutls_session_is_resumed(t->gnutls) &&
		verify_peer(t->creds, t->gnutls, host_of(t), &r) < 0)
		return refused(t, &r);
	if (check_alpn(t) < 0)
		return -1;
	if (t->creds->side == ADIT_SIDE_SERVER)
		(void)gnutls_session_ticket_send(t->gnutls, 1, 0); /* without it all works, too */
	say_facts(t);
	t->ready = true;
	t->mute = 0;
	adit_layer_ready(t->layer);
	return 0;
}

static int
shake_hands(struct tls *t)
{
	struct refusal r = {.alert = GNUTLS_A_CLOSE_NOTIFY};
	size_t left;
	int rc;

	t->refusal = &r;
	do {
		left = t->in_left;
		rc = gnutls_handshake(t->gnutls);
	} while (rc < 0 && !gnutls_error_is_fatal(rc) && t->in_left > 0 && t->in_left < left);
	t->refusal = NULL;
	if (rc == 0)
		return established(t);
	if (rc < 0 && !gnutls_error_is_fatal(rc))
		return 0;
	return r.alert != GNUTLS_A_CLOSE_NOTIFY ? refused(t, &r) : failed(t, rc);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* Decrypts as much as there is, or as there is room for at p. Returns how many bytes; *rc_r is 0 or
 * what comes behind them: a GnuTLS error. */
static size_t
decrypt(struct tls *t, uint8_t *p, size_t cap, int *rc_r)
{
	size_t got = 0;

	*rc_r = 0;
	while (cap - got >= RECORD_MAX && !t->ended) {
		size_t left = t->in_left;
		ssize_t n = gnutls_record_recv(t->gnutls, p + got, cap - got);

		if (n > 0) {
			got += (size_t)n;
		} else if (n == 0) {
			/* The peer has ended TLS and may wait for the same from us before it closes
			 * the link. A link has no half that goes on, as one that ends with FIN has
			 * none. */
			tls_finish(t);
		} else if (gnutls_error_is_fatal((int)n)) {
			*rc_r = (int)n;
			break;
		} else if (t->in_left == left) {
			/* Else it was a ticket, new keys or an empty record, and the next one may
			 * be whole. */
			break;
		}
	}
	return got;
}

static int
receive(struct tls *t)
{
	uint8_t *plain = t->worker->plain;
	int rc, up = 0;
	size_t n;

	do {
		n = decrypt(t, plain, PLAIN_MAX, &rc);
		if (!t->ticketed && rc == 0)
			ticket_look(t);
		if (n > 0)
			t->mute = 0;
		/* By one call, so that what belongs together is written on together. */
		if (n > 0)
			up = adit_layer_up(t->layer, plain, n);
		if (n <= LOGIN_MAX)
			gnutls_memset(plain, 0, n);
		if (up < 0)
			return -1;
		if (rc < 0)
			return failed(t, rc);
	} while (n > PLAIN_MAX - RECORD_MAX);
	return 0;
}

/* Whether what GnuTLS keeps of the peer is still in bounds. */
static int
check_mute(struct tls *t)
{
	static const struct refusal more = {GNUTLS_A_DECODE_ERROR,
		"too many bytes that are no data, or a message of the handshake that is too long"};
	bool hello_only = !t->ready && t->creds->side == ADIT_SIDE_SERVER &&
			  t->creds->client == CLIENT_NO;

	if (t->ended || t->mute <= (hello_only ? STRANGER_MAX : MUTE_MAX))
		return 0;
	return refused(t, &more);
}

int
tls_input(void *state, const void *data, size_t n)
{
	struct tls *t = state;

	if (t->ended)
		return 0;
	t->in = data;
	t->in_left = n;
	t->mute += n;
	if (!t->ready && shake_hands(t) < 0)
		return -1;
	if (t->ready && receive(t) < 0)
		return -1;
	return check_mute(t);
}

int
tls_output(void *state, const void *data, size_t n)
{
	struct tls *t = state;
	const uint8_t *p = data;

	while (n > 0 && !t->ended) {
		ssize_t sent = gnutls_record_send(t->gnutls, p, n < RECORD_MAX ? n : RECORD_MAX);

		if (sent < 0)
			return failed(t, (int)sent);
		p += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* ---- Life ------------------------------------------------------------------------------------ */

void
tls_finish(void *state)
{
	struct tls *t = state;

	if (!t->ended)
		(void)gnutls_bye(t->gnutls, GNUTLS_SHUT_WR);
	t->ended = true;
}

void
tls_close(void *state)
{
	struct tls *t = state;

	gnutls_deinit(t->gnutls);
	creds_unref(t->creds);
	free(t);
}

void
tls_moved(void *state, void *worker)
{
	((struct tls *)state)->worker = worker;
}

bool
tls_asks_for(const char *host)
{
	return strchr(host, ':') == NULL && strspn(host, "0123456789.") < strlen(host);
}

static int
set_up_agent(struct tls *t)
{
	const char *upper = adit_layer_upper(t->layer), *host = host_of(t);
	bool bare = upper == NULL || upper[0] == '\0';
	int rc = gnutls_alpn_set_protocols(t->gnutls, bare ? &alpn_adit : &alpn_http, 1, 0);

	if (rc == 0 && host != NULL && tls_asks_for(host))
		rc = gnutls_server_name_set(t->gnutls, GNUTLS_NAME_DNS, host, strlen(host));
	if (rc == 0)
		ticket_use(t);
	return rc;
}

static int
set_up_server(struct tls *t)
{
	const gnutls_datum_t both[] = {alpn_adit, alpn_http};
	int rc = gnutls_alpn_set_protocols(
		t->gnutls, both, 2, GNUTLS_ALPN_MANDATORY | GNUTLS_ALPN_SERVER_PRECEDENCE);

	if (rc == 0)
		rc = gnutls_session_ticket_enable_server(t->gnutls, t->creds->tickets);
	gnutls_db_set_cache_expiration(t->gnutls, TICKET_SECONDS);
	if (t->creds->client != CLIENT_NO)
		gnutls_certificate_server_set_request(t->gnutls, t->creds->client == CLIENT_REQUIRED
									 ? GNUTLS_CERT_REQUIRE
									 : GNUTLS_CERT_REQUEST);
	return rc;
}

static int
set_up(struct tls *t)
{
	bool agent = t->creds->side == ADIT_SIDE_AGENT;
	int rc = gnutls_init(
		&t->gnutls, (agent ? GNUTLS_CLIENT : GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET) |
				    GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

	if (rc < 0)
		return rc;
	gnutls_session_set_ptr(t->gnutls, t);
	gnutls_transport_set_ptr(t->gnutls, t);
	gnutls_transport_set_pull_function(t->gnutls, on_pull);
	gnutls_transport_set_vec_push_function(t->gnutls, on_push);
	gnutls_transport_set_pull_timeout_function(t->gnutls, on_pull_timeout);
	gnutls_handshake_set_timeout(t->gnutls, 0); /* the core has a deadline */
	gnutls_session_set_verify_function(t->gnutls, on_verify);
	rc = gnutls_priority_set(t->gnutls, t->creds->priority);
	if (rc == 0)
		rc = gnutls_credentials_set(t->gnutls, GNUTLS_CRD_CERTIFICATE, t->creds->own);
	if (rc == 0)
		rc = agent ? set_up_agent(t) : set_up_server(t);
	if (rc < 0)
		gnutls_deinit(t->gnutls);
	return rc;
}

int
tls_open(struct creds *c, struct tls_worker *w, struct adit_layer *layer, struct tls **t_r)
{
	struct tls *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return adit_layer_error(layer, "TLS: out of memory");
	t->layer = layer;
	t->creds = c;
	t->worker = w;
	rc = set_up(t);
	if (rc < 0) {
		free(t);
		return adit_layer_error(layer, "TLS cannot begin: %s", gnutls_strerror(rc));
	}
	creds_ref(c);
	if (c->side == ADIT_SIDE_AGENT && shake_hands(t) < 0) {
		tls_close(t);
		return -1;
	}
	*t_r = t;
	return 0;
}

enum adit_probe
tls_probe(const void *inst, const void *data, size_t n)
{
	/* A record of a handshake, of any version; in it a ClientHello. RFC 8446 section 5.1. */
	static const uint8_t want[] = {22, 3, 0, 0, 0, 1}, mask[] = {255, 255, 0, 0, 0, 255};
	const uint8_t *p = data;

	(void)inst;
	for (size_t i = 0; i < n && i < sizeof(want); i++)
		if ((p[i] & mask[i]) != want[i])
			return ADIT_PROBE_NO;
	return n < sizeof(want) ? ADIT_PROBE_MORE : ADIT_PROBE_YES;
}
