/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the files of the mux share: mux.c (life, time), mux_recv.c (in), mux_send.c (out),
 * mux_stream.c (streams and credit), mux_datagram.c (datagrams). Nobody else includes this. Pure. */

#ifndef ADIT_WIRE_MUX_PRIV_H
#define ADIT_WIRE_MUX_PRIV_H

#include "util/cursor.h"
#include "wire/mux.h"

/* mux.c */
void mux_move(struct mux *m, enum session_state to);
bool mux_alive(const struct mux *m); /* logged in, neither detached nor closed */
bool mux_over(const struct mux *m);  /* detached or closed */
void mux_wake(struct mux *m);
/* Ends the session because the peer said so. */
void mux_ended(struct mux *m, uint16_t code, struct text text, uint32_t retry_ms);
void mux_answer_hello(struct mux *m);   /* server */
bool mux_ping_allowed(struct mux *m);   /* takes one from the bucket of received PINGs */

/* mux_send.c: a control frame for stream 0, behind what is queued. */
void mux_queue(struct mux *m, uint8_t type, const uint8_t *payload, size_t n);

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
void mux_stream_await_answer(struct mux_stream *st); /* OPEN has left */
void mux_stream_await_end(struct mux_stream *st);    /* our RESET has left: the peer's end is due */
/* Bytes that may be sent now by credit of the stream, and by credit of the session. */
uint64_t mux_stream_credit(const struct mux_stream *st);
uint64_t session_credit(const struct mux_stream *st);
void mux_stream_sent(struct mux_stream *st, uint32_t n);
/* A DATA header of n bytes came: false if it is more than the credit that was given. */
bool mux_stream_receives(struct mux_stream *st, uint32_t n);
void mux_stream_got_credit(struct mux_stream *st, uint32_t n);
void session_got_credit(struct mux *m);
void mux_stream_peer_blocked(struct mux_stream *st);
/* CREDIT is due now. */
bool mux_stream_owes(const struct mux_stream *st);
/* Takes all that can be given into the sums; returns how much, for CREDIT. */
uint32_t mux_stream_gives(struct mux_stream *st);
void mux_stream_flush_credit(struct mux *m);

/* mux_datagram.c */
void mux_datagrams_init(struct mux *m);
void mux_datagrams_fini(struct mux *m); /* after the streams are dropped */
void mux_flow_new(struct mux_stream *st);
void mux_flow_free(struct mux_stream *st); /* harmless for a stream of bytes */
/* Frames of this type may come on the stream, by what it carries. */
bool mux_flow_fits(const struct mux_stream *st, uint8_t type);
const char *mux_got_datagram(struct mux_stream *st, const uint8_t *p, size_t n);
/* The rest of a datagram's frame that is half sent. */
void mux_output_part(struct mux *m, struct wr *w);
/* Datagrams in turn; while DATA waits, too, only until they have had as much as it. */
void mux_output_datagrams(struct mux *m, struct wr *w);
void mux_datagrams_data(struct mux *m, size_t n); /* n bytes of DATA have left */

#endif
