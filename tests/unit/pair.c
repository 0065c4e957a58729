/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* See pair.h. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"
#include "pairlink.h"
#include "util/compiler.h"
#include "util/cursor.h"
#include "wire/mux_priv.h"

#define EVERYTHING SIZE_MAX

void
pair_fast(struct pair *p)
{
	p->agent.m.rate.per_ms = p->server.m.rate.per_ms = FRAME_DATA_MAX_LIMIT;
}

struct end *
pair_peer(struct end *e)
{
	return e == &e->pair->agent ? &e->pair->server : &e->pair->agent;
}

static struct end *
end_of(struct mux *m)
{
	return m->owner;
}

/* What is sent is a piece of a fixed noise that repeats after a prime number of bytes; stream and
 * direction say where it begins. */
#define PERIOD 65521u

static const uint8_t *
noise(void)
{
	static uint8_t bytes[2 * PERIOD];
	uint32_t x = 1;

	if (bytes[PERIOD] != 0)
		return bytes;
	for (size_t i = 0; i < PERIOD; i++) {
		x = x * 1103515245 + 12345;
		bytes[i] = (uint8_t)(x >> 16) | (i == 0);
	}
	memcpy(bytes + PERIOD, bytes, PERIOD);
	return bytes;
}

/* The bytes from position at on that an end of that role sends on that stream; at least n_r. */
static const uint8_t *
pattern(uint32_t id, enum role sender, uint64_t at, size_t *n_r)
{
	size_t from = (size_t)((at + (uint64_t)id * 977 + (sender ? 30011 : 0)) % PERIOD);

	*n_r = 2 * PERIOD - from;
	return noise() + from;
}

static void
pattern_fill(uint8_t *p, size_t n, uint32_t id, enum role sender, uint64_t at)
{
	for (size_t part; n > 0; p += part, at += part, n -= part) {
		const uint8_t *from = pattern(id, sender, at, &part);

		part = MIN(part, n);
		memcpy(p, from, part);
	}
}

static bool
pattern_matches(const uint8_t *p, size_t n, uint32_t id, enum role sender, uint64_t at)
{
	for (size_t part; n > 0; p += part, at += part, n -= part) {
		const uint8_t *want = pattern(id, sender, at, &part);

		part = MIN(part, n);
		if (memcmp(p, want, part) != 0)
			return false;
	}
	return true;
}

/* ---- Sockets ----------------------------------------------------------------------------------- */

static struct sock *
sock_new(struct end *e, struct mux_stream *st)
{
	struct sock *k = xcalloc(1, sizeof(*k));

	if (e->n_socks == e->socks_cap) {
		e->socks_cap = MAX(16, e->socks_cap * 2);
		e->socks = xrealloc(e->socks, e->socks_cap * sizeof(struct sock *));
	}
	e->socks[e->n_socks++] = k;
	k->e = e;
	k->st = st;
	k->id = st->id;
	st->user = k;
	return k;
}

/* The socket of an upcall: it must be alive. */
static struct sock *
sock_of(struct mux *m, struct mux_stream *st)
{
	struct sock *k = st->user;

	must(k != NULL && k->e == end_of(m) && k->st == st && k->id == st->id);
	return k;
}

/* Ids grow, so the sockets of an end are sorted. */
struct sock *
sock_peer(const struct sock *k)
{
	struct end *other = pair_peer(k->e);
	size_t from = 0, to = other->n_socks;

	while (from < to) {
		size_t mid = (from + to) / 2;

		if (other->socks[mid]->id < k->id)
			from = mid + 1;
		else
			to = mid;
	}
	return from < other->n_socks && other->socks[from]->id == k->id ? other->socks[from] : NULL;
}

void
sock_send(struct sock *k, uint64_t n)
{
	k->avail += n;
	if (k->st != NULL)
		mux_ready(k->st);
}

void
sock_datagram(struct sock *k, size_t n)
{
	struct wr w;
	uint8_t *b;

	if (k->st == NULL)
		return;
	b = xmalloc(n + 4);
	pattern_fill(b, n, k->id, k->e->m.conf.role, n);
	w = wr_init(b, n + 4);
	k->n_sent++;
	if (n >= 4)
		wr_u32(&w, k->n_sent);
	mux_send_datagram(k->st, k->e->pair->now, b, n);
	free(b);
}

