/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A line for each HTTP request, within limits. Owner worker only. What always holds: every request
 * that was put in has its line or is counted by one. */

#include "tunnel/request_log.h"

#include "util/compiler.h"
#include "util/log.h"
#include "util/units.h"

static void
close_second(struct request_log *l)
{
	char n[48];

	if (l->more > 0)
		log_info("… and %s in the last second",
			units_count(l->more, "more HTTP request", n, sizeof(n)));
	l->running = false;
	l->lines = 0;
	l->more = 0;
}

static void
on_timer(struct timer *t)
{
	close_second(container_of(t, struct request_log, timer));
}

void
request_log_init(struct request_log *l, struct worker *w, int64_t most)
{
	*l = (struct request_log){.most = most};
	timer_init(&l->timer, w, "request log", on_timer);
}

void
request_log_put(struct request_log *l, const char *tunnel, const struct http_exchange *x)
{
	if (l->most == 0 || !log_wants(LOG_INFO))
		return;
	if (!l->running) {
		l->running = true;
		timer_start(&l->timer, REQUEST_LOG_MS);
	}
	if (l->lines == l->most) {
		l->more++;
		return;
	}
	l->lines++;
	log_info("tunnel=%s HTTP %s %s %d %.1f ms", tunnel, x->method, x->path, x->status,
		(double)x->us / 1000);
}

void
request_log_fini(struct request_log *l)
{
	timer_stop(&l->timer);
	close_second(l);
}
