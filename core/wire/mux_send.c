/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The way out: queued control frames, then what is owed by counters and flags, then DATA in deficit
 * round robin (protocol.md sections 6 and 7). Pure. Payload is pulled straight into the buffer that
 * goes to the link, behind the header's place, or the owner fetches it aside and sends it itself;
 * then that frame is the last of the output. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"
#include "wire/mux_priv.h"

#define LINK_CONTROL_MAX 320u /* ACK, all PONGs and PING together */
#define STREAM_CONTROL_MAX 700u /* OPEN, OPEN_OK, CREDIT, BLOCKED and an end of one stream */
#define DATA_ROOM_MIN 16384u    /* with less room than this no DATA frame is begun */
#define FRAME_SHARE_MIN 16384 /* of a stream's turn: what is left below waits for the next */

static void
queue(struct mux *m, struct bufq *q, uint8_t type, const uint8_t *payload, size_t n)
{
	struct frame f = {(uint32_t)n, type, 0};
	uint8_t head[FRAME_HEADER];

	must(n > 0 && n <= FRAME_CONTROL_MAX);
	frame_encode(head, &f);
	must(bufq_append(q, head, sizeof(head)) == 0);
	must(bufq_append(q, payload, n) == 0);
	mux_wake(m);
}

void
mux_queue(struct mux *m, uint8_t type, const uint8_t *payload, size_t n)
{
	if (m->ctl.len > MUX_CTL_MAX && type != FRAME_GOAWAY)
		mux_fail(m, CODE_LIMIT, "too many unsent control frames");
	else
		queue(m, frame_numbered(type) ? &m->ctl : &m->hand, type, payload, n);
}

void
mux_queue_side(struct mux *m, uint8_t type, const uint8_t *payload, size_t n)
{
	queue(m, &m->side, type, payload, n);
}

static void
put_frame(struct wr *w, uint8_t type, uint32_t stream, uint32_t len)
{
	uint8_t head[FRAME_HEADER];

	frame_encode(head, &(struct frame){len, type, stream});
	wr_bytes(w, head, sizeof(head));
}

static void
put_u64(struct wr *w, uint8_t type, uint32_t stream, uint64_t v)
{
	put_frame(w, type, stream, 8);
	wr_u64(w, v);
}

/* Moves n bytes of q, which has them, into w, which has room. */
static void
move_bytes(struct bufq *q, struct wr *w, size_t n)
{
	struct iovec iov;

	while (n > 0 && bufq_peek(q, &iov, 1) == 1) {
		size_t part = MIN(iov.iov_len, n);

		wr_bytes(w, iov.iov_base, part);
		bufq_consume(q, part);
		n -= part;
	}
}

/* Queued frames as far as there is room, each of them whole. */
static void
output_queue(struct bufq *q, struct wr *w)
{
	while (q->len > 0 && wr_room(w) >= FRAME_HEADER + FRAME_CONTROL_MAX) {
		uint8_t *head = w->p;
		struct frame f;

		move_bytes(q, w, FRAME_HEADER);
		frame_decode(head, &f);
		move_bytes(q, w, f.len);
	}
}

void
mux_output_numbered(struct mux *m, struct wr *w)
{
	size_t n = (size_t)(w->p - m->mark);

	if (n == 0)
		return;
	if (m->tx_at == m->tx_acked)
		m->progress_at = m->now;
	m->tx_seq += n;
	m->tx_at = m->tx_seq;
	if (m->can_resume && mux_alive(m))
		mux_retain(m, w->start, m->mark, n);
	m->mark = w->p;
}


static void
output_spread(struct mux *m, struct wr *w)
{
	if (wr_room(w) < FRAME_HEADER + 4)
		return;
	put_frame(w, FRAME_SPREAD, 0, 4);
	wr_u32(w, m->spread);
	m->spread_due = false;
}

static void
output_blocked(struct mux *m, struct wr *w)
{
	if (!m->blocked_due || wr_room(w) < FRAME_HEADER + 8)
		return;
	put_u64(w, FRAME_BLOCKED, 0, 0);
	m->blocked_due = false;
}

