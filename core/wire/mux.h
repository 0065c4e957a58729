/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One end of a session: frames, login steps, streams, credit, scheduling, liveness (protocol.md).
 * Pure: bytes and time go in, bytes and events come out. No sockets, no clock, no threads.
 *
 * In: mux_recv() takes what the link gave, in pieces of any size, and makes upcalls. DATA is not
 * assembled; its payload is handed on as it arrives.
 * Out: mux_output() fills a buffer: control frames first, then datagrams, then DATA of the ready
 * streams in deficit round robin. Payload is pulled from the streams' sockets at that moment,
 * straight into the buffer, so nothing waits in user space that the link does not take now. Only
 * datagrams do, within bounds: their sockets cannot hold them back. Aside: between bytes of a bare
 * link and a socket, large payloads need not pass through here at all. Going out, fetch() offers
 * the owner to take payload aside and to send it itself behind the output; coming in, mux_expects()
 * says how much of what the link brings next is nothing but payload. Time: mux_tick() when
 * mux_deadline() has come.
 *
 * Upcalls may call any function of the same mux but mux_recv, mux_output, mux_tick and mux_fini. A
 * stream is freed only after its gone() upcall, never inside another call about it. After closed()
 * nothing comes any more; mux_output() still gives the GOAWAY that explains it.
 *
 * A session that can resume (mux_resume.c, protocol.md section 7) outlives its link: what it has
 * sent is retained until the peer acknowledges it, mux_detach() leaves all streams as they are, and
 * mux_attach() goes on over another link, which a mux of its own has opened until then. */

#ifndef ADIT_WIRE_MUX_H
#define ADIT_WIRE_MUX_H

#include <sys/types.h>

#include "util/bufq.h"
#include "util/list.h"
#include "util/map.h"
#include "util/mono.h"
#include "wire/code.h"
#include "wire/frame.h"
#include "wire/msg.h"
#include "wire/rate.h"
#include "wire/state.h"

#define MUX_FLOOR 16384u     /* outstanding bytes of a stream that are always free */
#define MUX_ACK_EVERY 262144u /* bytes received after which ACK is due */
#define MUX_PONGS 16u
#define MUX_GLITCHES 100u
#define MUX_CHALLENGES 8u
#define MUX_RENEWALS 5u           /* logins of a session that lives: at once, */
#define MUX_RENEW_EVERY_MS 2000.0 /* and one more each time that so much has passed */
#define MUX_ZOMBIE_MS 30000  /* for the peer's end after our RESET */
#define MUX_OUTPUT_MIN 32768u
#define MUX_WEIGHT_MAX 64u
#define MUX_READ_AHEAD 4096u
#define MUX_ASIDE_MIN 32768u /* bytes: less than that is not worth being moved aside */
#define MUX_CTL_MAX 262144u  /* queued control bytes (BIND answers and the like); more: close */

#define MUX_ACK_RIDE 16384u  /* the same in a session that can resume, if there is output anyway */
#define MUX_ACK_MS 1000      /* in such a session nothing waits longer for its ACK */
#define MUX_RETAIN_SURE 524288u /* bytes that such a session may always retain */
#define MUX_RETAIN_MORE 1048576u /* of control frames beyond retain_max; more: close */

struct mux;
struct piece;

/* Bytes of datagrams that wait, or bytes that are retained, of all sessions that share it. Each of
 * them may have flow_bytes, or MUX_RETAIN_SURE, beyond max. */
struct mux_pool {
	size_t bytes, max;
};

