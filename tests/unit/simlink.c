/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* See simlink.h. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "pairlink.h"
#include "simlink.h"
#include "util/compiler.h"

#define QUEUE 131072u /* unsent bytes that a socket takes: TCP_NOTSENT_LOWAT of a link */
#define ENDLESS ((uint64_t)1 << 50)
#define LOOK_NS 500000 /* how often readers that are not fast take something */

/* ---- One direction ------------------------------------------------------------------------------- */

static void
dir_init(struct simdir *d, struct end *from, double mbit, int rtt_ms)
{
	double per_look = mbit * 125000 / 5000; /* a fifth of a millisecond of bytes */

	*d = (struct simdir){.from = from, .ns_per_byte = 8000 / mbit,
		.delay_ns = (int64_t)rtt_ms * 500000, .cap = 1024};
	d->slice = (size_t)MIN(MAX(per_look, 1500), 65536);
	d->piece = xcalloc(d->cap, sizeof(*d->piece));
}

static void
dir_push(struct simdir *d, int64_t at, size_t n)
{
	if (d->n == d->cap) {
		size_t old = d->cap;

		d->piece = xrealloc(d->piece, old * 2 * sizeof(*d->piece));
		memcpy(d->piece + old, d->piece, d->first * sizeof(*d->piece));
		d->cap *= 2;
	}
	d->piece[(d->first + d->n) % d->cap].at = at;
	d->piece[(d->first + d->n) % d->cap].n = n;
	d->n++;
}

/* When the socket takes bytes again. */
static int64_t
dir_room_at(const struct simdir *d)
{
	return d->busy_until - (int64_t)(QUEUE / 2 * d->ns_per_byte);
}

static void
dir_send(struct simdir *d, int64_t now)
{
	while (end_wants_output(d->from) && dir_room_at(d) <= now) {
		size_t n = end_output(d->from, QUEUE / 2);

		if (n == 0)
			return;
		d->busy_until = MAX(d->busy_until, now);
		for (size_t part; n > 0; n -= part) {
			part = MIN(n, d->slice);
			d->busy_until += (int64_t)((double)part * d->ns_per_byte);
			dir_push(d, d->busy_until + d->delay_ns, part);
		}
	}
}

static bool
dir_deliver(struct simdir *d, int64_t now)
{
	bool any = false;

	while (d->n > 0 && d->piece[d->first].at <= now) {
		if (d->dead)
			d->from->out.from += d->piece[d->first].n;
		else
			must(end_deliver(d->from, d->piece[d->first].n) == d->piece[d->first].n);
		if (d->n == 0) /* what came has ended the link */
			return true;
		d->first = (d->first + 1) % d->cap;
		d->n--;
		any = true;
	}
	return any;
}

static int64_t
dir_next(const struct simdir *d)
{
	int64_t at = d->n > 0 ? d->piece[d->first].at : INT64_MAX;

	return end_wants_output(d->from) ? MIN(at, dir_room_at(d)) : at;
}

/* A new wire, without anything on it. */
static void
dir_clear(struct simdir *d, int64_t now)
{
	d->n = 0;
	d->busy_until = now;
	d->dead = false;
	d->from->out.from = d->from->out.to;
}

/* ---- Readers -------------------------------------------------------------------------------------- */

static bool
stalls(struct sim *s)
{
	s->chance = s->chance * 1103515245 + 12345;
	return s->chance >> 16 < s->stalls;
}

static void
reader_takes(struct sim *s, struct simstream *x, bool look)
{
	struct sock *far = sock_peer(x->k);
	int64_t now = s->p.now.ns;
	uint64_t n;

	if (far == NULL || far->st == NULL || now < x->stalled_until)
		return;
	if (look && s->stalls > 0 && stalls(s))
		x->stalled_until = now + (int64_t)(s->chance >> 8) * 20; /* up to a third of a second */
	n = far->got - far->used;
	if (x->rate > 0) {
		if (!look)
			return;
		x->due += x->rate * LOOK_NS / 1e9;
		n = MIN(n, (uint64_t)x->due);
		x->due = MIN(x->due - (double)n, x->rate * LOOK_NS / 1e9);
	}
	if (n > 0)
		sock_consume(far, n);
}

static void
readers_take(struct sim *s)
{
	bool look = s->p.now.ns >= s->look_at;
	const struct mux *m = &s->p.agent.m;
	uint64_t unread = 0, left = 0;

	if (look)
		s->look_at = s->p.now.ns + LOOK_NS;
	for (size_t i = 0; i < s->n_streams; i++) {
		struct sock *far = sock_peer(s->stream[i].k);

		unread += far != NULL ? far->got - far->used : 0;
		reader_takes(s, &s->stream[i], look);
		left += far != NULL ? far->got - far->used : 0;
	}
	s->most_left = MAX(s->most_left, left);
	must(unread <= m->conf.session_window + s->n_streams * MUX_FLOOR);
}

/* ---- The whole ------------------------------------------------------------------------------------ */

