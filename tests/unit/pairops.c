/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* See pairops.h. */

#include <config.h>

#include <string.h>

#include "pair.h"
#include "pairlink.h"
#include "pairops.h"
#include "util/compiler.h"
#include "wire/mux_priv.h"

#define STALE_MS 9000 /* links are emptied at least that often, so that no end seems dead */
#define AWAY_MS 8000  /* an agent that has lost its link is back after that at the latest */

struct run {
	struct pair p;
	const uint8_t *at, *end;
	bool ends, cuts;
	int64_t stale_ms, away_ms;
	uint32_t tunnel;
	unsigned n_cuts;
	struct mono renewed; /* the agent may ask again */
};

static bool
linked(const struct run *r)
{
	const struct end *a = &r->p.agent, *s = &r->p.server;

	return a->m.linked && s->m.linked && pairlink_mux(a) == &a->m && pairlink_mux(s) == &s->m;
}

static unsigned
byte(struct run *r)
{
	return r->at < r->end ? *r->at++ : 0;
}

/* Mostly small, sometimes up to a quarter of a megabyte. */
static uint64_t
amount(struct run *r)
{
	unsigned a = byte(r);
	static const unsigned scale[] = {1, 1, 7, 64, 256, 256, 1024, 1024};

	return (uint64_t)a * scale[byte(r) % 8];
}

static struct end *
some_end(struct run *r)
{
	return byte(r) & 1 ? &r->p.agent : &r->p.server;
}

/* One of the youngest streams of an end, or NULL. */
static struct sock *
some_sock(struct run *r)
{
	struct end *e = some_end(r);
	unsigned back = byte(r) % 64;
	struct sock *k;

	if (back >= e->n_socks)
		return NULL;
	k = e->socks[e->n_socks - 1 - back];
	return k->st != NULL ? k : NULL;
}

static void
op_open(struct run *r)
{
	size_t max = r->p.agent.m.conf.max_streams;

	if (r->p.server.m.n_streams < max + max / 2 && r->p.agent.m.n_streams < max + max / 2)
		pair_open(&r->p);
}

static void
op_open_flow(struct run *r)
{
	size_t max = r->p.agent.m.conf.max_streams;

	if (r->p.server.m.n_streams < max + max / 2 && r->p.agent.m.n_streams < max + max / 2)
		pair_open_flow(&r->p);
}

static void
op_send(struct run *r)
{
	struct sock *k = some_sock(r);
	uint64_t n = amount(r);

	if (k != NULL && k->st->flow != NULL)
		sock_datagram(k, (size_t)MIN(n, FRAME_DATAGRAM_MAX));
	else if (k != NULL && !k->eof && !k->broken && k->avail < 100000)
		sock_send(k, n);
}

static void
op_consume(struct run *r)
{
	struct sock *k = some_sock(r);
	uint64_t n = amount(r);

	if (k != NULL && k->st->flow == NULL)
		sock_consume(k, n);
}

static void
op_fin(struct run *r)
{
	struct sock *k = some_sock(r);

	if (k != NULL && k->st->flow == NULL)
		sock_end(k);
}

static void
op_reset(struct run *r)
{
	struct sock *k = some_sock(r);

	if (k != NULL && byte(r) & 1)
		sock_abort(k, CODE_CLIENT_RESET);
	else if (k != NULL && !k->eof && k->st->flow == NULL)
		sock_break(k);
}

static void
op_answer(struct run *r)
{
	struct sock *k = some_sock(r);

	if (k == NULL || k->e != &r->p.agent || k->answered)
		return;
	if (byte(r) % 4 > 0) {
		sock_answer(k);
	} else {
		k->aborted = true;
		mux_open_fail(k->st, CODE_REFUSED, "refused");
	}
}

static void
op_output(struct run *r)
{
	end_output(some_end(r), MUX_OUTPUT_MIN + byte(r) * 500);
}

static void
op_deliver(struct run *r)
{
	struct end *e = some_end(r);

	end_deliver(e, (size_t)amount(r));
}

static void
op_flow(struct run *r)
{
	struct end *e = some_end(r);

	end_output(e, 65536);
	end_deliver(e, SIZE_MAX);
}

/* A session that is to go on comes back before its time is over. */
static void
come_back(struct run *r, int64_t ms)
{
	struct pair *p = &r->p;

	r->away_ms = p->agent.m.linked ? 0 : r->away_ms + ms;
	if (r->away_ms <= AWAY_MS || !mux_can_resume(&p->agent.m))
		return;
	pairlink_resume(p);
	r->away_ms = r->stale_ms = 0;
}

static void
op_time(struct run *r)
{
	int64_t ms = (int64_t)byte(r) * 16;

	if (r->cuts)
		come_back(r, ms);
	if (r->stale_ms + ms > STALE_MS) {
		pair_pump(&r->p);
		r->stale_ms = 0;
	}
	r->stale_ms += ms;
	pair_sleep(&r->p, ms);
}

