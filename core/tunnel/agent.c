/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent as the program sees it, and all its decisions: which session tries when, what their
 * losses mean for the whole, and the end. Main thread, except for agent_say(), which carries an
 * event there. An event holds a reference, so what is still on its way when the agent is freed
 * finds it.
 *
 * While no session is up one of them tries, when tunnel/backoff.h says, for ever by default; so a
 * wrong token is one failed login and not one of each. When the first has a tunnel
 * the others follow, and each comes back by itself from then on. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/agent_priv.h"
#include "util/compiler.h"
#include "util/log.h"
#include "util/rand.h"

#define FOLLOW_MS 200 /* sessions that follow the first one come within this time each */

struct event_msg {
	struct mbox_msg msg;
	struct agent *a;
	struct agent_event ev;
	struct agent_loss loss;
};

/* ---- Attempts -------------------------------------------------------------------------------- */

static void
member_go(struct member *m)
{
	struct agent *a = m->a;
	struct agent_event ev = {.kind = AGENT_CONNECTING, .session = m->index + 1,
		.attempt = m->backoff.tries + 1};

	m->state = MEMBER_TRYING;
	m->tried = true;
	if (a->n_up == 0 || m->held) {
		snprintf(ev.text, sizeof(ev.text), "%s", a->conf->server);
		a->event(a->ctx, &ev);
	}
	/* The worker runs until agent_free(). */
	(void)agent_post_go(a->workers[m->index % a->n_workers], m->index + 1);
}

static void
on_timer(struct timer *t)
{
	struct member *m = container_of(t, struct member, timer);

	m->timed = false;
	member_go(m);
}

static void
member_go_in(struct member *m, int64_t ms)
{
	m->timed = true;
	timer_start(&m->timer, ms);
}

static void
member_wait(struct member *m)
{
	m->timed = false;
	timer_stop(&m->timer);
}

/* Those that have waited for the first one. */
static void
others_go(struct agent *a)
{
	int64_t ms = 0;

	for (unsigned i = 0; i < a->conf->sessions; i++) {
		struct member *m = &a->member[i];

		if (m->state != MEMBER_IDLE || m->timed || (m->tried && !a->conf->reconnect))
			continue;
		member_go_in(m, ms + (int64_t)rand_below(FOLLOW_MS));
		ms += FOLLOW_MS;
	}
}

/* Another session than m will find out by itself whether the server is there again. */
static bool
another_tries(const struct agent *a, const struct member *m)
{
	for (unsigned i = 0; i < a->conf->sessions; i++)
		if (&a->member[i] != m &&
			(a->member[i].timed || a->member[i].state == MEMBER_TRYING))
			return true;
	return false;
}

/* ---- The end --------------------------------------------------------------------------------- */

static void
stop(struct agent *a, uint16_t code, const char *text, bool fatal)
{
	if (a->stopping)
		return;
	a->stopping = true;
	a->last = (struct agent_event){.kind = AGENT_STOPPED, .code = code, .fatal = fatal};
	snprintf(a->last.text, sizeof(a->last.text), "%s", text);
	for (unsigned i = 0; i < a->conf->sessions; i++)
		member_wait(&a->member[i]);
	for (unsigned i = 0; i < a->n_workers; i++)
		(void)agent_post_stop(a->workers[i]);
}

void
agent_stop(struct agent *a)
{
	stop(a, CODE_NONE, "stopped", false);
}

static void
on_worker_stopped(struct agent *a)
{
	if (++a->workers_stopped == a->n_workers)
		a->event(a->ctx, &a->last);
}

/* There will be no further attempt. Streams that go on may come to their ends before. */
static void
give_up(struct agent *a, uint16_t code, const char *text)
{
	if (a->n_parting == 0) {
		stop(a, code, text, true);
		return;
	}
	a->given_up = code != CODE_NONE ? code : CODE_INTERNAL;
	snprintf(a->given_up_text, sizeof(a->given_up_text), "%s", text);
}

static void
on_parted(struct agent *a)
{
	if (--a->n_parting == 0 && a->given_up != CODE_NONE)
		stop(a, a->given_up, a->given_up_text, true);
}

/* ---- What sessions report -------------------------------------------------------------------- */