void
sock_end(struct sock *k)
{
	k->eof = true;
	if (k->st != NULL)
		mux_ready(k->st);
}

void
sock_break(struct sock *k)
{
	k->broken = true;
	if (k->st != NULL)
		mux_ready(k->st);
}

void
sock_consume(struct sock *k, uint64_t n)
{
	n = MIN(n, k->got - k->used);
	k->used += n;
	if (k->st != NULL && n > 0 && k->st->flow == NULL)
		mux_consumed(k->st, n);
}

void
sock_abort(struct sock *k, uint16_t code)
{
	if (k->st == NULL)
		return;
	k->aborted = true;
	mux_reset(k->st, code, "by the test");
}

void
sock_answer(struct sock *k)
{
	if (k->answered || k->st == NULL)
		return;
	k->answered = true;
	mux_open_ok(k->st);
	mux_ready(k->st);
}

/* ---- Upcalls ----------------------------------------------------------------------------------- */

static void
on_hello(struct mux *m, const struct msg_hello *hello)
{
	struct end *e = end_of(m);
	struct msg_auth auth = {text_of("test"), text_of("web1"), text_of("proof")};

	must(hello->role != m->conf.role);
	e->n_hello++;
	if (m->conf.role == ROLE_AGENT && !e->silent) {
		mux_login_nonces(m, e->nonces, e->nonces + MSG_NONCE);
		mux_send_auth(m, &auth);
	}
}

static void
login_ok(struct end *e)
{
	struct msg_auth_ok ok = {.session = 77,
		.account = text_of("acme"),
		.agent = text_of("web1"),
		.expires_ms = (uint64_t)e->expires_ms,
		.secret = text_of(PAIR_SECRET),
		.data = text_of("server")};

	mux_expire_at(&e->m,
		e->expires_ms > 0 ? mono_add_ms(e->pair->now, e->expires_ms) : MONO_NEVER);
	mux_send_auth_ok(&e->m, &ok);
}

static void
login_step(struct end *e)
{
	bool renewal = mux_alive(&e->m);

	if (e->silent)
		return;
	if (e->challenges > 0) {
		e->challenges--;
		mux_send_challenge(&e->m, text_of("why?"));
	} else if (renewal && e->refuse) {
		mux_send_auth_fail(&e->m, CODE_AUTH_FAILED, 0, "login refused");
	} else {
		login_ok(e);
	}
}

void
end_answer_renewal(struct end *e)
{
	if (mux_alive(&e->m) && e->m.linked && e->m.renewal == RENEWAL_WAIT)
		login_step(e);
}

static bool
held(const struct end *e)
{
	return e->hold_renewal && mux_alive(&e->m);
}

static void
on_auth(struct mux *m, const struct msg_auth *auth)
{
	struct end *e = end_of(m);

	must(auth->method.n > 0 && m->linked);
	e->n_auth++;
	mux_login_nonces(m, e->nonces, e->nonces + MSG_NONCE);
	must(e->untrusted ||
		memcmp(e->nonces, pair_peer(e)->nonces, sizeof(e->nonces)) == 0);
	if (!held(e))
		login_step(e);
}

bool
pair_renew(struct pair *p)
{
	struct msg_auth auth = {text_of("test"), text_of("web1"), text_of("proof, again")};
	struct end *e = &p->agent;
	uint8_t fresh[2 * MSG_NONCE];

	if (!mux_may_renew(&e->m))
		return false;
	mux_login_nonces(&e->m, fresh, fresh + MSG_NONCE);
	must(memcmp(fresh, e->nonces, sizeof(fresh)) != 0);
	memcpy(e->nonces, fresh, sizeof(fresh));
	mux_send_auth(&e->m, &auth);
	must(!mux_may_renew(&e->m));
	return true;
}

static void
on_answer(struct mux *m, struct text data)
{
	must(data.p != NULL && m->linked);
	end_of(m)->n_answer++;
	if (!held(end_of(m)))
		login_step(end_of(m));
}

static void
on_challenge(struct mux *m, struct text data)
{
	must(data.p != NULL);
	end_of(m)->n_challenge++;
	if (!end_of(m)->silent)
		mux_send_answer(m, text_of("because"));
}

