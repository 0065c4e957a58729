/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One session at the agent: its login, its tunnels, its streams. Runs on its link's worker. Tunnel
 * i of the configuration has the id i + 1 on the wire. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/agent_priv.h"
#include "tunnel/http_watch.h"
#include "util/compiler.h"
#include "util/log.h"

#define LASTED_MS 10000 /* a session this long was a good one: coming back begins at 1 s again */
#define PARTING_MAX 2 /* sessions of one link's past that go on although their servers leave */
#define SPREAD_TAKEN_MS 60000u /* no server needs more, so none may ask for it */

static void
say(struct agent_session *as, struct agent_event *ev)
{
	if (as->parting)
		return;
	ev->session = as->link->member;
	agent_say(as->aw->a, ev, NULL);
}

/* Where tunnel id stands; GONE for one that was never asked for. */
static enum tunnel_state
tunnel_state(const struct agent_session *as, uint32_t id)
{
	return id >= 1 && id <= as->aw->conf->n_tunnels ? as->tunnel[id - 1] : TUNNEL_GONE;
}

static const struct tunnel_conf *
tunnel_of(const struct agent_session *as, uint32_t id)
{
	const struct agent_conf *conf = as->aw->conf;

	return id >= 1 && id <= conf->n_tunnels ? &conf->tunnels[id - 1] : NULL;
}

/* ---- Login ----------------------------------------------------------------------------------- */

/* A server that was started anew has forgotten which port was whose; we say it, so that the port
 * comes back to us whoever is first. */
static void
add_had(struct msg_bind *b, uint16_t port, char *buf, size_t cap)
{
	if (port == 0 || b->n_params > 0 ||
		(strcmp(b->route.p, "port") != 0 && strcmp(b->route.p, "udp") != 0))
		return;
	snprintf(buf, cap, "%u", port);
	b->param[0].key = text_of("had");
	b->param[0].value = text_of(buf);
	b->n_params = 1;
}

static uint16_t
port_before(struct agent *a, size_t tunnel)
{
	uint16_t port;

	pthread_mutex_lock(&a->lock);
	port = a->had[tunnel];
	pthread_mutex_unlock(&a->lock);
	return port;
}

static void
send_binds(struct agent_session *as)
{
	const struct agent_conf *conf = as->aw->conf;
	char had[8];

	for (size_t i = 0; i < conf->n_tunnels; i++) {
		const struct tunnel_conf *t = &conf->tunnels[i];
		struct msg_bind b = {.tunnel = (uint32_t)i + 1, .route = text_of(t->route),
			.name = text_of(t->name), .datagram = t->datagram};

		for (size_t k = 0; k < t->n_params && k < MSG_PARAMS_MAX; k++) {
			b.param[k].key = text_of(t->param_key[k]);
			b.param[k].value = text_of(t->param_value[k]);
			b.n_params++;
		}
		add_had(&b, port_before(as->aw->a, i), had, sizeof(had));
		mux_send_bind(&as->base.mux, &b);
	}
}

static void
confirmed(struct agent_session *as)
{
	struct agent *a = as->aw->a;
	struct agent_event ev = {.kind = AGENT_CONNECTED};

	as->logged_in = true;
	as->since = as->base.w->now;
	snprintf(ev.text, sizeof(ev.text), "%s", as->account);
	pthread_mutex_lock(&a->lock);
	a->totals.connects++;
	if (a->credential == NULL) {
		a->credential = as->proof->secret;
		as->proof->secret = NULL;
	}
	pthread_mutex_unlock(&a->lock);
	say(as, &ev);
	send_binds(as);
	agent_renew_logged_in(as);
}

void
agent_session_send(struct agent_session *as, const struct adit_proof *proof)
{
	const struct agent_conf *conf = as->aw->conf;
	struct text out = {(const char *)proof->out.p, proof->out.len};

	if (proof->step == 0)
		mux_send_auth(&as->base.mux, &(struct msg_auth){text_of(conf->auth->short_name),
						     text_of(conf->name), out});
	else
		mux_send_answer(&as->base.mux, out);
}

static void
on_proof(void *owner, struct adit_proof *proof, int err)
{
	struct agent_session *as = owner;

	if (err != 0)
		session_fail(&as->base, CODE_AUTH_FAILED,
			proof->error[0] != '\0' ? proof->error : "no proof can be made");
	else if (proof->confirming)
		confirmed(as);
	else
		agent_session_send(as, proof);
}

void
agent_session_prove(struct agent_session *as, proof_fn *fn)
{
	const struct agent_conf *conf = as->aw->conf;
	uint8_t ours[MSG_NONCE], theirs[MSG_NONCE];

	mux_login_nonces(&as->base.mux, ours, theirs);
	proof_free(as->proof);
	as->proof = proof_new(as->base.w, conf->auth, conf->name,
		conn_encrypted(as->base.conn), ours, theirs, fn, as);
	as->proof->renewal = as->logged_in;
	facts_copy(&as->base.conn->facts, &as->proof->facts);
	proof_step(as->proof, "", 0);
}