struct mux_conf {
	enum role role;
	uint32_t max_frame;         /* largest DATA payload we take */
	uint32_t stream_window;     /* at first */
	uint32_t stream_window_max; /* grown */
	uint32_t session_window;
	uint32_t max_streams;
	int64_t handshake_ms, open_ms, ping_ms, dead_ms;
	const char *software; /* constant text for HELLO */
	uint64_t instance;    /* agent: with member for HELLO; 0: not said */
	uint8_t member;
	/* Datagrams that wait for the link: of one stream, of the session (bytes count what they
	 * cost), of all sessions; and how long they may wait. */
	size_t flow_datagrams, flow_bytes, datagram_bytes;
	struct mux_pool *pool; /* NULL: no common bound */
	int64_t datagram_ms;
	uint32_t aside_min;   /* payloads that may go aside (fetch()) are no shorter; 0: none */
	/* How long the session may be without a link: what the server grants, what the agent makes
	 * use of at most. 0: it ends with its link. A session that can resume has no aside_min. */
	int64_t resume_ms;
	size_t retain_max; /* bytes that were sent and not acknowledged; DATA waits beyond it */
	struct mux_pool *retained; /* NULL: no common bound */
};

/* Of a link that a fresh mux has opened: what the session that takes it over must know. */
struct mux_link {
	uint8_t version;
	uint8_t nonce[MSG_NONCE], peer_nonce[MSG_NONCE];
};

/* One stream. Fields behind "mux" are for wire/ alone. */
struct mux_stream {
	void *user; /* whose it is; set by mux_open()'s caller or in open() */
	uint32_t id, tunnel;
	/* mux: */
	struct mux *m;
	struct list due;  /* has control frames to send */
	struct list run;  /* in ready or parked: wants to send DATA */
	struct list wait; /* in opening or zombies, by time */
	struct mono since;
	enum stream_state state;
	enum stream_end tx_end, rx_end;
	bool answered;     /* OPEN_OK came or was sent */
	bool send_open, send_ok, send_end, send_credit, send_blocked;
	bool hungry;       /* has bytes, but no credit of its own */
	bool blocked_said; /* BLOCKED was sent since credit last came */
	bool refused;      /* our end is OPEN_FAIL instead of RESET */
	bool fin_sent;     /* our end has left, though RESET may follow */
	bool told;         /* the owner knows that the stream is over */
	bool parked;       /* in the list of those that wait for session credit */
	bool regrown;      /* its window was doubled since CREDIT was given */
	bool peer_blocked; /* the peer has used up all that we gave, and says so */
	int32_t deficit;
	uint16_t weight; /* frames in a turn: its share of the link beside others */
	/* Credit: the sums of CREDIT's two numbers, as received (tx) and as given (rx). */
	uint64_t tx_sent, tx_credit, tx_taken;
	uint64_t rx_got, rx_used, rx_credit, rx_told;
	uint32_t rx_window;  /* how far ahead of rx_used the peer may be */
	uint32_t rx_low;     /* least unread since CREDIT was given */
	struct mono rx_at;   /* when CREDIT was given; at first, when the first byte came */
	struct msg_open open; /* server: until it is sent */
	uint16_t end_code;
	char *end_text; /* of RESET or OPEN_FAIL, or NULL */
	struct mux_flow *flow; /* it carries datagrams; NULL: bytes */
};

/* What a stream of datagrams has besides (mux_datagram.c); only the counters are for its owner. */
struct mux_flow {
	struct mux_stream *st;
	struct list queue; /* struct datagram, oldest first */
	struct list run;   /* in mux.flows while there is something in queue */
	size_t n, bytes;
	int32_t deficit;
	uint64_t sent, got, full, late; /* full, late: dropped because of a bound, of their age */
};

/* The same for the session. */
struct mux_datagrams {
	struct list flows; /* whose queues are not empty, in turn */
	struct list all;   /* struct datagram that wait, oldest first */
	size_t bytes;
	struct datagram *part; /* of a frame that did not fit; its rest goes before anything else */
	size_t part_at;
	int64_t lead; /* bytes that datagrams are ahead of DATA that waits, too */
	uint64_t sent, got, full, late;
};