static void
on_auth_ok(struct mux *m, const struct msg_auth_ok *ok)
{
	must(ok->session == m->session_id);
	end_of(m)->n_auth_ok++;
	end_of(m)->told_expires_ms = ok->expires_ms;
}

static void
on_auth_fail(struct mux *m, const struct msg_auth_fail *fail)
{
	must(mux_alive(m) && m->linked && m->renewal == RENEWAL_NONE && fail->text.p != NULL);
	end_of(m)->n_auth_fail++;
}

static void
on_bind(struct mux *m, const struct msg_bind *bind)
{
	end_of(m)->n_bind++;
	if (end_of(m)->silent)
		return;
	if (m->state == SESSION_DRAINING)
		mux_send_bind_fail(m, bind->tunnel, CODE_SHUTDOWN, "the server stops");
	else
		mux_send_bind_ok(m, bind->tunnel, "tcp://0.0.0.0:10022");
}

static void
on_bind_ok(struct mux *m, const struct msg_bind_ok *ok)
{
	must(ok->address.p != NULL);
	end_of(m)->n_bind_ok++;
}

static void
on_bind_fail(struct mux *m, const struct msg_bind_fail *fail)
{
	must(fail->text.p != NULL);
	end_of(m)->n_bind_fail++;
}

static void
on_unbind(struct mux *m, const struct msg_bind_fail *unbind)
{
	must(unbind->text.p != NULL);
	end_of(m)->n_unbind++;
}

static void
on_open(struct mux *m, struct mux_stream *st, const struct msg_open *open)
{
	struct sock *k = sock_new(end_of(m), st);

	must(m->conf.role == ROLE_AGENT && open->tunnel == st->tunnel);
	if (!end_of(m)->hold_open)
		sock_answer(k);
}

static void
on_open_ok(struct mux *m, struct mux_stream *st)
{
	struct sock *k = sock_of(m, st);

	must(!k->opened && !k->aborted);
	k->opened = true;
}

static void
on_data(struct mux *m, struct mux_stream *st, const uint8_t *p, size_t n)
{
	struct sock *k = sock_of(m, st);
	enum role sender = m->conf.role == ROLE_AGENT ? ROLE_SERVER : ROLE_AGENT;

	must(n > 0 && !k->fin && !k->reset && !k->aborted);
	must(end_of(m)->untrusted || pattern_matches(p, n, k->id, sender, k->got));
	k->got += n;
	if (!end_of(m)->hold_data)
		sock_consume(k, n);
}

static void
on_fin(struct mux *m, struct mux_stream *st)
{
	struct sock *k = sock_of(m, st), *other;

	must(!k->fin && !k->reset && !k->aborted);
	k->fin = true;
	if (end_of(m)->untrusted)
		return;
	other = sock_peer(k);
	must(other != NULL && other->fin_pulled && other->pulled == k->got);
}

/* Some may be missing; none comes twice, late or changed. */
static void
on_datagram(struct mux *m, struct mux_stream *st, const uint8_t *p, size_t n)
{
	struct sock *k = sock_of(m, st);
	enum role sender = m->conf.role == ROLE_AGENT ? ROLE_SERVER : ROLE_AGENT;
	struct rd r = rd_init(p, n);
	uint32_t number;

	must(!k->reset && !k->aborted);
	k->n_got++;
	k->got += n;
	if (n < 4 || end_of(m)->untrusted)
		return;
	number = rd_u32(&r);
	must(number > k->last_number);
	k->last_number = number;
	if (n > 4) { /* the pattern begins in front of the number */
		size_t part;
		const uint8_t *want = pattern(k->id, sender, n, &part);

		must(memcmp(p + 4, want + 4, MIN(part, n) - 4) == 0);
	}
}

static void
on_reset(struct mux *m, struct mux_stream *st, uint16_t code, struct text text)
{
	struct sock *k = sock_of(m, st);

	must(!k->reset && !k->aborted);
	k->reset = true;
	k->code = code;
	text_copy(k->text, sizeof(k->text), text);
}

static void
on_gone(struct mux *m, struct mux_stream *st)
{
	if (st->user == NULL) /* refused by the mux itself, before open() */
		return;
	sock_of(m, st)->st = NULL;
}