void
agent_session_login(struct agent_session *as)
{
	agent_session_prove(as, on_proof);
}

static void
on_hello(struct mux *m, const struct msg_hello *hello)
{
	struct agent_session *as = agent_session_of(m);

	(void)hello;
	if (!agent_session_resume(as))
		agent_session_login(as);
}

static void
on_challenge(struct mux *m, struct text data)
{
	struct agent_session *as = agent_session_of(m);

	if (data.n > ADIT_AUTH_DATA_MAX)
		session_fail(&as->base, CODE_PROTOCOL, "AUTH_CHALLENGE: too much data");
	else if (as->proof->err != 0) /* a renewal that has failed here: still nothing to say */
		mux_send_answer(&as->base.mux, text_of(NULL));
	else
		proof_step(as->proof, data.p, data.n);
}

static void
on_auth_ok(struct mux *m, const struct msg_auth_ok *ok)
{
	struct agent_session *as = agent_session_of(m);

	if (ok->data.n > ADIT_AUTH_DATA_MAX) {
		session_fail(&as->base, CODE_PROTOCOL, "AUTH_OK: too much data");
		return;
	}
	if (as->proof->err != 0) { /* its plugin has nothing to confirm */
		session_fail(&as->base, CODE_PROTOCOL, "AUTH_OK to what proves nothing");
		return;
	}
	if (as->logged_in && !agent_renew_same(as, ok)) {
		session_fail(&as->base, CODE_PROTOCOL, "AUTH_OK makes another of who there is");
		return;
	}
	if (!as->logged_in) {
		text_copy(as->account, sizeof(as->account), ok->account);
		text_copy(as->named, sizeof(as->named), ok->agent);
		session_logged_in(&as->base);
	}
	agent_renew_expires(as, ok->expires_ms);
	proof_confirm(as->proof, ok->data.p, ok->data.n);
}

/* ---- Tunnels --------------------------------------------------------------------------------- */

/* "tcp://0.0.0.0:10022" means nothing to the agent's user: the server's name does. */
static void
public_address(const struct agent_session *as, struct text address, char *buf, size_t cap)
{
	char text[300], host[HOST_MAX + 1];
	const char *rest = strstr(text_copy(text, sizeof(text), address), "://");
	const struct agent_conf *conf = as->aw->conf;
	bool v6 = strchr(conf->server_host, ':') != NULL;
	struct addr a;
	uint16_t port;

	if (rest == NULL || hostport_parse(rest + 3, 0, host, &port) < 0 ||
		addr_parse(host, port, &a) < 0 || !addr_is_any(&a))
		snprintf(buf, cap, "%s", text);
	else
		snprintf(buf, cap, "%.*s://%s%s%s:%u", (int)(rest - text), text, v6 ? "[" : "",
			conf->server_host, v6 ? "]" : "", port);
}

static uint16_t
port_of(struct text address)
{
	char text[300], host[HOST_MAX + 1];
	const char *rest = strstr(text_copy(text, sizeof(text), address), "://");
	uint16_t port;

	return rest != NULL && hostport_parse(rest + 3, 0, host, &port) == 0 ? port : 0;
}

/* All are answered and none is up: there is no use in staying, but for streams that go on
 * (protocol.md section 4). What the user hears of it is the last refusal. */
static void
leave_if_useless(struct agent_session *as)
{
	if (as->base.ended || as->n_answered < as->aw->conf->n_tunnels || as->n_up > 0 ||
		as->base.mux.n_streams > 0)
		return;
	as->useless = true;
	session_fail(&as->base, CODE_LEAVING, "no tunnel is left");
}

static void
on_bind_ok(struct mux *m, const struct msg_bind_ok *ok)
{
	struct agent_session *as = agent_session_of(m);
	struct agent_event ev = {.kind = AGENT_TUNNEL_UP, .tunnel = tunnel_of(as, ok->tunnel)};

	if (tunnel_state(as, ok->tunnel) != TUNNEL_ASKED) {
		session_fail(&as->base, CODE_PROTOCOL,
			"BIND_OK for a tunnel that was not asked for");
		return;
	}
	as->tunnel[ok->tunnel - 1] = TUNNEL_UP;
	as->n_up++;
	as->n_answered++;
	pthread_mutex_lock(&as->aw->a->lock);
	as->aw->a->had[ok->tunnel - 1] = port_of(ok->address);
	pthread_mutex_unlock(&as->aw->a->lock);
	public_address(as, ok->address, ev.text, sizeof(ev.text));
	say(as, &ev);
}

