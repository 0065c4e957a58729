/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One agent at the server: its login, its clients, its end. Owner worker only; the login may be
 * decided on another thread, whose answer comes back here. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/server_priv.h"
#include "util/log.h"
#include "util/rand.h"
#include "util/units.h"

#define BUSY_RETRY_MS 5000 /* when it could not be decided */

const char *
server_session_name(const struct server_session *ss)
{
	static _Thread_local char buf[256];
	char member[16] = "";

	if (ss->member > 1)
		snprintf(member, sizeof(member), " member=%u", ss->member);
	if (ss->logged_in)
		snprintf(buf, sizeof(buf), "session %08" PRIx64 " account=%s agent=%s%s",
			ss->reg_id >> 32, ss->id.account, ss->id.agent, member);
	else
		snprintf(buf, sizeof(buf), "link from %s", ss->from_text);
	return buf;
}

/* ---- Login ----------------------------------------------------------------------------------- */

void
server_session_leave_gate(struct server_session *ss)
{
	if (ss->at_gate)
		gate_leave(ss->sw->srv->gate, ss->source);
	ss->at_gate = false;
}

/* A layer may know better where the agent is: behind a proxy that it trusts. From then on that
 * address counts. CODE_NONE, or why the gate does not let it in. */
static uint16_t
move_source(struct server_session *ss, const char **text_r)
{
	const struct limits *l = &ss->sw->conf->conf->limits;
	const char *host = ss->base.conn != NULL ? conn_fact(ss->base.conn, "peer-address") : NULL;
	int64_t retry_ms;
	struct addr a;
	uint16_t code;

	if (!ss->at_gate || host == NULL || strcmp(host, ss->from_host) == 0 ||
		addr_parse(host, 0, &a) < 0)
		return CODE_NONE;
	server_session_leave_gate(ss);
	server_session_from(ss, &a);
	code = gate_enter(ss->sw->srv->gate, ss->source, l, ss->base.w->now, text_r, &retry_ms);
	ss->at_gate = code == CODE_NONE;
	return code;
}

void
server_session_fail_at_gate(struct server_session *ss)
{
	static struct log_limit limit;
	const struct limits *l = &ss->sw->conf->conf->limits;
	const char *busy;
	int64_t ms;

	(void)move_source(ss, &busy); /* it may fail before it has said anything */
	ms = gate_fail(ss->sw->srv->gate, ss->source, l, ss->base.w->now);
	if (ms >= l->penalty_from && l->fail_penalty > 0)
		log_limited(&limit, LOG_WARN,
			"address %s is refused for %" PRId64 " s: failed logins",
			ss->from_host, ms / 1000);
}

/* All wrong credentials get the same text, and everything that is refused is at the same time. */
static void
on_refuse(struct timer *t)
{
	struct server_session *ss = container_of(t, struct server_session, refuse);
	uint16_t code = ss->refuse_code;

	mux_send_auth_fail(&ss->base.mux, code, ss->refuse_retry_ms, code_text(code));
	if (ss->logged_in)
		server_renew_over(ss);
}

static void
refuse_login(struct server_session *ss, uint16_t code, int64_t retry_ms)
{
	ss->refuse_code = code;
	ss->refuse_retry_ms = (uint32_t)retry_ms;
	timer_start_at(&ss->refuse, hush_until(&ss->sw->hush, ss->asked, mono_now()));
}