static ssize_t
on_pull(struct mux *m, struct mux_stream *st, void *p, size_t n)
{
	struct sock *k = sock_of(m, st);

	must(n > 0 && !k->fin_pulled && !k->reset && !k->aborted);
	if (end_of(m)->in_pull != NULL)
		end_of(m)->in_pull(k);
	n = (size_t)MIN((uint64_t)n, k->avail);
	if (n == 0 && k->broken) {
		k->aborted = true;
		return -ECONNRESET;
	}
	if (n == 0 && k->eof) {
		mux_ready(st); /* allowed, and of no use */
		k->fin_pulled = true;
		return 0;
	}
	if (n == 0)
		return -EAGAIN;
	pattern_fill(p, n, k->id, m->conf.role, k->pulled);
	k->pulled += n;
	k->avail -= n;
	if (k->avail == 0 && (k->eof || k->broken))
		mux_ready(st);
	return (ssize_t)n;
}

static ssize_t
on_fetch(struct mux *m, struct mux_stream *st, size_t n)
{
	struct end *e = end_of(m);
	struct sock *k = sock_of(m, st);
	ssize_t r;

	must(m->conf.aside_min > 0 && n >= m->conf.aside_min && e->aside == NULL);
	if (k->avail % 3 == 0)
		return -EOPNOTSUPP;
	e->aside = xmalloc(n);
	r = on_pull(m, st, e->aside, n);
	if (r > 0) {
		e->aside_n = (size_t)r;
		e->n_fetched++;
		if (k->avail > 0)
			mux_ready(st);
	} else {
		free(e->aside);
		e->aside = NULL;
	}
	return r;
}

/* A buffer for output, counted by reference. */
struct outbuf {
	unsigned refs;
	uint8_t p[65536];
};

static void
outbuf_unref(struct outbuf *b)
{
	if (b != NULL && --b->refs == 0)
		free(b);
}

static void *
on_keep(struct mux *m, uint8_t *buffer)
{
	struct end *e = end_of(m);

	must(e->buf != NULL && buffer == e->buf->p);
	if (e->n_kept++ % 4 == 3)
		return NULL;
	e->buf->refs++;
	return e->buf;
}

static void
on_drop(struct mux *m, void *kept)
{
	(void)m;
	outbuf_unref(kept);
}

static void
on_lost(struct mux *m, uint16_t code, const char *text)
{
	struct end *e = end_of(m);

	must(m->state == SESSION_DETACHED && mux_can_resume(m) && text != NULL);
	must(code == CODE_NOTHING_HEARD);
	e->n_lost++;
	pair_peer(e)->out.from = pair_peer(e)->out.to;
}

static void
on_goaway(struct mux *m, const struct msg_goaway *goaway)
{
	struct end *e = end_of(m);

	e->n_goaway++;
	e->goaway_code = goaway->code;
	e->goaway_last = goaway->last;
}

static void
on_spread(struct mux *m, uint32_t ms)
{
	end_of(m)->spread_ms = ms;
}

static void
on_wake(struct mux *m)
{
	must(!end_of(m)->closed && m->linked);
	end_of(m)->awake = true;
	end_of(m)->n_wake++;
}

static void
on_closed(struct mux *m, uint16_t code, const char *text, bool local, uint32_t retry_ms)
{
	struct end *e = end_of(m);

	must(!e->closed && m->state == SESSION_CLOSED && text != NULL);
	e->closed = true;
	e->local = local;
	e->code = code;
	e->retry_ms = retry_ms;
	text_copy(e->text, sizeof(e->text), text_of(text));
}

static const struct mux_ops ops = {
	.hello = on_hello,
	.auth = on_auth,
	.answer = on_answer,
	.challenge = on_challenge,
	.auth_ok = on_auth_ok,
	.auth_fail = on_auth_fail,
	.bind = on_bind,
	.bind_ok = on_bind_ok,
	.bind_fail = on_bind_fail,
	.unbind = on_unbind,
	.open = on_open,
	.open_ok = on_open_ok,
	.data = on_data,
	.fin = on_fin,
	.datagram = on_datagram,
	.reset = on_reset,
	.gone = on_gone,
	.pull = on_pull,
	.fetch = on_fetch,
	.goaway = on_goaway,
	.spread = on_spread,
	.lost = on_lost,
	.keep = on_keep,
	.drop = on_drop,
	.wake = on_wake,
	.closed = on_closed,
};