static void
on_bind_fail(struct mux *m, const struct msg_bind_fail *fail)
{
	struct agent_session *as = agent_session_of(m);
	struct agent_event ev = {.kind = AGENT_TUNNEL_FAILED, .tunnel = tunnel_of(as, fail->tunnel),
		.code = fail->code};

	if (tunnel_state(as, fail->tunnel) != TUNNEL_ASKED) {
		session_fail(&as->base, CODE_PROTOCOL,
			"BIND_FAIL for a tunnel that was not asked for");
		return;
	}
	as->tunnel[fail->tunnel - 1] = TUNNEL_GONE;
	as->n_answered++;
	text_copy(ev.text, sizeof(ev.text), fail->text);
	as->end_code = fail->code != CODE_NONE ? fail->code : CODE_INTERNAL;
	snprintf(as->end_text, sizeof(as->end_text), "%s", ev.text);
	say(as, &ev);
	leave_if_useless(as);
}

static void
on_unbind(struct mux *m, const struct msg_bind_fail *unbind)
{
	struct agent_session *as = agent_session_of(m);
	struct agent_event ev = {.kind = AGENT_TUNNEL_GONE, .tunnel = tunnel_of(as, unbind->tunnel),
		.code = unbind->code};

	if (tunnel_state(as, unbind->tunnel) != TUNNEL_UP)
		return;
	as->tunnel[unbind->tunnel - 1] = TUNNEL_GONE;
	as->n_up--;
	text_copy(ev.text, sizeof(ev.text), unbind->text);
	as->end_code = unbind->code != CODE_NONE ? unbind->code : CODE_INTERNAL;
	snprintf(as->end_text, sizeof(as->end_text), "%s", ev.text);
	say(as, &ev);
	leave_if_useless(as);
}

/* ---- Streams --------------------------------------------------------------------------------- */

static void
on_open(struct mux *m, struct mux_stream *ms, const struct msg_open *open)
{
	struct agent_session *as = agent_session_of(m);
	const struct tunnel_conf *t = tunnel_of(as, open->tunnel);

	if (tunnel_state(as, open->tunnel) != TUNNEL_UP || open->datagram != t->datagram)
		mux_open_fail(ms, CODE_NO_SUCH_TUNNEL, code_text(CODE_NO_SUCH_TUNNEL));
	else if (m->n_opening > (size_t)as->base.limits->opening_per_session)
		mux_open_fail(ms, CODE_LIMIT, "the agent dials as much as it may already");
	else if (t->datagram)
		udp_target_open(as, ms, t);
	else
		target_dial(as, ms, t);
}

static void
on_reset(struct mux *m, struct mux_stream *ms, uint16_t code, struct text text)
{
	if (ms->flow != NULL)
		udp_target_end(ms);
	else
		session_on_reset(m, ms, code, text);
}

static void
on_gone(struct mux *m, struct mux_stream *ms)
{
	if (ms->flow != NULL)
		udp_target_end(ms);
	else
		session_on_gone(m, ms);
	leave_if_useless(agent_session_of(m));
}

/* ---- End ------------------------------------------------------------------------------------- */

/* One that went on over its link is good, too, however short that was: its server lives. */
void
agent_session_loss(const struct agent_session *as, struct agent_loss *loss_r)
{
	const struct session *s = &as->base;

	*loss_r = (struct agent_loss){
		.parted = as->parting,
		.lasted = as->logged_in &&
			(as->resumed || mono_diff_ms(s->w->now, as->since) >= LASTED_MS),
		.by_peer = as->logged_in && s->cut_by_peer,
		.spread_ms = as->spread_ms,
	};
}

/* A server that only ever says that it leaves gets no more of us than a few. */
static void
limit_parting(struct agent_link *l)
{
	struct list *n, *tmp;
	unsigned more = 1;

	for (n = l->aw->parting.prev; n != &l->aw->parting; n = tmp) {
		struct agent_session *as = list_entry(n, struct agent_session, node);

		tmp = n->prev;
		if (as->link == l && ++more > PARTING_MAX)
			session_fail(&as->base, CODE_LEAVING, code_text(CODE_LEAVING));
	}
}

/* Make before break: the next session begins while this one's streams go on to their ends. */
static void
on_goaway(struct mux *m, const struct msg_goaway *goaway)
{
	struct agent_session *as = agent_session_of(m);
	struct agent_worker *aw = as->aw;
	struct agent_loss loss;

	session_on_goaway(m, goaway);
	if (as->parting || !as->logged_in || aw->stopping || !aw->conf->reconnect)
		return;
	agent_session_loss(as, &loss);
	limit_parting(as->link);
	agent_link_part(as->link, goaway->retry_after_ms, &loss);
}