/* Whether this output has an ACK: when one is due, before each PONG, and in a session that can
 * resume before PING or when there is much of it, because the peer retains what we have. */
static bool
has_ack(const struct mux *m)
{
	uint64_t n = m->rx_seq - m->rx_acked;

	return m->ack_due || (n > 0 && m->n_pongs > 0) ||
		(m->can_resume && (n >= MUX_ACK_RIDE || (n > 0 && m->ping_due)));
}

void
mux_output_link(struct mux *m, struct wr *w)
{
	if (m->side.len > 0)
		output_queue(&m->side, w);
	mux_output_outside(m, w);
	if (!(m->ack_due || m->n_pongs > 0 || m->ping_due || m->can_resume) ||
		wr_room(w) < LINK_CONTROL_MAX)
		return;
	if (has_ack(m)) {
		put_u64(w, FRAME_ACK, 0, m->rx_seq);
		m->rx_acked = m->rx_seq;
		m->ack_due = false;
	}
	for (unsigned i = 0; i < m->n_pongs; i++)
		put_u64(w, FRAME_PONG, 0, m->pongs[i]);
	m->n_pongs = 0;
	if (m->ping_due) {
		put_u64(w, FRAME_PING, 0, ++m->ping_token);
		m->ping_due = false;
		m->ping_waiting = true;
		m->ping_at = m->now;
		m->ping_seq = m->tx_at;
	}
	mux_output_outside(m, w);
}

static void
put_open(struct mux_stream *st, struct wr *w)
{
	uint8_t p[64];
	size_t n = msg_open_encode(p, sizeof(p), &st->open);

	put_frame(w, FRAME_OPEN, st->id, (uint32_t)n);
	wr_bytes(w, p, n);
	st->send_open = false;
	mux_stream_await_answer(st);
}

static void
put_credit(struct mux_stream *st, struct wr *w)
{
	struct msg_credit c;
	uint8_t p[8];

	st->send_credit = false;
	if (!credit_give(st, &c))
		return;
	put_frame(w, FRAME_CREDIT, st->id, (uint32_t)msg_credit_encode(p, sizeof(p), &c));
	wr_bytes(w, p, sizeof(p));
}

static void
put_end(struct mux_stream *st, struct wr *w)
{
	struct msg_end end = {st->end_code, text_of(st->end_text)};
	uint8_t p[512];
	size_t n = msg_end_encode(p, sizeof(p), &end);

	put_frame(w, st->refused ? FRAME_OPEN_FAIL : FRAME_RESET, st->id, (uint32_t)n);
	wr_bytes(w, p, n);
	st->send_end = false;
	mux_stream_await_end(st);
}

/* All that one stream has to say besides DATA. It may be gone afterwards. */
static void
output_control(struct mux_stream *st, struct wr *w)
{
	if (st->send_open && st->tx_end == END_RESET) { /* the peer never heard of it */
		mux_stream_unsent(st);
		return;
	}
	if (st->send_open)
		put_open(st, w);
	if (st->send_ok && st->tx_end != END_RESET)
		put_frame(w, FRAME_OPEN_OK, st->id, 0);
	st->send_ok = false;
	if (st->send_credit)
		put_credit(st, w);
	if (st->send_blocked) {
		if (st->tx_end == END_OPEN)
			put_u64(w, FRAME_BLOCKED, st->id, st->tx_sent);
		st->send_blocked = false;
	}
	if (st->send_end)
		put_end(st, w);
	mux_stream_settle(st);
}

static void
output_due(struct mux *m, struct wr *w)
{
	struct list *n;

	while (wr_room(w) >= STREAM_CONTROL_MAX && (n = list_pop(&m->due)) != NULL)
		output_control(list_entry(n, struct mux_stream, due), w);
}

/* ---- DATA ------------------------------------------------------------------------------------ */

static void
say_blocked(struct mux_stream *st)
{
	st->hungry = true;
	if (st->blocked_said)
		return;
	st->blocked_said = true;
	st->send_blocked = true;
	mux_stream_due(st);
}