/* ---- Ends and links ---------------------------------------------------------------------------- */

struct mux_conf
pair_conf(enum role role)
{
	return (struct mux_conf){
		.role = role,
		.max_frame = 65536,
		.stream_window = 65536,
		.stream_window_max = 1048576,
		.session_window = 1048576,
		.max_streams = 256,
		.handshake_ms = 10000,
		.open_ms = 15000,
		.ping_ms = 10000,
		.dead_ms = 30000,
		.software = "pair/1",
		.flow_datagrams = 8,
		.flow_bytes = 131072,
		.datagram_bytes = 262144,
		.datagram_ms = 2000,
	};
}

void
end_init(struct end *e, struct pair *p, const struct mux_conf *conf)
{
	static const uint8_t nonce[2][MSG_NONCE] = {
		[ROLE_AGENT] = "thirty-two bytes that are not so",
		[ROLE_SERVER] = "and as many of the server's end."};

	memset(e, 0, sizeof(*e));
	memset(&e->m, 0xa5, sizeof(e->m)); /* mux_init() takes what it finds */
	e->pair = p;
	mux_init(&e->m, conf, &ops, e, nonce[conf->role], p->now);
	if (conf->resume_ms > 0 && conf->retained == NULL) {
		e->m.conf.retained = &e->retained;
		e->retained.max = SIZE_MAX;
	}
}

void
end_fini(struct end *e)
{
	mux_fini(&e->m);
	must(e->retained.bytes == 0);
	pairlink_fini(e);
	for (size_t i = 0; i < e->n_socks; i++) {
		must(e->socks[i]->st == NULL); /* gone() came for all of them */
		free(e->socks[i]);
	}
	free(e->socks);
	free(e->out.p);
	free(e->aside);
}

void
pair_init(struct pair *p, const struct mux_conf *agent, const struct mux_conf *server)
{
	struct mux_conf a = pair_conf(ROLE_AGENT), s = pair_conf(ROLE_SERVER);

	p->now = (struct mono){1000000000};
	end_init(&p->agent, p, agent != NULL ? agent : &a);
	end_init(&p->server, p, server != NULL ? server : &s);
}

void
pair_fini(struct pair *p)
{
	end_fini(&p->agent);
	end_fini(&p->server);
}

static void
link_room(struct link *l, size_t n)
{
	if (l->from == l->to)
		l->from = l->to = 0;
	if (l->cap - l->to < n && l->from > 0) {
		memmove(l->p, l->p + l->from, l->to - l->from);
		l->to -= l->from;
		l->from = 0;
	}
	if (l->cap - l->to < n) {
		l->cap = MAX(l->cap * 2, l->to + n);
		l->p = xrealloc(l->p, l->cap);
	}
}

/* What may be retained is put out where it can stay. */
static size_t
output_kept(struct end *e, uint8_t *p, size_t cap)
{
	size_t n;

	cap = MIN(cap, sizeof(e->buf->p));
	e->buf = xmalloc(sizeof(*e->buf));
	e->buf->refs = 1;
	n = mux_output(&e->m, e->pair->now, e->buf->p, cap);
	must(n <= cap);
	memcpy(p, e->buf->p, n);
	outbuf_unref(e->buf);
	e->buf = NULL;
	return n;
}

size_t
end_output(struct end *e, size_t cap)
{
	struct mux *m = pairlink_mux(e);
	struct link *l = &e->out;
	size_t n;

	link_room(l, cap);
	if (m->can_resume)
		n = output_kept(e, l->p + l->to, cap);
	else
		n = mux_output(m, e->pair->now, l->p + l->to, cap);
	must(n <= cap && (n > 0 || e->aside == NULL));
	l->to += n;
	if (e->aside != NULL) {
		link_room(l, e->aside_n);
		memcpy(l->p + l->to, e->aside, e->aside_n);
		l->to += e->aside_n;
		n += e->aside_n;
		free(e->aside);
		e->aside = NULL;
	}
	must(n > 0 || !mux_wants_output(m)); /* whoever gets nothing stops asking */
	if (!mux_wants_output(m))
		e->awake = false;
	return n;
}

