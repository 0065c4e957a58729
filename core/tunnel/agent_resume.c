/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A session of the agent that has lost its link and goes on over another one (protocol.md
 * section 7): it is held by its link's struct until a fresh link has asked the server for it. Runs
 * on the link's worker.
 *
 * What must hold: l->held has no link, is logged in and not ended; l->session is another one,
 * fresh, or NULL. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "tunnel/agent_priv.h"
#include "util/log.h"

static void
say(const struct agent_session *as, enum agent_event_kind kind, uint16_t code, const char *text,
	const struct agent_loss *loss)
{
	struct agent_event ev = {.kind = kind, .session = as->link->member, .code = code,
		.streams = as->base.mux.n_streams,
		.away_ms = mono_diff_ms(as->base.w->now, as->lost_at)};

	snprintf(ev.text, sizeof(ev.text), "%s", text);
	agent_say(as->aw->a, &ev, loss);
}

/* ---- The session ----------------------------------------------------------------------------- */

void
agent_session_on_detached(struct session *s, const char *text)
{
	struct agent_session *as = container_of(s, struct agent_session, base);
	struct agent_link *l = as->link;
	struct agent_loss loss;

	if (as->parting) { /* its link's struct has another one by now */
		session_fail(s, CODE_LINK_LOST, text);
		return;
	}
	must(l->session == as && l->held == NULL);
	agent_renew_detached(as);
	l->session = NULL;
	l->held = as;
	l->state = LINK_IDLE;
	as->lost_at = s->w->now;
	agent_session_loss(as, &loss);
	say(as, AGENT_HELD, CODE_LINK_LOST, text, &loss);
}

bool
agent_session_unheld(struct agent_session *as, uint16_t code, const char *text)
{
	struct agent_link *l = as->link;

	if (l->held != as)
		return false;
	l->held = NULL;
	say(as, AGENT_EXPIRED, code, text, NULL);
	return true;
}

/* ---- The fresh link -------------------------------------------------------------------------- */

bool
agent_session_resume(struct agent_session *fresh)
{
	struct agent_session *held = fresh->link->held;

	if (held == NULL)
		return false;
	if (mux_send_resume(&fresh->base.mux, &held->base.mux))
		return true;
	session_fail(&held->base, CODE_LINK_LOST, "the server resumes no sessions any more");
	return false;
}

static void
go_on(struct agent_link *l, struct agent_session *fresh, uint64_t received)
{
	static const char nonsense[] = "RESUME_OK: the server has got what was not sent";
	struct agent *a = l->aw->a;
	struct agent_session *held = l->held;
	struct mux_link link;
	struct conn *c = session_give_link(&fresh->base, &link);

	if (session_go_on(&held->base, c, &link, received) < 0) {
		conn_close(c);
		session_fail(&held->base, CODE_PROTOCOL, nonsense);
		agent_link_down(l, CODE_PROTOCOL, nonsense, 0, NULL);
		return;
	}
	l->held = NULL;
	l->session = held;
	pthread_mutex_lock(&a->lock);
	a->totals.resumes++;
	pthread_mutex_unlock(&a->lock);
	held->base.cut_by_peer = false;
	held->resumed = true;
	agent_renew_back(held);
	say(held, AGENT_BACK, CODE_NONE, "", NULL);
}

void
agent_session_on_resume_ok(struct mux *m, const struct msg_resume_ok *ok)
{
	struct agent_session *fresh = agent_session_of(m);

	if (fresh->link->held != NULL)
		go_on(fresh->link, fresh, ok->received);
	else /* its time was over while the server answered */
		session_fail(&fresh->base, CODE_LINK_LOST, "the session is over");
}

void
agent_session_on_resume_fail(struct mux *m, const struct msg_end *fail)
{
	struct agent_session *fresh = agent_session_of(m), *held = fresh->link->held;
	char text[MSG_TEXT_MAX + 1];

	if (held != NULL)
		session_fail(&held->base, CODE_LINK_LOST,
			text_copy(text, sizeof(text), fail->text));
	agent_session_login(fresh);
}