static void
accept_login(struct server_session *ss, struct adit_auth_req *req)
{
	const struct limits *l = &ss->sw->conf->conf->limits;
	struct server *srv = ss->sw->srv;
	uint8_t secret[REGISTRY_SECRET];
	struct login_ask ask = {.id = &req->id, .instance = ss->instance,
		.member = ss->member, .worker = ss->base.w->index, .ended = &ss->ended,
		.secret = ss->base.limits->resume_for > 0 ? secret : NULL,
		.encrypted = conn_encrypted(ss->base.conn)};
	struct msg_auth_ok ok = {0};
	struct login_got got;
	char text[128], time[48];
	uint16_t code;

	/* auth.c has looked at them */
	must(identity_limit(&req->id, "max_sessions", &ask.max_sessions) == 0 &&
		identity_limit(&req->id, "max_tunnels", &ss->max_tunnels) == 0 &&
		identity_limit(&req->id, "max_streams", &ss->max_streams) == 0);
	rand_bytes(secret, sizeof(secret));
	code = registry_login(srv->registry, &ask, l, ss->base.w->now, &got, text, sizeof(text));
	if (code != CODE_NONE) {
		log_warn("link from %s account=%s refused: %s", ss->from_text, req->id.account,
			text);
		mux_send_auth_fail(&ss->base.mux, code, code == CODE_LIMIT ? 5000 : 0, text);
		return;
	}
	server_session_leave_gate(ss);
	ss->reg_id = got.session;
	ss->id = req->id; /* with its grants, which are ours now */
	memset(&req->id, 0, sizeof(req->id));
	ss->logged_in = true;
	idmap_put(&ss->sw->by_id, ss->reg_id, ss);
	atomic_fetch_add_explicit(&ss->base.w->stats.sessions, 1, memory_order_relaxed);
	ok.expires_ms = server_login_expires(ss, req->expires);
	log_info("%s logged in from %s by %s%s", server_session_name(ss), ss->from_text,
		req->method, server_login_time(ok.expires_ms, time, sizeof(time)));
	ok.session = ss->reg_id;
	ok.account = text_of(ss->id.account);
	ok.agent = text_of(ss->id.agent);
	if (ask.secret != NULL)
		ok.secret = (struct text){(const char *)secret, sizeof(secret)};
	ok.data = (struct text){(const char *)req->reply.p, req->reply.len};
	mux_send_auth_ok(&ss->base.mux, &ok);
	session_logged_in(&ss->base);
	session_rearm(&ss->base);
	server_session_spread(ss);
	explicit_bzero(secret, sizeof(secret));
	for (size_t i = 0; i < got.n_replaced; i++)
		(void)post_kick(srv->workers[got.replaced[i].worker], got.replaced[i].id,
			CODE_REPLACED, code_text(CODE_REPLACED));
}

static void
count_login(struct server_session *ss, const struct adit_auth_req *req, enum adit_verdict verdict)
{
	struct tally *t = &ss->sw->tally;
	const char *name = req->module != NULL ? module_name(req->module)
		: req->throttled	       ? "gate"
					       : "no plugin";

	if (verdict == ADIT_ALLOW)
		tally_count(t, name, TALLY_ACCEPTED);
	else if (verdict == ADIT_DENY)
		tally_count_denied(t, name, req->cause);
	else
		tally_count(t, name, req->throttled || req->unasked ? TALLY_BUSY : TALLY_FAILED);
}

bool
server_login_give_up(struct server_session *ss, bool timeout)
{
	struct adit_auth_req *req = ss->req;
	bool ours;

	if (req == NULL)
		return false;
	ours = auth_is_ours(req);
	tally_count(&ss->sw->tally, req->module != NULL ? module_name(req->module) : "gate",
		timeout ? TALLY_TIMEOUT : TALLY_LEFT);
	auth_cancel(req);
	ss->req = NULL;
	return ours;
}

static void
on_verdict(void *owner, struct adit_auth_req *req, enum adit_verdict verdict)
{
	struct server_session *ss = owner;

	if (verdict == ADIT_CONTINUE) {
		mux_send_challenge(&ss->base.mux,
			(struct text){(const char *)req->challenge.p, req->challenge.len});
		return;
	}
	ss->req = NULL;
	count_login(ss, req, verdict);
	if (verdict == ADIT_ALLOW) {
		(ss->logged_in ? server_renew : accept_login)(ss, req);
		return;
	}
	log_warn("link from %s agent=%s login by %s refused: %s", ss->from_text, req->id.agent,
		req->method, req->reason[0] != '\0' ? req->reason : "wrong credential");
	if (verdict == ADIT_DENY)
		server_session_fail_at_gate(ss);
	if (verdict == ADIT_DENY)
		refuse_login(ss, CODE_AUTH_FAILED, 0);
	else
		refuse_login(ss, CODE_BUSY, req->throttled ? req->retry_ms : BUSY_RETRY_MS);
}

