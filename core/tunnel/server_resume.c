/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Sessions that go on over another link (protocol.md section 7). A fresh link begins on any worker
 * as a session of its own. If it shows the secret of a session, the registry says where that lives,
 * and the link is given to it, through a message if it is on another worker. Owner worker only.
 *
 * What must hold: a session takes a link only if it lives, can resume, and has taken none that came
 * later (its generation); whatever becomes of a link on its way, nothing else changes. */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "tunnel/server_priv.h"
#include "util/log.h"
#include "util/units.h"

/* A link and what it is for. */
struct newcomer {
	uint64_t session;
	uint32_t generation;
	uint64_t received; /* by the agent */
	struct mux_link link;
	struct addr from;
	const struct door_way *on; /* of struct server_session */
};

/* The same on its way to another worker. */
struct newcomer_move {
	struct conn_move move;
	struct newcomer n;
	struct server_conf *conf; /* that the link's layers belong to: a reference */
	struct worker_conf *wc;   /* of it on the new worker */
};

/* ---- The session ----------------------------------------------------------------------------- */

void
server_on_detached(struct session *s, const char *text)
{
	struct server_session *ss = container_of(s, struct server_session, base);
	char ms[32], safe[200];

	server_renew_over(ss);
	if (ss->sw->draining) { /* nobody listens for it any more */
		session_fail(s, CODE_LINK_LOST, text);
		return;
	}
	ss->lost_at = s->w->now;
	list_push(&ss->sw->away, &ss->away);
	worker_streams_check(s->w);
	registry_away(ss->sw->srv->registry, ss->reg_id, true);
	log_info("%s lost its link: %s; it waits %s for its agent", server_session_name(ss),
		log_safe(safe, sizeof(safe), text, strlen(text)),
		units_ms_human(s->mux.resume_ms, ms, sizeof(ms)));
}

void
server_shed(struct turn_end *shed)
{
	struct worker_streams *ws = container_of(shed, struct worker_streams, shed);
	struct server_worker *sw = container_of(ws, struct server_worker, streams);

	while (ws->retained.bytes > ws->retained.max && !list_empty(&sw->away)) {
		struct server_session *ss = list_entry(sw->away.next, struct server_session, away);

		session_fail(&ss->base, CODE_OVERLOAD,
			"it waited for its agent, and worker_retain is used up twice");
		must(!list_linked(&ss->away));
	}
}

static void
say_resumed(struct server_session *ss, bool was_away)
{
	char ms[32];

	if (was_away)
		log_info("%s goes on over a link from %s, after %s without one",
			server_session_name(ss), ss->from_text,
			units_ms_human(mono_diff_ms(ss->base.w->now, ss->lost_at), ms, sizeof(ms)));
	else
		log_info("%s goes on over a link from %s in place of the one it had",
			server_session_name(ss), ss->from_text);
}

/* Whether the session of n has taken it. */
static bool
take(struct server_worker *sw, const struct newcomer *n, struct conn *c, struct worker_conf *wc)
{
	struct server_session *ss = idmap_get(&sw->by_id, n->session);
	bool was_away;

	if (ss != NULL) /* its time may be over, and nobody has looked yet */
		session_clock(&ss->base);
	if (ss == NULL || n->generation <= ss->generation || !mux_can_resume(&ss->base.mux))
		return false;
	ss->generation = n->generation;
	was_away = ss->base.conn == NULL;
	server_renew_over(ss);
	if (session_go_on(&ss->base, c, &n->link, n->received) < 0) {
		log_warn("%s cannot go on: its agent says that it has received what cannot be",
			server_session_name(ss));
		if (!was_away)
			server_on_detached(&ss->base, "replaced by one that cannot be");
		return false;
	}
	list_remove(&ss->away);
	worker_conf_done(sw, ss->link_conf);
	ss->link_conf = wc;
	ss->resumed++;
	ss->on = n->on;
	server_session_from(ss, &n->from);
	registry_away(sw->srv->registry, ss->reg_id, false);
	say_resumed(ss, was_away);
	return true;
}

static void
give(struct server_worker *sw, const struct newcomer *n, struct conn *c, struct worker_conf *wc)
{
	if (take(sw, n, c, wc))
		return;
	conn_close(c);
	worker_conf_done(sw, wc);
}

/* ---- On the way ------------------------------------------------------------------------------ */

static bool
on_prepare(struct conn_move *m, struct worker *w)
{
	struct newcomer_move *nm = container_of(m, struct newcomer_move, move);

	nm->wc = worker_conf_of(server_worker(w), nm->conf);
	return nm->wc != NULL;
}

static void
on_arrived(struct conn_move *m, struct worker *w, struct conn *c)
{
	struct newcomer_move *nm = container_of(m, struct newcomer_move, move);

	if (c != NULL)
		give(server_worker(w), &nm->n, c, nm->wc);
	server_release_conf(w, nm->conf);
	free(nm);
}

static void
send_away(struct server_session *fresh, const struct newcomer *n, struct conn *c, uint32_t worker)
{
	struct newcomer_move *nm = xcalloc(1, sizeof(*nm));

	nm->move.prepare = on_prepare;
	nm->move.arrived = on_arrived;
	nm->n = *n;
	nm->conf = server_conf_ref(fresh->link_conf->conf);
	conn_move(c, fresh->sw->srv->workers[worker], &nm->move);
}

/* ---- The fresh link -------------------------------------------------------------------------- */

static void
lead(struct server_session *fresh, struct newcomer *n, const struct session_ref *at)
{
	struct server_worker *sw = fresh->sw;
	struct conn *c;

	server_session_leave_gate(fresh);
	c = session_give_link(&fresh->base, &n->link);
	if (at->worker != sw->w->index) {
		send_away(fresh, n, c, at->worker);
		return;
	}
	fresh->link_conf->users++;
	give(sw, n, c, fresh->link_conf);
}

void
server_on_resume(struct mux *m, const struct msg_resume *resume)
{
	struct server_session *fresh = server_session_of(m);
	struct newcomer n = {.session = resume->session, .received = resume->received,
		.from = fresh->from, .on = fresh->on};
	struct session_ref at;

	switch (registry_resume(fresh->sw->srv->registry, resume->session,
		(const uint8_t *)resume->secret.p, conn_encrypted(fresh->base.conn), &at,
		&n.generation)) {
	case RESUME_FOUND:
		lead(fresh, &n, &at);
		return;
	case RESUME_PLAIN:
		log_warn("%s refused: it is not encrypted as session %08" PRIx64 " was at first",
			server_session_name(fresh), resume->session >> 32);
		mux_send_resume_fail(m, CODE_NOT_PERMITTED,
			"the session began over an encrypted link");
		return;
	case RESUME_WRONG:
		log_warn("%s refused: not the secret of session %08" PRIx64,
			server_session_name(fresh), resume->session >> 32);
		server_session_fail_at_gate(fresh);
		break;
	case RESUME_GONE:
		break;
	}
	mux_send_resume_fail(m, CODE_NO_SESSION, code_text(CODE_NO_SESSION));
}