static void
op_hold(struct run *r)
{
	struct end *e = some_end(r);

	if (byte(r) & 1)
		e->hold_data = !e->hold_data;
	else
		e->hold_open = !e->hold_open;
}

static void
op_tunnel(struct run *r)
{
	struct msg_bind bind = {
		.tunnel = ++r->tunnel, .route = text_of("port"), .name = text_of("more")};

	if (byte(r) & 1)
		mux_send_bind(&r->p.agent.m, &bind);
	else if (mux_stage(&r->p.server.m) >= SESSION_BOUND)
		mux_send_unbind(&some_end(r)->m, r->tunnel, CODE_NONE, "enough");
}

static void
op_end(struct run *r)
{
	struct end *e = some_end(r);

	if (!r->ends)
		return;
	switch (byte(r) % 8) {
	case 0:
		mux_fail(&e->m, CODE_REPLACED, "a newer login");
		break;
	case 1:
		mux_detach(&e->m, r->p.now);
		break;
	case 2:
		mux_drain(&e->m, e == &r->p.server ? CODE_SHUTDOWN : CODE_LEAVING, 10, NULL);
		break;
	default:
		break;
	}
}

/* Ends learn of it at once, or one of them only by silence. Some bytes may still arrive. */
static void
op_cut(struct run *r)
{
	struct pair *p = &r->p;
	unsigned how = byte(r);

	if (!mux_can_resume(&p->agent.m) || !mux_can_resume(&p->server.m) || !p->agent.m.linked)
		return;
	if (how & 4)
		end_deliver(&p->agent, (size_t)amount(r));
	if (how & 8)
		end_deliver(&p->server, (size_t)amount(r));
	if ((how & 3) != 1)
		pairlink_cut_at(&p->server);
	if ((how & 3) != 2)
		pairlink_cut_at(&p->agent);
	r->n_cuts++;
}

/* A new link; its handshake goes on with what is put out and delivered from now on, or it may be
 * lost, too. */
static void
op_link(struct run *r)
{
	struct pair *p = &r->p;

	if (p->agent.m.linked || !mux_can_resume(&p->agent.m))
		return;
	pairlink_open(p);
	if (byte(r) & 1)
		pair_pump(p);
}

static void
op_corrupt(struct run *r)
{
	struct link *l = &some_end(r)->out;
	unsigned at = byte(r), what = byte(r);

	if (!r->ends || l->to - l->from <= at || what == 0)
		return;
	l->p[l->from + at] ^= (uint8_t)what;
	r->p.agent.untrusted = r->p.server.untrusted = true;
}

/* Both links are empty and nobody has anything to say: then both ends know of the same streams, and
 * no byte waits whose receiver has consumed all that came. */
static void
check_quiet(struct end *e)
{
	struct end *other = pair_peer(e);

	must(!end_wants_output(e));
	must(e->m.n_streams == other->m.n_streams);
	must(e->m.tx_over == other->m.rx_over);
	for (size_t i = 0; i < e->n_socks; i++) {
		struct sock *k = e->socks[i], *far;

		if (k->st == NULL)
			continue;
		far = sock_peer(k);
		must(far != NULL && far->st != NULL);
		must(k->st->tx_sent == far->st->rx_got && k->st->tx_credit == far->st->rx_credit);
		if (k->st->answered && k->st->tx_end == END_OPEN && far->got == far->used &&
			k->st->flow == NULL)
			must(k->avail == 0 && !k->eof && !k->broken);
	}
}

static void
op_pump(struct run *r)
{
	struct end *a = &r->p.agent, *s = &r->p.server;

	pair_pump(&r->p);
	r->stale_ms = 0;
	if (a->untrusted || s->untrusted || !mux_alive(&a->m) || !mux_alive(&s->m) || !linked(r))
		return;
	check_quiet(a);
	check_quiet(s);
}

/* The agent logs in again, or the server goes on with that. */
static void
op_renew(struct run *r)
{
	struct pair *p = &r->p;
	unsigned how = byte(r);

	if (how & 1) {
		end_answer_renewal(&p->server);
		return;
	}
	if (!mono_before(r->renewed, p->now) || !pair_renew(p))
		return;
	r->renewed = mono_add_ms(p->now, (int64_t)MUX_RENEW_EVERY_MS);
	p->server.challenges = how >> 1 & 3;
	p->server.refuse = how >> 3 & 1;
	p->server.hold_renewal = how >> 4 & 1;
}

static void (*const operations[])(struct run *r) = {
	op_open, op_send, op_send, op_send, op_send, op_send, op_renew, op_consume, op_consume,
	op_consume, op_fin, op_fin, op_reset, op_answer, op_answer, op_output, op_output,
	op_output, op_output, op_deliver, op_deliver, op_deliver, op_deliver, op_flow, op_flow,
	op_time, op_hold, op_tunnel, op_end, op_corrupt, op_open_flow, op_pump,
};

/* One more, or one less, that is about links. */
static void
operate(struct run *r)
{
	unsigned what = byte(r);

	if (r->cuts && what >= 240)
		(what >= 246 ? op_link : op_cut)(r);
	else
		operations[what % ARRAY_LEN(operations)](r);
}