static void
on_hello(struct mux *m, const struct msg_hello *hello)
{
	struct server_session *ss = server_session_of(m);
	const char *text;
	uint16_t code = move_source(ss, &text);

	ss->instance = hello->instance;
	ss->member = hello->instance != 0 ? hello->member : 1;
	if (code != CODE_NONE)
		session_fail(&ss->base, code, text);
}

static void
on_auth(struct mux *m, const struct msg_auth *auth)
{
	struct server_session *ss = server_session_of(m);
	char method[NAME_MAX_LEN + 1], agent[NAME_MAX_LEN + 1];
	uint8_t nonce_agent[MSG_NONCE], nonce_server[MSG_NONCE];
	struct auth_input in = {
		.method = text_copy(method, sizeof(method), auth->method),
		.agent = text_copy(agent, sizeof(agent), auth->agent),
		.peer = ss->from_host,
		.source = ss->source,
		.gate = ss->sw->srv->gate,
		.names = ss->sw->srv->names,
		.encrypted = conn_encrypted(ss->base.conn),
		.facts = &ss->base.conn->facts,
		.nonce_agent = nonce_agent,
		.nonce_server = nonce_server,
		.renewal = ss->logged_in,
		.data = auth->data.p,
		.len = auth->data.n,
	};

	ss->asked = ss->base.w->now;
	if (auth->data.n > ADIT_AUTH_DATA_MAX) {
		session_fail(&ss->base, CODE_PROTOCOL, "AUTH: too much data");
		return;
	}
	if (ss->logged_in && !server_renew_begins(ss))
		return;
	mux_login_nonces(m, nonce_agent, nonce_server);
	if (ss->auth_conf != NULL)
		worker_conf_done(ss->sw, ss->auth_conf);
	/* A reload may have come since the link was accepted, and may come during the login. */
	ss->auth_conf = worker_conf_use(ss->sw);
	auth_begin(ss->base.w, ss->auth_conf->conf, &in, on_verdict, ss, &ss->req);
}

static void
on_answer(struct mux *m, struct text data)
{
	struct server_session *ss = server_session_of(m);

	ss->asked = ss->base.w->now;
	if (data.n > ADIT_AUTH_DATA_MAX)
		session_fail(&ss->base, CODE_PROTOCOL, "AUTH_ANSWER: too much data");
	else if (ss->req == NULL)
		server_renew_too_late(ss);
	else
		auth_answer(ss->req, data.p, data.n);
}

bool
server_session_spread(struct server_session *ss)
{
	int64_t ms = atomic_load_explicit(&ss->sw->srv->spread_ms, memory_order_relaxed);

	if (!ss->logged_in || ss->base.ended || ms == ss->spread_said)
		return false;
	ss->spread_said = ms;
	mux_send_spread(&ss->base.mux, (uint32_t)ms);
	return true;
}

/* ---- Clients --------------------------------------------------------------------------------- */

static void
on_stream_free(struct stream *st)
{
	struct server_worker *sw = server_worker(st->w);

	if (sw->draining)
		server_drain_check(sw);
}

void
server_session_less(struct server_session *ss)
{
	atomic_fetch_add_explicit(&ss->ended, 1, memory_order_relaxed);
}

static const char *
no_room(const struct server_session *ss)
{
	const struct limits *l = ss->base.limits;
	const struct mux *m = &ss->base.mux;

	if (m->peer.streams != 0 && m->n_streams >= m->peer.streams)
		return "the agent takes no more (its limit streams_per_session)";
	if (ss->base.n_streams + ss->held.n >= (size_t)l->streams_per_session)
		return "limit streams_per_session";
	if ((int64_t)(ss->base.n_streams + ss->held.n) >= ss->max_streams)
		return "grant max_streams";
	if (m->n_opening >= (size_t)l->opening_per_session)
		return "limit opening_per_session";
	return NULL;
}