static void
park(struct mux_stream *st)
{
	list_push(&st->m->parked, &st->run);
	st->parked = true;
}

static void
say_session_blocked(struct mux *m)
{
	if (m->blocked_said || list_empty(&m->parked) || credit_shared(m) > 0)
		return;
	m->blocked_said = true;
	m->blocked_due = true;
}

static void
broken(struct mux_stream *st)
{
	bool server = st->m->conf.role == ROLE_SERVER;

	mux_reset(st, server ? CODE_CLIENT_RESET : CODE_TARGET_RESET, NULL);
}

static void
finish(struct mux_stream *st, struct wr *w)
{
	put_frame(w, FRAME_FIN, st->id, 0);
	list_remove(&st->run); /* pull() may have called mux_ready() */
	st->tx_end = END_FIN;
	st->fin_sent = true;
	mux_stream_ended(st);
	mux_stream_settle(st);
}

/* After a DATA frame: a stream that may have more keeps its turn while it has a quantum left. */
static void
again(struct mux_stream *st, bool more)
{
	if (!more && !list_linked(&st->run)) { /* else the owner has called mux_ready() */
		st->deficit = 0;
		return;
	}
	list_remove(&st->run);
	if (st->deficit >= FRAME_SHARE_MIN)
		list_push_front(&st->m->ready, &st->run);
	else
		list_push(&st->m->ready, &st->run);
}

uint32_t
mux_frame_size(const struct mux *m)
{
	return MIN(rate_frame(&m->rate, FRAME_DATA_MAX_LIMIT), m->peer.max_frame);
}

/* Up to max bytes of payload, into the buffer or aside. What pull() returns. */
static ssize_t
payload(struct mux_stream *st, struct wr *w, size_t max, bool *more_r)
{
	struct mux *m = st->m;
	ssize_t n = -EOPNOTSUPP;

	if (m->conf.aside_min > 0 && max >= m->conf.aside_min) {
		n = m->ops->fetch(m, st, max);
		*more_r = false;
		if (n > 0) {
			must(st->tx_end == END_OPEN && !mux_over(m)); /* else the bytes were lost */
			m->aside = (size_t)n;
		}
	}
	if (n == -EOPNOTSUPP) {
		max = MIN(max, wr_room(w) - FRAME_HEADER);
		n = m->ops->pull(m, st, w->p + FRAME_HEADER, max);
		*more_r = n == (ssize_t)max;
	}
	must(n <= (ssize_t)max);
	return n;
}

/* What the session lets st send: its floor always, of the rest something when it is its turn, which
 * is so if nobody waits. */
static uint64_t
share_of(const struct mux_stream *st, bool turn)
{
	const struct mux *m = st->m;

	return credit_floor(st) + (turn || list_empty(&m->parked) ? credit_shared(m) : 0);
}

/* One DATA frame of st, which is in no list; puts it back where it belongs. turn: it has waited for
 * the session's credit, and is the first. */
static void
output_frame(struct mux_stream *st, struct wr *w, bool turn)
{
	struct mux *m = st->m;
	uint64_t own = credit_own(st), shared = share_of(st, turn);
	size_t max;
	ssize_t n;
	bool more;

	if (own == 0) {
		say_blocked(st);
		return;
	}
	if (shared == 0) {
		park(st);
		return;
	}
	max = mux_frame_size(m);
	if (st->deficit < FRAME_SHARE_MIN)
		st->deficit += (int32_t)(max * st->weight);
	max = MIN(max, (size_t)st->deficit);
	max = (size_t)MIN((uint64_t)max, MIN(own, shared));
	n = payload(st, w, max, &more);
	if (st->tx_end != END_OPEN || mux_over(m)) /* the owner has ended it meanwhile */
		return;
	if (n == -EAGAIN) {
		st->deficit = 0;
	} else if (n < 0) {
		broken(st);
	} else if (n == 0) {
		finish(st, w);
	} else {
		put_frame(w, FRAME_DATA, st->id, (uint32_t)n);
		if (m->aside == 0)
			w->p += n;
		credit_sent(st, (uint32_t)n);
		mux_datagrams_data(m, (size_t)n);
		st->deficit -= (int32_t)n;
		again(st, more);
	}
}

