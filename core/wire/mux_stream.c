/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Streams of a session and how they end (protocol.md section 5). Pure. A stream is over when our
 * own end was sent and the peer's was seen. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"
#include "wire/mux_priv.h"

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
	st->weight = 1;
	st->state = STREAM_IDLE;
	mux_stream_move(st, STREAM_OPENING);
	credit_stream_init(st);
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
	credit_stream_gone(st);
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

	/* Behind FIN a RESET of ours need not leave: for the peer the stream is over already, and
	 * its bytes do not count any more. */
	if (st->tx_end == END_OPEN || st->rx_end == END_OPEN || (st->send_end && !st->fin_sent))
		return;
	mux_stream_move(st, STREAM_CLOSED);
	mux_stream_drop(st);
	credit_freed(m); /* what it had outstanding is free for others */
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

void
mux_stream_unsent(struct mux_stream *st)
{
	st->send_open = st->send_end = false;
	st->rx_end = END_RESET;
	mux_stream_settle(st);
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

/* ---- What owners do -------------------------------------------------------------------------- */

struct mux_stream *
mux_open(struct mux *m, const struct msg_open *open, void *user)
{
	struct mux_stream *st;

	must(m->conf.role == ROLE_SERVER);
	if ((mux_stage(m) != SESSION_BOUND && mux_stage(m) != SESSION_FORWARDING) ||
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

void
mux_weight(struct mux_stream *st, unsigned weight)
{
	must(weight >= 1 && weight <= MUX_WEIGHT_MAX);
	st->weight = (uint16_t)weight;
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
