/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A stream bound to its socket: a public client at the server, a target at the agent. Bytes that
 * the link brought go to the socket at once; what it does not take waits in a queue that credit
 * bounds. Bytes of the socket are read only when the link takes them (pull).
 *
 * How it ends: FIN is passed on only if the peer sent FIN; every other end resets the socket. When
 * both directions have ended, the mux forgets the stream, and it lives on by itself until the
 * socket has taken the last bytes, or has taken nothing for flush_timeout.
 *
 * Owner worker only. Freed at the end of the turn in which both the mux and the socket are done. */

#ifndef ADIT_TUNNEL_STREAM_H
#define ADIT_TUNNEL_STREAM_H

#include "io/sock.h"
#include "tunnel/unread.h"
#include "util/bufq.h"
#include "wire/mux.h"

/* Bytes that the kernel keeps for a far end that does not take them. A thousand of these with as
 * much as the kernel likes would take all its memory for TCP, and then the link stands still,
 * too. */
#define STREAM_UNSENT 262144u

struct dial;
struct flush;
struct http_watch;
struct session;
struct tunnel_conf;

struct stream {
	struct sock sock;
	struct worker *w;
	struct session *s;     /* NULL once the mux has forgotten the stream */
	struct mux_stream *ms; /* likewise */
	struct list node;      /* in session->streams, or the worker's list of streams that flush */
	struct pipe *pipe;     /* bytes for the socket that came aside, or NULL */
	struct bufq out;       /* for the socket, behind those */
	struct unread unread;  /* what of it the worker's budget has counted */
	struct turn_end reap;
	struct flush *flush;   /* while it flushes without a session, or NULL */
	bool connected;        /* else bytes are kept until it is */
	bool eof;              /* the socket's FIN was read */
	bool fin;              /* the peer's FIN: ours follows when out is empty */
	bool shut;             /* ours is sent */
	bool dead;             /* the socket is closed */
	bool bulk;             /* it gave much the last time: more is fetched aside */
	uint64_t rx_bytes, tx_bytes; /* from and to the socket */
	struct http_watch *watch; /* agent: what passes looks like HTTP; or NULL */
	struct dial *dial;        /* agent: until it is connected, or NULL */
	const struct tunnel_conf *tunnel; /* agent; or NULL */
	/* The owner's last look, before it is freed; may be NULL. */
	void (*on_free)(struct stream *st);
};

/* A stream without a socket yet, in s's list. */
struct stream *stream_new(struct session *s);
/* Gives it a connected socket's descriptor. */
void stream_attach(struct stream *st, int fd);
/* The socket (dialled by its owner) is connected: queued bytes go out, reading begins. */
void stream_connected(struct stream *st);

/* The socket is broken, or not wanted: RST, and RESET to the peer. */
void stream_abort(struct stream *st, uint16_t code, const char *text);

/* Upcalls of the mux; st is ms->user. */
ssize_t stream_pull(struct stream *st, void *p, size_t n);
/* Up to n bytes of the socket into a pipe, for mux_ops.fetch(). */
ssize_t stream_fetch(struct stream *st, size_t n, struct pipe **pipe_r);
/* Up to n bytes of the link straight to the socket, for conn_ops.take(). */
ssize_t stream_take(struct stream *st, struct sock *link, size_t n);
void stream_data(struct stream *st, const uint8_t *p, size_t n);
void stream_fin(struct stream *st);
void stream_reset(struct stream *st);
void stream_gone(struct stream *st);

#endif
