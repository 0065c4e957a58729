/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Streams of a session: their ends and their credit (protocol.md sections 5 and 6). Pure.
 *
 * A stream is over when our own end was sent and the peer's was seen. Sums over all streams
 * (tx_over, rx_over) hold exactly the streams that are not over; adjusting them is done by the two
 * functions that change what they are made of. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"
#include "wire/mux_priv.h"

/* Less than that is not returned while more is waiting to be consumed: otherwise a stream can end up
 * moving a byte for each round trip (RFC 1122 section 4.2.3.3). */
#define HURRY_MIN 1024u

static uint64_t
above_floor(uint64_t bytes, uint64_t credit)
{
	uint64_t outstanding = bytes > credit ? bytes - credit : 0;

	return outstanding > MUX_FLOOR ? outstanding - MUX_FLOOR : 0;
}

/* Once over half of the session's window is outstanding, what was consumed is returned, and from
 * then on at once. That ends at a quarter, so that streams are not all walked again and again. */
static void
rx_moved(struct mux *m)
{
	if (m->rx_over < m->conf.session_window / 4) {
		m->hurry = false;
	} else if (!m->hurry && m->rx_over > m->conf.session_window / 2) {
		m->hurry = m->flush_credit = true;
		mux_wake(m);
	}
}

void
mux_stream_move(struct mux_stream *st, enum stream_state to)
{
	if (st->state == to)
		return;
	must(stream_may_move(st->state, to));
	if (st->state == STREAM_OPENING)
		st->m->n_opening--;
	st->state = to;
}

struct mux_stream *
mux_stream_new(struct mux *m, uint32_t id, uint32_t tunnel)
{
	struct mux_stream *st = xcalloc(1, sizeof(*st));

	st->m = m;
	st->id = id;
	st->tunnel = tunnel;
	st->since = m->now;
	list_init(&st->due);
	list_init(&st->run);
	list_init(&st->wait);
	st->state = STREAM_IDLE;
	mux_stream_move(st, STREAM_OPENING);
	m->n_opening++;
	if (m->conf.role == ROLE_SERVER) /* the agent bounds its own dialling */
		list_push(&m->opening, &st->wait);
	idmap_put(&m->streams, id, st);
	m->n_streams++;
	m->last_id = id;
	return st;
}

void
mux_stream_due(struct mux_stream *st)
{
	if (!list_linked(&st->due))
		list_push(&st->m->due, &st->due);
	mux_wake(st->m);
}

void
mux_stream_run(struct mux_stream *st)
{
	if (!list_linked(&st->run))
		list_push(&st->m->ready, &st->run);
	mux_wake(st->m);
}

void
mux_stream_unpark(struct mux_stream *st)
{
	st->parked = false;
	list_remove(&st->run);
}

void
mux_stream_tell(struct mux_stream *st, uint16_t code, struct text text)
{
	if (st->told)
		return;
	st->told = true;
	st->m->ops->reset(st->m, st, code, text);
}

void
mux_stream_drop(struct mux_stream *st)
{
	struct mux *m = st->m;

	if (st->state == STREAM_OPENING)
		m->n_opening--;
	list_remove(&st->due);
	list_remove(&st->run);
	list_remove(&st->wait);
	m->tx_over -= above_floor(st->tx_sent, st->tx_credit);
	m->rx_over -= above_floor(st->rx_got, st->rx_credit);
	rx_moved(m);
	m->rx_grown -= st->rx_grown;
	if (m->data_st == st)
		m->data_st = NULL;
	must(idmap_del(&m->streams, st->id) == st);
	m->n_streams--;
	m->ops->gone(m, st);
	mux_flow_free(st);
	free(st->end_text);
	free(st);
}

void
mux_stream_settle(struct mux_stream *st)
{
	struct mux *m = st->m;

	if (st->tx_end == END_OPEN || st->send_end || st->rx_end == END_OPEN)
		return;
	mux_stream_move(st, STREAM_CLOSED);
	mux_stream_drop(st);
	session_got_credit(m); /* what it had outstanding is free for others */
}