/* The next of n bytes, as far as they are taken at once: aside, or by mux_recv(). */
static size_t
receive_some(struct end *e, const uint8_t *p, size_t n)
{
	struct mux *m = pairlink_mux(e);
	struct mux_stream *st;
	size_t aside = mux_expects(&e->m, &st);

	if (m != &e->m) {
		int rest = mux_recv(m, e->pair->now, p, n);

		if (m->given_away)
			pairlink_given(e, p, n, rest);
		return n;
	}
	if (e->m.conf.aside_min == 0) {
		mux_recv(&e->m, e->pair->now, p, n);
		return n;
	}
	if (aside == 0 || e->m.frames_in % 3 == 0) {
		n = MIN(MIN(n, 60000), mux_read_hint(&e->m));
		mux_recv(&e->m, e->pair->now, p, n);
		return n;
	}
	n = MIN(n, aside);
	e->n_moved++;
	on_data(&e->m, st, p, n);
	mux_moved(&e->m, e->pair->now, n);
	return n;
}

static void
receive(struct end *e, const uint8_t *p, size_t n)
{
	while (n > 0) {
		size_t took = receive_some(e, p, n);

		p += took;
		n -= took;
	}
}

/* The bytes are copied to a block of their own size, so that a sanitizer sees who reads behind it. */
size_t
end_deliver(struct end *e, size_t n)
{
	struct link *l = &e->out;
	struct end *to = pair_peer(e);
	uint8_t *copy;

	n = MIN(n, l->to - l->from);
	if (n == 0)
		return 0;
	copy = xmalloc(n);
	memcpy(copy, l->p + l->from, n);
	l->from += n;
	receive(to, copy, n);
	free(copy);
	return n;
}

bool
end_wants_output(struct end *e)
{
	return mux_wants_output(pairlink_mux(e));
}

void
pair_pump(struct pair *p)
{
	struct end *ends[] = {&p->agent, &p->server};
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < 2; i++) {
			while (end_wants_output(ends[i]) && end_output(ends[i], 65536) > 0)
				again = true;
			if (end_deliver(ends[i], EVERYTHING) > 0)
				again = true;
		}
	}
}

void
pair_sleep(struct pair *p, int64_t ms)
{
	p->now = mono_add_ms(p->now, ms);
	mux_tick(&p->agent.m, p->now);
	mux_tick(&p->server.m, p->now);
}

void
pair_login(struct pair *p)
{
	struct msg_bind bind = {.tunnel = 1, .route = text_of("port"), .name = text_of("ssh")};

	pair_pump(p);
	mux_send_bind(&p->agent.m, &bind);
	pair_pump(p);
	must(p->agent.m.state == SESSION_BOUND && p->server.m.state == SESSION_BOUND);
}

static struct sock *
open_stream(struct pair *p, bool datagram)
{
	struct msg_open open = {.tunnel = 1, .family = 4, .port = 4711, .ip = {192, 0, 2, 7},
		.datagram = datagram};
	struct mux_stream *st = mux_open(&p->server.m, &open, p);

	must(st == NULL || st->user == p);
	return st != NULL ? sock_new(&p->server, st) : NULL;
}

struct sock *
pair_open(struct pair *p)
{
	return open_stream(p, false);
}

struct sock *
pair_open_flow(struct pair *p)
{
	return open_stream(p, true);
}

/* ---- A peer that the test plays itself --------------------------------------------------------- */

static void
look_at(struct seen *s, const struct frame *f, const uint8_t *payload)
{
	const char *name = frame_name(f->type);
	size_t used = strlen(s->order);

	must(name != NULL && frame_check(f, FRAME_DATA_MAX_LIMIT) == NULL);
	s->n[f->type]++;
	s->last[f->type] = *f;
	if (f->type == FRAME_DATA)
		s->data += f->len;
	else if (f->type != FRAME_DATAGRAM)
		memcpy(s->payload[f->type], payload, f->len);
	snprintf(s->order + used, sizeof(s->order) - used, "%s%s", used > 0 ? " " : "", name);
}