struct mux_ops {
	/* Login. hello: the peer's HELLO is known and fine. auth, answer, challenge and auth_ok
	 * come of renewals, too, as does auth_fail, which otherwise is closed(). */
	void (*hello)(struct mux *m, const struct msg_hello *hello);
	void (*auth)(struct mux *m, const struct msg_auth *auth);   /* server */
	void (*answer)(struct mux *m, struct text data);            /* server */
	void (*challenge)(struct mux *m, struct text data);         /* agent */
	void (*auth_ok)(struct mux *m, const struct msg_auth_ok *ok); /* agent */
	void (*auth_fail)(struct mux *m, const struct msg_auth_fail *fail); /* agent */
	/* Resume, on a fresh mux. resume: server; answer with mux_link_of() and mux_attach(), or
	 * with mux_send_resume_fail(), now or later. resume_ok: agent; mux_link_of() and
	 * mux_attach(). resume_fail: agent; mux_send_auth() may follow. */
	void (*resume)(struct mux *fresh, const struct msg_resume *resume);
	void (*resume_ok)(struct mux *fresh, const struct msg_resume_ok *ok);
	void (*resume_fail)(struct mux *fresh, const struct msg_end *fail);
	/* Tunnels. */
	void (*bind)(struct mux *m, const struct msg_bind *bind);   /* server */
	void (*bind_ok)(struct mux *m, const struct msg_bind_ok *ok);
	void (*bind_fail)(struct mux *m, const struct msg_bind_fail *fail);
	void (*unbind)(struct mux *m, const struct msg_bind_fail *unbind);
	/* Streams. open: agent; answer with mux_open_ok() or mux_open_fail(), now or later. */
	void (*open)(struct mux *m, struct mux_stream *st, const struct msg_open *open);
	void (*open_ok)(struct mux *m, struct mux_stream *st); /* server */
	/* n bytes came; report with mux_consumed() when the far socket took them. */
	void (*data)(struct mux *m, struct mux_stream *st, const uint8_t *p, size_t n);
	void (*fin)(struct mux *m, struct mux_stream *st); /* nothing more comes, all was sent */
	/* One datagram of a stream that was opened for them; n may be 0. */
	void (*datagram)(struct mux *m, struct mux_stream *st, const uint8_t *p, size_t n);
	/* The peer aborted (RESET, OPEN_FAIL), or the session's end did. Nothing more is to be
	 * sent. */
	void (*reset)(struct mux *m, struct mux_stream *st, uint16_t code, struct text text);
	/* The stream is over on the wire and freed when this returns. Comes for every stream,
	 * once. */
	void (*gone)(struct mux *m, struct mux_stream *st);
	/* Up to n bytes to send. >0: bytes; fewer than n: that was all for now. 0: end, FIN is
	 * sent. -EAGAIN: none now, mux_ready() will be called. Another negative errno: broken,
	 * RESET is sent with the code for a reset socket; no upcall comes but gone(). */
	ssize_t (*pull)(struct mux *m, struct mux_stream *st, void *p, size_t n);
	/* As pull(), but the bytes are kept by the owner, who sends them right behind what this
	 * mux_output() gives. -EOPNOTSUPP: not now, pull() is asked instead. Whether there may be
	 * more is not told by their number: then fetch() calls mux_ready(). Only if conf.aside_min
	 * is not 0. */
	ssize_t (*fetch)(struct mux *m, struct mux_stream *st, size_t n);
	/* The other end will leave (GOAWAY). */
	void (*goaway)(struct mux *m, const struct msg_goaway *goaway);
	/* Agent: so far apart the server wants its agents' return if they all lose it at once. */
	void (*spread)(struct mux *m, uint32_t ms);
	/* The link says nothing any more, or takes nothing: the session can resume and has detached
	 * itself, as by mux_detach(). Comes from mux_tick() only. */
	void (*lost)(struct mux *m, uint16_t code, const char *text);
	/* mux_output() gives bytes that are to be retained: if the buffer with which it was called
	 * lives until drop(), and nobody writes there, what it is called; NULL: they are copied.
	 * Both may be NULL. */
	void *(*keep)(struct mux *m, uint8_t *buffer);
	void (*drop)(struct mux *m, void *kept);
	/* There is something for mux_output(). */
	void (*wake)(struct mux *m);
	/* The session has ended: by our verdict (local), or the peer's GOAWAY or AUTH_FAIL with an
	 * error code. retry_ms: earliest return that the peer asked for. */
	void (*closed)(struct mux *m, uint16_t code, const char *text, bool local,
		uint32_t retry_ms);
};

