/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* For tests of io: a call of a function on another worker, and waiting for it. */

#ifndef ADIT_TESTS_POST_H
#define ADIT_TESTS_POST_H

#include <semaphore.h>
#include <stdlib.h>

#include "io/worker.h"
#include "util/compiler.h"

struct call {
	struct mbox_msg msg;
	void (*fn)(void *arg);
	void *arg;
	sem_t *done;
};

static void
on_call(struct mbox_msg *msg, bool late)
{
	struct call *c = container_of(msg, struct call, msg);

	if (!late)
		c->fn(c->arg);
	if (c->done != NULL)
		sem_post(c->done);
	free(c);
}

/* fn(arg) on w, later. Not at all when w stops before. */
__attribute__((unused)) static void
post_call(struct worker *w, void (*fn)(void *arg), void *arg)
{
	struct call *c = xcalloc(1, sizeof(*c));

	c->msg.deliver = on_call;
	c->fn = fn;
	c->arg = arg;
	must(worker_post(w, &c->msg) == 0);
}

/* fn(arg) on w, which is another thread's; comes back when it has run. */
__attribute__((unused)) static void
call_on(struct worker *w, void (*fn)(void *arg), void *arg)
{
	struct call *c = xcalloc(1, sizeof(*c));
	sem_t done;

	must(sem_init(&done, 0, 0) == 0);
	c->msg.deliver = on_call;
	c->fn = fn;
	c->arg = arg;
	c->done = &done;
	must(worker_post(w, &c->msg) == 0);
	while (sem_wait(&done) != 0)
		;
	sem_destroy(&done);
}

/* For post_call(): ends the worker that is given. */
__attribute__((unused)) static void
stop_worker(void *w)
{
	worker_stop(w);
}

#endif
