/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Life and time of one end of a session. Pure; whatever thread owns the session. Every way to end
 * goes through mux_end(), so streams are told before the owner is. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"
#include "wire/mux_priv.h"

#define PING_RATE 2.0
#define PING_BURST 10.0

void
mux_move(struct mux *m, enum session_state to)
{
	enum session_state *at = &m->state;

	if (m->state == SESSION_DETACHED && to < SESSION_DETACHED)
		at = &m->before;
	if (*at == to)
		return;
	must(session_may_move(*at, to));
	*at = to;
}

enum session_state
mux_stage(const struct mux *m)
{
	return m->state == SESSION_DETACHED && m->can_resume ? m->before : m->state;
}

uint64_t
mux_features(const struct mux *m)
{
	return m->conf.resume_ms > 0 ? FEATURE_RESUME : 0;
}

static void
send_hello(struct mux *m, uint8_t version_min, uint64_t features)
{
	struct msg_hello h = {
		.version_min = version_min,
		.version_max = MSG_VERSION,
		.role = m->conf.role == ROLE_SERVER,
		.features = features,
		.max_frame = m->conf.max_frame,
		.stream_window = m->conf.stream_window,
		.session_window = m->conf.session_window,
		.streams = m->conf.role == ROLE_AGENT ? m->conf.max_streams : 0,
		.software = text_of(m->conf.software),
		.instance = m->conf.instance,
		.member = m->conf.member,
	};
	uint8_t p[512];

	memcpy(h.nonce, m->nonce, MSG_NONCE);
	mux_queue(m, FRAME_HELLO, p, msg_hello_encode(p, sizeof(p), &h));
}

void
mux_init(struct mux *m, const struct mux_conf *conf, const struct mux_ops *ops, void *owner,
	const uint8_t *nonce, struct mono now)
{
	memset(m, 0, sizeof(*m));
	m->conf = *conf;
	m->ops = ops;
	m->owner = owner;
	memcpy(m->nonce, nonce, MSG_NONCE);
	m->now = m->began = m->heard = m->pings_at = now;
	m->pings = PING_BURST;
	m->linked = true;
	m->expires_at = MONO_NEVER;
	m->renewals_at = now;
	m->renewals = MUX_RENEWALS;
	bufq_init(&m->hand);
	bufq_init(&m->side);
	bufq_init(&m->ctl);
	list_init(&m->retained);
	rate_init(&m->rate);
	list_init(&m->due);
	list_init(&m->ready);
	list_init(&m->parked);
	list_init(&m->opening);
	list_init(&m->zombies);
	mux_datagrams_init(m);
	if (conf->role == ROLE_AGENT)
		send_hello(m, MSG_VERSION, mux_features(m));
}

static void
drop_streams(struct mux *m)
{
	struct mux_stream *st;
	size_t pos = 0;

	while ((st = idmap_next(&m->streams, &pos, NULL)) != NULL)
		mux_stream_drop(st);
}

void
mux_fini(struct mux *m)
{
	drop_streams(m);
	mux_datagrams_fini(m);
	idmap_fini(&m->streams);
	mux_retained_free(m);
	bufq_fini(&m->hand);
	bufq_fini(&m->side);
	bufq_fini(&m->ctl);
	free(m->ctl_in);
	m->ctl_in = NULL;
}

/* Streams learn that they are over. They stay until mux_fini(), for their owners' sake. */
void
mux_abort_streams(struct mux *m, uint16_t code, const char *text)
{
	struct mux_stream *st;
	size_t pos = 0;

	while ((st = idmap_next(&m->streams, &pos, NULL)) != NULL) {
		list_remove(&st->due);
		mux_stream_unpark(st);
		list_remove(&st->wait);
		mux_stream_tell(st, code, text_of(text));
	}
}