struct mux {
	const struct mux_ops *ops;
	void *owner;
	struct mux_conf conf;
	enum session_state state;
	enum login_step login;
	enum renewal renewal;
	unsigned n_auths; /* AUTH frames of this link */
	struct mono expires_at; /* server: of the login */
	struct msg_hello peer; /* software is not kept */
	uint8_t nonce[MSG_NONCE]; /* ours */
	uint64_t session_id; /* server: set before mux_auth_ok(); agent: from AUTH_OK */
	/* time */
	struct mono now, began, heard, ping_at;
	bool ping_due, ping_waiting;
	uint64_t ping_token, ping_seq; /* seq: tx_at then */
	int64_t rtt_us, rtt_min_us; /* smoothed and least; 0 unknown */
	/* receiving */
	uint8_t head[FRAME_HEADER];
	size_t head_n;
	struct frame f;        /* the frame whose header is complete (head_n == FRAME_HEADER) */
	uint32_t left;         /* of its payload */
	struct mux_stream *data_st; /* of a DATA frame; NULL: skip the payload */
	bool skip;             /* payload of an unknown frame */
	bool numbered;         /* it counts in rx_seq, its header since that is whole */
	unsigned bulk;         /* frames that may come before large ones count as over */
	uint8_t *ctl_in;       /* a control payload that came in pieces */
	uint64_t rx_seq, rx_acked; /* numbered bytes; acked: what our last ACK said */
	struct mono ack_at;        /* when the first of those came that no ACK has counted */
	/* sending */
	struct bufq hand; /* frames of the handshake, not numbered, before all others */
	struct bufq side; /* the frame of a renewal, not numbered, between two others */
	struct bufq ctl;
	struct rate rate;
	size_t aside; /* payload bytes that the owner sends behind the output under way */
	/* Numbered bytes that there are, that this link was given, that were acknowledged. */
	uint64_t tx_seq, tx_at, tx_acked;
	uint8_t *mark; /* of the output under way: up to here it is in tx_seq, or not numbered */
	uint64_t pongs[MUX_PONGS];
	unsigned n_pongs;
	bool ack_due, blocked_due, blocked_said, flush_credit, spread_due;
	uint32_t spread; /* server: what SPREAD says */
	bool leaving; /* it is we who drain */
	struct list due, ready, parked, opening, zombies;
	struct mux_datagrams dg;
	/* resuming */
	bool linked;    /* there is a link */
	bool can_resume, tried; /* tried: RESUME came, once for each link */
	bool given_away; /* the link belongs to another mux now */
	int64_t resume_ms;
	uint8_t secret[MSG_SECRET]; /* agent */
	enum session_state before;  /* DETACHED: what it is apart from that */
	struct mono detached_at;
	struct mono progress_at; /* the last ACK with news, or nothing waited for one */
	struct list retained; /* struct piece: bytes tx_acked to tx_seq */
	struct piece *again;  /* with the byte at tx_at; NULL: all were sent on this link */
	bool again_inside;    /* that byte may be in the middle of a frame */
	/* streams */
	struct idmap streams;
	size_t n_streams, n_opening;
	uint32_t last_id;
	uint64_t tx_over, tx_session_credit; /* sum above floors; credit for stream 0 */
	uint64_t rx_over;
	bool hurry;   /* much of the session's window is outstanding: CREDIT is due early */
	bool pressed; /* and the peer waits for it: CREDIT is due for every byte */
	/* How long credit takes to come back as bytes, at least: 0 unknown. It is measured when the
	 * peer was BLOCKED: from CREDIT for stream probe_id to the first byte beyond probe_end. */
	int64_t credit_rtt_us;
	uint32_t probe_id;
	uint64_t probe_end;
	struct mono probe_at;
	/* limits */
	unsigned glitches, challenges;
	double pings, renewals; /* token buckets */
	struct mono pings_at, renewals_at;
	uint64_t frames_in;
};

