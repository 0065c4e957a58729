/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent renews its login before that expires (protocol.md section 3): after two thirds of its
 * time and then, as long as it fails, at half of what remains. Runs on the link's worker.
 *
 * What must hold: a renewal is under way (as->renewing) only while the session has a link, and
 * as->proof is its proof then; whatever becomes of it, the session goes on until its server ends
 * it. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "tunnel/agent_priv.h"
#include "util/rand.h"

#define APART_MS 2000 /* the server takes no more */
#define EXPIRES_MAX_MS ((uint64_t)100 * 366 * 86400 * 1000)

static void
say(struct agent_session *as, enum agent_event_kind kind, const char *text)
{
	struct agent_event ev = {.kind = kind, .session = as->link->member, .left_ms = -1};

	if (as->parting)
		return;
	if (as->good_until.ns != MONO_NEVER.ns)
		ev.left_ms = MAX(mono_diff_ms(as->good_until, as->base.w->now), 0);
	snprintf(ev.text, sizeof(ev.text), "%s", text);
	agent_say(as->aw->a, &ev, NULL);
}

static int64_t
left(const struct agent_session *as)
{
	return mono_diff_ms(as->good_until, as->base.w->now);
}

/* ---- When ------------------------------------------------------------------------------------ */

/* What would come too late is left alone: then the session ends, and the agent logs in anew. */
static void
again_at(struct agent_session *as, struct mono at)
{
	struct mono least = mono_add_ms(as->renew_began, APART_MS);

	timer_stop(&as->renew);
	if (as->good_until.ns == MONO_NEVER.ns)
		return;
	as->renew_at = as->renew_began.ns != 0 && mono_before(at, least) ? least : at;
	if (mono_before(as->renew_at, as->good_until))
		timer_start_at(&as->renew, as->renew_at);
}

static void
again_in(struct agent_session *as, int64_t ms)
{
	again_at(as, mono_add_ms(as->base.w->now, ms));
}

/* About two thirds: agents that have logged in together had better not do so for ever. */
static void
schedule(struct agent_session *as)
{
	int64_t time = MAX(left(as), 0); /* confirm() may have taken longer than all of it */

	again_in(as, time / 3 * 2 - (int64_t)rand_below((uint64_t)MIN(time / 16 + 1, INT32_MAX)));
}

/* After a failure. */
static void
again_later(struct agent_session *as, int64_t retry_ms)
{
	again_in(as, MAX(MAX(left(as) / 2, APART_MS), retry_ms));
}

void
agent_renew_expires(struct agent_session *as, uint64_t expires_ms)
{
	as->fresh_until = MONO_NEVER;
	if (expires_ms != 0)
		as->fresh_until = mono_add_ms(as->base.w->now,
			(int64_t)MIN(expires_ms, EXPIRES_MAX_MS));
}

void
agent_renew_logged_in(struct agent_session *as)
{
	as->good_until = as->fresh_until;
	as->good_since = as->base.w->now;
	schedule(as);
}

/* ---- What comes of it ------------------------------------------------------------------------ */

static void
failed(struct agent_session *as, const char *text, int64_t retry_ms)
{
	as->renewing = false;
	as->renew_spare = true;
	say(as, AGENT_NOT_RENEWED, text);
	again_later(as, retry_ms);
}

/* Whoever lets us in for a time again lets us in for as much longer as has passed meanwhile. What
 * ends when it did before has given nothing, though a slow link lets it seem to be later. */
static bool
gained(const struct agent_session *as, struct mono before)
{
	return as->good_until.ns == MONO_NEVER.ns ||
		mono_diff_ms(as->good_until, before) >=
		mono_diff_ms(as->base.w->now, as->good_since) / 4;
}

static void
renewed(struct agent_session *as)
{
	struct mono before = as->good_until;
	bool more;

	as->renewing = false;
	as->renew_spare = true;
	as->good_until = as->fresh_until;
	more = gained(as, before);
	as->good_since = as->base.w->now;
	if (!more) {
		failed(as, "what this agent logs in with ends then itself", 0);
		return;
	}
	say(as, AGENT_RENEWED, "");
	schedule(as);
}

bool
agent_renew_same(const struct agent_session *as, const struct msg_auth_ok *ok)
{
	char account[sizeof(as->account)], agent[sizeof(as->named)];

	return strcmp(text_copy(account, sizeof(account), ok->account), as->account) == 0 &&
		strcmp(text_copy(agent, sizeof(agent), ok->agent), as->named) == 0;
}

void
agent_renew_on_fail(struct mux *m, const struct msg_auth_fail *fail)
{
	struct agent_session *as = agent_session_of(m);
	char text[MSG_TEXT_MAX + 1];

	text_copy(text, sizeof(text), fail->text);
	failed(as, as->proof->error[0] != '\0' ? as->proof->error : text, fail->retry_after_ms);
}

/* ---- Trying ---------------------------------------------------------------------------------- */

static void
on_proof(void *owner, struct adit_proof *proof, int err)
{
	struct agent_session *as = owner;

	if (err != 0 && proof->confirming)
		session_fail(&as->base, CODE_AUTH_FAILED, proof->error);
	else if (err != 0 && proof->step > 0) /* the server waits, and will refuse this */
		mux_send_answer(&as->base.mux, text_of(NULL));
	else if (err != 0)
		failed(as, proof->error, 0);
	else if (proof->confirming)
		renewed(as);
	else
		agent_session_send(as, proof);
}

static void
on_timer(struct timer *t)
{
	struct agent_session *as = container_of(t, struct agent_session, renew);

	if (as->renewing) {
		say(as, AGENT_NOT_RENEWED, "it is still under way");
		again_later(as, 0);
		return;
	}
	if (!mux_may_renew(&as->base.mux)) /* the login was confirmed when its link was lost */
		return;
	as->renewing = true;
	as->renew_began = as->base.w->now;
	again_later(as, 0); /* only to complain */
	agent_session_prove(as, on_proof);
}

/* ---- Life ------------------------------------------------------------------------------------ */

void
agent_renew_init(struct agent_session *as)
{
	as->good_until = as->fresh_until = MONO_NEVER;
	as->renew_spare = true;
	timer_init(&as->renew, as->aw->w, "login renewal", on_timer);
}

void
agent_renew_detached(struct agent_session *as)
{
	timer_stop(&as->renew);
	if (!as->renewing)
		return;
	as->renewing = false;
	as->renew_at = as->base.w->now;
	if (as->renew_spare)
		as->renew_began = (struct mono){0};
	as->renew_spare = false;
	proof_free(as->proof);
	as->proof = NULL;
}

/* The server has kept the session, so it is not too late, whatever our clock says. */
void
agent_renew_back(struct agent_session *as)
{
	if (!as->logged_in || as->good_until.ns == MONO_NEVER.ns)
		return;
	again_at(as, as->renew_at);
	timer_start_at(&as->renew, as->renew_at);
}
