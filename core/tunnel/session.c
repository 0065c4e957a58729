/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What both roles of a session do. Owner worker only. session_end() is the one place where a
 * session becomes ended. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/session.h"
#include "util/compiler.h"
#include "util/rand.h"

#define GRAIN_NS ((int64_t)1 << 27) /* 134 ms: deadlines of many sessions come together */
#define GRAIN_PART 64 /* and never more than this part of the shortest time that is waited for */
#define LINGER_MS 1000         /* for a GOAWAY to be taken */
#define UNSENT_MAX (128u * 1024) /* bytes that the kernel keeps of a link */

static struct session *
session_of(struct mux *m)
{
	return container_of(m, struct session, mux);
}

static void
on_reap(struct turn_end *t)
{
	struct session *s = container_of(t, struct session, reap);

	timer_stop(&s->tick);
	mux_fini(&s->mux); /* gone() for streams that are left */
	must(list_empty(&s->streams));
	s->ops->free(s);
}

static void
end(struct session *s, uint16_t code, const char *text, bool local, uint32_t retry_ms)
{
	if (s->ended)
		return;
	s->ended = true;
	timer_stop(&s->tick);
	s->ops->ended(s, code, text, local, retry_ms);
	if (s->conn == NULL)
		worker_reap(s->w, &s->reap);
	else
		conn_finish(s->conn, LINGER_MS);
}

void
session_fail(struct session *s, uint16_t code, const char *text)
{
	if (!s->ended)
		mux_fail(&s->mux, code, text);
}

/* ---- Upcalls of the mux ---------------------------------------------------------------------- */

ssize_t
session_on_pull(struct mux *m, struct mux_stream *ms, void *p, size_t n)
{
	(void)m;
	return stream_pull(ms->user, p, n);
}

/* In tests the way of each piece of payload is thrown for, so that all changes between them
 * happen. */
static bool
declined(const struct session *s)
{
	uint8_t b = 0;

	if (s->dice)
		rand_bytes(&b, 1);
	return b & 1;
}

ssize_t
session_on_fetch(struct mux *m, struct mux_stream *ms, size_t n)
{
	struct session *s = session_of(m);

	must(s->aside == NULL);
	if (declined(s))
		return -EOPNOTSUPP;
	return stream_fetch(ms->user, n, &s->aside);
}

void
session_on_data(struct mux *m, struct mux_stream *ms, const uint8_t *p, size_t n)
{
	(void)m;
	stream_data(ms->user, p, n);
}

void
session_on_fin(struct mux *m, struct mux_stream *ms)
{
	(void)m;
	stream_fin(ms->user);
}

void
session_on_reset(struct mux *m, struct mux_stream *ms, uint16_t code, struct text text)
{
	(void)m;
	(void)code;
	(void)text;
	if (ms->user != NULL)
		stream_reset(ms->user);
}

void
session_on_gone(struct mux *m, struct mux_stream *ms)
{
	(void)m;
	if (ms->user != NULL)
		stream_gone(ms->user);
	ms->user = NULL;
}

void
session_on_wake(struct mux *m)
{
	struct session *s = session_of(m);

	if (s->conn != NULL)
		conn_kick(s->conn);
}

void
session_on_goaway(struct mux *m, const struct msg_goaway *goaway)
{
	struct session *s = session_of(m);

	s->left_code = goaway->code;
	/* The last one, which ends the session, asks for nothing: the one before it did. */
	s->left_retry_ms = MAX(s->left_retry_ms, goaway->retry_after_ms);
	text_copy(s->left_text, sizeof(s->left_text), goaway->text);
}

void
session_on_closed(struct mux *m, uint16_t code, const char *text, bool local, uint32_t retry_ms)
{
	end(session_of(m), code, text, local, retry_ms);
}

/* What is retained stays in the chunk that the link was given. */
void *
session_on_keep(struct mux *m, uint8_t *buffer)
{
	(void)m;
	return chunk_share(container_of(buffer, struct chunk, data[0]));
}

void
session_on_drop(struct mux *m, void *kept)
{
	chunk_put(session_of(m)->w, kept);
}

/* ---- The link -------------------------------------------------------------------------------- */

