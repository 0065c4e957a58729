/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A link's connection: a socket with up to CONN_LAYERS_MAX layers of transports on it. Bytes in: as
 * they come, through the layers from below, to input(). Bytes out: when the link has room, output()
 * is asked to fill a pooled chunk, once at the end of each turn; without a layer that chunk is what
 * is written, with no other copy, and what the kernel does not take of it waits in it. Without a
 * layer payload may also pass aside, through pipes, without being copied at all: out behind what
 * output() gave, in before it is read.
 *
 * At the agent the layers are known when it is opened; at the server they are chosen one after
 * another by the first bytes that come (choose()).
 *
 * A conn is one allocation with one owner, on one worker. The owner loses it by closed(), by
 * conn_close(), or by giving it away (conn_give(), conn_move()), and must forget it then. Callbacks
 * never free the conn: its memory goes at the end of the turn. */

#ifndef ADIT_IO_CONN_H
#define ADIT_IO_CONN_H

#include <adit/transport.h>
#include <stdarg.h>

#include "io/pipe.h"
#include "io/sock.h"
#include "util/bufq.h"
#include "util/compiler.h"
#include "util/facts.h"

#define CONN_LAYERS_MAX 4

struct conn;

/* A layer that is to stand on a link. What it points to outlives the link. */
struct conn_level {
	const struct adit_layer_ops *ops;
	const void *inst;
	void *const *per_worker; /* the instance's shares, by worker; NULL: it has none */
	const char *scheme;
	bool encrypted;
};

/* What choose() says of the first bytes. */
enum conn_choice {
	CONN_MORE,    /* they do not tell yet */
	CONN_LAYER,   /* they are a layer's */
	CONN_SESSION, /* they are the session's */
};

struct conn_ops {
	/* All layers are ready, the session's bytes flow: once, at the end of the first turn or
	 * later. May be NULL. */
	void (*ready)(struct conn *c);
	/* Bytes of the session, in order. 0, or -1: the session has ended, stop. Above 0: inside
	 * the call the conn was given to another owner, and so many bytes at the end of p are that
	 * one's. */
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
	/* What stands above the layers that there are, by the first bytes above them: n of them, 1
	 * to ADIT_PROBE_MAX, the same again and more of them after CONN_MORE, which is not said to
	 * ADIT_PROBE_MAX. An enum conn_choice, with *level_r for CONN_LAYER; or -1 after
	 * conn_refuse(). NULL: always the session. */
	int (*choose)(struct conn *c, const uint8_t *p, size_t n, struct conn_level *level_r);
	/* The connection is gone: err 0 the peer's FIN (or the end of conn_finish()), else a
	 * negative errno; text for a layer's own reason, or NULL. Comes once, not after the owner
	 * has closed it or given it away. What a layer has said before its error is still written
	 * afterwards, without the owner. */
	void (*closed)(struct conn *c, int err, const char *text);
};

struct adit_layer { /* the core's side of a layer; plug/api.c hands it to plugins */
	struct conn *conn;
	struct conn_level level;
	void *state;
	bool ready;
};

struct conn_move;

