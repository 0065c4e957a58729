/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Credit: how much we may send, and how much we let the peer send (protocol.md section 6,
 * doc/decisions/0006). Pure.
 *
 * The sums over all streams (tx_over, rx_over) hold exactly the streams that are not over; only
 * account_tx(), account_rx() and credit_stream_gone() change them. A window is how far the peer may
 * be ahead of the far socket. It follows what a stream needs: it is doubled when it is what slows
 * the stream down, and halved, by giving back less than was taken, when the reader leaves half of
 * it unread. */

#include <config.h>

#include "util/compiler.h"
#include "wire/mux_priv.h"

/* Less than that is not returned while more is waiting to be consumed: otherwise a stream can end
 * up moving a byte for each round trip (RFC 1122 section 4.2.3.3). */
#define CRUMB 1024u
#define WINDOW_MIN 65536u /* windows of slow readers shrink to that, if they began with more */
#define STEP_MIN 65536u   /* CREDIT is not given for less than that, or half a smaller window */
#define FINE 16u          /* a window that cannot grow is given back in steps of such a part */

static uint64_t
above_floor(uint64_t bytes, uint64_t taken)
{
	return bytes - taken > MUX_FLOOR ? bytes - taken - MUX_FLOOR : 0;
}

/* ---- Sending: what we may -------------------------------------------------------------------- */

static void
account_tx(struct mux_stream *st, uint64_t sent, uint64_t taken)
{
	struct mux *m = st->m;

	m->tx_over -= above_floor(st->tx_sent, st->tx_taken);
	st->tx_sent += sent;
	st->tx_taken += taken;
	m->tx_over += above_floor(st->tx_sent, st->tx_taken);
}

uint64_t
credit_own(const struct mux_stream *st)
{
	return (uint64_t)st->m->peer.stream_window + st->tx_credit - st->tx_sent;
}

uint64_t
credit_floor(const struct mux_stream *st)
{
	uint64_t outstanding = st->tx_sent - st->tx_taken;

	return outstanding < MUX_FLOOR ? MUX_FLOOR - outstanding : 0;
}

uint64_t
credit_shared(const struct mux *m)
{
	return (uint64_t)m->peer.session_window + m->tx_session_credit - m->tx_over;
}

void
credit_sent(struct mux_stream *st, uint32_t n)
{
	account_tx(st, n, 0);
}

void
credit_freed(struct mux *m)
{
	m->blocked_said = false;
	if (!list_empty(&m->parked))
		mux_wake(m);
}

const char *
credit_came(struct mux_stream *st, const struct msg_credit *c)
{
	if (st->tx_credit + c->bytes > (uint64_t)1 << 62)
		return "CREDIT beyond all limits";
	if (c->taken > st->tx_sent - st->tx_taken)
		return "CREDIT for bytes that were not sent";
	st->tx_credit += c->bytes;
	account_tx(st, 0, c->taken);
	if (c->bytes > 0)
		st->blocked_said = false;
	if (st->hungry && st->tx_end == END_OPEN && credit_own(st) > 0) {
		st->hungry = false;
		mux_stream_run(st);
	} else if (st->parked && credit_floor(st) > 0) { /* its own: for that it need not wait */
		mux_stream_unpark(st);
		mux_stream_run(st);
	}
	credit_freed(st->m);
	return NULL;
}

const char *
credit_came_for_session(struct mux *m, const struct msg_credit *c)
{
	if (m->tx_session_credit + c->bytes > (uint64_t)1 << 62)
		return "CREDIT beyond all limits";
	m->tx_session_credit += c->bytes;
	credit_freed(m);
	return NULL;
}

/* ---- Receiving: what we let ------------------------------------------------------------------ */

/* Once over an eighth of the session's window is outstanding, CREDIT is due early: what readers
 * have taken and we keep to ourselves is missing there. That ends at half as much, so that streams
 * are not all walked again and again. */
static void
rx_moved(struct mux *m)
{
	uint32_t eighth = m->conf.session_window / 8;

	if (m->rx_over < 2 * (uint64_t)eighth)
		m->pressed = false;
	if (m->rx_over < eighth / 2) {
		m->hurry = false;
	} else if (!m->hurry && m->rx_over > eighth) {
		m->hurry = m->flush_credit = true;
		mux_wake(m);
	}
}