void
end_look(struct end *e, struct seen *s_r)
{
	struct link *l = &e->out;

	memset(s_r, 0, sizeof(*s_r));
	while (mux_wants_output(&e->m) && end_output(e, 65536) > 0)
		;
	while (l->from < l->to) {
		struct frame f;

		must(l->to - l->from >= FRAME_HEADER);
		frame_decode(l->p + l->from, &f);
		must(l->to - l->from >= FRAME_HEADER + f.len);
		look_at(s_r, &f, l->p + l->from + FRAME_HEADER);
		l->from += FRAME_HEADER + f.len;
	}
}

int
end_feed(struct end *e, uint8_t type, uint32_t stream, const void *payload, size_t n)
{
	uint8_t *b = xmalloc(FRAME_HEADER + n);
	int rc;

	frame_encode(b, &(struct frame){(uint32_t)n, type, stream});
	if (n > 0)
		memcpy(b + FRAME_HEADER, payload, n);
	rc = mux_recv(&e->m, e->pair->now, b, FRAME_HEADER + n);
	free(b);
	return rc;
}

int
end_feed_u64(struct end *e, uint8_t type, uint32_t stream, uint64_t v)
{
	uint8_t p[8];
	struct wr w = wr_init(p, sizeof(p));

	wr_u64(&w, v);
	return end_feed(e, type, stream, p, sizeof(p));
}

int
end_feed_credit(struct end *e, uint32_t stream, uint32_t bytes, uint32_t taken)
{
	return end_feed_u64(e, FRAME_CREDIT, stream, (uint64_t)bytes << 32 | taken);
}

int
end_feed_data(struct end *e, uint32_t stream, size_t n)
{
	uint8_t *zeros = xcalloc(1, n);
	int rc = end_feed(e, FRAME_DATA, stream, zeros, n);

	free(zeros);
	return rc;
}

int
end_feed_reset(struct end *e, uint8_t type, uint32_t stream, uint16_t code)
{
	struct msg_end end = {code, text_of("the peer says so")};
	uint8_t p[300];

	return end_feed(e, type, stream, p, msg_end_encode(p, sizeof(p), &end));
}

static int
feed_open(struct end *e, uint32_t stream, bool datagram)
{
	struct msg_open open = {.tunnel = 1, .family = 4, .port = 4711, .ip = {192, 0, 2, 7},
		.datagram = datagram};
	uint8_t p[64];

	return end_feed(e, FRAME_OPEN, stream, p, msg_open_encode(p, sizeof(p), &open));
}

int
end_feed_open(struct end *e, uint32_t stream)
{
	return feed_open(e, stream, false);
}

int
end_feed_open_flow(struct end *e, uint32_t stream)
{
	return feed_open(e, stream, true);
}

/* ---- What must always hold ---------------------------------------------------------------------*/

struct sums {
	uint64_t tx_over, rx_over;
	size_t n, opening, due, run, wait, flows, datagrams, datagram_bytes;
};

static uint64_t
over(uint64_t bytes, uint64_t credit)
{
	return bytes > credit + MUX_FLOOR ? bytes - credit - MUX_FLOOR : 0;
}

static void
check_stream(const struct mux_stream *st, bool untrusted)
{
	const struct mux *m = st->m;

	must(st->state == STREAM_OPENING || st->state == STREAM_ACTIVE ||
		st->state == STREAM_CLOSING);
	must((st->state == STREAM_CLOSING) == (st->tx_end != END_OPEN || st->rx_end != END_OPEN));
	must(st->state != STREAM_ACTIVE || st->answered);
	must(st->tx_sent <= m->peer.stream_window + st->tx_credit);
	must(st->rx_used <= st->rx_got);
	must(st->rx_told <= st->rx_used && st->tx_taken <= st->tx_sent);
	must(st->rx_credit <= st->rx_used + MAX(m->conf.stream_window_max, m->conf.stream_window) -
			m->conf.stream_window);
	must(untrusted || st->rx_got <= m->conf.stream_window + st->rx_credit);
	must(st->rx_window <= MAX(m->conf.stream_window_max, m->conf.stream_window));
	must(st->rx_window >= MIN(m->conf.stream_window, 65536));
	if (mux_over(m))
		return;
	must(!st->parked || (list_linked(&st->run) && st->tx_end == END_OPEN));
	must(!list_linked(&st->run) || st->tx_end == END_OPEN);
	must(!st->hungry || !list_linked(&st->run));
	must(list_linked(&st->due) || !(st->send_open || st->send_ok || st->send_end ||
					      st->send_credit || st->send_blocked));
	must(st->tx_end == END_OPEN || st->rx_end == END_OPEN || st->send_end);
}