void
server_session_client(struct server_session *ss, int fd, const struct addr *from, uint32_t tunnel)
{
	static struct log_limit limit;
	struct msg_open open = {.tunnel = tunnel, .port = addr_port(from)};
	const char *full;
	struct stream *st;

	session_clock(&ss->base);
	full = no_room(ss);
	if (full != NULL)
		log_limited(&limit, LOG_WARN, "%s refuses a client: %s", server_session_name(ss),
			full);
	if (full != NULL || ss->base.ended || idmap_get(&ss->tunnels, tunnel) == NULL) {
		sock_abort_fd(fd);
		server_session_less(ss);
		return;
	}
	open.family = (uint8_t)addr_to_bytes(from, open.ip, &open.port);
	st = stream_new(&ss->base);
	st->on_free = on_stream_free;
	st->ms = mux_open(&ss->base.mux, &open, st);
	stream_attach(st, fd);
	if (st->ms != NULL) { /* most clients speak first: what they said leaves with OPEN */
		mux_ready(st->ms);
	} else {
		stream_abort(st, CODE_SHUTDOWN, NULL);
		server_session_less(ss);
	}
	if (st->ms == NULL && ss->base.mux.last_id == STREAM_ID_MAX)
		session_fail(&ss->base, CODE_LIMIT, "the session's stream ids are used up");
	ss->clients++;
	session_rearm(&ss->base);
}

static void
on_open_ok(struct mux *m, struct mux_stream *ms)
{
	(void)m;
	(void)ms; /* the client is connected already, its bytes are on their way */
}

static void
on_reset(struct mux *m, struct mux_stream *ms, uint16_t code, struct text text)
{
	char safe[200];

	if (log_wants(LOG_DEBUG))
		log_debug("%s stream %u reset: %s: %s", server_session_name(server_session_of(m)),
			ms->id, code_name(code), log_safe(safe, sizeof(safe), text.p, text.n));
	if (ms->flow != NULL)
		udp_front_reset(ms, code);
	else
		session_on_reset(m, ms, code, text);
}

static void
on_datagram(struct mux *m, struct mux_stream *ms, const uint8_t *p, size_t n)
{
	(void)m;
	udp_front_answer(ms, p, n);
}

/* A flow's stream has no owner that is freed later: whoever waits for the last one is told here. */
static void
on_gone(struct mux *m, struct mux_stream *ms)
{
	struct server_worker *sw = server_session_of(m)->sw;

	server_session_less(server_session_of(m));
	if (ms->flow == NULL)
		session_on_gone(m, ms);
	else if (sw->draining)
		server_drain_check(sw);
}

/* ---- End ------------------------------------------------------------------------------------- */

/* "limit: text"; before the text that a code has anyway its name says nothing more. */
static void
why(uint16_t code, const char *text, char *buf, size_t cap)
{
	char safe[250];

	if (text[0] == '\0' || strcmp(text, code_text(code)) == 0)
		snprintf(buf, cap, "%s", code_text(code));
	else
		snprintf(buf, cap, "%s: %s", code_name(code),
			log_safe(safe, sizeof(safe), text, strlen(text)));
}

static void
on_goaway(struct mux *m, const struct msg_goaway *goaway)
{
	char text[200], safe[300];

	text_copy(text, sizeof(text), goaway->text);
	if (strcmp(text, code_text(CODE_LEAVING)) == 0)
		log_info("%s leaves", server_session_name(server_session_of(m)));
	else
		log_info("%s leaves: %s", server_session_name(server_session_of(m)),
			log_safe(safe, sizeof(safe), text, strlen(text)));
	registry_leave(server_session_of(m)->sw->srv->registry, server_session_of(m)->reg_id);
	session_on_goaway(m, goaway);
}

