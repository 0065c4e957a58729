/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One-shot timers. The owner's thread. What must hold: a timer never fires early, measured by
 * mono_now(), however long the callback ran that started it. */

#include "io/worker.h"

#include "util/compiler.h"

static void
on_timer(struct ev_loop *loop ATTR_UNUSED, ev_timer *ev, int revents ATTR_UNUSED)
{
	struct timer *t = container_of(ev, struct timer, ev);

	worker_note(t->w, t->what);
	t->fn(t); /* may have freed t */
}

void
timer_init(struct timer *t, struct worker *w, const char *what, void (*fn)(struct timer *t))
{
	ev_timer_init(&t->ev, on_timer, 0., 0.);
	t->w = w;
	t->what = what;
	t->fn = fn;
}

/* libev counts from the time at which the turn began; its clock is set first. */
static void
start_ns(struct timer *t, int64_t ns)
{
	WORKER_OWNS(t->w);
	ev_timer_stop(t->w->loop, &t->ev);
	ev_now_update(t->w->loop);
	ev_timer_set(&t->ev, (double)MAX(ns, 0) / 1e9, 0.);
	ev_timer_start(t->w->loop, &t->ev);
}

void
timer_start(struct timer *t, int64_t ms)
{
	start_ns(t, ms * 1000000);
}

void
timer_start_at(struct timer *t, struct mono at)
{
	start_ns(t, at.ns - mono_now().ns);
}

void
timer_stop(struct timer *t)
{
	WORKER_OWNS(t->w);
	ev_timer_stop(t->w->loop, &t->ev);
}