static void
account_rx(struct mux_stream *st, uint64_t got, uint64_t told)
{
	struct mux *m = st->m;

	m->rx_over -= above_floor(st->rx_got, st->rx_told);
	st->rx_got += got;
	st->rx_told += told;
	m->rx_over += above_floor(st->rx_got, st->rx_told);
	rx_moved(m);
}

void
credit_stream_init(struct mux_stream *st)
{
	st->rx_window = st->m->conf.stream_window;
	st->rx_low = UINT32_MAX;
}

void
credit_stream_gone(struct mux_stream *st)
{
	struct mux *m = st->m;

	m->tx_over -= above_floor(st->tx_sent, st->tx_taken);
	m->rx_over -= above_floor(st->rx_got, st->rx_told);
	rx_moved(m);
}

static uint64_t
limit_of(const struct mux_stream *st)
{
	return st->m->conf.stream_window + st->rx_credit;
}

/* Half of what the others leave of the session's window: so one stream has half of it at most, and
 * whoever comes later finds something, too. */
static uint32_t
cap_of(const struct mux_stream *st)
{
	const struct mux *m = st->m;
	uint64_t others = m->rx_over - above_floor(st->rx_got, st->rx_told);
	uint64_t half = (m->conf.session_window - MIN(others, m->conf.session_window)) / 2;

	return (uint32_t)MAX(MIN(half, m->conf.stream_window_max), m->conf.stream_window);
}

static void
grow(struct mux_stream *st)
{
	uint32_t cap = cap_of(st);

	if (st->rx_window < cap)
		st->rx_window = (uint32_t)MIN((uint64_t)st->rx_window * 2, cap);
}

static void
shrink(struct mux_stream *st, uint32_t least)
{
	if (st->rx_window > least)
		st->rx_window = MAX(st->rx_window / 2, least);
}

/* For a PING nothing has to wait; but only one end may have sent any. */
static int64_t
rtt_us(const struct mux *m)
{
	if (m->rtt_min_us == 0 || m->credit_rtt_us == 0)
		return m->rtt_min_us + m->credit_rtt_us;
	return MIN(m->rtt_min_us, m->credit_rtt_us);
}

/* n bytes were consumed since CREDIT was given last. A reader for whom always bytes were left is
 * not waiting for the window: with three eighths left each round trip uses an eighth. Else half a
 * window within two round trips means that the window may be what limits; in more than thirty-two,
 * that half of it is plenty. */
static void
learn(struct mux_stream *st, uint64_t n)
{
	const struct mux *m = st->m;
	uint32_t start = m->conf.stream_window, cap = cap_of(st);
	double rtt = (double)rtt_us(m), took = (double)MAX(m->now.ns - st->rx_at.ns, 1) / 1000;
	double need = (double)n * rtt / took; /* bytes for each round trip */

	if (st->rx_low >= st->rx_window / 8 * 3)
		shrink(st, MIN(start, WINDOW_MIN));
	else if (st->rx_low < st->rx_window / 4 && need * 4 >= st->rx_window)
		grow(st);
	else if (rtt > 0 && need * 64 < st->rx_window)
		shrink(st, start);
	st->rx_window = MIN(st->rx_window, cap);
}

bool
credit_takes(struct mux_stream *st, uint32_t n)
{
	struct mux *m = st->m;

	if (st->rx_got + n > limit_of(st))
		return false;
	if (st->rx_got == 0)
		st->rx_at = m->now;
	account_rx(st, n, 0);
	if (st->id == m->probe_id && st->rx_got > m->probe_end) {
		int64_t us = MAX((m->now.ns - m->probe_at.ns) / 1000, 1);

		m->probe_id = 0;
		if (m->credit_rtt_us == 0 || us < m->credit_rtt_us)
			m->credit_rtt_us = us;
	}
	return m->rx_over <= m->conf.session_window;
}

