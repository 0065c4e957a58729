/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the files of the mux share: mux.c (life, time), mux_recv.c (in), mux_send.c (out),
 * mux_login.c (logins), mux_stream.c (streams), mux_credit.c (credit), mux_datagram.c (datagrams),
 * mux_resume.c (other links). Nobody else includes this. Pure. */

#ifndef ADIT_WIRE_MUX_PRIV_H
#define ADIT_WIRE_MUX_PRIV_H

#include "util/cursor.h"
#include "wire/mux.h"

/* Logged in and not over; detached if it can resume. */
static inline bool
mux_alive(const struct mux *m)
{
	return m->state >= SESSION_AUTHENTICATED &&
		(m->state <= SESSION_DRAINING || (m->state == SESSION_DETACHED && m->can_resume));
}

/* Closed, or detached for good. */
static inline bool
mux_over(const struct mux *m)
{
	return m->state >= SESSION_DETACHED && !mux_alive(m);
}

static inline void
mux_wake(struct mux *m)
{
	if (m->linked && m->state < SESSION_DETACHED) /* nothing comes after closed() */
		m->ops->wake(m);
}

/* mux.c */
void mux_move(struct mux *m, enum session_state to); /* to where it will be with a link again */
/* Ends the session by our own verdict, without a word to the peer. */
void mux_end(struct mux *m, uint16_t code, const char *text, bool local, uint32_t retry_ms);
void mux_abort_streams(struct mux *m, uint16_t code, const char *text);
bool mux_reached(struct mono now, struct mono at);
/* Ends the session because the peer said so. */
void mux_ended(struct mux *m, uint16_t code, struct text text, uint32_t retry_ms);
void mux_answer_hello(struct mux *m);   /* server */
uint64_t mux_features(const struct mux *m); /* that this end offers */
bool mux_ping_allowed(struct mux *m);   /* takes one from the bucket of received PINGs */

/* mux_send.c: a control frame for stream 0, behind what is queued. */
void mux_queue(struct mux *m, uint8_t type, const uint8_t *payload, size_t n);
/* Likewise, for one that belongs to this link and comes while there is a session. */
void mux_queue_side(struct mux *m, uint8_t type, const uint8_t *payload, size_t n);
/* Those, ACK, PONGs and PING, which are not numbered. */
void mux_output_link(struct mux *m, struct wr *w);
/* What was put out since the last such call is numbered, and retained if the session can resume; or
 * it is not numbered. */
void mux_output_numbered(struct mux *m, struct wr *w);
static inline void
mux_output_outside(struct mux *m, struct wr *w)
{
	m->mark = w->p;
}

/* mux_login.c */
void mux_renewal_forget(struct mux *m); /* the link is gone */
/* AUTH, AUTH_CHALLENGE and AUTH_ANSWER, AUTH_OK, AUTH_FAIL. Return NULL, or what is illegal about
 * it. */
const char *mux_got_auth(struct mux *m, const uint8_t *p, size_t n);
const char *mux_got_auth_data(struct mux *m, const uint8_t *p, size_t n);
const char *mux_got_auth_ok(struct mux *m, const uint8_t *p, size_t n);
const char *mux_got_auth_fail(struct mux *m, const uint8_t *p, size_t n);

/* mux_resume.c */
void mux_retain(struct mux *m, uint8_t *buffer, uint8_t *p, size_t n);
void mux_retained_free(struct mux *m);
void mux_acked(struct mux *m, uint64_t seq); /* seq is fine */
bool mux_may_retain(const struct mux *m, size_t n); /* so much DATA more */
bool mux_retains_too_much(const struct mux *m); /* control frames: the peer acknowledges nothing */
/* What a new link was not given yet. */
void mux_output_again(struct mux *m, struct wr *w);
bool mux_agreed(const struct mux *m); /* both HELLOs want to resume */
void mux_recv_restart(struct mux *m); /* mux_recv.c */
struct mono mux_resume_deadline(const struct mux *m);
void mux_resume_tick(struct mux *m);
void mux_drop_unsent(struct mux *m); /* streams that came and went while it was detached */
void mux_lost(struct mux *m, uint16_t code, const char *text);
/* RESUME, RESUME_OK, RESUME_FAIL. Return NULL, or what is illegal about it. */
const char *mux_got_resume(struct mux *m, const uint8_t *p, size_t n);
const char *mux_got_resume_ok(struct mux *m, const uint8_t *p, size_t n);
const char *mux_got_resume_fail(struct mux *m, const uint8_t *p, size_t n);

