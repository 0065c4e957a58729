/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A worker of the agent: the links of some of its sessions, and the messages of the main thread.
 * Owner: the worker; only the post_… functions may be called by others. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "tunnel/agent_priv.h"

struct order {
	struct mbox_msg msg;
	struct worker *w;
	unsigned member;
};

static int
post(struct worker *w, void (*deliver)(struct mbox_msg *msg, bool late), unsigned member)
{
	struct order *o = xcalloc(1, sizeof(*o));
	int rc;

	*o = (struct order){.msg.deliver = deliver, .w = w, .member = member};
	rc = worker_post(w, &o->msg);
	if (rc < 0)
		free(o);
	return rc;
}

static struct agent_link *
link_of(const struct agent_worker *aw, unsigned member)
{
	for (struct list *n = aw->links.next; n != &aw->links; n = n->next) {
		struct agent_link *l = list_entry(n, struct agent_link, node);

		if (l->member == member)
			return l;
	}
	return NULL;
}

static void
on_go(struct mbox_msg *msg, bool late)
{
	struct order *o = container_of(msg, struct order, msg);
	struct agent_worker *aw = agent_worker(o->w);

	if (!late && !aw->stopping)
		agent_link_go(link_of(aw, o->member));
	free(o);
}

int
agent_post_go(struct worker *w, unsigned member)
{
	return post(w, on_go, member);
}

/* ---- Stop ------------------------------------------------------------------------------------ */

static void
on_farewell(struct turn_end *t)
{
	struct agent_worker *aw = container_of(t, struct agent_worker, farewell);

	agent_say(aw->a, &(struct agent_event){.kind = AGENT_STOPPED}, NULL);
}

/* The last event comes behind the sessions' streams, which wait for their end of the turn: whoever
 * gets it reads totals that do not change any more. */
void
agent_worker_check(struct agent_worker *aw)
{
	if (!aw->stopping)
		return;
	for (struct list *n = aw->links.next; n != &aw->links; n = n->next)
		if (list_entry(n, struct agent_link, node)->state != LINK_IDLE)
			return;
	if (aw->n_parting > 0)
		return;
	worker_streams_abort(aw->w); /* agent_free() would, behind the totals */
	worker_reap(aw->w, &aw->farewell);
}

static void
on_stop(struct mbox_msg *msg, bool late)
{
	struct order *o = container_of(msg, struct order, msg);
	struct agent_worker *aw = agent_worker(o->w);
	struct list *n, *tmp;

	free(o);
	if (late || aw->stopping)
		return;
	aw->stopping = true;
	list_each(n, tmp, &aw->links)
		agent_link_stop(list_entry(n, struct agent_link, node));
	list_each(n, tmp, &aw->parting)
		session_fail(&list_entry(n, struct agent_session, node)->base, CODE_LEAVING,
			code_text(CODE_LEAVING));
	agent_worker_check(aw);
}

int
agent_post_stop(struct worker *w)
{
	return post(w, on_stop, 0);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void
worker_free(struct agent_worker *aw)
{
	struct list *n, *tmp;

	list_each(n, tmp, &aw->links)
		agent_link_free(list_entry(n, struct agent_link, node));
	free(aw);
}

/* One worker's part of what all have together; none is left without. */
static int64_t
share_of(int64_t all, unsigned workers)
{
	return all > 0 ? MAX(all / workers, 1) : 0;
}

int
agent_worker_init(struct worker *w, void *arg)
{
	struct agent *a = arg;
	struct agent_worker *aw = xcalloc(1, sizeof(*aw));

	aw->a = a;
	aw->w = w;
	aw->conf = a->conf;
	worker_streams_init(&aw->streams, w, &aw->a->budget);
	list_init(&aw->links);
	list_init(&aw->parting);
	list_init(&aw->farewell.node);
	aw->farewell.run = on_farewell;
	w->app = aw;
	request_log_init(&aw->requests, w, share_of(a->conf->log_requests, a->n_workers));
	for (unsigned i = w->index; i < a->conf->sessions; i += a->n_workers)
		agent_link_new(aw, (uint8_t)(i + 1));
	if (modules_worker_init(&a->conf->modules, w->index) < 0) {
		worker_free(aw);
		return -EINVAL;
	}
	return 0;
}

/* Sessions and streams are freed before this, in the last of all ends of turns. */
static void
on_last(struct mbox_msg *msg, bool late)
{
	struct order *o = container_of(msg, struct order, msg);
	struct agent_worker *aw = agent_worker(o->w);

	(void)late;
	modules_worker_fini(&aw->conf->modules, o->w->index);
	request_log_fini(&aw->requests);
	worker_free(aw);
	free(o);
}

void
agent_worker_fini(struct worker *w)
{
	struct agent_worker *aw = agent_worker(w);
	struct list *n, *tmp;

	aw->ending = true;
	list_each(n, tmp, &aw->links)
		agent_link_close(list_entry(n, struct agent_link, node));
	list_each(n, tmp, &aw->parting)
		agent_session_close(list_entry(n, struct agent_session, node));
	worker_streams_abort(w);
	must(post(w, on_last, 0) == 0);
}