void
mux_end(struct mux *m, uint16_t code, const char *text, bool local, uint32_t retry_ms)
{
	mux_move(m, SESSION_CLOSED);
	if (m->again == NULL || !m->linked) /* else the peer can only read on where it was */
		mux_retained_free(m);
	mux_abort_streams(m, code, text);
	m->ops->closed(m, code, text != NULL ? text : "", local, retry_ms);
}

static void
send_goaway(struct mux *m, uint16_t code, uint32_t retry_ms, const char *text)
{
	struct msg_goaway g = {
		.code = code,
		.retry_after_ms = retry_ms,
		.last = m->conf.role == ROLE_SERVER ? m->last_id : 0,
		.text = text_of(text),
	};
	uint8_t p[512];

	mux_queue(m, FRAME_GOAWAY, p, msg_goaway_encode(p, sizeof(p), &g));
}

void
mux_fail(struct mux *m, uint16_t code, const char *text)
{
	if (mux_over(m))
		return;
	send_goaway(m, code, 0, text);
	mux_end(m, code, text, true, 0);
}

void
mux_ended(struct mux *m, uint16_t code, struct text text, uint32_t retry_ms)
{
	char copy[MSG_TEXT_MAX + 1];

	mux_end(m, code, text_copy(copy, sizeof(copy), text), false, retry_ms);
}

void
mux_drain(struct mux *m, uint16_t code, uint32_t retry_ms, const char *text)
{
	if (mux_over(m))
		return;
	if (!mux_alive(m)) {
		mux_fail(m, code, text);
		return;
	}
	send_goaway(m, code, retry_ms, text);
	m->leaving = true;
	mux_move(m, SESSION_DRAINING);
}

void
mux_send_spread(struct mux *m, uint32_t ms)
{
	m->spread = ms;
	m->spread_due = true;
	mux_wake(m);
}

void
mux_detach(struct mux *m, struct mono now)
{
	if (!m->linked)
		return;
	m->linked = false;
	mux_renewal_forget(m);
	if (mux_over(m))
		return;
	if (!mux_alive(m)) { /* nobody logged in: there is nothing to keep */
		mux_move(m, SESSION_CLOSED);
		return;
	}
	m->now = m->detached_at = now;
	m->before = m->state;
	mux_move(m, SESSION_DETACHED);
	if (!m->can_resume)
		mux_abort_streams(m, CODE_LINK_LOST, code_text(CODE_LINK_LOST));
}

/* ---- Time ------------------------------------------------------------------------------------ */

static struct mono
list_deadline(const struct list *head, int64_t ms)
{
	if (list_empty(head))
		return MONO_NEVER;
	return mono_add_ms(list_entry(head->next, struct mux_stream, wait)->since, ms);
}

struct mono
mux_deadline(const struct mux *m)
{
	struct mono t;

	if (mux_over(m))
		return MONO_NEVER;
	if (!mux_alive(m))
		return mono_add_ms(m->began, m->conf.handshake_ms);
	t = mono_min(list_deadline(&m->opening, m->conf.open_ms), mux_datagrams_deadline(m));
	t = mono_min(t, m->expires_at);
	if (m->can_resume)
		t = mono_min(t, mux_resume_deadline(m));
	if (!m->linked)
		return t;
	t = mono_min(t, mono_add_ms(m->heard,
		m->ping_waiting || m->ping_due ? m->conf.dead_ms : m->conf.ping_ms));
	return mono_min(t, list_deadline(&m->zombies, MUX_ZOMBIE_MS));
}

bool
mux_reached(struct mono now, struct mono at)
{
	return !mono_before(now, at);
}

static void
expire_opening(struct mux *m)
{
	while (!list_empty(&m->opening) &&
		mux_reached(m->now, list_deadline(&m->opening, m->conf.open_ms))) {
		struct mux_stream *st = list_entry(m->opening.next, struct mux_stream, wait);

		mux_stream_tell(st, CODE_CONNECT_TIMEOUT, text_of(code_text(CODE_CONNECT_TIMEOUT)));
		mux_reset(st, CODE_TIMEOUT, "not answered in time");
	}
}

