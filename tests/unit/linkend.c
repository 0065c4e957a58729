/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Ends of links for tests. An end is touched on its link's worker only. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "linkend.h"
#include "util/compiler.h"

#define PERIOD 251

static void
on_ready(struct conn *c)
{
	struct end *e = c->owner;

	e->ready = true;
}

static int
on_input(struct conn *c, const uint8_t *p, size_t n)
{
	struct end *e = c->owner;
	size_t rest = e->split != NULL ? e->split(e, p, n) : 0, had = atomic_load(&e->n_in);

	n -= rest;
	for (size_t i = 0; i < n; i++) {
		if (p[i] != (had + i) % PERIOD)
			e->pattern_good = false;
		if (had + i < sizeof(e->in) - 1)
			e->in[had + i] = (char)p[i];
	}
	atomic_store(&e->n_in, had + n);
	return (int)rest;
}

static size_t
on_output(struct conn *c, uint8_t *p, size_t cap, struct pipe **aside_r)
{
	struct end *e = c->owner;
	size_t n;

	(void)aside_r;
	if (e->say != NULL) {
		n = strlen(e->say);
		memcpy(p, e->say, n);
		e->say = NULL;
		return n;
	}
	n = MIN(cap, e->to_send - e->sent);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((e->sent + i) % PERIOD);
	e->sent += n;
	return n;
}

static void
on_closed(struct conn *c, int err, const char *text)
{
	struct end *e = c->owner;

	e->conn = NULL;
	e->closed = true;
	e->err = err;
	snprintf(e->text, sizeof(e->text), "%s", text != NULL ? text : "");
}

static int
on_choose(struct conn *c, const uint8_t *p, size_t n, struct conn_level *level_r)
{
	struct end *e = c->owner;
	size_t at = strlen(e->probes);

	snprintf(e->probes + at, sizeof(e->probes) - at, "|%.*s", (int)n, (const char *)p);
	return e->choose(e, p, n, level_r);
}

const struct conn_ops end_ops = {
	.ready = on_ready,
	.input = on_input,
	.output = on_output,
	.closed = on_closed,
};

const struct conn_ops end_choosing_ops = {
	.ready = on_ready,
	.input = on_input,
	.output = on_output,
	.closed = on_closed,
	.choose = on_choose,
};

void
end_open(struct end *e, struct worker *w, int fd, enum adit_side side,
	const struct conn_level *level, size_t n)
{
	const struct conn_setup setup = {
		.ops = e->choose != NULL ? &end_choosing_ops : &end_ops,
		.owner = e,
		.side = side,
		.level = level,
		.n_levels = n,
		.host = side == ADIT_SIDE_AGENT ? "host.example" : NULL,
		.path = side == ADIT_SIDE_AGENT ? "/way" : NULL,
		.port = side == ADIT_SIDE_AGENT ? 7835 : 0,
	};

	e->pattern_good = true;
	e->conn = conn_open(w, fd, &setup);
}

/* ---- The loop -------------------------------------------------------------------------------- */

static struct timer ask;
static bool (*asked)(void);

static void
on_ask(struct timer *t)
{
	if (asked())
		worker_stop(t->w);
	else
		timer_start(t, 1);
}

void
run_until(struct worker *w, bool (*done)(void))
{
	asked = done;
	timer_init(&ask, w, "test", on_ask);
	timer_start(&ask, 0);
	worker_run(w);
	timer_stop(&ask);
}

/* ---- Raw ------------------------------------------------------------------------------------- */

void
raw_pair(int fd[2])
{
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0);
}

void
raw_read(struct raw *r)
{
	ssize_t n;

	while (r->n < sizeof(r->in) &&
		(n = read(r->fd, r->in + r->n, sizeof(r->in) - r->n)) >= 0) {
		if (n == 0) {
			r->eof = true;
			return;
		}
		r->n += (size_t)n;
	}
}

void
raw_say(const struct raw *r, const char *text, size_t n)
{
	must(write(r->fd, text, n) == (ssize_t)n);
}