struct conn {
	struct sock sock;
	const struct conn_ops *ops;
	void *owner;
	struct chunk *chunk; /* without layers: the chunk that waits for the socket */
	struct pipe *aside;  /* and the bytes behind it */
	struct bufq below;   /* with layers: bytes that wait for the socket */
	struct turn_end flush;
	bool ready, closed, finishing;
	bool bare; /* there is no layer and none will come: bytes are the session's */
	bool flushing, kicked;     /* kicked: asked for while flushing */
	bool farewell, shut;       /* the layers have said their end; our FIN is out */
	bool chosen;               /* the session is what stands above the layers */
	bool opening;              /* a layer's open() is under way */
	bool broken;               /* a layer has failed: only those below n_sound are called */
	uint8_t n_layers, n_open, n_sound; /* that are known; that have a state */
	uint8_t n_first;           /* bytes that do not tell yet what stands above */
	uint8_t first[ADIT_PROBE_MAX];
	int write_err; /* the socket takes nothing more; what it still has to say is read first */
	unsigned in_layer; /* calls into layers under way: their states must live */
	uint64_t rx_bytes, tx_bytes; /* of the socket */
	enum adit_side side;
	bool encrypted; /* by what is below the layers */
	uint16_t port;
	const char *host, *path;
	struct timer linger; /* of conn_finish(), or after a layer's error */
	struct turn_end reap;
	struct list node;        /* in w->leaving: a layer has failed, nobody owns it */
	struct conn_move *move;  /* it is leaving for another worker */
	struct bufq kept;        /* and these bytes came meanwhile */
	struct facts facts;
	char *error;              /* of a layer; or NULL */
	struct adit_layer *layer; /* CONN_LAYERS_MAX, [0] is next to the socket; or NULL */
};

struct conn_setup {
	const struct conn_ops *ops;
	void *owner;
	enum adit_side side;
	const struct conn_level *level; /* those that are known: copied */
	size_t n_levels;
	bool encrypted; /* by what is below the layers */
	/* Agent: the server's address; outlives the conn. path: "" if there is none. */
	const char *host, *path;
	uint16_t port;
};

/* Takes over fd, a connected socket. No callback comes before the end of the turn. */
struct conn *conn_open(struct worker *w, int fd, const struct conn_setup *setup);

/* There may be output: the link is written at the end of this turn. */
void conn_kick(struct conn *c);

/* Writes what output() still gives, then FIN, and waits at most linger_ms for the peer to take it
 * before closed(c, 0) comes. input() comes no more. */
void conn_finish(struct conn *c, int64_t linger_ms);

/* At once; no callback comes afterwards. NULL is harmless. */
void conn_close(struct conn *c);

/* Nobody on the way can read or change what passes; complete when it is ready. */
bool conn_encrypted(const struct conn *c);
/* What its layers have said, or NULL. */
const char *conn_fact(const struct conn *c, const char *key);
/* For choose(): why it ends. Always returns -1. */
int conn_refuse(struct conn *c, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* From now on it belongs to another owner of the same worker, whose ready() does not come if it is
 * ready already. */
void conn_give(struct conn *c, const struct conn_ops *ops, void *owner);

/* On its way to another worker; embedded in what its owner sends along. */
struct conn_move {
	/* On the new worker, before its layers are told of it: makes their instances' shares there.
	 * False: it cannot, the conn is closed. May be NULL. */
	bool (*prepare)(struct conn_move *m, struct worker *w);
	/* On the new worker: c is its own when it has called conn_give(), or must be closed by
	 * conn_close(). NULL: the link was lost on the way, or a worker is stopping (then it may be
	 * the old one). Frees what m is embedded in. */
	void (*arrived)(struct conn_move *m, struct worker *w, struct conn *c);
	struct mbox_msg msg;
	struct worker *to;
	struct conn *c;
	int fd;
};

/* Sends it to another worker, with the bytes that it still has to write; what comes meanwhile is
 * kept. Not while payload passes aside. May be called from inside its callbacks. The shares of its
 * layers' instances must be there on the new worker, too, when m->prepare() has run. */
void conn_move(struct conn *c, struct worker *to, struct conn_move *m);

/* What plug/api.c calls for a layer. */
int conn_layer_up(struct adit_layer *l, const void *data, size_t n);
int conn_layer_down(struct adit_layer *l, const void *data, size_t n);
void conn_layer_ready(struct adit_layer *l);
int conn_layer_error(struct adit_layer *l, const char *fmt, va_list ap) ATTR_PRINTF(2, 0);
const char *conn_layer_upper(const struct adit_layer *l);

/* When the worker ends: what nobody owns any more. */
void conn_close_leaving(struct worker *w);

#endif