static void
tick_silence(struct mux *m)
{
	if (mux_reached(m->now, mono_add_ms(m->heard, m->conf.dead_ms))) {
		mux_lost(m, CODE_NOTHING_HEARD, code_text(CODE_NOTHING_HEARD));
		return;
	}
	if (!m->ping_waiting && !m->ping_due &&
		mux_reached(m->now, mono_add_ms(m->heard, m->conf.ping_ms))) {
		m->ping_due = true;
		mux_wake(m);
	}
}

void
mux_tick(struct mux *m, struct mono now)
{
	m->now = now;
	if (mux_over(m))
		return;
	if (!mux_alive(m)) {
		if (mux_reached(now, mux_deadline(m)))
			mux_fail(m, CODE_TIMEOUT, "login took too long");
		return;
	}
	if (mux_reached(now, m->expires_at)) {
		mux_fail(m, CODE_LOGIN_EXPIRED, code_text(CODE_LOGIN_EXPIRED));
		return;
	}
	if (m->linked) /* first: after a long sleep of this machine, silence is what is wrong */
		tick_silence(m);
	if (m->can_resume)
		mux_resume_tick(m);
	if (mux_over(m))
		return;
	expire_opening(m);
	if (!m->linked)
		mux_drop_unsent(m);
	mux_datagrams_drop_late(m);
	if (m->linked && mux_reached(now, list_deadline(&m->zombies, MUX_ZOMBIE_MS)))
		mux_fail(m, CODE_PROTOCOL, "a reset stream was never ended by the peer");
}

/* ---- Tunnels --------------------------------------------------------------------------------- */

void
mux_send_bind(struct mux *m, const struct msg_bind *bind)
{
	uint8_t p[FRAME_CONTROL_MAX];

	if (mux_alive(m))
		mux_queue(m, FRAME_BIND, p, msg_bind_encode(p, sizeof(p), bind));
}

void
mux_send_bind_ok(struct mux *m, uint32_t tunnel, const char *address)
{
	struct msg_bind_ok ok = {tunnel, text_of(address)};
	uint8_t p[FRAME_CONTROL_MAX];

	if (!mux_alive(m))
		return;
	mux_queue(m, FRAME_BIND_OK, p, msg_bind_ok_encode(p, sizeof(p), &ok));
	if (mux_stage(m) == SESSION_AUTHENTICATED)
		mux_move(m, SESSION_BOUND);
}

static void
send_bind_end(struct mux *m, uint8_t type, uint32_t tunnel, uint16_t code, const char *text)
{
	struct msg_bind_fail f = {tunnel, code, text_of(text)};
	uint8_t p[FRAME_CONTROL_MAX];

	if (mux_alive(m))
		mux_queue(m, type, p, msg_bind_fail_encode(p, sizeof(p), &f));
}

void
mux_send_bind_fail(struct mux *m, uint32_t tunnel, uint16_t code, const char *text)
{
	send_bind_end(m, FRAME_BIND_FAIL, tunnel, code, text);
}

void
mux_send_unbind(struct mux *m, uint32_t tunnel, uint16_t code, const char *text)
{
	send_bind_end(m, FRAME_UNBIND, tunnel, code, text);
}

/* ---- The server's half of HELLO and the peer's PING, called by mux_recv.c -------------------- */

void
mux_answer_hello(struct mux *m)
{
	send_hello(m, MSG_VERSION, mux_features(m) & m->peer.features);
}

bool
mux_ping_allowed(struct mux *m)
{
	double ms = (double)(m->now.ns - m->pings_at.ns) / 1e6;

	m->pings_at = m->now;
	m->pings = MIN(m->pings + ms / 1000 * PING_RATE, PING_BURST);
	if (m->pings < 1)
		return false;
	m->pings -= 1;
	return true;
}
