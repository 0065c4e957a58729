/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The server as a whole. Main thread only: it listens for agents, hands each link to the worker
 * with most time to spare, puts configurations in force, and ends everything in order: listeners,
 * workers, then what they used. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/server_priv.h"
#include "tunnel/spread.h"
#include "util/log.h"

#define AGENT_BACKLOG 4096
#define SWEEP_MS 1000
#define EXPIRE_BATCH 64

struct agent_listener {
	struct listener listener;
	struct list node;
	struct server *srv;
	struct addr asked; /* as configured: the port may be 0 */
	bool bare;         /* nothing but frames is spoken here */
	bool keep;         /* during a reload */
	struct turn_end reap;
};

/* ---- Links ----------------------------------------------------------------------------------- */

static unsigned
pick_worker(struct server *s)
{
	for (unsigned i = 0; i < s->n_workers; i++)
		s->place[i].sessions = atomic_load_explicit(&s->load[i], memory_order_relaxed);
	return place_pick(s->place, s->n_workers);
}

static void
measure_workers(struct server *s)
{
	struct mono now = s->main->now;
	uint64_t passed_us = (uint64_t)(now.ns - s->measured.ns) / 1000;

	if (passed_us == 0)
		return;
	for (unsigned i = 0; i < s->n_workers; i++)
		place_measure(&s->place[i],
			atomic_load_explicit(&s->workers[i]->stats.busy_us, memory_order_relaxed),
			passed_us);
	s->measured = now;
}

/* Where the link carries frames as they are, one GOAWAY says why it is not let in. */
static void
turn_away(int fd, bool bare, uint16_t code, const char *text, int64_t retry_ms)
{
	struct msg_goaway g = {.code = code, .retry_after_ms = (uint32_t)MIN(retry_ms, UINT32_MAX),
		.text = text_of(text)};
	uint8_t p[FRAME_HEADER + 512];
	size_t n = msg_goaway_encode(p + FRAME_HEADER, sizeof(p) - FRAME_HEADER, &g);

	frame_encode(p, &(struct frame){(uint32_t)n, FRAME_GOAWAY, 0});
	if (bare) {
		(void)send(fd, p, FRAME_HEADER + n, MSG_NOSIGNAL | MSG_DONTWAIT);
		shutdown(fd, SHUT_WR);
		/* What the agent has sent is read away, lest its arrival resets our answer. */
		for (int i = 0; i < 16 && recv(fd, p, sizeof(p), MSG_DONTWAIT) > 0; i++)
			;
	}
	close(fd);
}

static void
on_agent(struct listener *l, int fd, const struct addr *from)
{
	static struct log_limit limit;
	struct agent_listener *al = container_of(l, struct agent_listener, listener);
	struct server *s = al->srv;
	uint64_t source = addr_source_key(from);
	const char *text;
	char where[ADDR_TEXT_MAX];
	int64_t retry_ms;
	unsigned i;
	uint16_t code;

	code = gate_enter(s->gate, source, &s->conf->limits, s->main->now, &text, &retry_ms);
	if (code != CODE_NONE) {
		tally_count(&s->tally, "gate", TALLY_BUSY);
		log_limited(&limit, LOG_WARN, "link from %s refused: %s",
			addr_text(from, where, sizeof(where)), text);
		turn_away(fd, al->bare, code, text, retry_ms);
		return;
	}
	i = pick_worker(s);
	s->place[i].fresh++;
	atomic_fetch_add_explicit(&s->load[i], 1, memory_order_relaxed);
	if (post_link(s->workers[i], fd, from, &al->asked) < 0) {
		atomic_fetch_sub_explicit(&s->load[i], 1, memory_order_relaxed);
		gate_leave(s->gate, source);
		sock_abort_fd(fd);
	}
}

static void
on_reap_listener(struct turn_end *t)
{
	free(container_of(t, struct agent_listener, reap));
}

static void
listener_end(struct agent_listener *al)
{
	listener_close(&al->listener);
	list_remove(&al->node);
	worker_reap(al->srv->main, &al->reap);
}

static void
listeners_end(struct server *s)
{
	struct list *n, *tmp;

	list_each(n, tmp, &s->listeners)
		listener_end(list_entry(n, struct agent_listener, node));
}

static bool
is_bare(const struct door *d)
{
	return door_is_plain(d) && !d->way[0].layered;
}

static int
listener_start(struct server *s, struct list *into, const struct door *d, struct err *e)
{
	struct agent_listener *al;
	char where[ADDR_TEXT_MAX];
	int fd = listen_socket(&d->addr, AGENT_BACKLOG);

	if (fd < 0) {
		err_set(e, "%s: cannot listen on %s: %s", d->way[0].transport->plugin->name,
			addr_text(&d->addr, where, sizeof(where)), strerror(-fd));
		return fd;
	}
	al = xcalloc(1, sizeof(*al));
	al->srv = s;
	al->asked = d->addr;
	al->bare = is_bare(d);
	list_init(&al->node);
	list_init(&al->reap.node);
	al->reap.run = on_reap_listener;
	list_push(into, &al->node);
	listener_open(&al->listener, s->main, fd, 0, on_agent);
	return 0;
}

