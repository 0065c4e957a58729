/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit/transport.h - transport plugins: how a link between agent and server travels.
 *
 * The core owns sockets. A transport may put one layer on a link: a filter that sees the bytes from
 * below and the bytes from above, in memory, and owns no descriptor. TLS and WebSocket are layers;
 * bare TCP has none. Up to four layers stand on one another: what is below one is the socket or
 * another layer, what is above it another layer or the session. A layer is opened when the one
 * below it has said adit_layer_ready().
 *
 * Options that the core gives every transport besides its own:
 *   listen (server)  addresses where agents may connect, "host:port"; transports may share one
 *   allow_plain      without it, a transport that does not encrypt is used on loopback only, or
 *                    inside one that encrypts
 *
 * Versioned by ADIT_PLUGIN_ABI, not yet promised. Transport plugins must be ADIT_RUN_LOOP. */

#ifndef ADIT_TRANSPORT_H
#define ADIT_TRANSPORT_H

#include <adit/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct adit_layer; /* the core's side of one layer on one link */

/* One call for one layer at a time, all on the link's worker. But a call may come from inside
 * another: output() and finish() from inside adit_layer_up() and adit_layer_ready(), which both may
 * make the layer above send. */
struct adit_layer_ops {
	uint32_t size; /* sizeof(struct adit_layer_ops) */

	/* Makes the layer's state for a new link. side: which end we are. May already send with
	 * adit_layer_down(). Returns 0 or -1 after adit_layer_error(): then no other call comes. */
	int (*open)(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
		void **state_r);
	/* Bytes from below; n is never 0. Hand on what they contain with adit_layer_up(). All of
	 * them are taken; what cannot be handed on yet the layer keeps. 0, or -1 after
	 * adit_layer_error() or when adit_layer_up() or adit_layer_down() has returned -1. */
	int (*input)(void *state, const void *data, size_t n);
	/* Bytes from above, only after adit_layer_ready(). Send with adit_layer_down(). */
	int (*output)(void *state, const void *data, size_t n);
	/* The link ends in order: send what the layer says at its end. Only after
	 * adit_layer_ready(), at most once; only output() of what layers above say at their end may
	 * have come just before, and only close() comes after. May be NULL. */
	void (*finish)(void *state);
	/* Frees the state. */
	void (*close)(void *state);
	/* The link goes on on another worker; worker is that one's share of the instance. Called on
	 * the new one, unless the link has ended on the way: then close() is. NULL: the state uses
	 * nothing of the worker's. */
	void (*moved)(void *state, void *worker);
	/* New members are added here and nowhere else. */
};

#define ADIT_PROBE_MAX 16 /* bytes; the most that a probe may need */

enum adit_probe {
	ADIT_PROBE_NO = 0,
	ADIT_PROBE_YES = 1,
	ADIT_PROBE_MORE = 2, /* these bytes do not tell yet */
};

struct adit_transport_ops {
	uint32_t size;       /* sizeof(struct adit_transport_ops) */
	uint32_t encrypted;  /* 1: nobody on the way can read or change what passes */
	const char *scheme;  /* "tcp", "tls", "ws": unique, used in addresses */
	const struct adit_layer_ops *layer; /* NULL: bytes travel as they are */
	/* Whether what begins with these n (>= 1) bytes is a link of this transport: so several
	 * can share an address. Called again with more until it is known; with ADIT_PROBE_MAX
	 * bytes MORE counts as NO. Any worker at once. NULL: never told by its bytes. */
	enum adit_probe (*probe)(const void *inst, const void *data, size_t n);
	/* The scheme of this layer inside a transport that encrypts ("wss"). NULL: it is never
	 * inside another. */
	const char *secure_scheme;
	/* Server, main thread: the pin of the key that agents see who dial this host, as in the
	 * agent's option pin ("sha256-" and more), with its zero into cap bytes. 0, or -1 if there
	 * is none. May be NULL. */
	int (*pin)(const void *inst, const char *host, char *pin_r, size_t cap);
	/* Command line (`aditd init`), main thread, without an instance: makes a private key and a
	 * certificate that it signs itself, for a server with these names and numeric addresses
	 * (ended by NULL). Both as PEM, with their zeros into cap bytes. 0 or -1. May be NULL. */
	int (*make_certificate)(const char *const *names, char *certificate_r, char *key_r,
		size_t cap);
	/* New members are added here and nowhere else. */
};

/* To what is above. Only the bytes of this call; nothing is kept. 0, or -1 when the link has ended:
 * return -1 then. */
ADIT_EXPORT int adit_layer_up(struct adit_layer *layer, const void *data, size_t n);
/* To what is below. Copies; the core stops asking for output while too much waits. 0, or -1 when
 * the link has ended: return -1 then. */
ADIT_EXPORT int adit_layer_down(struct adit_layer *layer, const void *data, size_t n);
/* The handshake is done, bytes may flow. Once. */
ADIT_EXPORT void adit_layer_ready(struct adit_layer *layer);
/* Why the link cannot go on, for the log and, at the agent, its user; the first one counts. What
 * was sent down before (an alert, an HTTP answer) is still written, then the link ends. Always
 * returns -1, which the layer's function is to return. */
ADIT_EXPORT int adit_layer_error(struct adit_layer *layer, const char *fmt, ...) ADIT_PRINTF(2, 3);

/* The server's address as the agent was given it: host name or numeric address, port, and path with
 * its "/" ("" if there is none). On the server NULL, 0 and "". */
ADIT_EXPORT const char *adit_layer_host(const struct adit_layer *layer);
ADIT_EXPORT uint16_t adit_layer_port(const struct adit_layer *layer);
ADIT_EXPORT const char *adit_layer_path(const struct adit_layer *layer);
/* On the agent the scheme of the layer above, "" if it is the session. NULL on the server, where it
 * is known only when its bytes come. */
ADIT_EXPORT const char *adit_layer_upper(const struct adit_layer *layer);

/* Says something about the link, for layers above and for auth plugins (adit_auth_fact()). Copied;
 * a second value replaces the first. At most ADIT_FACTS_MAX facts, keys of 63 bytes and values of
 * ADIT_FACT_SIZE_MAX. 0, or -1 when it does not fit: nothing is changed. Known keys:
 *   "alpn"             what TLS agreed on: "adit/1" Adit's frames follow, "http/1.1" a layer does
 *   "tls-version", "tls-cipher"
 *   "visitor"          at the server: what came wanted no link and was answered (a page of HTTP),
 *                      so that its end is worth no line in the log
 *   "peer-address"     at the server: whose the link is, a numeric address, said by the core. A
 *                      layer that trusts a proxy in front says whom that speaks for; logs and
 *                      limits of logins then go by it
 *   "tls-fingerprint"  of the client's certificate: its SHA-256 in hex
 *   "tls-names"        of the client's certificate, separated by commas
 *   "tls-exporter"     what both ends can derive of this TLS session alone (RFC 9266), in hex
 *   "tls-pin"          of the server's key, as in the agent's option pin */
#define ADIT_FACTS_MAX 32
#define ADIT_FACT_SIZE_MAX 1023
ADIT_EXPORT int adit_layer_fact(struct adit_layer *layer, const char *key, const char *value);
/* The value, valid until this fact is said again or the link ends; NULL when nobody has said it. */
ADIT_EXPORT const char *adit_layer_fact_get(const struct adit_layer *layer, const char *key);

#ifdef __cplusplus
}
#endif

#endif