/* What was consumed and not told. Behind FIN the sender needs no credit, but the session gets its
 * share back as long as the stream counts above its floor. */
static uint64_t
untold(const struct mux_stream *st)
{
	if (st->rx_end == END_RESET || st->tx_end == END_RESET)
		return 0;
	if (st->rx_end == END_FIN && above_floor(st->rx_got, st->rx_told) == 0)
		return 0;
	return st->rx_used - st->rx_told;
}

/* By how much the limit may be moved on. */
static uint64_t
ahead(const struct mux_stream *st)
{
	uint64_t to = st->rx_used + st->rx_window;

	if (st->rx_end != END_OPEN || st->tx_end == END_RESET)
		return 0;
	return to > limit_of(st) ? to - limit_of(st) : 0;
}

/* With a growing window half of it is early enough. One that is as large as it gets, and that a
 * stream uses up for each round trip, would lose a third by that. */
static uint32_t
step_of(const struct mux_stream *st)
{
	uint32_t half = st->rx_window / 2;

	return st->rx_window < cap_of(st) ? half : MAX(st->rx_window / FINE, MIN(half, STEP_MIN));
}

/* All streams together keep no more to themselves than such a part of the session's window. */
static uint32_t
hurry_step(const struct mux *m)
{
	return MAX(m->conf.session_window / FINE / (uint32_t)m->n_streams, MUX_FLOOR / 4);
}

static bool
is_due(const struct mux_stream *st)
{
	const struct mux *m = st->m;
	uint64_t n = untold(st);

	if (n == 0)
		return false;
	if (m->pressed)
		return n >= CRUMB || mux_unread(st) == 0;
	return n >= (m->hurry ? MIN(step_of(st), hurry_step(m)) : step_of(st));
}

bool
credit_give(struct mux_stream *st, struct msg_credit *c_r)
{
	struct mux *m = st->m;
	uint64_t n = untold(st), end = limit_of(st);

	if (n > 0 && st->rx_end == END_OPEN && !st->regrown)
		learn(st, n);
	st->regrown = false;
	c_r->bytes = (uint32_t)MIN(ahead(st), UINT32_MAX);
	c_r->taken = (uint32_t)MIN(n, UINT32_MAX);
	if (c_r->bytes == 0 && c_r->taken == 0)
		return false;
	st->rx_credit += c_r->bytes;
	account_rx(st, 0, c_r->taken);
	st->rx_low = (uint32_t)MIN(mux_unread(st), UINT32_MAX);
	st->rx_at = m->now;
	if (st->peer_blocked && c_r->bytes > 0) {
		st->peer_blocked = false;
		m->probe_id = st->id;
		m->probe_end = end;
		m->probe_at = m->now;
	}
	return true;
}

void
mux_consumed(struct mux_stream *st, size_t n)
{
	st->rx_used += n;
	must(st->rx_used <= st->rx_got);
	st->rx_low = (uint32_t)MIN(st->rx_low, mux_unread(st));
	if (mux_over(st->m) || st->send_credit || !is_due(st))
		return;
	st->send_credit = true;
	mux_stream_due(st);
}

/* The sender waits for us. If the far socket keeps up, the window is what slows it down. */
void
credit_wanted(struct mux_stream *st)
{
	if (st->tx_end == END_RESET)
		return;
	st->peer_blocked = st->rx_got == limit_of(st);
	if (mux_unread(st) > st->rx_window / 2)
		return;
	grow(st);
	st->regrown = true;
	if (st->send_credit || (ahead(st) == 0 && untold(st) == 0))
		return;
	st->send_credit = true;
	mux_stream_due(st);
}

void
credit_wanted_for_session(struct mux *m)
{
	m->pressed = m->flush_credit = true;
	mux_wake(m);
}

void
credit_flush(struct mux *m)
{
	struct mux_stream *st;
	size_t pos = 0;

	while ((st = idmap_next(&m->streams, &pos, NULL)) != NULL) {
		if (st->send_credit || !is_due(st))
			continue;
		st->send_credit = true;
		if (!list_linked(&st->due))
			list_push(&m->due, &st->due);
	}
	m->flush_credit = false;
}