/* "tcp://127.0.0.1:9000, tcp://[::1]:9000": listeners under conf, which has all of them. */
static const char *
listeners_text(const struct list *from, const struct server_conf *conf, char *buf, size_t cap)
{
	char where[300];
	size_t at = 0;

	buf[0] = '\0';
	for (struct list *n = from->next; n != from && at < cap; n = n->next) {
		struct agent_listener *al = list_entry(n, struct agent_listener, node);

		door_addresses(door_find(conf, &al->asked), &al->listener.addr, where,
			sizeof(where));
		at += (size_t)snprintf(buf + at, cap - at, "%s%s", at > 0 ? ", " : "", where);
	}
	return buf;
}

static struct agent_listener *
listener_find(struct server *s, const struct addr *a)
{
	struct list *n, *tmp;

	list_each(n, tmp, &s->listeners) {
		struct agent_listener *al = list_entry(n, struct agent_listener, node);

		if (addr_equal(&al->asked, a))
			return al;
	}
	return NULL;
}

/* Opens what conf has and the server does not; into gets the new ones. Those that stay are
 * marked. */
static int
listeners_prepare(struct server *s, struct server_conf *conf, struct list *into, struct err *e)
{
	struct list *n, *tmp;
	int rc = 0;

	list_each(n, tmp, &s->listeners)
		list_entry(n, struct agent_listener, node)->keep = false;
	for (size_t i = 0; i < conf->n_doors && rc == 0; i++) {
		struct agent_listener *old = listener_find(s, &conf->door[i].addr);

		if (old == NULL)
			rc = listener_start(s, into, &conf->door[i], e);
		else
			old->keep = true;
	}
	if (rc < 0)
		list_each(n, tmp, into)
			listener_end(list_entry(n, struct agent_listener, node));
	return rc;
}