static int
on_input(struct conn *c, const uint8_t *p, size_t n)
{
	struct session *s = c->owner;
	int rest = mux_recv(&s->mux, s->w->now, p, n);

	if (rest == 0)
		session_rearm(s);
	return rest;
}

/* Payload that goes straight from the link to the stream's socket. */
static ssize_t
on_take(struct conn *c)
{
	struct session *s = c->owner;
	struct mux_stream *ms;
	size_t n = mux_expects(&s->mux, &ms);
	ssize_t r;

	if (n < s->mux.conf.aside_min || ms->user == NULL || declined(s))
		return -EOPNOTSUPP;
	r = stream_take(ms->user, &c->sock, n);
	if (r > 0) {
		mux_moved(&s->mux, s->w->now, (size_t)r);
		session_rearm(s);
	}
	return r;
}

static size_t
on_read_max(struct conn *c)
{
	return mux_read_hint(&((struct session *)c->owner)->mux);
}

/* What the kernel holds back is out of our hands: no more than a frame, so that it is as short a
 * time on a slow link as on a fast one. */
static void
tune(struct session *s)
{
	size_t unsent = MIN(mux_frame_size(&s->mux), UNSENT_MAX);

	if (unsent < s->unsent / 2 || unsent > s->unsent)
		sock_unsent(s->conn->sock.fd, s->unsent = unsent);
}

void
worker_streams_check(struct worker *w)
{
	struct worker_streams *ws = worker_streams(w);

	if (ws->shed.run != NULL && ws->retained.bytes / 2 > ws->retained.max)
		worker_at_end(w, &ws->shed);
}

static size_t
on_output(struct conn *c, uint8_t *p, size_t cap, struct pipe **aside_r)
{
	struct session *s = c->owner;
	/* What is in the buffer can be overtaken no more: on a slow link it is a short one. */
	size_t room = MAX(mux_frame_size(&s->mux) + FRAME_CONTROL_MAX, MUX_OUTPUT_MIN);
	size_t n = mux_output(&s->mux, s->w->now, p, MIN(cap, room));

	tune(s);
	worker_streams_check(s->w);
	if (s->aside != NULL) {
		*aside_r = s->aside;
		s->aside = NULL;
	}
	if (!s->ended)
		session_rearm(s);
	return n;
}

/* The mux knows it. Who has said that it leaves does not come back. */
static void
link_gone(struct session *s, uint16_t code, const char *text)
{
	if (s->left_code == CODE_NONE && mux_can_resume(&s->mux)) {
		s->ops->detached(s, text);
		session_rearm(s);
		return;
	}
	if (s->left_code != CODE_NONE)
		end(s, s->left_code, s->left_text, false, s->left_retry_ms);
	else
		end(s, code, text, false, 0);
	mux_fail(&s->mux, code, text); /* resets streams that could have gone on */
}

static void
on_link_closed(struct conn *c, int err, const char *text)
{
	struct session *s = c->owner;
	char buf[256];

	s->conn = NULL;
	if (s->ended) { /* the farewell is over */
		worker_reap(s->w, &s->reap);
		return;
	}
	mux_detach(&s->mux, s->w->now);
	s->cut_by_peer = err == 0 || err == -ECONNRESET || err == -EPIPE;
	s->refused = text != NULL && text[0] != '\0';
	s->visitor = conn_fact(c, "visitor") != NULL;
	if (s->refused)
		snprintf(buf, sizeof(buf), "%s", text);
	else
		snprintf(buf, sizeof(buf), "the link broke: %s",
			err == 0 ? "closed by the peer" : strerror(-err));
	link_gone(s, CODE_LINK_LOST, buf);
}

void
session_on_lost(struct mux *m, uint16_t code, const char *text)
{
	struct session *s = session_of(m);

	conn_close(s->conn);
	s->conn = NULL;
	link_gone(s, code, text);
}

static int
on_choose(struct conn *c, const uint8_t *p, size_t n, struct conn_level *level_r)
{
	struct session *s = c->owner;

	return s->ops->choose(s, p, n, level_r);
}

static const struct conn_ops link_ops = {
	.input = on_input,
	.output = on_output,
	.closed = on_link_closed,
};

