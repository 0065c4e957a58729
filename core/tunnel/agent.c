/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent as the program sees it. Main thread, except for agent_say(), which carries an event there.
 * An event holds a reference, so what is still on its way when the agent is freed finds it. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "tunnel/agent_priv.h"
#include "util/compiler.h"

struct event_msg {
	struct mbox_msg msg;
	struct agent *a;
	struct agent_event ev;
};

static void
unref(struct agent *a)
{
	if (atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) > 1)
		return;
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void
on_event(struct mbox_msg *msg, bool late)
{
	struct event_msg *m = container_of(msg, struct event_msg, msg);

	if (!late && !m->a->closed)
		m->a->event(m->a->ctx, &m->ev);
	unref(m->a);
	free(m);
}

void
agent_say(struct agent *a, const struct agent_event *ev)
{
	struct event_msg *m = xcalloc(1, sizeof(*m));

	m->msg.deliver = on_event;
	m->a = a;
	m->ev = *ev;
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	if (worker_post(a->main, &m->msg) < 0)
		on_event(&m->msg, true);
}

int
agent_start(struct worker *main, const struct agent_conf *conf,
	void (*event)(void *ctx, const struct agent_event *ev), void *ctx, struct agent **agent_r,
	struct err *e)
{
	struct agent *a = xcalloc(1, sizeof(*a));
	int rc;

	atomic_init(&a->refs, 1);
	a->main = main;
	a->conf = conf;
	a->event = event;
	a->ctx = ctx;
	must(pthread_mutex_init(&a->lock, NULL) == 0);
	rc = worker_start(0, "adit-agent", agent_worker_init, agent_worker_fini, a, &a->w);
	if (rc < 0) {
		err_set(e, "the agent's thread cannot be started");
		unref(a);
		return rc;
	}
	*agent_r = a;
	return 0;
}

void
agent_stop(struct agent *a)
{
	(void)agent_post_stop(a->w); /* the worker runs until agent_free() */
}

void
agent_totals(const struct agent *a, struct agent_totals *t_r)
{
	struct agent *lock = (struct agent *)(uintptr_t)a;

	pthread_mutex_lock(&lock->lock);
	*t_r = a->totals;
	pthread_mutex_unlock(&lock->lock);
	t_r->to_target_bytes = atomic_load_explicit(&a->w->stats.tx_bytes, memory_order_relaxed);
	t_r->to_client_bytes = atomic_load_explicit(&a->w->stats.rx_bytes, memory_order_relaxed);
}

void
agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	a->closed = true;
	worker_stop(a->w);
	worker_join(a->w);
	unref(a);
}