/* ", 3 flows, 2 datagrams dropped (1 over the queue's bounds, 1 too old)"; empty without flows. */
static const char *
flows_text(const struct server_session *ss, char *buf, size_t cap)
{
	const struct mux_datagrams *d = &ss->base.mux.dg;
	uint64_t dropped = d->full + d->late;
	char n[40];
	size_t at;

	buf[0] = '\0';
	if (ss->flows == 0)
		return buf;
	at = (size_t)snprintf(buf, cap, ", %s", units_count(ss->flows, "flow", n, sizeof(n)));
	if (dropped > 0)
		snprintf(buf + at, cap - at,
			", %" PRIu64 " datagrams dropped (%" PRIu64 " over the queue's bounds, "
			"%" PRIu64 " too old)",
			dropped, d->full, d->late);
	return buf;
}

static void
on_ended(struct session *s, uint16_t code, const char *text, bool local, uint32_t retry_ms)
{
	/* Anybody can open links and close them. What a layer refuses is worth a warning: a
	 * certificate may be wrong, here or there. */
	static struct log_limit closed, refused;
	struct server_session *ss = container_of(s, struct server_session, base);
	char safe[300], took[32], n[40], f[120];
	bool late; /* we were, with our answer */

	(void)retry_ms;
	/* A refusal that waited for its time was counted when it was decided. */
	late = server_login_give_up(ss, code == CODE_TIMEOUT) || ss->refuse_code != CODE_NONE;
	if (!ss->logged_in && local && (code == CODE_PROTOCOL || (code == CODE_TIMEOUT && !late)))
		server_session_fail_at_gate(ss);
	server_renew_over(ss); /* or the first login */
	list_remove(&ss->away);
	if (ss->logged_in) { /* before the log says that it is gone */
		idmap_del(&ss->sw->by_id, ss->reg_id);
		registry_logout(ss->sw->srv->registry, ss->reg_id, s->w->now,
			ss->sw->conf->conf->limits.reserve_for);
	}
	why(code, text, safe, sizeof(safe));
	if (ss->logged_in)
		log_info("%s closed: %s (after %s, %s%s)", server_session_name(ss), safe,
			units_ms_human(mono_diff_ms(s->w->now, ss->since), took, sizeof(took)),
			units_count(ss->clients, "client", n, sizeof(n)),
			flows_text(ss, f, sizeof(f)));
	else if (s->visitor)
		log_debug("%s closed: %s", server_session_name(ss), safe);
	else
		log_limited(s->refused ? &refused : &closed, s->refused ? LOG_WARN : LOG_INFO,
			"%s closed: %s", server_session_name(ss), safe);
	atomic_fetch_add_explicit(&s->w->stats.datagrams_dropped, s->mux.dg.full + s->mux.dg.late,
		memory_order_relaxed);
}

static void
forget(struct server_session *ss)
{
	struct server_worker *sw = ss->sw;
	struct tunnel *t;
	size_t pos = 0;

	while ((t = idmap_next(&ss->tunnels, &pos, NULL)) != NULL)
		free(t);
	idmap_fini(&ss->tunnels);
	free(ss->walk);
	identity_fini(&ss->id);
	list_remove(&ss->node);
	server_session_leave_gate(ss);
	atomic_fetch_sub_explicit(&sw->srv->load[sw->w->index], 1, memory_order_relaxed);
	if (ss->auth_conf != NULL)
		worker_conf_done(sw, ss->auth_conf);
	worker_conf_done(sw, ss->link_conf);
	worker_conf_done(sw, ss->conf);
	free(ss);
	if (sw->draining)
		server_drain_check(sw);
}

static void
on_free(struct session *s)
{
	forget(container_of(s, struct server_session, base));
}