/* The same for a link whose layers are not known yet. */
static const struct conn_ops chosen_ops = {
	.input = on_input,
	.output = on_output,
	.choose = on_choose,
	.closed = on_link_closed,
};

/* And for one without layers, if payload may pass aside. */
static const struct conn_ops splice_ops = {
	.input = on_input,
	.output = on_output,
	.take = on_take,
	.read_max = on_read_max,
	.closed = on_link_closed,
};

void
session_logged_in(struct session *s)
{
	if (s->conn == NULL || !s->conn->bare || !s->splice || mux_can_resume(&s->mux))
		return;
	s->mux.conf.aside_min = s->dice ? 1 : MUX_ASIDE_MIN;
	conn_give(s->conn, &splice_ops, s);
}

/* ---- Time ------------------------------------------------------------------------------------ */

static struct mono
deadline(const struct session *s)
{
	return mono_round_up(mux_deadline(&s->mux), s->grain_ns);
}

void
session_rearm(struct session *s)
{
	struct mono at;

	if (s->ended)
		return;
	at = deadline(s);
	/* Later deadlines are found when the timer fires: bytes do not touch the timer heap. */
	if (!mono_before(at, s->tick_at))
		return;
	s->tick_at = at;
	timer_start_at(&s->tick, at);
}

void
session_clock(struct session *s)
{
	if (s->conn == NULL && !s->ended)
		mux_tick(&s->mux, s->w->now);
}

void
session_send_datagram(struct mux_stream *ms, const uint8_t *p, size_t n)
{
	struct session *s = session_of(ms->m);

	mux_send_datagram(ms, s->w->now, p, n);
	session_rearm(s);
}