/* Codes that another attempt would meet again. */
static bool
is_final(const struct agent *a, uint16_t code)
{
	if (code == CODE_REPLACED)
		return true; /* coming back would push the other one out again, and so on */
	if (a->was_up)
		return false;
	return code == CODE_NONE || code == CODE_AUTH_FAILED || code == CODE_VERSION ||
		code == CODE_NOT_PERMITTED || code == CODE_BAD_REQUEST ||
		code == CODE_NO_SUCH_ROUTE || code == CODE_IN_USE || code == CODE_NO_ADDRESS;
}

static void
on_connected(struct member *m, const struct agent_event *ev)
{
	struct agent *a = m->a;

	m->state = MEMBER_UP;
	m->answered = 0;
	backoff_up(&m->backoff);
	a->n_up++;
	if (a->lead == NULL) {
		a->lead = m;
		a->event(a->ctx, ev);
	}
}

/* A further session can be told of when clients come to it. */
static void
on_answered(struct member *m)
{
	struct agent *a = m->a;
	struct agent_event up = {.kind = AGENT_SESSION_UP, .session = m->index + 1};

	if (++m->answered == a->conf->n_tunnels && m != a->lead)
		a->event(a->ctx, &up);
}

static void
on_tunnel(struct member *m, const struct agent_event *ev)
{
	static struct log_limit limit;
	struct agent *a = m->a;

	if (m == a->lead)
		a->event(a->ctx, ev);
	else if (ev->kind != AGENT_TUNNEL_UP)
		log_limited(&limit, LOG_WARN, "session %u: tunnel=%s is not published: %s",
			ev->session, ev->tunnel->name, ev->text);
	if (ev->kind != AGENT_TUNNEL_GONE)
		on_answered(m);
	if (ev->kind == AGENT_TUNNEL_UP) {
		a->was_up = true;
		if (!a->stopping)
			others_go(a);
	}
}

static void
new_lead(struct agent *a)
{
	a->lead = NULL;
	for (unsigned i = 0; i < a->conf->sessions && a->lead == NULL; i++)
		if (a->member[i].state == MEMBER_UP || a->member[i].held)
			a->lead = &a->member[i];
}

/* What a server that dies, stops or has no room does it does to all its agents. */
static int64_t
retry_ms(struct member *m, const struct agent_event *ev, const struct agent_loss *loss)
{
	bool all = loss->by_peer || ev->code == CODE_SHUTDOWN || ev->code == CODE_BUSY ||
		ev->code == CODE_OVERLOAD || ev->code == CODE_REFUSED;

	return backoff_next(&m->backoff, all ? BACKOFF_ALL : BACKOFF_ONE, ev->retry_ms);
}

/* Others go on: this one comes back when it can. */
static void
on_one_lost(struct member *m, const struct agent_event *ev, const struct agent_loss *loss)
{
	struct agent_event lost = *ev;

	lost.kind = AGENT_SESSION_LOST;
	lost.attempt = m->backoff.tries + 1;
	lost.retry_ms = m->a->conf->reconnect ? retry_ms(m, ev, loss) : -1;
	if (m->a->conf->reconnect)
		member_go_in(m, lost.retry_ms);
	m->a->event(m->a->ctx, &lost);
}

/* The last one, or the one that tried to be the first. */
static void
on_all_lost(struct member *m, const struct agent_event *ev, const struct agent_loss *loss)
{
	struct agent *a = m->a;
	struct agent_event lost = *ev;
	int64_t max = a->conf->max_attempts;

	if (!a->conf->reconnect || (max > 0 && m->backoff.tries + 1 >= max)) {
		give_up(a, ev->code, ev->text);
		return;
	}
	for (unsigned i = 0; i < a->conf->sessions; i++)
		member_wait(&a->member[i]);
	lost.attempt = m->backoff.tries + 1;
	lost.retry_ms = retry_ms(m, ev, loss);
	member_go_in(m, lost.retry_ms);
	a->event(a->ctx, &lost);
}

/* ---- A session without a link ---------------------------------------------------------------- */

