/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Streams that carry datagrams: one DATAGRAM frame is one of them, there is no credit, and what the
 * link does not take is dropped here, the oldest first (protocol.md section 6). Pure.
 *
 * What must hold: a datagram that waits is in its flow's queue and in the session's list of all,
 * whose order is that of time; bytes are counted with what the memory costs, so that empty
 * datagrams are bounded as well; a frame that was begun is finished whatever becomes of its
 * stream, but not if its link is lost: datagrams are not sent again. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"
#include "wire/mux_priv.h"

#define QUANTUM 16384  /* bytes of one flow's turn */
#define LEAD_MAX 32768 /* that datagrams may be ahead of DATA */

struct datagram {
	struct list of_flow, of_all;
	struct mux_flow *flow;
	struct mono at;
	uint32_t stream, len;
	uint8_t data[];
};

static size_t
cost(size_t n)
{
	return n + sizeof(struct datagram);
}

void
mux_datagrams_init(struct mux *m)
{
	memset(&m->dg, 0, sizeof(m->dg));
	list_init(&m->dg.flows);
	list_init(&m->dg.all);
}

void
mux_datagrams_fini(struct mux *m)
{
	must(list_empty(&m->dg.all) && m->dg.bytes == 0);
	free(m->dg.part);
	m->dg.part = NULL;
}

void
mux_flow_new(struct mux_stream *st)
{
	struct mux_flow *f = xcalloc(1, sizeof(*f));

	f->st = st;
	list_init(&f->queue);
	list_init(&f->run);
	st->flow = f;
}

/* Takes it out of all lists and sums; it is the caller's then. */
static struct datagram *
take(struct mux *m, struct datagram *d)
{
	struct mux_flow *f = d->flow;
	size_t n = cost(d->len);

	list_remove(&d->of_flow);
	list_remove(&d->of_all);
	f->n--;
	f->bytes -= n;
	m->dg.bytes -= n;
	if (m->conf.pool != NULL)
		m->conf.pool->bytes -= n;
	if (f->n == 0)
		list_remove(&f->run);
	return d;
}

static void
drop_full(struct mux *m, struct datagram *d)
{
	d->flow->full++;
	m->dg.full++;
	free(take(m, d));
}

struct mono
mux_datagrams_deadline(const struct mux *m)
{
	struct datagram *d;

	if (list_empty(&m->dg.all))
		return MONO_NEVER;
	d = list_entry(m->dg.all.next, struct datagram, of_all);
	return mono_add_ms(d->at, m->conf.datagram_ms);
}

void
mux_datagrams_drop_late(struct mux *m)
{
	while (!mono_before(m->now, mux_datagrams_deadline(m))) {
		struct datagram *d = list_entry(m->dg.all.next, struct datagram, of_all);

		d->flow->late++;
		m->dg.late++;
		free(take(m, d));
	}
}

static void
clear(struct mux *m, struct mux_flow *f)
{
	while (!list_empty(&f->queue))
		free(take(m, list_entry(f->queue.next, struct datagram, of_flow)));
}

void
mux_flow_free(struct mux_stream *st)
{
	if (st->flow == NULL)
		return;
	clear(st->m, st->flow);
	free(st->flow);
	st->flow = NULL;
}

/* ---- In -------------------------------------------------------------------------------------- */

bool
mux_flow_fits(const struct mux_stream *st, uint8_t type)
{
	switch (type) {
	case FRAME_DATA:
	case FRAME_FIN:
	case FRAME_CREDIT:
	case FRAME_BLOCKED:
		return st->flow == NULL;
	case FRAME_DATAGRAM:
		return st->flow != NULL;
	default:
		return true;
	}
}

