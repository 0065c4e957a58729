/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Mailbox of a worker: the only way for one thread to ask something of another. A message owns what
 * it carries, and carries ids with generations, never a pointer to somebody's session. */

#ifndef ADIT_IO_MBOX_H
#define ADIT_IO_MBOX_H

#include <ev.h>
#include <pthread.h>
#include <stdbool.h>

#include "util/list.h"

struct mbox_msg {
	struct list node;
	/* Runs on the receiving worker and frees the message. late: the worker is stopping and the
	 * message must only release what it owns. */
	void (*deliver)(struct mbox_msg *msg, bool late);
};

struct mbox {
	pthread_mutex_t lock; /* protects queue and closed */
	struct list queue;
	bool closed;
	ev_async wake;
	struct ev_loop *loop;
};

/* The loop's thread, before it runs. The loop's user data is its struct worker. */
void mbox_init(struct mbox *m, struct ev_loop *loop);

/* Any thread. 0, or -ESHUTDOWN when the worker has stopped: the caller still owns msg then. */
int mbox_post(struct mbox *m, struct mbox_msg *msg);

/* Owner, after its loop has ended: no more posts; what is in it is delivered late. mbox_post() can
 * still be called, as long as the memory is there. */
void mbox_fini(struct mbox *m);

#endif