static void
on_spread(struct mux *m, uint32_t ms)
{
	struct agent_session *as = agent_session_of(m);

	as->spread_ms = MIN(ms, SPREAD_TAKEN_MS);
	log_debug("session %u: agents are to come back within %" PRId64 " ms", as->link->member,
		as->spread_ms);
}

static void
note_rtt(struct agent_session *as)
{
	struct agent *a = as->aw->a;
	const struct mux *m = &as->base.mux;

	pthread_mutex_lock(&a->lock);
	if (as->logged_in)
		a->totals.disconnects++;
	if (m->rtt_us > 0)
		a->totals.rtt_us = m->rtt_us;
	if (m->rtt_min_us > 0 &&
		(a->totals.rtt_min_us == 0 || m->rtt_min_us < a->totals.rtt_min_us))
		a->totals.rtt_min_us = m->rtt_min_us;
	pthread_mutex_unlock(&a->lock);
}

static void
on_ended(struct session *s, uint16_t code, const char *text, bool local, uint32_t retry_ms)
{
	struct agent_session *as = container_of(s, struct agent_session, base);

	(void)local;
	log_debug("session ended: %s: %s", code_name(code), text);
	if (!as->useless) {
		as->end_code = code;
		snprintf(as->end_text, sizeof(as->end_text), "%s", text);
	}
	agent_session_unheld(as, code, text);
	timer_stop(&as->renew);
	proof_free(as->proof); /* behind the last use of text, which may be its */
	as->proof = NULL;
	note_rtt(as);
	as->base.left_retry_ms = retry_ms;
}

static void
parted(struct agent_session *as, const struct agent_loss *loss)
{
	struct agent_worker *aw = as->aw;

	list_remove(&as->node);
	aw->n_parting--;
	if (aw->ending)
		return;
	agent_say(aw->a, &(struct agent_event){.kind = AGENT_LOST}, loss);
	agent_worker_check(aw);
}

static void
on_free(struct session *s)
{
	struct agent_session *as = container_of(s, struct agent_session, base);
	struct agent_link *l = as->link;
	struct agent_loss loss;
	bool down;
	char text[sizeof(as->end_text)];
	uint16_t code = as->end_code;
	uint32_t retry_ms = as->base.left_retry_ms;

	snprintf(text, sizeof(text), "%s", as->end_text);
	agent_session_loss(as, &loss);
	if (as->parting)
		parted(as, &loss);
	down = l->session == as && l->state == LINK_UP;
	free(as->tunnel);
	free(as);
	if (down)
		agent_link_down(l, code, text, retry_ms, &loss);
}

static const struct mux_ops agent_mux_ops = {
	.hello = on_hello,
	.challenge = on_challenge,
	.auth_ok = on_auth_ok,
	.auth_fail = agent_renew_on_fail,
	.resume_ok = agent_session_on_resume_ok,
	.resume_fail = agent_session_on_resume_fail,
	.bind_ok = on_bind_ok,
	.bind_fail = on_bind_fail,
	.unbind = on_unbind,
	.open = on_open,
	.data = session_on_data,
	.fin = session_on_fin,
	.datagram = udp_target_datagram,
	.reset = on_reset,
	.gone = on_gone,
	.pull = session_on_pull,
	.fetch = session_on_fetch,
	.goaway = on_goaway,
	.spread = on_spread,
	.lost = session_on_lost,
	.keep = session_on_keep,
	.drop = session_on_drop,
	.wake = session_on_wake,
	.closed = session_on_closed,
};

static const struct session_ops agent_session_ops = {
	.mux = &agent_mux_ops,
	.ended = on_ended,
	.free = on_free,
	.detached = agent_session_on_detached,
};

struct agent_session *
agent_session_open(struct agent_link *l, int fd)
{
	struct agent_session *as = xcalloc(1, sizeof(*as));
	struct agent_worker *aw = l->aw;
	const struct session_self self = {AGENT_SOFTWARE, aw->a->instance, l->member,
		aw->conf->splice};

	const struct session_link link = {
		.transport = aw->conf->stack,
		.n_transports = aw->conf->n_stack,
		.host = aw->conf->server_host,
		.path = aw->conf->server_path,
		.port = aw->conf->server_port,
	};

	as->link = l;
	as->aw = aw;
	list_init(&as->node);
	agent_renew_init(as);
	as->tunnel = xcalloc(MAX(aw->conf->n_tunnels, 1), sizeof(*as->tunnel));
	session_open(&as->base, aw->w, fd, ROLE_AGENT, &agent_session_ops, &aw->conf->limits, &link,
		&self);
	return as;
}

void
agent_session_close(struct agent_session *as)
{
	session_fail(&as->base, CODE_LEAVING, code_text(CODE_LEAVING));
	session_cut(&as->base);
}