/* nonce: MSG_NONCE fresh random bytes. An agent's HELLO is the first output. */
void mux_init(struct mux *m, const struct mux_conf *conf, const struct mux_ops *ops, void *owner,
	const uint8_t *nonce, struct mono now);

/* Frees everything; gone() comes for streams that are left. */
void mux_fini(struct mux *m);

/* 0, or -EPROTO: the session has ended (closed() came) or is detached. Above 0: in an upcall the
 * link was given away by mux_link_of(); so many bytes at the end of p are the other mux's. */
int mux_recv(struct mux *m, struct mono now, const uint8_t *p, size_t n);

/* Fills p with at most cap bytes (cap at least MUX_OUTPUT_MIN); returns how many. After 0 there is
 * nothing until wake(). If fetch() took payload aside, it belongs right behind these bytes. */
size_t mux_output(struct mux *m, struct mono now, uint8_t *p, size_t cap);
bool mux_wants_output(const struct mux *m);

/* Of what the link brings next, this many bytes are payload of one DATA frame of *st_r, whose owner
 * may take them from the link itself and then say mux_moved(). 0: none. */
size_t mux_expects(const struct mux *m, struct mux_stream **st_r);
/* How many bytes are best read at once: all that come, unless large frames have come lately. Then
 * no more than leads to the next of them, so that its payload can be taken. */
size_t mux_read_hint(const struct mux *m);
void mux_moved(struct mux *m, struct mono now, size_t n);

/* The longest payload that a DATA frame has now: what the link takes in about a millisecond. */
uint32_t mux_frame_size(const struct mux *m);

struct mono mux_deadline(const struct mux *m);
void mux_tick(struct mux *m, struct mono now);

/* ---- Login ------------------------------------------------------------------------------------*/
/* Each of these is about the login that makes the session or, when there is one that has a link,
 * about the renewal that is under way; if there is none, or the link that it began on is lost,
 * nothing happens. Whoever works on a renewal when a link is lost must give it up. */
void mux_send_auth(struct mux *m, const struct msg_auth *auth);
void mux_send_answer(struct mux *m, struct text data);
void mux_send_challenge(struct mux *m, struct text data);
/* ok->secret: what the session can be resumed with. It is left out, as if it was empty, unless
 * conf.resume_ms and the agent want that; ok->resume_ms is ignored. */
void mux_send_auth_ok(struct mux *m, const struct msg_auth_ok *ok);
/* Refuses the login and ends the session, with closed(local); a renewal only is refused. */
void mux_send_auth_fail(struct mux *m, uint16_t code, uint32_t retry_ms, const char *text);

/* Agent: mux_send_auth() may begin a renewal. */
bool mux_may_renew(const struct mux *m);
/* Fresh for each login. Server: in auth(), of that one; agent: of the one that is to come. */
void mux_login_nonces(const struct mux *m, uint8_t agent_r[MSG_NONCE],
	uint8_t server_r[MSG_NONCE]);
/* Server: the session ends then, with closed(LOGIN_EXPIRED, local), link or not; MONO_NEVER: it
 * does not. What AUTH_OK says of it is the caller's affair. */
void mux_expire_at(struct mux *m, struct mono at);