bool
mux_may_fly(const struct mux *m, const struct wr *w)
{
	size_t n = w != NULL ? (size_t)(w->p - m->mark) : 0;

	return m->tx_seq + n - m->tx_acked < rate_flight(&m->rate) &&
		(!m->can_resume || mux_may_retain(m, n));
}

static void
output_data(struct mux *m, struct wr *w)
{
	while (m->aside == 0 && wr_room(w) >= DATA_ROOM_MIN && mux_may_fly(m, w)) {
		struct list *n = list_pop(&m->ready);
		bool turn = n == NULL;

		if (turn && !list_empty(&m->parked) && credit_shared(m) > 0)
			n = m->parked.next;
		if (n == NULL)
			break;
		mux_stream_unpark(list_entry(n, struct mux_stream, run));
		output_frame(list_entry(n, struct mux_stream, run), w, turn);
	}
	say_session_blocked(m);
}

/* Datagrams go before DATA, and behind it once it has had its share. */
static void
output_payload(struct mux *m, struct wr *w)
{
	mux_output_datagrams(m, w);
	output_data(m, w);
	if (m->aside > 0 || wr_room(w) < DATA_ROOM_MIN || !mux_may_fly(m, w))
		return; /* there may be DATA that waits for its share */
	m->dg.lead = 0;
	mux_output_datagrams(m, w);
}

bool
mux_wants_output(const struct mux *m)
{
	if (!m->linked)
		return false;
	if (m->hand.len > 0 || m->ctl.len > 0 || m->dg.part != NULL || m->again != NULL)
		return true;
	if (!mux_alive(m))
		return false;
	if (m->side.len > 0 || m->ack_due || m->n_pongs > 0 || m->ping_due || m->blocked_due ||
		m->spread_due ||
		m->flush_credit ||
		!list_empty(&m->due) || mux_datagrams_may(m))
		return true;
	if (list_empty(&m->ready) && (list_empty(&m->parked) || credit_shared(m) == 0))
		return false;
	return mux_may_fly(m, NULL);
}

/* What is not queued, but known by counters, flags and sockets. */
static void
output_new(struct mux *m, struct wr *w)
{
	mux_output_link(m, w);
	if (m->spread_due)
		output_spread(m, w);
	if (m->blocked_due)
		output_blocked(m, w);
	if (m->flush_credit)
		credit_flush(m);
	output_due(m, w);
	m->aside = 0;
	if (list_empty(&m->due))
		output_payload(m, w);
	if (m->aside == 0) {
		output_due(m, w); /* BLOCKED and ends that sending has found */
		output_blocked(m, w);
	}
	mux_output_numbered(m, w);
	m->tx_seq += m->aside;
	m->tx_at = m->tx_seq;
	m->aside = 0;
}

size_t
mux_output(struct mux *m, struct mono now, uint8_t *p, size_t cap)
{
	struct wr w = wr_init(p, cap);

	must(cap >= MUX_OUTPUT_MIN);
	if (!m->linked)
		return 0;
	m->now = now;
	if (mux_retains_too_much(m))
		mux_fail(m, CODE_LIMIT, "too many control frames without an ACK");
	m->mark = p;
	if (m->hand.len > 0)
		output_queue(&m->hand, &w);
	if (m->dg.part != NULL)
		mux_output_part(m, &w);
	mux_output_outside(m, &w);
	if (m->again != NULL)
		mux_output_again(m, &w);
	if (m->again == NULL && m->dg.part == NULL) {
		if (m->ctl.len > 0)
			output_queue(&m->ctl, &w);
		mux_output_numbered(m, &w);
		if (m->ctl.len == 0 && mux_alive(m))
			output_new(m, &w);
	}
	must(!w.bad);
	if (m->tx_at > 0 && mux_alive(m))
		rate_sent(&m->rate, now, m->tx_at);
	return wr_len(&w);
}
