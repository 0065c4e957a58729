/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit/transport.h - transport plugins: how a link between agent and server travels.
 *
 * The core owns sockets. A transport may put one layer on a link: a filter that sees the bytes from
 * the socket and the bytes from the session, in memory, and owns no descriptor. TLS and WebSocket
 * are layers; bare TCP has none.
 *
 * Options that the core gives every transport besides its own:
 *   listen (server)  addresses where agents may connect, "host:port"
 *   allow_plain      without it, a transport that does not encrypt is used on loopback only
 *
 * Versioned by ADIT_PLUGIN_ABI, not yet promised. Transport plugins must be ADIT_RUN_LOOP. */

#ifndef ADIT_TRANSPORT_H
#define ADIT_TRANSPORT_H

#include <adit/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct adit_layer; /* the core's side of one layer on one link */

struct adit_layer_ops {
	uint32_t size; /* sizeof(struct adit_layer_ops) */

	/* Makes the layer's state for a new link, on the link's worker. side: which end we are. May
	 * already send with adit_layer_down(). Returns 0 or -1 (the link is closed). */
	int (*open)(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
		void **state_r);
	/* Bytes from the socket; n is never 0. Hand on what they contain with adit_layer_up(). All
	 * of them are taken; what cannot be handed on yet the layer keeps. 0, or -1 after
	 * adit_layer_error(). */
	int (*input)(void *state, const void *data, size_t n);
	/* Bytes from the session, only after adit_layer_ready(). Send with adit_layer_down(). */
	int (*output)(void *state, const void *data, size_t n);
	/* The session wants an orderly end: send what the layer says at its end. May be NULL. */
	void (*finish)(void *state);
	/* Frees the state. */
	void (*close)(void *state);
};

struct adit_transport_ops {
	uint32_t size;       /* sizeof(struct adit_transport_ops) */
	uint32_t encrypted;  /* 1: nobody on the way can read or change what passes */
	const char *scheme;  /* "tcp", "tls", "wss": unique, used in addresses */
	const struct adit_layer_ops *layer; /* NULL: bytes travel as they are */
};

/* To the session. Only the bytes of this call; nothing is kept. 0, or -1 when the session has
 * ended: return -1 then. */
ADIT_EXPORT int adit_layer_up(struct adit_layer *layer, const void *data, size_t n);
/* To the socket. Copies; the core stops asking for output while too much waits. */
ADIT_EXPORT int adit_layer_down(struct adit_layer *layer, const void *data, size_t n);
/* The handshake is done, session bytes may flow. Once. */
ADIT_EXPORT void adit_layer_ready(struct adit_layer *layer);
/* Why the link cannot go on, for log and peer. Always returns -1. */
ADIT_EXPORT int adit_layer_error(struct adit_layer *layer, const char *fmt, ...) ADIT_PRINTF(2, 3);
/* The host name or address that the agent was told to connect to; NULL on the server. */
ADIT_EXPORT const char *adit_layer_host(const struct adit_layer *layer);

#ifdef __cplusplus
}
#endif

#endif
