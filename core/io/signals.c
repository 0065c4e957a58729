/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Signals as events. libev's handler only writes into a pipe of the loop; what is said to the owner
 * is said in a turn of its worker. */

#include "io/signals.h"

#include "util/compiler.h"

static void
on_signal(struct ev_loop *loop, ev_signal *ev, int revents)
{
	struct signal_watch *s = container_of(ev, struct signal_watch, ev);

	(void)loop;
	(void)revents;
	worker_note(s->w, "signal");
	s->fn(s->ctx, ev->signum);
}

void
signal_watch(struct signal_watch *s, struct worker *w, int signo,
	void (*fn)(void *ctx, int signo), void *ctx)
{
	WORKER_OWNS(w);
	s->w = w;
	s->fn = fn;
	s->ctx = ctx;
	ev_signal_init(&s->ev, on_signal, signo);
	ev_signal_start(w->loop, &s->ev);
}

void
signal_unwatch(struct signal_watch *s)
{
	if (s->w == NULL)
		return;
	WORKER_OWNS(s->w);
	ev_signal_stop(s->w->loop, &s->ev);
	s->w = NULL;
}