/* ---- Tunnels ----------------------------------------------------------------------------------*/
void mux_send_bind(struct mux *m, const struct msg_bind *bind);
void mux_send_bind_ok(struct mux *m, uint32_t tunnel, const char *address);
void mux_send_bind_fail(struct mux *m, uint32_t tunnel, uint16_t code, const char *text);
void mux_send_unbind(struct mux *m, uint32_t tunnel, uint16_t code, const char *text);

/* ---- Ends -------------------------------------------------------------------------------------*/
/* No new streams; those that are open go on. */
void mux_drain(struct mux *m, uint16_t code, uint32_t retry_ms, const char *text);
/* Ends the session at once: streams are reset, GOAWAY is the last output, closed(local) comes. */
void mux_fail(struct mux *m, uint16_t code, const char *text);
/* Server: SPREAD is sent when the link takes it, or when there is a session; the newest counts. */
void mux_send_spread(struct mux *m, uint32_t ms);
/* The link is gone: DETACHED, and nothing comes out any more. A session that cannot resume is over:
 * streams end with reset(LINK_LOST); no closed() comes. In one that can, streams stay as they are
 * and everything may be called but mux_recv(); what is to be said waits, no wake() comes. When
 * resume_ms are over, mux_tick() ends it: closed(LINK_LOST, local). */
void mux_detach(struct mux *m, struct mono now);

/* ---- Resume -----------------------------------------------------------------------------------*/
/* Logged in, and the peer has agreed; detached or not. */
bool mux_can_resume(const struct mux *m);
/* As if it had a link: AUTHENTICATED to DRAINING also while it is DETACHED. */
enum session_state mux_stage(const struct mux *m);
/* Agent, in the hello() of a fresh mux, in place of mux_send_auth(): asks for the session of old,
 * which is detached. False: that has ended, or the server does not resume: AUTH is due. */
bool mux_send_resume(struct mux *fresh, const struct mux *old);
void mux_send_resume_fail(struct mux *fresh, uint16_t code, const char *text); /* server */
/* Takes the link from a fresh mux, which is over without closed(): in resume() or later on the
 * server, in resume_ok() on the agent. */
void mux_link_of(struct mux *fresh, struct mux_link *l_r);
/* The detached session of m goes on over that link. peer_got: of RESUME or RESUME_OK. First comes
 * RESUME_OK on the server, then what the peer has not got, then what is new. 0, or -EPROTO: the
 * peer claims what was never sent, or is no longer kept; nothing has changed. */
int mux_attach(struct mux *m, struct mono now, const struct mux_link *l, uint64_t peer_got);

/* ---- Streams ----------------------------------------------------------------------------------*/
/* Server, BOUND or FORWARDING; while it is detached, mux_tick() before it says when open_ms begins.
 * NULL when no stream can be opened (draining, ids used up). */
struct mux_stream *mux_open(struct mux *m, const struct msg_open *open, void *user);
/* Agent. */
void mux_open_ok(struct mux_stream *st);
void mux_open_fail(struct mux_stream *st, uint16_t code, const char *text);
/* The socket has bytes or its end: pull() will be called when it is this stream's turn. */
void mux_ready(struct mux_stream *st);
void mux_consumed(struct mux_stream *st, size_t n);
/* Its share of the link beside other busy streams, 1 (as at first) to MUX_WEIGHT_MAX. */
void mux_weight(struct mux_stream *st, unsigned weight);
/* On a stream that was opened for datagrams, in place of mux_ready(): copies one of at most
 * FRAME_DATAGRAM_MAX bytes into the stream's queue. What does not fit into the bounds, or waits too
 * long, is dropped, the oldest first, and counted. mux_deadline() may be sooner then. */
void mux_send_datagram(struct mux_stream *st, struct mono now, const void *p, size_t n);
/* Aborts both directions. text may be NULL. No upcall but gone(). */
void mux_reset(struct mux_stream *st, uint16_t code, const char *text);

/* Bytes that came and were not reported as consumed. */
static inline uint64_t
mux_unread(const struct mux_stream *st)
{
	return st->rx_got - st->rx_used;
}

#endif