static const struct mux_ops server_mux_ops = {
	.hello = on_hello,
	.auth = on_auth,
	.answer = on_answer,
	.resume = server_on_resume,
	.bind = server_on_bind,
	.unbind = server_on_unbind,
	.open_ok = on_open_ok,
	.data = session_on_data,
	.fin = session_on_fin,
	.datagram = on_datagram,
	.reset = on_reset,
	.gone = on_gone,
	.pull = session_on_pull,
	.fetch = session_on_fetch,
	.goaway = on_goaway,
	.lost = session_on_lost,
	.keep = session_on_keep,
	.drop = session_on_drop,
	.wake = session_on_wake,
	.closed = session_on_closed,
};

/* ---- The link -------------------------------------------------------------------------------- */

/* Its kind, by the first bytes. Who comes with something else has his hand on the wrong door. */
static int
on_choose(struct session *s, const uint8_t *p, size_t n, struct conn_level *level_r)
{
	struct server_session *ss = container_of(s, struct server_session, base);
	const struct door_link link = {.on = ss->on, .alpn = conn_fact(s->conn, "alpn"), .p = p,
		.n = n};
	enum door_answer answer;
	char text[400];

	answer = door_choose(ss->door, &link, &ss->on, text, sizeof(text));
	switch (answer) {
	case DOOR_MORE:
		return CONN_MORE;
	case DOOR_WAY:
		session_level(ss->on->transport, level_r);
		return CONN_LAYER;
	case DOOR_FRAMES:
		return CONN_SESSION;
	default:
		session_fail(s, CODE_PROTOCOL, text);
		return answer == DOOR_REFUSED_FRAMES ? CONN_SESSION : -1;
	}
}

static const struct session_ops server_session_ops = {
	.mux = &server_mux_ops,
	.ended = on_ended,
	.free = on_free,
	.choose = on_choose,
	.detached = server_on_detached,
};

void
server_session_from(struct server_session *ss, const struct addr *from)
{
	ss->from = *from;
	addr_host_text(from, ss->from_host, sizeof(ss->from_host));
	if (addr_port(from) != 0)
		addr_text(from, ss->from_text, sizeof(ss->from_text));
	else /* a proxy in front has told no port */
		addr_host_text(from, ss->from_text, sizeof(ss->from_text));
	ss->source = addr_source_key(from);
}

void
server_session_open(struct server_worker *sw, int fd, const struct addr *from,
	const struct addr *at)
{
	struct session_self self = {.software = SERVER_SOFTWARE};
	struct session_link link = {.choose = true};
	struct server_session *ss = xcalloc(1, sizeof(*ss));

	ss->sw = sw;
	ss->conf = worker_conf_use(sw);
	ss->link_conf = worker_conf_use(sw);
	self.splice = ss->conf->conf->splice;
	/* It may have been accepted under another configuration than the worker has. */
	ss->door = door_find(ss->conf->conf, at);
	if (ss->door != NULL && door_is_plain(ss->door)) {
		link.choose = false;
		link.transport = &ss->door->way[0].transport;
		link.n_transports = 1;
	}
	server_session_from(ss, from);
	ss->at_gate = true;
	ss->since = sw->w->now;
	flow_holder_init(&ss->held);
	list_init(&ss->node);
	list_init(&ss->away);
	list_push(&sw->sessions, &ss->node);
	timer_init(&ss->refuse, sw->w, "login refusal", on_refuse);
	timer_init(&ss->renewal, sw->w, "login renewal", server_renew_on_timer);
	atomic_fetch_add_explicit(&sw->w->stats.links, 1, memory_order_relaxed);
	if (ss->door == NULL || sw->draining) {
		sock_abort_fd(fd);
		forget(ss);
		return;
	}
	session_open(&ss->base, sw->w, fd, ROLE_SERVER, &server_session_ops,
		&ss->conf->conf->limits, &link, &self);
	if (link.choose) /* one that can have layers, which may know better */
		(void)facts_set(&ss->base.conn->facts, "peer-address", ss->from_host);
}

void
server_session_destroy(struct server_session *ss)
{
	session_fail(&ss->base, CODE_SHUTDOWN, code_text(CODE_SHUTDOWN));
	session_cut(&ss->base);
}
