/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What server and agent have in common about a session: a link (conn), the protocol machine (mux),
 * its timer, its streams, and the one way in which it ends. The two roles embed it
 * (server_session.c, agent_session.c).
 *
 * A session whose link is lost waits for another if it can resume (detached()): everything it has
 * stays as it is. Another link begins as a session of its own, which gives its link away
 * (session_give_link()) to the one that goes on over it (session_go_on()).
 *
 * An end comes from the mux (error, silence, the peer's GOAWAY), from the link (lost), or from the
 * role (session_fail). In every case: streams are reset, ended() is called once, what explains the
 * end is still written to the link, and when that is closed the session is freed at the end of the
 * turn by free(). Owner worker only. */

#ifndef ADIT_TUNNEL_SESSION_H
#define ADIT_TUNNEL_SESSION_H

#include "io/conn.h"
#include "tunnel/budget.h"
#include "tunnel/conf.h"
#include "tunnel/stream.h"
#include "wire/mux.h"

struct session;

struct session_ops {
	const struct mux_ops *mux; /* made of the session_… functions below and the role's own */
	/* retry_ms: what the peer asks for before the next attempt. */
	void (*ended)(struct session *s, uint16_t code, const char *text, bool local,
		uint32_t retry_ms);
	void (*free)(struct session *s);
	/* Its link is lost and it waits for another. NULL: it never does. */
	void (*detached)(struct session *s, const char *text);
	/* Server: as of struct conn_ops. */
	int (*choose)(struct session *s, const uint8_t *p, size_t n, struct conn_level *level_r);
};

struct session {
	struct worker *w;
	const struct session_ops *ops;
	const struct limits *limits; /* outlives the session */
	struct conn *conn; /* NULL: not begun, gone, or given away */
	struct mux mux;
	struct timer tick;
	struct mono tick_at;
	int64_t grain_ns; /* of tick_at: idle sessions are looked after together */
	struct list streams;
	size_t n_streams;
	struct turn_end reap;
	bool ended;
	bool cut_by_peer;     /* the link was closed or reset by the other end */
	bool visitor;         /* it was none: a layer has answered somebody who wanted no link */
	bool refused;         /* a layer has ended the link; its reason is the text of ended() */
	size_t unsent;        /* that its socket may hold */
	bool splice;          /* of struct session_self */
	bool dice;            /* for tests: whether payload moves aside is chosen at random */
	struct pipe *aside; /* what fetch() took, until the conn has it */
	uint16_t left_code; /* of the peer's GOAWAY: why the link is closed when it is */
	uint32_t left_retry_ms;
	char left_text[MSG_TEXT_MAX + 1];
};

/* What a role says about this end, in HELLO (protocol.md section 2) and to the link. */
struct session_self {
	const char *software; /* constant */
	uint64_t instance;    /* agent; 0: not said */
	uint8_t member;
	bool splice; /* payload may pass aside where nothing needs to see it: the link has no
		      * layer, and the session cannot resume */
};

/* Where a link comes from or leads to, and what stands on it. All of it outlives the session. */
struct session_link {
	const struct module *const *transport; /* from the bottom; those known beforehand */
	size_t n_transports;
	const char *host, *path; /* agent: of the server's address */
	uint16_t port;
	bool choose; /* what else stands on it is told by the role's choose() */
};

/* Begins on a connected descriptor. */
void session_open(struct session *s, struct worker *w, int fd, enum role role,
	const struct session_ops *ops, const struct limits *limits, const struct session_link *link,
	const struct session_self *self);

/* The layer of a transport that has one, for struct conn. */
void session_level(const struct module *transport, struct conn_level *level_r);

/* Ends it, telling the peer. */
void session_fail(struct session *s, uint16_t code, const char *text);

/* At once, when the worker ends and it has been told so by session_fail(): what is not written yet
 * is lost, and it is freed. */
void session_cut(struct session *s);

/* The link of a session that has not logged in; the caller gives it to another. Nothing else is
 * said of it, and it is freed at the end of the turn. */
struct conn *session_give_link(struct session *s, struct mux_link *link_r);
/* A session that can resume goes on over c, a link of its worker, in place of the one that it may
 * still have. received: by the peer, as of RESUME or RESUME_OK. 0, or -EPROTO: the peer claims what
 * cannot be; c is the caller's still, and the session has no link. */
int session_go_on(struct session *s, struct conn *c, const struct mux_link *link,
	uint64_t received);

/* The login is done. If the link has no layers, payload may pass aside from now on, unless it may
 * have to be sent again. */
void session_logged_in(struct session *s);

/* Arms the timer again after something may have made a deadline earlier. */
void session_rearm(struct session *s);
/* Before a stream is opened: a session without a link hears of the time from nobody else. It may
 * end by that. */
void session_clock(struct session *s);
/* mux_send_datagram(), and its time is kept. */
void session_send_datagram(struct mux_stream *ms, const uint8_t *p, size_t n);

/* The role's mux_ops use these. */
ssize_t session_on_pull(struct mux *m, struct mux_stream *ms, void *p, size_t n);
ssize_t session_on_fetch(struct mux *m, struct mux_stream *ms, size_t n);
void session_on_data(struct mux *m, struct mux_stream *ms, const uint8_t *p, size_t n);
void session_on_fin(struct mux *m, struct mux_stream *ms);
void session_on_reset(struct mux *m, struct mux_stream *ms, uint16_t code, struct text text);
void session_on_gone(struct mux *m, struct mux_stream *ms);
void session_on_wake(struct mux *m);
void session_on_goaway(struct mux *m, const struct msg_goaway *goaway); /* remembers it */
void session_on_lost(struct mux *m, uint16_t code, const char *text);
void *session_on_keep(struct mux *m, uint8_t *buffer);
void session_on_drop(struct mux *m, void *kept);
void session_on_closed(struct mux *m, uint16_t code, const char *text, bool local,
	uint32_t retry_ms);

/* What a worker keeps of all its streams, those included that have left their sessions and still
 * flush. In w->app. */
struct worker_streams {
	struct list flushing; /* the streams without a session */
	size_t n_flushing;
	struct budget_user budget; /* for the bytes that sockets have not taken yet */
	struct mux_pool datagrams; /* of all sessions here */
	struct mux_pool retained;  /* likewise; above twice its max shed is due */
	struct turn_end shed;      /* run: the role's, or NULL */
};
/* w->app begins with it, on server and agent. */
struct worker_streams *worker_streams(struct worker *w);
void worker_streams_init(struct worker_streams *ws, struct worker *w, struct budget *b);
/* Whether shed is due. */
void worker_streams_check(struct worker *w);
/* Resets those that flush; when the worker stops. */
void worker_streams_abort(struct worker *w);

#endif