void
mux_stream_ended(struct mux_stream *st)
{
	if (st->state != STREAM_CLOSING)
		mux_stream_move(st, STREAM_CLOSING);
	if (st->rx_end == END_OPEN && st->tx_end != END_RESET)
		return; /* a client that has ended its direction still waits for its target */
	list_remove(&st->wait);
}

/* mux_open() does not know the time: what the mux has seen last may be seconds ago. */
void
mux_stream_await_answer(struct mux_stream *st)
{
	st->since = st->m->now;
	list_remove(&st->wait);
	list_push(&st->m->opening, &st->wait);
}

void
mux_stream_await_end(struct mux_stream *st)
{
	if (st->rx_end != END_OPEN)
		return;
	st->since = st->m->now;
	list_remove(&st->wait);
	list_push(&st->m->zombies, &st->wait);
}

/* ---- Sending: what we may --------------------------------------------------------------------- */

uint64_t
mux_stream_credit(const struct mux_stream *st)
{
	uint64_t limit = (uint64_t)st->m->peer.stream_window + st->tx_credit;

	return limit > st->tx_sent ? limit - st->tx_sent : 0;
}

uint64_t
session_credit(const struct mux_stream *st)
{
	const struct mux *m = st->m;
	uint64_t limit = (uint64_t)m->peer.session_window + m->tx_session_credit;
	uint64_t spare = limit > m->tx_over ? limit - m->tx_over : 0;
	uint64_t floor_end = st->tx_credit + MUX_FLOOR;

	return spare + (floor_end > st->tx_sent ? floor_end - st->tx_sent : 0);
}

void
mux_stream_sent(struct mux_stream *st, uint32_t n)
{
	struct mux *m = st->m;

	m->tx_over -= above_floor(st->tx_sent, st->tx_credit);
	st->tx_sent += n;
	m->tx_over += above_floor(st->tx_sent, st->tx_credit);
}

void
mux_stream_got_credit(struct mux_stream *st, uint32_t n)
{
	struct mux *m = st->m;

	m->tx_over -= above_floor(st->tx_sent, st->tx_credit);
	st->tx_credit += n;
	m->tx_over += above_floor(st->tx_sent, st->tx_credit);
	st->blocked_said = false;
	if (st->hungry && st->tx_end == END_OPEN) {
		st->hungry = false;
		mux_stream_run(st);
	} else if (st->parked) { /* its floor is its own: it waits for nobody else's credit */
		mux_stream_unpark(st);
		mux_stream_run(st);
	}
	session_got_credit(m);
}

void
session_got_credit(struct mux *m)
{
	m->blocked_said = false;
	if (!list_empty(&m->parked))
		mux_wake(m);
}

void
mux_ready(struct mux_stream *st)
{
	if (st->tx_end != END_OPEN || mux_over(st->m) || list_linked(&st->run) || st->hungry ||
		st->flow != NULL)
		return;
	if (st->m->conf.role == ROLE_AGENT && !st->answered)
		return;
	mux_stream_run(st);
}

/* ---- Receiving: what we let --------------------------------------------------------------------*/

bool
mux_stream_receives(struct mux_stream *st, uint32_t n)
{
	struct mux *m = st->m;
	uint64_t limit = (uint64_t)m->conf.stream_window + st->rx_credit;

	if (st->rx_got + n > limit)
		return false;
	m->rx_over -= above_floor(st->rx_got, st->rx_credit);
	st->rx_got += n;
	m->rx_over += above_floor(st->rx_got, st->rx_credit);
	rx_moved(m);
	return m->rx_over <= m->conf.session_window;
}

static uint64_t
window_of(const struct mux_stream *st)
{
	return st->m->conf.stream_window + st->rx_grown;
}

/* What CREDIT could give. Behind FIN the sender needs none, but the session gets its share back as
 * long as the stream counts above its floor. */
static uint64_t
owed(const struct mux_stream *st)
{
	if (st->rx_end == END_RESET || st->tx_end == END_RESET)
		return 0;
	if (st->rx_end == END_FIN && above_floor(st->rx_got, st->rx_credit) == 0)
		return 0;
	return st->rx_used + st->rx_grown - st->rx_credit;
}