static void
listeners_switch(struct server *s, struct server_conf *conf, struct list *fresh)
{
	struct list *n, *tmp;

	list_each(n, tmp, &s->listeners) {
		struct agent_listener *al = list_entry(n, struct agent_listener, node);

		if (!al->keep)
			listener_end(al);
	}
	list_splice(&s->listeners, fresh);
	for (size_t i = 0; i < conf->n_doors; i++)
		listener_find(s, &conf->door[i].addr)->bare = is_bare(&conf->door[i]);
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* Who logs in from now on is told at once, the others by their workers. */
static void
set_spread(struct server *s)
{
	int64_t before = atomic_load_explicit(&s->spread_ms, memory_order_relaxed);
	int64_t ms = spread_for(registry_sessions(s->registry), before);

	if (ms == before || s->draining)
		return;
	atomic_store_explicit(&s->spread_ms, ms, memory_order_relaxed);
	for (unsigned i = 0; i < s->n_workers; i++)
		(void)post_spread(s->workers[i]);
}

static void
on_sweep(struct timer *t)
{
	struct server *s = container_of(t, struct server, sweep);
	struct claim_ref gone[EXPIRE_BATCH];
	size_t n;

	do {
		n = registry_expire(s->registry, s->main->now, gone, EXPIRE_BATCH);
		for (size_t i = 0; i < n; i++)
			if (gone[i].worker != REGISTRY_NO_WORKER)
				(void)post_close_front(s->workers[gone[i].worker], gone[i].id);
	} while (n == EXPIRE_BATCH);
	measure_workers(s);
	set_spread(s);
	timer_start(&s->sweep, SWEEP_MS);
}

static void
on_drain_timer(struct timer *t)
{
	struct server *s = container_of(t, struct server, drain_timer);

	log_warn("drain_for has passed: what is still open is reset");
	s->on_drained(s->ctx);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static int
start_workers(struct server *s, struct err *e)
{
	s->n_parts = s->conf->workers;
	s->workers = xcalloc(s->conf->workers, sizeof(*s->workers));
	s->sw = xcalloc(s->conf->workers, sizeof(*s->sw));
	s->load = xcalloc(s->conf->workers, sizeof(*s->load));
	s->place = xcalloc(s->conf->workers, sizeof(*s->place));
	s->measured = s->main->now;
	while (s->n_workers < s->conf->workers) {
		char name[24];
		int rc;

		snprintf(name, sizeof(name), "adit-w%u", s->n_workers);
		rc = worker_start(s->n_workers, name, server_worker_init, server_worker_fini, s,
			&s->workers[s->n_workers]);
		if (rc < 0) {
			err_set(e, "worker %u cannot be started", s->n_workers);
			return rc;
		}
		s->n_workers++;
	}
	return 0;
}

int
server_start(struct worker *main, struct server_conf *conf, void (*drained)(void *ctx), void *ctx,
	struct server **server_r, struct err *e)
{
	struct server *s = xcalloc(1, sizeof(*s));
	struct list fresh;
	int rc;

	s->main = main;
	s->conf = conf;
	s->on_drained = drained;
	s->ctx = ctx;
	list_init(&s->listeners);
	list_init(&fresh);
	timer_init(&s->sweep, main, "registry sweep", on_sweep);
	timer_init(&s->drain_timer, main, "drain", on_drain_timer);
	s->registry = registry_new();
	s->gate = gate_new();
	s->names = name_gate_new();
	budget_init(&s->budget, conf->limits.unread_budget, conf->workers);
	auth_set_release(server_release_conf);
	rc = start_workers(s, e);
	if (rc == 0)
		rc = listeners_prepare(s, conf, &fresh, e);
	if (rc < 0) {
		server_free(s);
		return rc;
	}
	list_splice(&s->listeners, &fresh);
	timer_start(&s->sweep, SWEEP_MS);
	*server_r = s;
	return 0;
}

int
server_reload(struct server *s, struct server_conf *conf, struct err *e)
{
	struct list fresh;
	char where[512];
	int rc;

	list_init(&fresh);
	rc = listeners_prepare(s, conf, &fresh, e);
	if (rc < 0) {
		server_conf_unref(conf);
		return rc;
	}
	if (!list_empty(&fresh))
		log_info("agents may now connect at %s",
			listeners_text(&fresh, conf, where, sizeof(where)));
	for (unsigned i = 0; i < s->n_workers; i++)
		(void)post_conf(s->workers[i], conf); /* they run as long as the server does */
	listeners_switch(s, conf, &fresh);
	budget_set_limit(&s->budget, conf->limits.unread_budget);
	server_conf_unref(s->conf);
	s->conf = conf;
	return 0;
}

void
server_drain(struct server *s)
{
	if (s->draining)
		return;
	s->draining = true;
	listeners_end(s);
	for (unsigned i = 0; i < s->n_workers; i++)
		(void)post_drain(s->workers[i], false);
	timer_start(&s->drain_timer, s->conf->limits.drain_for);
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	timer_stop(&s->sweep);
	timer_stop(&s->drain_timer);
	listeners_end(s);
	for (unsigned i = 0; i < s->n_workers; i++) {
		(void)post_drain(s->workers[i], true); /* says goodbye within its last turn */
		worker_stop(s->workers[i]);
	}
	workers_end(s->workers, s->n_workers);
	for (unsigned i = 0; s->sw != NULL && i < s->n_parts; i++)
		server_worker_free(s->sw[i]);
	free(s->sw);
	registry_free(s->registry);
	gate_free(s->gate);
	name_gate_unref(s->names);
	budget_fini(&s->budget);
	server_conf_unref(s->conf);
	free(s->workers);
	free(s->load);
	free(s->place);
	free(s);
}

const struct server_conf *
server_conf_now(const struct server *s)
{
	return s->conf;
}

bool
server_draining(const struct server *s)
{
	return s->draining;
}

size_t
server_sessions(const struct server *s)
{
	return registry_sessions(s->registry);
}

void
server_totals(const struct server *s, struct server_totals *t_r)
{
	struct server_totals t = {0};

	for (unsigned i = 0; i < s->n_workers; i++) {
		const struct worker_stats *w = &s->workers[i]->stats;

		t.clients += atomic_load_explicit(&w->clients, memory_order_relaxed);
		t.streams += atomic_load_explicit(&w->streams, memory_order_relaxed);
		t.rx_bytes += atomic_load_explicit(&w->rx_bytes, memory_order_relaxed);
		t.tx_bytes += atomic_load_explicit(&w->tx_bytes, memory_order_relaxed);
		t.links += atomic_load_explicit(&w->links, memory_order_relaxed);
		t.sessions += atomic_load_explicit(&w->sessions, memory_order_relaxed);
		t.flows += atomic_load_explicit(&w->flows, memory_order_relaxed);
		t.datagrams_in += atomic_load_explicit(&w->datagrams_in, memory_order_relaxed);
		t.datagrams_out += atomic_load_explicit(&w->datagrams_out, memory_order_relaxed);
		t.datagrams_dropped +=
			atomic_load_explicit(&w->datagrams_dropped, memory_order_relaxed);
		t.slow_turns += atomic_load_explicit(&w->slow_turns, memory_order_relaxed);
		t.max_turn_us = MAX(t.max_turn_us,
			atomic_load_explicit(&w->max_turn_us, memory_order_relaxed));
	}
	*t_r = t;
}

void
server_logins(const struct server *s, struct tally *sum)
{
	tally_add(sum, &s->tally);
	for (unsigned i = 0; i < s->n_workers; i++)
		tally_add(sum, &s->sw[i]->tally);
}

const char *
server_addresses(const struct server *s, char *buf, size_t cap)
{
	return listeners_text(&s->listeners, s->conf, buf, cap);
}