static void
try_resume_in(struct member *m, const struct agent_event *ev, const struct agent_loss *loss,
	unsigned attempt)
{
	struct agent_event held = *ev;

	held.kind = AGENT_HELD;
	held.attempt = attempt;
	held.retry_ms = retry_ms(m, ev, loss);
	member_go_in(m, held.retry_ms);
	m->a->event(m->a->ctx, &held);
}

static void
note_loss(struct member *m, const struct agent_loss *loss)
{
	if (loss->lasted)
		backoff_lasted(&m->backoff);
	m->backoff.spread_ms = loss->spread_ms;
}

static void
on_held(struct member *m, const struct agent_event *ev, const struct agent_loss *loss)
{
	m->held = true;
	m->state = MEMBER_IDLE;
	if (m->a->stopping)
		return;
	note_loss(m, loss);
	try_resume_in(m, ev, loss, 1);
}

/* An attempt has failed, and the session is still held. */
static void
on_still_held(struct member *m, const struct agent_event *ev, const struct agent_loss *loss)
{
	int64_t max = m->a->conf->max_attempts;

	if (max > 0 && m->backoff.tries >= max)
		stop(m->a, ev->code, ev->text, true);
	else
		try_resume_in(m, ev, loss, m->backoff.tries + 1);
}

static void
on_back(struct member *m, const struct agent_event *ev)
{
	struct agent *a = m->a;

	m->held = false;
	m->state = MEMBER_UP;
	backoff_up(&m->backoff);
	if (!a->stopping)
		a->event(a->ctx, ev);
}

/* It tries on, to log in anew; and if none is up any more it is the only one. */
static void
on_expired(struct member *m, const struct agent_event *ev)
{
	struct agent *a = m->a;

	m->held = false;
	a->n_up--;
	if (m == a->lead)
		new_lead(a);
	if (a->stopping)
		return;
	for (unsigned i = 0; i < a->conf->sessions && a->n_up == 0; i++)
		if (&a->member[i] != m)
			member_wait(&a->member[i]);
	a->event(a->ctx, ev);
}

/* ---- A session, or an attempt, that is over -------------------------------------------------- */

static void
on_lost(struct member *m, struct agent_event *ev, const struct agent_loss *loss)
{
	struct agent *a = m->a;
	bool up = m->state == MEMBER_UP;

	m->state = MEMBER_IDLE;
	a->n_up -= up;
	a->n_parting += ev->kind == AGENT_MOVING;
	if (m == a->lead)
		new_lead(a);
	if (a->stopping)
		return;
	if (up)
		note_loss(m, loss);
	if (ev->code == CODE_REPLACED || (a->n_up == 0 && is_final(a, ev->code))) {
		stop(a, ev->code, ev->text, true);
		return;
	}
	if (ev->code == CODE_NONE) /* it was allowed once, so the address may be right again */
		ev->code = CODE_NOT_PERMITTED;
	if (m->held)
		on_still_held(m, ev, loss);
	else if (a->n_up > 0)
		on_one_lost(m, ev, loss);
	else if (up || !another_tries(a, m))
		on_all_lost(m, ev, loss);
}

static void
heard(struct agent *a, struct agent_event *ev, const struct agent_loss *loss)
{
	struct member *m = ev->session > 0 ? &a->member[ev->session - 1] : NULL;

	switch (ev->kind) {
	case AGENT_CONNECTED:
		on_connected(m, ev);
		break;
	case AGENT_TUNNEL_UP:
	case AGENT_TUNNEL_FAILED:
	case AGENT_TUNNEL_GONE:
		on_tunnel(m, ev);
		break;
	case AGENT_LOST:
	case AGENT_MOVING:
		if (loss->parted)
			on_parted(a);
		else
			on_lost(m, ev, loss);
		break;
	case AGENT_HELD:
		on_held(m, ev, loss);
		break;
	case AGENT_BACK:
		on_back(m, ev);
		break;
	case AGENT_EXPIRED:
		on_expired(m, ev);
		break;
	case AGENT_RENEWED:
	case AGENT_NOT_RENEWED:
		if (!a->stopping)
			a->event(a->ctx, ev);
		break;
	case AGENT_STOPPED:
		on_worker_stopped(a);
		break;
	default:
		must(!"a worker says nothing else");
	}
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void
unref(struct agent *a)
{
	if (atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) > 1)
		return;
	budget_fini(&a->budget);
	pthread_mutex_destroy(&a->lock);
	free(a->workers);
	free(a->member);
	free(a->had);
	if (a->credential != NULL)
		explicit_bzero(a->credential, strlen(a->credential));
	free(a->credential);
	free(a);
}