void
sim_init(struct sim *s, double mbit, int rtt_ms, const struct mux_conf *conf)
{
	struct mux_conf server = pair_conf(ROLE_SERVER);

	memset(s, 0, sizeof(*s));
	server.resume_ms = conf->resume_ms;
	server.retain_max = conf->retain_max;
	pair_init(&s->p, conf, &server);
	s->p.agent.hold_data = true;
	s->chance = 1;
	pair_login(&s->p);
	/* What was measured while logging in was not this link. */
	s->p.agent.m.rtt_us = s->p.agent.m.rtt_min_us = 0;
	s->p.agent.m.ping_due = true;
	dir_init(&s->down, &s->p.server, mbit, rtt_ms);
	dir_init(&s->up, &s->p.agent, mbit, rtt_ms);
	s->look_at = s->p.now.ns;
}

void
sim_fini(struct sim *s)
{
	must(!s->p.agent.closed && !s->p.server.closed);
	pair_check(&s->p);
	pair_fini(&s->p);
	free(s->down.piece);
	free(s->up.piece);
}

struct simstream *
sim_open(struct sim *s, double rate)
{
	struct simstream *x = &s->stream[s->n_streams++];

	must(s->n_streams <= SIM_STREAMS);
	*x = (struct simstream){.k = pair_open(&s->p), .rate = rate};
	sock_send(x->k, ENDLESS);
	return x;
}

static bool
has_slow(const struct sim *s)
{
	for (size_t i = 0; i < s->n_streams; i++)
		if (s->stream[i].rate > 0 || s->stream[i].stalled_until > s->p.now.ns)
			return true;
	return s->stalls > 0;
}

/* ---- Cuts ---------------------------------------------------------------------------------------- */

void
sim_cut(struct sim *s, enum sim_cut who, int64_t away_ms)
{
	struct pair *p = &s->p;

	must(p->agent.m.linked && p->server.m.linked && s->link_at == 0);
	if (who != SIM_CUT_SERVER)
		pairlink_cut_at(&p->agent);
	if (who != SIM_CUT_AGENT)
		pairlink_cut_at(&p->server);
	dir_clear(&s->up, p->now.ns);
	dir_clear(&s->down, p->now.ns);
	s->up.dead = s->down.dead = true;
	s->link_at = who == SIM_CUT_SERVER ? 0 : p->now.ns + away_ms * 1000000;
}

static void
link_again(struct sim *s)
{
	struct pair *p = &s->p;

	if (!p->agent.m.linked && s->link_at == 0 && p->agent.fresh == NULL) /* silence told it */
		s->link_at = p->now.ns;
	if (s->link_at == 0 || p->now.ns < s->link_at)
		return;
	s->link_at = 0;
	dir_clear(&s->up, p->now.ns);
	dir_clear(&s->down, p->now.ns);
	pairlink_open(p);
	s->links++;
}

static void
look_at_kept(struct sim *s)
{
	s->most_kept = MAX(s->most_kept, s->p.agent.retained.bytes);
	s->most_kept = MAX(s->most_kept, s->p.server.retained.bytes);
}

void
sim_run(struct sim *s, int64_t ms)
{
	int64_t end = s->p.now.ns + ms * 1000000;

	while (s->p.now.ns < end) {
		int64_t next = MIN(dir_next(&s->down), dir_next(&s->up));
		struct end *ends[] = {&s->p.agent, &s->p.server};

		next = has_slow(s) ? MIN(next, s->look_at) : next;
		next = s->link_at != 0 ? MIN(next, s->link_at) : next;
		for (size_t i = 0; i < 2; i++)
			next = MIN(next, mux_deadline(&ends[i]->m).ns);
		s->p.now.ns = MAX(s->p.now.ns, MIN(next, end));
		dir_deliver(&s->down, s->p.now.ns);
		dir_deliver(&s->up, s->p.now.ns);
		for (size_t i = 0; i < 2; i++)
			if (mux_deadline(&ends[i]->m).ns <= s->p.now.ns)
				mux_tick(&ends[i]->m, s->p.now);
		link_again(s);
		readers_take(s);
		dir_send(&s->down, s->p.now.ns);
		dir_send(&s->up, s->p.now.ns);
		look_at_kept(s);
	}
}

/* ---- Measuring ------------------------------------------------------------------------------------ */

uint64_t
sim_read(const struct simstream *x)
{
	const struct sock *far = sock_peer(x->k);

	return far != NULL ? far->used : 0;
}

uint32_t
sim_window(const struct simstream *x)
{
	const struct sock *far = sock_peer(x->k);

	return far != NULL && far->st != NULL ? far->st->rx_window : 0;
}

void
sim_mark(struct sim *s)
{
	for (size_t i = 0; i < s->n_streams; i++)
		s->stream[i].mark = sim_read(&s->stream[i]);
	s->marked_at = s->p.now.ns;
	s->frames_mark = s->p.server.m.frames_in;
}

double
sim_goodput(const struct sim *s, const struct simstream *x)
{
	return (double)(sim_read(x) - x->mark) * 1e9 / (double)(s->p.now.ns - s->marked_at);
}

double
sim_goodput_all(const struct sim *s)
{
	double sum = 0;

	for (size_t i = 0; i < s->n_streams; i++)
		sum += sim_goodput(s, &s->stream[i]);
	return sum;
}