static size_t
list_count(const struct list *head)
{
	size_t n = 0;

	for (const struct list *l = head->next; l != head; l = l->next)
		n++;
	return n;
}

static void
add_flow(struct sums *s, const struct mux_flow *f)
{
	const struct mux_conf *conf = &f->st->m->conf;

	must(f->n <= conf->flow_datagrams && f->bytes <= conf->flow_bytes);
	must(list_count(&f->queue) == f->n && (f->n > 0) == list_linked(&f->run));
	s->flows += f->n > 0;
	s->datagrams += f->n;
	s->datagram_bytes += f->bytes;
}

void
end_check(const struct end *e)
{
	const struct mux *m = &e->m;
	struct sums s = {0};
	struct mux_stream *st;
	size_t pos = 0;

	while ((st = idmap_next(&m->streams, &pos, NULL)) != NULL) {
		check_stream(st, e->untrusted);
		s.n++;
		s.tx_over += over(st->tx_sent, st->tx_taken);
		s.rx_over += over(st->rx_got, st->rx_told);
		s.opening += st->state == STREAM_OPENING;
		s.due += list_linked(&st->due);
		s.run += list_linked(&st->run);
		s.wait += list_linked(&st->wait);
		if (st->flow != NULL)
			add_flow(&s, st->flow);
	}
	must(e->awake || !mux_wants_output(pairlink_mux(e)));
	if (m->can_resume && mux_alive(m))
		must(e->retained.bytes == m->tx_seq - m->tx_acked);
	must(m->tx_acked <= m->tx_at && m->tx_at <= m->tx_seq && m->rx_acked <= m->rx_seq);
	must(m->again != NULL || !m->linked || m->tx_at == m->tx_seq);
	must(m->n_streams == s.n && m->n_opening == s.opening);
	must(m->tx_over == s.tx_over && m->rx_over == s.rx_over);
	must(mux_over(m) || !mux_alive(m) || m->tx_over <= m->peer.session_window + m->tx_session_credit);
	must(list_count(&m->dg.flows) == s.flows && list_count(&m->dg.all) == s.datagrams);
	must(m->dg.bytes == s.datagram_bytes && m->dg.bytes <= m->conf.datagram_bytes);
	must(list_count(&m->due) == s.due);
	must(list_count(&m->ready) + list_count(&m->parked) == s.run);
	must(list_count(&m->opening) + list_count(&m->zombies) == s.wait);
}

/* What the receiver still lacks credit for, the sender knows to be outstanding. */
static void
check_both(const struct end *from, const struct end *to)
{
	struct mux_stream *r;
	size_t pos = 0;

	while ((r = idmap_next(&to->m.streams, &pos, NULL)) != NULL) {
		const struct mux_stream *s = idmap_get(&from->m.streams, r->id);

		if (s == NULL)
			continue;
		must(r->rx_got <= s->tx_sent && r->rx_credit >= s->tx_credit &&
			r->rx_told >= s->tx_taken);
	}
}

void
pair_check(struct pair *p)
{
	end_check(&p->agent);
	end_check(&p->server);
	if (p->agent.untrusted || p->server.untrusted)
		return;
	check_both(&p->agent, &p->server);
	check_both(&p->server, &p->agent);
}

static void
let_go(struct end *e)
{
	e->hold_data = false;
	for (size_t i = 0; i < e->n_socks; i++) {
		struct sock *k = e->socks[i];

		if (k->st == NULL)
			continue;
		if (e->m.conf.role == ROLE_AGENT)
			sock_answer(k);
		if (k->st->flow != NULL) {
			sock_abort(k, CODE_EXPIRED);
			continue;
		}
		sock_end(k);
		sock_consume(k, UINT64_MAX);
	}
}

void
pair_finish(struct pair *p)
{
	p->agent.hold_open = false;
	pair_pump(p);
	let_go(&p->agent);
	let_go(&p->server);
	pair_pump(p);
	pair_check(p);
	must(p->agent.m.n_streams == 0 && p->server.m.n_streams == 0);
	must(p->agent.m.tx_over == 0 && p->server.m.tx_over == 0);
}