const char *
mux_got_datagram(struct mux_stream *st, const uint8_t *p, size_t n)
{
	st->flow->got++;
	st->m->dg.got++;
	if (st->tx_end != END_RESET) /* else it is over for us */
		st->m->ops->datagram(st->m, st, p, n);
	return NULL;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* As much as one flow may have is the session's own, whatever others hold: else those whose agents
 * read nothing could shut out the rest. */
static bool
over_session(const struct mux *m, size_t n)
{
	size_t sum = m->dg.bytes + n;

	return sum > m->conf.datagram_bytes ||
		(sum > m->conf.flow_bytes && m->conf.pool != NULL &&
			m->conf.pool->bytes + n > m->conf.pool->max);
}

/* Room for one more of n bytes with its costs: the flow's own oldest go first, then the
 * session's. */
static void
make_room(struct mux *m, struct mux_flow *f, size_t n)
{
	must(n <= m->conf.flow_bytes && n <= m->conf.datagram_bytes);
	while (f->n > 0 && (f->n >= m->conf.flow_datagrams || f->bytes + n > m->conf.flow_bytes))
		drop_full(m, list_entry(f->queue.next, struct datagram, of_flow));
	while (over_session(m, n))
		drop_full(m, list_entry(m->dg.all.next, struct datagram, of_all));
}

static void
append(struct mux *m, struct mux_flow *f, struct datagram *d)
{
	size_t n = cost(d->len);

	list_init(&d->of_flow);
	list_init(&d->of_all);
	list_push(&f->queue, &d->of_flow);
	list_push(&m->dg.all, &d->of_all);
	f->n++;
	f->bytes += n;
	m->dg.bytes += n;
	if (m->conf.pool != NULL)
		m->conf.pool->bytes += n;
	if (!list_linked(&f->run))
		list_push(&m->dg.flows, &f->run);
	mux_wake(m);
}

void
mux_send_datagram(struct mux_stream *st, struct mono now, const void *p, size_t n)
{
	struct mux *m = st->m;
	struct mux_flow *f = st->flow;
	struct datagram *d;

	must(f != NULL && n <= FRAME_DATAGRAM_MAX);
	if (st->tx_end != END_OPEN || mux_over(m) ||
		(m->conf.role == ROLE_AGENT && !st->answered))
		return;
	m->now = now;
	mux_datagrams_drop_late(m);
	make_room(m, f, cost(n));
	d = malloc(cost(n));
	if (d == NULL) {
		f->full++;
		m->dg.full++;
		return;
	}
	d->flow = f;
	d->at = now;
	d->stream = st->id;
	d->len = (uint32_t)n;
	if (n > 0)
		memcpy(d->data, p, n);
	append(m, f, d);
}

/* ---- Out ------------------------------------------------------------------------------------- */

void
mux_output_part(struct mux *m, struct wr *w)
{
	struct datagram *d = m->dg.part;
	size_t n;

	if (d == NULL)
		return;
	n = MIN(wr_room(w), d->len - m->dg.part_at);
	wr_bytes(w, d->data + m->dg.part_at, n);
	m->dg.part_at += n;
	if (m->dg.part_at < d->len)
		return;
	m->dg.part = NULL;
	free(d);
}

/* The flow's oldest, as one frame. */
static void
put(struct mux *m, struct mux_flow *f, struct wr *w)
{
	struct datagram *d = list_entry(f->queue.next, struct datagram, of_flow);
	uint8_t head[FRAME_HEADER];

	mux_output_numbered(m, w); /* what stands before it */
	frame_encode(head, &(struct frame){d->len, FRAME_DATAGRAM, d->stream});
	wr_bytes(w, head, sizeof(head));
	f->sent++;
	f->deficit -= (int32_t)(FRAME_HEADER + d->len);
	m->dg.sent++;
	m->dg.lead += FRAME_HEADER + d->len;
	m->dg.part = take(m, d);
	m->dg.part_at = 0;
	mux_output_part(m, w);
	mux_output_outside(m, w);
}

void
mux_datagrams_restart(struct mux *m)
{
	free(m->dg.part);
	m->dg.part = NULL;
}

void
mux_output_datagrams(struct mux *m, struct wr *w)
{
	mux_datagrams_drop_late(m);
	while (!list_empty(&m->dg.flows) && wr_room(w) >= FRAME_HEADER) {
		struct mux_flow *f = list_entry(m->dg.flows.next, struct mux_flow, run);

		if (f->st->tx_end != END_OPEN) {
			clear(m, f);
			continue;
		}
		if (list_empty(&m->ready) || !mux_may_fly(m, w))
			m->dg.lead = 0; /* nobody is held up */
		if (m->dg.lead >= LEAD_MAX)
			return;
		if (f->deficit <= 0) {
			f->deficit += QUANTUM;
			list_remove(&f->run);
			list_push(&m->dg.flows, &f->run);
			continue;
		}
		put(m, f, w);
	}
}

bool
mux_datagrams_may(const struct mux *m)
{
	return !list_empty(&m->dg.flows) && (list_empty(&m->ready) || m->dg.lead < LEAD_MAX ||
						    !mux_may_fly(m, NULL));
}

void
mux_datagrams_data(struct mux *m, size_t n)
{
	m->dg.lead = MAX(m->dg.lead - (int64_t)n, 0);
}