bool
mux_stream_owes(const struct mux_stream *st)
{
	const struct mux *m = st->m;
	bool hurry = m->hurry || m->flush_credit;
	uint64_t n = owed(st);

	if (n == 0)
		return false;
	if (hurry && (n >= HURRY_MIN || mux_unread(st) == 0))
		return true;
	return n >= window_of(st) / 2;
}

uint32_t
mux_stream_gives(struct mux_stream *st)
{
	uint32_t n = (uint32_t)MIN(owed(st), UINT32_MAX);
	struct mux *m = st->m;

	m->rx_over -= above_floor(st->rx_got, st->rx_credit);
	st->rx_credit += n;
	m->rx_over += above_floor(st->rx_got, st->rx_credit);
	rx_moved(m);
	return n;
}

void
mux_consumed(struct mux_stream *st, size_t n)
{
	st->rx_used += n;
	must(st->rx_used <= st->rx_got);
	if (mux_over(st->m))
		return;
	if (!st->send_credit && mux_stream_owes(st)) {
		st->send_credit = true;
		mux_stream_due(st);
	}
}

/* The sender waits for us. If the far socket keeps up, the window is what slows it down: double it,
 * as long as all that windows have grown stays below half of the session's window. */
void
mux_stream_peer_blocked(struct mux_stream *st)
{
	struct mux *m = st->m;
	uint64_t window = window_of(st);

	if (st->tx_end == END_RESET || mux_unread(st) > window / 2)
		return;
	if (window * 2 <= m->conf.stream_window_max &&
		m->rx_grown + window <= m->conf.session_window / 2) {
		st->rx_grown += window;
		m->rx_grown += window;
	}
	if (!st->send_credit && owed(st) > 0) {
		st->send_credit = true;
		mux_stream_due(st);
	}
}

void
mux_stream_flush_credit(struct mux *m)
{
	struct mux_stream *st;
	size_t pos = 0;

	while ((st = idmap_next(&m->streams, &pos, NULL)) != NULL) {
		if (st->send_credit || !mux_stream_owes(st))
			continue;
		st->send_credit = true;
		if (!list_linked(&st->due))
			list_push(&m->due, &st->due);
	}
	m->flush_credit = false;
}

/* ---- What owners do --------------------------------------------------------------------------- */

struct mux_stream *
mux_open(struct mux *m, const struct msg_open *open, void *user)
{
	struct mux_stream *st;

	must(m->conf.role == ROLE_SERVER);
	if ((m->state != SESSION_BOUND && m->state != SESSION_FORWARDING) ||
		m->last_id >= STREAM_ID_MAX)
		return NULL;
	mux_move(m, SESSION_FORWARDING);
	st = mux_stream_new(m, m->last_id + 1, open->tunnel);
	st->user = user;
	st->open = *open;
	if (open->datagram)
		mux_flow_new(st);
	st->send_open = true;
	mux_stream_due(st);
	return st;
}

void
mux_open_ok(struct mux_stream *st)
{
	must(st->m->conf.role == ROLE_AGENT);
	if (st->answered || st->tx_end != END_OPEN || mux_over(st->m))
		return;
	st->answered = true;
	st->send_ok = true;
	if (st->state == STREAM_OPENING)
		mux_stream_move(st, STREAM_ACTIVE);
	mux_stream_due(st);
}

static void
end_locally(struct mux_stream *st, uint16_t code, const char *text, bool refuse)
{
	if (st->tx_end == END_RESET || st->rx_end == END_RESET || mux_over(st->m))
		return;
	st->told = true;
	st->tx_end = END_RESET;
	st->refused = refuse;
	st->end_code = code;
	free(st->end_text);
	st->end_text = text != NULL ? xstrdup(text) : NULL;
	st->send_end = true;
	mux_stream_unpark(st);
	st->hungry = false;
	mux_stream_ended(st);
	mux_stream_due(st);
}

void
mux_open_fail(struct mux_stream *st, uint16_t code, const char *text)
{
	must(st->m->conf.role == ROLE_AGENT && !st->answered);
	end_locally(st, code, text, true);
}

void
mux_reset(struct mux_stream *st, uint16_t code, const char *text)
{
	bool refuse = st->m->conf.role == ROLE_AGENT && !st->answered;

	end_locally(st, code, text, refuse);
}