static void
on_event(struct mbox_msg *msg, bool late)
{
	struct event_msg *m = container_of(msg, struct event_msg, msg);

	if (!late && !m->a->closed)
		heard(m->a, &m->ev, &m->loss);
	unref(m->a);
	free(m);
}

void
agent_say(struct agent *a, const struct agent_event *ev, const struct agent_loss *loss)
{
	struct event_msg *m = xcalloc(1, sizeof(*m));

	m->msg.deliver = on_event;
	m->a = a;
	m->ev = *ev;
	if (loss != NULL)
		m->loss = *loss;
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	if (worker_post(a->main, &m->msg) < 0)
		on_event(&m->msg, true);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static int
start_workers(struct agent *a)
{
	for (unsigned i = 0; i < a->n_workers; i++) {
		char name[24] = "adit-agent";
		int rc;

		if (a->n_workers > 1)
			snprintf(name, sizeof(name), "adit-agent%u", i);
		rc = worker_start(i, name, agent_worker_init, agent_worker_fini, a, &a->workers[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int
agent_start(struct worker *main, const struct agent_conf *conf,
	void (*event)(void *ctx, const struct agent_event *ev), void *ctx, struct agent **agent_r,
	struct err *e)
{
	struct agent *a = xcalloc(1, sizeof(*a));
	int rc;

	must(conf->sessions >= 1 && conf->sessions <= MSG_MEMBERS_MAX && conf->workers >= 1);
	atomic_init(&a->refs, 1);
	a->main = main;
	a->conf = conf;
	a->event = event;
	a->ctx = ctx;
	do
		a->instance = rand_u64();
	while (a->instance == 0);
	a->n_workers = MIN(conf->workers, conf->sessions);
	a->workers = xcalloc(a->n_workers, sizeof(struct worker *));
	a->member = xcalloc(conf->sessions, sizeof(*a->member));
	a->had = xcalloc(MAX(conf->n_tunnels, 1), sizeof(*a->had));
	must(pthread_mutex_init(&a->lock, NULL) == 0);
	budget_init(&a->budget, conf->limits.unread_budget, a->n_workers);
	for (unsigned i = 0; i < conf->sessions; i++) {
		a->member[i] = (struct member){.a = a, .index = i};
		backoff_init(&a->member[i].backoff, rand_below);
		timer_init(&a->member[i].timer, main, "agent timer", on_timer);
	}
	rc = start_workers(a);
	if (rc < 0) {
		err_set(e, "the agent's threads cannot be started");
		agent_free(a);
		return rc;
	}
	*agent_r = a;
	member_go_in(&a->member[0], 0);
	return 0;
}

char *
agent_credential(struct agent *a)
{
	char *credential;

	pthread_mutex_lock(&a->lock);
	credential = a->credential;
	a->credential = NULL;
	pthread_mutex_unlock(&a->lock);
	return credential;
}

void
agent_totals(const struct agent *a, struct agent_totals *t_r)
{
	struct agent *lock = (struct agent *)(uintptr_t)a;

	pthread_mutex_lock(&lock->lock);
	*t_r = a->totals;
	pthread_mutex_unlock(&lock->lock);
	for (unsigned i = 0; i < a->n_workers; i++) {
		const struct worker_stats *s = &a->workers[i]->stats;

		t_r->to_target_bytes += atomic_load_explicit(&s->tx_bytes, memory_order_relaxed);
		t_r->to_client_bytes += atomic_load_explicit(&s->rx_bytes, memory_order_relaxed);
	}
}

void
agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	a->closed = true;
	for (unsigned i = 0; i < a->conf->sessions; i++)
		member_wait(&a->member[i]);
	for (unsigned i = 0; i < a->n_workers && a->workers[i] != NULL; i++)
		worker_stop(a->workers[i]);
	workers_end(a->workers, a->n_workers);
	unref(a);
}
