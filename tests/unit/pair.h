/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Two ends of a session in memory, for tests of core/wire: an agent and a server, the link between
 * them (bytes that were put out and not delivered yet), sockets that are made of numbers, and a
 * clock that stands still until it is told. One thread.
 *
 * What a socket sends is a pattern of stream id, direction and position, so that the other end knows
 * every byte that may come next: nothing can be lost, doubled or reordered unseen. With
 * conf.aside_min
 * some payload goes out through fetch() and comes in through mux_expects(). Whatever a test
 * must never see (a wrong byte, an upcall after gone(), FIN without FIN) fails at once in must(). */

#ifndef ADIT_TESTS_PAIR_H
#define ADIT_TESTS_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/mux.h"

#define PAIR_RTT_US 1000
#define PAIR_SECRET "thirty-two bytes that are a key!"

struct end;

/* What stands behind one end of a stream. Lives until pair_fini(), so that it can be looked at. */
struct sock {
	struct end *e;
	struct mux_stream *st; /* NULL once gone() came */
	uint32_t id;
	/* towards the peer: pull() takes from avail, then gives the end if eof or an error if broken */
	uint64_t avail, pulled;
	bool eof, broken, fin_pulled;
	/* from the peer */
	uint64_t got, used;
	/* datagrams: each begins with its number, if it is long enough */
	uint32_t n_sent, n_got, last_number;
	bool answered, opened, fin, reset, aborted; /* reset: by the peer; aborted: by us */
	uint16_t code;
	char text[256];
};

struct link {
	uint8_t *p;
	size_t from, to, cap;
};

struct end {
	struct mux m;
	struct pair *pair;
	struct link out; /* towards the other end */
	uint8_t *aside;  /* what fetch() has taken, until it is behind the output */
	size_t aside_n;
	unsigned n_fetched, n_moved; /* how often payload went aside, out and in */
	struct outbuf *buf;          /* of the output under way, which is to be retained */
	unsigned n_kept;             /* how often such a buffer was kept */
	struct mux_pool retained;
	struct mux *fresh; /* opens another link (pairlink.h); NULL once that is done */
	uint16_t fresh_code; /* how that ended */
	unsigned n_lost, n_resumed, n_refused;
	int attach_rc;
	struct sock **socks;
	size_t n_socks, socks_cap;
	/* how the owner behaves */
	unsigned challenges; /* server: that many before AUTH_OK */
	bool silent;         /* leaves AUTH, challenges and BIND unanswered */
	bool refuse;         /* server: refuses renewals */
	bool hold_renewal;   /* server: they are answered by the test, see end_answer_renewal() */
	int64_t expires_ms;  /* server: logins are good for so long; 0: for ever */
	bool hold_open;      /* agent: OPEN is answered by the test */
	bool hold_data;      /* received bytes are consumed by the test */
	bool untrusted;      /* the other end may send anything: its bytes are not checked */
	void (*in_pull)(struct sock *k); /* what else happens inside pull(); NULL: nothing */
	/* what has happened */
	unsigned n_hello, n_auth, n_answer, n_challenge, n_auth_ok, n_auth_fail;
	unsigned n_bind, n_bind_ok, n_bind_fail;
	uint64_t told_expires_ms; /* agent: as AUTH_OK said at last */
	uint8_t nonces[2 * MSG_NONCE]; /* of the login at last: the agent's, the server's */
	unsigned n_unbind, n_goaway, n_wake;
	bool awake; /* wake() came since there was nothing to send */
	bool closed, local;
	uint16_t code, goaway_code;
	uint32_t retry_ms, goaway_last, spread_ms;
	char text[256];
};

struct pair {
	struct end agent, server;
	struct mono now;
};

/* The usual numbers: 64 KiB windows, 1 MiB for the session, 256 streams, 10 s, 30 s … */
struct mux_conf pair_conf(enum role role);

void pair_init(struct pair *p, const struct mux_conf *agent, const struct mux_conf *server);
void pair_fini(struct pair *p);

/* One end alone, whose peer is the test. */
void end_init(struct end *e, struct pair *p, const struct mux_conf *conf);
void end_fini(struct end *e);

struct end *pair_peer(struct end *e);

/* Whether it has anything for its link, which the fresh mux may still be opening. */
bool end_wants_output(struct end *e);
/* One mux_output() into the link; returns the bytes. */
size_t end_output(struct end *e, size_t cap);
/* Delivers up to n bytes that e has put out to the other end. */
size_t end_deliver(struct end *e, size_t n);
/* Everything that both ends have to say, until there is silence. */
void pair_pump(struct pair *p);
void pair_sleep(struct pair *p, int64_t ms); /* the clock, and mux_tick() for both */
/* Login, and one tunnel (number 1). */
void pair_login(struct pair *p);
/* The agent logs in again, if it may. */
bool pair_renew(struct pair *p);
void end_answer_renewal(struct end *e); /* one step, if it is the server's turn */
/* As if both ends had found the link to be very fast: frames are as long as they can be. */
void pair_fast(struct pair *p);

/* A public connection at the server; NULL when the mux refuses. */
struct sock *pair_open(struct pair *p);
/* The same for datagrams. */
struct sock *pair_open_flow(struct pair *p);
/* Sends one of n bytes; 4 and more carry its number, which the other end checks. */
void sock_datagram(struct sock *k, size_t n);
/* The same stream at the other end, or NULL if it never came there. */
struct sock *sock_peer(const struct sock *k);
void sock_send(struct sock *k, uint64_t n);
void sock_end(struct sock *k);  /* end of file behind what is there */
void sock_break(struct sock *k);
void sock_consume(struct sock *k, uint64_t n);
void sock_abort(struct sock *k, uint16_t code);
void sock_answer(struct sock *k); /* OPEN_OK */

/* ---- A peer that the test plays itself --------------------------------------------------------- */

/* Frames that an end has put out, by type. */
struct seen {
	unsigned n[256];
	struct frame last[256];
	uint8_t payload[256][FRAME_CONTROL_MAX]; /* of the last one; not of DATA and DATAGRAM */
	uint64_t data; /* bytes of DATA */
	char order[512]; /* names, separated by blanks */
};

/* Takes all that e has to say, instead of delivering it. Aborts on a frame that is not whole. */
void end_look(struct end *e, struct seen *s_r);
/* Frames from the other end's place. Return what mux_recv() does. */
int end_feed(struct end *e, uint8_t type, uint32_t stream, const void *payload, size_t n);
int end_feed_credit(struct end *e, uint32_t stream, uint32_t bytes, uint32_t taken);
int end_feed_u64(struct end *e, uint8_t type, uint32_t stream, uint64_t v);
int end_feed_data(struct end *e, uint32_t stream, size_t n); /* as one frame of zeros */
int end_feed_reset(struct end *e, uint8_t type, uint32_t stream, uint16_t code);
int end_feed_open(struct end *e, uint32_t stream);
int end_feed_open_flow(struct end *e, uint32_t stream); /* for datagrams */

/* The sums, lists and counters of one end, made again from its streams; aborts if they differ. */
void end_check(const struct end *e);
/* And what both ends must agree on, as long as neither is untrusted. */
void pair_check(struct pair *p);

/* Lets everything end: sockets accept and finish, links deliver. Then nothing may be left. */
void pair_finish(struct pair *p);

#endif