static void
on_tick(struct timer *t)
{
	struct session *s = container_of(t, struct session, tick);

	mux_tick(&s->mux, s->w->now);
	if (s->ended)
		return;
	/* Not later than the next PING, although its PONG is waited for much longer: when that has
	 * come, the timer is right as it is. */
	s->tick_at = mono_round_up(mono_add_ms(s->w->now, s->limits->ping_interval), s->grain_ns);
	s->tick_at = mono_min(s->tick_at, deadline(s));
	timer_start_at(&s->tick, s->tick_at);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void
mux_conf_of(struct mux_conf *conf_r, enum role role, const struct limits *l,
	const struct session_self *self)
{
	*conf_r = (struct mux_conf){
		.role = role,
		.max_frame = (uint32_t)l->max_frame,
		.stream_window = (uint32_t)l->stream_window,
		.stream_window_max = (uint32_t)l->stream_window_max,
		.session_window = (uint32_t)l->session_window,
		.max_streams = (uint32_t)l->streams_per_session,
		.handshake_ms = l->handshake_timeout,
		.open_ms = role == ROLE_SERVER ? l->open_timeout + 2000 : l->open_timeout,
		.ping_ms = l->ping_interval,
		.dead_ms = l->dead_after,
		.software = self->software,
		.instance = self->instance,
		.member = self->member,
		.flow_datagrams = (size_t)l->flow_datagrams,
		.flow_bytes = (size_t)l->flow_queue,
		.datagram_bytes = (size_t)l->session_queue,
		.datagram_ms = l->datagram_age,
		.retain_max = (size_t)l->session_retain,
	};
}

static int64_t
grain_of(const struct limits *l)
{
	int64_t ms = MIN(MIN(l->ping_interval, l->dead_after),
		MIN(l->open_timeout, l->handshake_timeout));
	int64_t grain = GRAIN_NS;

	while (grain > ms * 1000000 / GRAIN_PART)
		grain /= 2;
	return grain;
}

void
session_level(const struct module *transport, struct conn_level *level_r)
{
	must(transport->layer.size != 0);
	*level_r = (struct conn_level){
		.ops = &transport->layer,
		.inst = transport->inst,
		.per_worker = transport->per_worker,
		.scheme = transport->transport.scheme,
		.encrypted = transport->transport.encrypted != 0,
	};
}

/* One without a layer only says what the socket is. */
static void
link_open(struct session *s, int fd, const struct session_link *link, enum adit_side side)
{
	struct conn_level level[CONN_LAYERS_MAX];
	struct conn_setup setup = {
		.ops = link->choose ? &chosen_ops : &link_ops,
		.owner = s,
		.side = side,
		.level = level,
		.host = link->host,
		.path = link->path,
		.port = link->port,
	};

	for (size_t i = 0; i < link->n_transports; i++) {
		const struct module *t = link->transport[i];

		must(setup.n_levels < CONN_LAYERS_MAX);
		if (t->layer.size != 0)
			session_level(t, &level[setup.n_levels++]);
		else if (t->transport.encrypted != 0)
			setup.encrypted = true;
	}
	s->conn = conn_open(s->w, fd, &setup);
}

void
session_open(struct session *s, struct worker *w, int fd, enum role role,
	const struct session_ops *ops, const struct limits *limits, const struct session_link *link,
	const struct session_self *self)
{
	struct mux_conf conf;
	uint8_t nonce[MSG_NONCE];

	s->w = w;
	s->ops = ops;
	s->limits = limits;
	list_init(&s->streams);
	list_init(&s->reap.node);
	s->reap.run = on_reap;
	s->tick_at = MONO_NEVER;
	s->grain_ns = grain_of(limits);
	timer_init(&s->tick, w, "session timer", on_tick);
	mux_conf_of(&conf, role, limits, self);
	conf.resume_ms = ops->detached != NULL ? limits->resume_for : 0;
	conf.pool = &worker_streams(w)->datagrams;
	conf.pool->max = (size_t)limits->worker_queue;
	conf.retained = &worker_streams(w)->retained;
	conf.retained->max = (size_t)limits->worker_retain;
	s->dice = getenv("ADIT_TEST_DICE") != NULL;
	rand_bytes(nonce, sizeof(nonce));
	mux_init(&s->mux, &conf, ops->mux, s, nonce, w->now);
	s->splice = self->splice;
	link_open(s, fd, link, role == ROLE_SERVER ? ADIT_SIDE_SERVER : ADIT_SIDE_AGENT);
	sock_tune_link(&s->conn->sock, limits->dead_after);
	conn_kick(s->conn);
	session_rearm(s);
}

/* ---- Another link ---------------------------------------------------------------------------- */

struct conn *
session_give_link(struct session *s, struct mux_link *link_r)
{
	struct conn *c = s->conn;

	must(c != NULL && !s->ended);
	mux_link_of(&s->mux, link_r);
	s->conn = NULL;
	s->ended = true;
	timer_stop(&s->tick);
	worker_reap(s->w, &s->reap);
	return c;
}

int
session_go_on(struct session *s, struct conn *c, const struct mux_link *link, uint64_t received)
{
	int rc;

	must(!s->ended);
	conn_close(s->conn);
	s->conn = NULL;
	mux_detach(&s->mux, s->w->now);
	rc = mux_attach(&s->mux, s->w->now, link, received);
	if (rc < 0)
		return rc;
	s->conn = c;
	s->unsent = 0;
	conn_give(c, &link_ops, s);
	conn_kick(c);
	session_rearm(s);
	return 0;
}

void
session_cut(struct session *s)
{
	must(s->ended);
	conn_close(s->conn);
	s->conn = NULL;
	worker_reap(s->w, &s->reap);
}

/* ---- The worker's streams -------------------------------------------------------------------- */

struct worker_streams *
worker_streams(struct worker *w)
{
	must(w->app != NULL);
	return w->app;
}

static void
on_over_budget(struct unread *u)
{
	stream_abort(container_of(u, struct stream, unread), CODE_OVERLOAD,
		"its bytes were unread for the longest time, and unread_budget is used up");
}

void
worker_streams_init(struct worker_streams *ws, struct worker *w, struct budget *b)
{
	list_init(&ws->flushing);
	list_init(&ws->shed.node);
	budget_join(&ws->budget, b, w, on_over_budget);
}

void
worker_streams_abort(struct worker *w)
{
	struct worker_streams *ws = worker_streams(w);
	struct list *n, *tmp;

	budget_leave(&ws->budget);
	list_remove(&ws->shed.node);
	list_each(n, tmp, &ws->flushing)
		stream_abort(list_entry(n, struct stream, node), CODE_SHUTDOWN, NULL);
}
