/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Dialling: connects a stream to its tunnel's target, whose address comes from the agent's own
 * configuration and from nowhere else, and answers the server's OPEN. Runs on the agent's
 * worker. */

#include <config.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/agent_priv.h"
#include "tunnel/http_watch.h"
#include "util/log.h"

/* One stream's way to its target. */
struct dial {
	struct stream *st;
	struct timer timer; /* for all of it */
	struct resolve *resolve;
	struct addr addr[RESOLVE_MAX];
	int n, next, last_err;
	struct mono began;
};

static void
on_exchange(void *ctx, const struct http_exchange *x)
{
	const struct stream *st = ctx;
	struct agent *a = agent_worker(st->w)->a;
	struct agent_totals *t = &a->totals;

	request_log_put(&agent_worker(st->w)->requests, st->tunnel->name, x);
	pthread_mutex_lock(&a->lock);
	t->http_requests++;
	t->http_status[x->status / 100 <= 5 ? x->status / 100 : 0]++;
	if (x->status != 0) {
		t->http_min_us = t->http_timed == 0 ? x->us : MIN(t->http_min_us, x->us);
		t->http_max_us = MAX(t->http_max_us, x->us);
		t->http_sum_us += x->us;
		t->http_timed++;
	}
	pthread_mutex_unlock(&a->lock);
}

/* Connected or not, no more is to be done for that. */
static void
dial_end(struct stream *st)
{
	struct dial *d = st->dial;

	if (d == NULL)
		return;
	timer_stop(&d->timer);
	resolve_cancel(d->resolve);
	free(d);
	st->dial = NULL;
}

static void
on_free(struct stream *st)
{
	struct agent *a = agent_worker(st->w)->a;

	dial_end(st);
	http_watch_end(st->watch, st->w->now);
	pthread_mutex_lock(&a->lock);
	a->totals.streams_open--;
	if (st->connected && !(st->eof && st->fin))
		a->totals.streams_reset++;
	pthread_mutex_unlock(&a->lock);
}

static void
failed(struct dial *d, uint16_t code, const char *why)
{
	static struct log_limit limit;
	struct stream *st = d->st;
	struct agent *a = agent_worker(st->w)->a;
	char text[256];

	snprintf(text, sizeof(text), "target %s: %s", st->tunnel->target, why);
	log_limited(&limit, LOG_WARN, "tunnel=%s %s", st->tunnel->name, text);
	pthread_mutex_lock(&a->lock);
	a->totals.streams_refused++;
	pthread_mutex_unlock(&a->lock);
	if (st->ms != NULL)
		mux_open_fail(st->ms, code, text);
	dial_end(st);
	stream_reset(st);
}

static void
connected(struct dial *d)
{
	struct stream *st = d->st;
	struct agent *a = agent_worker(st->w)->a;
	struct agent_totals *t = &a->totals;
	int64_t us = (st->w->now.ns - d->began.ns) / 1000;

	dial_end(st);
	pthread_mutex_lock(&a->lock);
	t->dial_min_us = t->dials == 0 ? us : MIN(t->dial_min_us, us);
	t->dial_max_us = MAX(t->dial_max_us, us);
	t->dial_sum_us += us;
	t->dials++;
	pthread_mutex_unlock(&a->lock);
	sock_end_by_reset(st->sock.fd, true);
	sock_unsent(st->sock.fd, STREAM_UNSENT);
	if (st->ms != NULL)
		mux_open_ok(st->ms);
	stream_connected(st);
}

static void try_next(struct dial *d);

/* Nobody listens, but the kernel gave our end the very port that we dial: a connection with
 * itself. */
static bool
met_itself(const struct sock *s, uint16_t port)
{
	struct addr local, peer;

	sock_local(s, &local);
	if (addr_port(&local) != port)
		return false;
	sock_peer(s, &peer);
	return peer.len > 0 && addr_equal(&local, &peer);
}

static void
on_connected(struct sock *s, int err)
{
	struct stream *st = container_of(s, struct stream, sock);
	struct dial *d = st->dial;

	if (err == 0 && met_itself(s, st->tunnel->port))
		err = -ECONNREFUSED;
	if (err == 0) {
		connected(d);
		return;
	}
	d->last_err = -err;
	sock_close(s);
	try_next(d);
}

static const struct sock_ops dial_ops = {
	.connected = on_connected,
	.what = "dialling a target",
};

static void
try_next(struct dial *d)
{
	while (d->next < d->n) {
		int rc;

		sock_init_closed(&d->st->sock, d->st->w, &dial_ops);
		rc = sock_connect(&d->st->sock, &d->addr[d->next++]);
		if (rc == 0)
			return;
		d->last_err = -rc;
	}
	failed(d, code_of_dial(d->last_err), strerror(d->last_err));
}

static void
on_timeout(struct timer *t)
{
	struct dial *d = container_of(t, struct dial, timer);

	if (d->st->dead)
		return; /* the client is gone already */
	failed(d, CODE_CONNECT_TIMEOUT, "does not answer");
}

static void
on_resolved(void *owner, const struct addr *a, int n, int err)
{
	struct dial *d = owner;

	d->resolve = NULL;
	if (d->st->dead)
		return; /* the client is gone already */
	if (n == 0) {
		failed(d, CODE_NO_SUCH_HOST, gai_strerror(err));
		return;
	}
	d->n = MIN(n, RESOLVE_MAX);
	memcpy(d->addr, a, (size_t)d->n * sizeof(*a));
	try_next(d);
}

void
target_dial(struct agent_session *as, struct mux_stream *ms, const struct tunnel_conf *tunnel)
{
	struct agent_worker *aw = as->aw;
	struct stream *st = stream_new(&as->base);
	struct dial *d = xcalloc(1, sizeof(*d));

	ms->user = st;
	st->ms = ms;
	st->dial = d;
	st->tunnel = tunnel;
	st->on_free = on_free;
	d->st = st;
	d->began = aw->w->now;
	pthread_mutex_lock(&aw->a->lock);
	aw->a->totals.streams++;
	aw->a->totals.streams_open++;
	pthread_mutex_unlock(&aw->a->lock);
	st->watch = http_watch_new(on_exchange, st);
	timer_init(&d->timer, aw->w, "dial timeout", on_timeout);
	timer_start(&d->timer, aw->conf->limits.open_timeout);
	if (addr_parse(tunnel->host, tunnel->port, &d->addr[0]) == 0) {
		d->n = 1;
		try_next(d);
		return;
	}
	d->resolve = resolve_start(aw->w, tunnel->host, tunnel->port, on_resolved, d);
	if (d->resolve == NULL)
		failed(d, CODE_OVERLOAD, "too many names are being resolved");
}
