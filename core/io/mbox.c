/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Mailboxes. Posting: any thread; delivering: the owner. What must hold: messages of one thread are
 * delivered in the order in which it posted them, each exactly once, and nothing touches the loop
 * once the mailbox is closed. */

#include "io/mbox.h"

#include <errno.h>

#include "io/worker.h"
#include "util/compiler.h"

/* One batch: what comes in meanwhile waits for the next turn, so that two workers that keep
 * answering each other do not starve their sockets. */
static void
on_wake(struct ev_loop *loop, ev_async *wake, int revents ATTR_UNUSED)
{
	struct mbox *m = container_of(wake, struct mbox, wake);
	struct worker *w = ev_userdata(loop);
	struct list batch, *n;

	list_init(&batch);
	pthread_mutex_lock(&m->lock);
	list_splice(&batch, &m->queue);
	pthread_mutex_unlock(&m->lock);
	while ((n = list_pop(&batch)) != NULL) {
		struct mbox_msg *msg = list_entry(n, struct mbox_msg, node);

		worker_note(w, "message");
		msg->deliver(msg, false);
	}
}

void
mbox_init(struct mbox *m, struct ev_loop *loop)
{
	must(pthread_mutex_init(&m->lock, NULL) == 0);
	list_init(&m->queue);
	m->closed = false;
	m->loop = loop;
	ev_async_init(&m->wake, on_wake);
	ev_async_start(loop, &m->wake);
}

/* The loop is woken inside the lock: outside, it could have been closed and freed in between. */
int
mbox_post(struct mbox *m, struct mbox_msg *msg)
{
	bool first;

	pthread_mutex_lock(&m->lock);
	if (m->closed) {
		pthread_mutex_unlock(&m->lock);
		return -ESHUTDOWN;
	}
	first = list_empty(&m->queue);
	list_push(&m->queue, &msg->node);
	if (first)
		ev_async_send(m->loop, &m->wake);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

/* The lock stays usable for those who still come to post. */
void
mbox_fini(struct mbox *m)
{
	struct list batch, *n;

	list_init(&batch);
	pthread_mutex_lock(&m->lock);
	if (!m->closed)
		ev_async_stop(m->loop, &m->wake);
	m->closed = true;
	m->loop = NULL;
	list_splice(&batch, &m->queue);
	pthread_mutex_unlock(&m->lock);
	while ((n = list_pop(&batch)) != NULL) {
		struct mbox_msg *msg = list_entry(n, struct mbox_msg, node);

		msg->deliver(msg, true);
	}
}