/* mux_stream.c */
struct mux_stream *mux_stream_new(struct mux *m, uint32_t id, uint32_t tunnel);
void mux_stream_move(struct mux_stream *st, enum stream_state to);
void mux_stream_due(struct mux_stream *st);
void mux_stream_run(struct mux_stream *st); /* into the round robin, at its end */
void mux_stream_unpark(struct mux_stream *st); /* out of the list of those without session credit */
/* Tells the owner that the peer or the session aborted; once. */
void mux_stream_tell(struct mux_stream *st, uint16_t code, struct text text);
/* Frees the stream if it is over for both sides; st may be gone afterwards. */
void mux_stream_settle(struct mux_stream *st);
void mux_stream_drop(struct mux_stream *st); /* gone() and free, whatever its state */
void mux_stream_ended(struct mux_stream *st); /* CLOSING; no answer is waited for any more */
void mux_stream_unsent(struct mux_stream *st); /* OPEN never left and never will; it is gone */
void mux_stream_await_answer(struct mux_stream *st); /* OPEN has left */
void mux_stream_await_end(struct mux_stream *st);    /* our RESET has left: the peer's end is due */

/* mux_credit.c */
void credit_stream_init(struct mux_stream *st);
void credit_stream_gone(struct mux_stream *st); /* takes it out of the session's sums */
/* Bytes that may be sent now: as the stream's credit says, if they fit into its floor, or if it has
 * a turn at what the session has for all. */
uint64_t credit_own(const struct mux_stream *st);
uint64_t credit_floor(const struct mux_stream *st);
uint64_t credit_shared(const struct mux *m);
void credit_sent(struct mux_stream *st, uint32_t n);
/* CREDIT came. Returns NULL, or what is illegal about it. */
const char *credit_came(struct mux_stream *st, const struct msg_credit *c);
const char *credit_came_for_session(struct mux *m, const struct msg_credit *c);
void credit_freed(struct mux *m); /* some of the session's is free: who waits for it may go on */
/* A DATA header of n bytes came: false if it is more than the credit that was given. */
bool credit_takes(struct mux_stream *st, uint32_t n);
/* BLOCKED came. */
void credit_wanted(struct mux_stream *st);
void credit_wanted_for_session(struct mux *m);
/* What CREDIT says now, all of it: it is taken into the sums, and the window learns from it. False
 * if there is nothing to say. */
bool credit_give(struct mux_stream *st, struct msg_credit *c_r);
/* Makes CREDIT due wherever it is. */
void credit_flush(struct mux *m);

/* mux_datagram.c */
void mux_datagrams_init(struct mux *m);
void mux_datagrams_fini(struct mux *m); /* after the streams are dropped */
void mux_datagrams_restart(struct mux *m); /* on a new link */
void mux_flow_new(struct mux_stream *st);
void mux_flow_free(struct mux_stream *st); /* harmless for a stream of bytes */
/* Frames of this type may come on the stream, by what it carries. */
bool mux_flow_fits(const struct mux_stream *st, uint8_t type);
const char *mux_got_datagram(struct mux_stream *st, const uint8_t *p, size_t n);
/* The rest of a datagram's frame that is half sent. */
void mux_output_part(struct mux *m, struct wr *w);
/* Datagrams in turn; while DATA waits, too, only until they have had as much as it. */
void mux_output_datagrams(struct mux *m, struct wr *w);
/* mux_send.c: whether more payload may be put on its way, behind what is in w (or NULL). */
bool mux_may_fly(const struct mux *m, const struct wr *w);
/* When the oldest that waits is too old, or MONO_NEVER; and what to do then. */
struct mono mux_datagrams_deadline(const struct mux *m);
void mux_datagrams_drop_late(struct mux *m);
bool mux_datagrams_may(const struct mux *m); /* there are, and it is their turn */
void mux_datagrams_data(struct mux *m, size_t n); /* n bytes of DATA have left */

#endif
