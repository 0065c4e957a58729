/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A link's connection: a socket with at most one layer of a transport on it. Bytes in: as they
 * come, through the layer, to input(). Bytes out: when the link has room, output() is asked to fill
 * a pooled chunk, once at the end of each turn; without a layer that chunk is what is written, with
 * no other copy, and what the kernel does not take of it waits in it. Without a layer payload may
 * also pass aside, through pipes, without being copied at all: out behind what output() gave, in
 * before it is read.
 *
 * Callbacks never free the conn; the owner calls conn_close() and frees at the end of the turn. */

#ifndef ADIT_IO_CONN_H
#define ADIT_IO_CONN_H

#include <adit/transport.h>

#include "io/pipe.h"
#include "io/sock.h"
#include "util/bufq.h"

struct conn;

struct conn_ops {
	/* The layer's handshake is done (without a layer: at once, at the end of the turn). */
	void (*ready)(struct conn *c);
	/* Bytes of the session, in order. 0, or -1: the session has ended, stop. */
	int (*input)(struct conn *c, const uint8_t *p, size_t n);
	/* Fills p with up to cap bytes to send; 0 when there is nothing. *aside_r, NULL before: a
	 * pipe whose bytes follow right behind them; the conn's from then on. Without a layer
	 * only. */
	size_t (*output)(struct conn *c, uint8_t *p, size_t cap, struct pipe **aside_r);
	/* Takes what it can of the bytes that come next from the link itself, before they are read.
	 * Bytes (>0), 0 at the peer's FIN, -EAGAIN when there are none now, another negative errno,
	 * or -EOPNOTSUPP: they are to be read and given to input(). May be NULL. */
	ssize_t (*take)(struct conn *c);
	size_t (*read_max)(struct conn *c); /* with take(): not more is to be read at once */
	/* The connection is gone: err 0 the peer's FIN (or the end of conn_finish()), else a
	 * negative errno; text for a layer's own reason, or NULL. Comes once, not after
	 * conn_close(). */
	void (*closed)(struct conn *c, int err, const char *text);
};

struct adit_layer { /* the core's side of a layer; plug/api.c hands it to plugins */
	struct conn *conn;
	const struct adit_layer_ops *ops; /* NULL: no layer */
	void *state;
	const char *host;
	char error[160];
};

struct conn {
	struct sock sock;
	const struct conn_ops *ops;
	struct adit_layer layer;
	struct bufq below;   /* with a layer: bytes that wait for the socket */
	struct chunk *chunk; /* without: the chunk that waits for the socket */
	struct pipe *aside;  /* and the bytes behind it */
	struct turn_end flush;
	struct timer linger; /* of conn_finish() */
	bool ready, closed, finishing;
	bool farewell, shut; /* the layer has said its end; our FIN is out */
	bool flushing, kicked;               /* kicked: asked for while flushing */
	int write_err; /* the socket takes nothing more; what it still has to say is read first */
	unsigned in_layer; /* calls into the layer under way: its state must live */
	uint64_t rx_bytes, tx_bytes; /* of the socket */
};

/* Takes over fd, a connected socket; layer_ops may be NULL. host: what the agent dialled, or NULL;
 * must outlive the conn. 0, or -1 when the layer refuses (fd is closed then, no callback comes). */
int conn_open(struct conn *c, struct worker *w, int fd, const struct conn_ops *ops,
	const struct adit_layer_ops *layer_ops, const void *inst, void *per_worker,
	enum adit_side side, const char *host);

/* There may be output: the link is written at the end of this turn. */
void conn_kick(struct conn *c);

/* Writes what output() still gives, then FIN, and waits at most linger_ms for the peer to take it
 * before closed(c, 0) comes. input() comes no more. */
void conn_finish(struct conn *c, int64_t linger_ms);

/* At once; no callback comes afterwards. The conn can be freed at the end of the turn. */
void conn_close(struct conn *c);

/* What plug/api.c calls for a layer. */
int conn_layer_up(struct adit_layer *l, const void *data, size_t n);
int conn_layer_down(struct adit_layer *l, const void *data, size_t n);
void conn_layer_ready(struct adit_layer *l);

#endif