static void
configure(struct run *r)
{
	static const uint32_t windows[] = {16384, 20000, 65536, 262144};
	struct mux_conf conf[2] = {pair_conf(ROLE_AGENT), pair_conf(ROLE_SERVER)};
	unsigned flags = byte(r);

	if (r->cuts)
		conf[0] = pairlink_conf(ROLE_AGENT), conf[1] = pairlink_conf(ROLE_SERVER);

	for (size_t i = 0; i < 2; i++) {
		unsigned b = byte(r);

		conf[i].stream_window = windows[b & 3];
		conf[i].stream_window_max = windows[b & 3] << (b >> 2 & 3);
		conf[i].session_window = b & 16 ? 65536 : b & 32 ? 200000 : 1048576;
		conf[i].max_frame = b & 64 ? 16384 : b & 128 ? 262144 : 30000;
	}
	conf[0].aside_min = conf[1].aside_min = flags & 128 ? 1 + byte(r) * 128 : 0;
	if (r->cuts)
		conf[0].aside_min = conf[1].aside_min = 0;
	conf[0].max_streams = flags & 1 ? 4 : 64;
	pair_init(&r->p, &conf[0], &conf[1]);
	r->p.server.challenges = flags >> 1 & 3;
	r->p.server.expires_ms = r->ends && flags & 4 ? 20000 : 0;
	r->p.agent.hold_data = flags >> 3 & 1;
	r->p.server.hold_data = flags >> 4 & 1;
	r->p.agent.hold_open = flags >> 5 & 1;
	r->tunnel = 1;
	if (flags & 128)
		pair_fast(&r->p);
	if (flags & 64 || !r->ends)
		pair_login(&r->p);
}

static bool
over(const struct end *e)
{
	return mux_over(&e->m);
}

/* An honest peer is never accused, unless it has gone without a word. One that has left, or is about
 * to, is silent: an agent that leaves while the answer to its login is under way says no error, and a
 * link that the test does not close tells the server no more than that. A session whose link was lost
 * is over for an end when nobody came back to it in time. */
static void
check_verdict(const struct run *r, struct end *e)
{
	const struct end *peer = pair_peer(e);
	bool left = peer->closed || mux_stage(&peer->m) == SESSION_DRAINING;

	if (!e->closed || e->untrusted || (over(peer) && !peer->closed))
		return;
	must(e->code == CODE_REPLACED || e->code == CODE_SHUTDOWN || e->code == CODE_LEAVING ||
		e->code == CODE_TIMEOUT || (e->code == CODE_NOTHING_HEARD && left) ||
		(e->code == CODE_LOGIN_EXPIRED && r->p.server.expires_ms > 0) ||
		(e->code == CODE_LINK_LOST && r->ends && r->cuts));
}

/* Whatever has become of the links, there is one again. */
static void
link_up(struct run *r)
{
	struct pair *p = &r->p;

	if (linked(r) || !mux_can_resume(&p->agent.m) || !mux_can_resume(&p->server.m))
		return;
	pairlink_cut_at(&p->agent);
	must(pairlink_resume(p) || p->agent.untrusted || over(&p->agent) || over(&p->server));
}

static void
sum_up(const struct end *e, struct pairops_result *res)
{
	for (size_t i = 0; i < e->n_socks; i++) {
		const struct sock *k = e->socks[i];

		res->streams++;
		res->bytes += k->got;
		res->fins += k->fin;
		res->resets += k->reset;
		res->refused += k->code == CODE_REFUSED || k->code == CODE_LIMIT;
	}
}

struct pairops_result
pairops_run(const uint8_t *data, size_t n, unsigned how)
{
	struct run r = {.at = data, .end = data + n, .ends = how & PAIROPS_ENDS,
		.cuts = how & PAIROPS_CUTS};
	struct pairops_result res = {0};

	configure(&r);
	while (r.at < r.end && !(over(&r.p.agent) && over(&r.p.server))) {
		operate(&r);
		pair_check(&r.p);
		check_verdict(&r, &r.p.agent);
		check_verdict(&r, &r.p.server);
		res.ops++;
	}
	link_up(&r);
	res.cuts = r.n_cuts;
	res.renewals = r.p.agent.n_auth_ok + r.p.agent.n_auth_fail;
	res.links = r.p.agent.n_resumed;
	res.lost = r.p.agent.n_lost + r.p.server.n_lost;
	res.closed = over(&r.p.agent) || over(&r.p.server);
	if (!res.closed && !r.p.agent.untrusted && r.p.agent.m.state >= SESSION_AUTHENTICATED)
		pair_finish(&r.p);
	sum_up(&r.p.agent, &res);
	sum_up(&r.p.server, &res);
	res.aside += r.p.agent.n_fetched + r.p.server.n_fetched;
	res.aside += r.p.agent.n_moved + r.p.server.n_moved;
	pair_fini(&r.p);
	return res;
}
