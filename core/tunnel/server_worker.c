/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One worker's part of the server: what it holds, and the messages that reach it. Owner: the
 * worker; only the post_… functions may be called by others. A message that comes late (the worker
 * ends) releases what it carries. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tunnel/server_priv.h"
#include "util/log.h"

#define RETURN_AFTER_MS 1000 /* what agents are told when the server drains */
#define SPREAD_BATCH 256 /* sessions that are told at once how far apart to come back */
#define SPREAD_PAUSE_MS 20

/* ---- Configurations -------------------------------------------------------------------------- */

static struct worker_conf *
worker_conf_new(struct server_worker *sw, struct server_conf *conf)
{
	struct worker_conf *wc = xcalloc(1, sizeof(*wc));

	wc->conf = conf;
	wc->users = 1;
	list_init(&wc->node);
	if (modules_worker_init(&conf->modules, sw->w->index) < 0) {
		free(wc);
		return NULL;
	}
	list_push(&sw->confs, &wc->node);
	return wc;
}

struct worker_conf *
worker_conf_of(struct server_worker *sw, struct server_conf *conf)
{
	struct worker_conf *wc;
	struct list *n, *tmp;

	list_each(n, tmp, &sw->confs) {
		wc = list_entry(n, struct worker_conf, node);
		if (wc->conf == conf) {
			wc->users++;
			return wc;
		}
	}
	wc = worker_conf_new(sw, server_conf_ref(conf));
	if (wc == NULL)
		server_release_conf(sw->w, conf);
	return wc;
}

struct worker_conf *
worker_conf_use(struct server_worker *sw)
{
	sw->conf->users++;
	return sw->conf;
}

void
worker_conf_done(struct server_worker *sw, struct worker_conf *wc)
{
	if (--wc->users > 0)
		return;
	list_remove(&wc->node);
	modules_worker_fini(&wc->conf->modules, sw->w->index);
	server_release_conf(sw->w, wc->conf);
	free(wc);
}

struct conf_msg {
	struct mbox_msg msg;
	struct server_conf *conf;
	struct worker *to;
};

static void
on_release(struct mbox_msg *msg, bool late)
{
	struct conf_msg *m = container_of(msg, struct conf_msg, msg);

	(void)late;
	server_conf_unref(m->conf);
	free(m);
}

void
server_release_conf(struct worker *w, struct server_conf *conf)
{
	struct conf_msg *m = xcalloc(1, sizeof(*m));

	m->msg.deliver = on_release;
	m->conf = conf;
	if (worker_post(server_worker(w)->srv->main, &m->msg) < 0)
		on_release(&m->msg, true); /* the main thread waits for us: nobody else is at it */
}

static void
on_conf(struct mbox_msg *msg, bool late)
{
	struct conf_msg *m = container_of(msg, struct conf_msg, msg);
	struct server_worker *sw = server_worker(m->to);
	struct worker_conf *wc = late ? NULL : worker_conf_of(sw, m->conf);

	if (wc == NULL) {
		if (!late)
			log_error("worker %u keeps the old configuration: a plugin failed",
				m->to->index);
	} else {
		worker_conf_done(sw, sw->conf);
		sw->conf = wc;
	}
	server_release_conf(m->to, m->conf);
	free(m);
}

int
post_conf(struct worker *to, struct server_conf *conf)
{
	struct conf_msg *m = xcalloc(1, sizeof(*m));
	int rc;

	m->msg.deliver = on_conf;
	m->conf = server_conf_ref(conf);
	m->to = to;
	rc = worker_post(to, &m->msg);
	if (rc < 0) {
		server_conf_unref(conf);
		free(m);
	}
	return rc;
}

/* ---- Links and clients ----------------------------------------------------------------------- */

/* A descriptor in a mailbox counts like any other: else accepting would run past fd_reserve while
 * the worker that is to have it is busy. What takes it out counts it again. */
static int
post_fd(struct worker *to, struct mbox_msg *msg)
{
	int rc;

	fdcount_add(1); /* first: it may be there before worker_post() returns */
	rc = worker_post(to, msg);
	if (rc < 0)
		fdcount_add(-1);
	return rc;
}

struct fd_msg {
	struct mbox_msg msg;
	struct worker *to;
	int fd;
	struct addr from;
	struct addr at;   /* links: where it came to */
	uint64_t session; /* clients */
	uint32_t tunnel;
};

static void
on_link(struct mbox_msg *msg, bool late)
{
	struct fd_msg *m = container_of(msg, struct fd_msg, msg);

	fdcount_add(-1);
	if (late)
		sock_abort_fd(m->fd);
	else
		server_session_open(server_worker(m->to), m->fd, &m->from, &m->at);
	free(m);
}

int
post_link(struct worker *to, int fd, const struct addr *from, const struct addr *at)
{
	struct fd_msg *m = xcalloc(1, sizeof(*m));
	int rc;

	*m = (struct fd_msg){.msg.deliver = on_link, .to = to, .fd = fd, .from = *from,
		.at = *at};
	rc = post_fd(to, &m->msg);
	if (rc < 0)
		free(m);
	return rc;
}

static void
on_client(struct mbox_msg *msg, bool late)
{
	struct fd_msg *m = container_of(msg, struct fd_msg, msg);
	struct server_session *ss = NULL;

	fdcount_add(-1);
	if (!late)
		ss = idmap_get(&server_worker(m->to)->by_id, m->session);
	if (ss != NULL)
		server_session_client(ss, m->fd, &m->from, m->tunnel);
	else
		sock_abort_fd(m->fd);
	free(m);
}

int
post_client(struct worker *to, int fd, const struct addr *from, uint64_t session, uint32_t tunnel)
{
	struct fd_msg *m = xcalloc(1, sizeof(*m));
	int rc;

	*m = (struct fd_msg){.msg.deliver = on_client, .to = to, .fd = fd, .from = *from,
		.session = session, .tunnel = tunnel};
	rc = post_fd(to, &m->msg);
	if (rc < 0)
		free(m);
	return rc;
}

struct front_msg {
	struct mbox_msg msg;
	struct worker *to;
	int fd;
	uint64_t claim;
	char name[NAME_MAX_LEN + 1];
};

static void
on_front(struct mbox_msg *msg, bool late)
{
	struct front_msg *m = container_of(msg, struct front_msg, msg);

	fdcount_add(-1);
	if (late)
		close(m->fd);
	else
		front_arrived(server_worker(m->to), m->claim, m->name[0] != '\0' ? m->name : NULL,
			m->fd);
	free(m);
}

int
post_front(struct worker *to, int fd, uint64_t claim, const char *name)
{
	struct front_msg *m = xcalloc(1, sizeof(*m));
	int rc;

	m->msg.deliver = on_front;
	m->to = to;
	m->fd = fd;
	m->claim = claim;
	snprintf(m->name, sizeof(m->name), "%s", name != NULL ? name : "");
	rc = post_fd(to, &m->msg);
	if (rc < 0)
		free(m);
	return rc;
}

/* ---- Other messages -------------------------------------------------------------------------- */

struct id_msg {
	struct mbox_msg msg;
	struct worker *to;
	uint64_t id;
	uint16_t code;
	const char *text; /* constant */
	bool now;
};

static int
post_id(struct worker *to, const struct id_msg *what)
{
	struct id_msg *m = xcalloc(1, sizeof(*m));
	int rc;

	*m = *what;
	m->to = to;
	rc = worker_post(to, &m->msg);
	if (rc < 0)
		free(m);
	return rc;
}

static void
on_kick(struct mbox_msg *msg, bool late)
{
	struct id_msg *m = container_of(msg, struct id_msg, msg);
	struct server_session *ss = NULL;

	if (!late)
		ss = idmap_get(&server_worker(m->to)->by_id, m->id);
	if (ss != NULL)
		session_fail(&ss->base, m->code, m->text);
	free(m);
}

int
post_kick(struct worker *to, uint64_t session, uint16_t code, const char *text)
{
	return post_id(to, &(struct id_msg){.msg.deliver = on_kick, .id = session, .code = code,
				   .text = text});
}

static void
on_close_front(struct mbox_msg *msg, bool late)
{
	struct id_msg *m = container_of(msg, struct id_msg, msg);

	if (!late)
		front_close(server_worker(m->to), m->id);
	free(m);
}

int
post_close_front(struct worker *to, uint64_t claim)
{
	return post_id(to, &(struct id_msg){.msg.deliver = on_close_front, .id = claim});
}

static void
on_follow(struct mbox_msg *msg, bool late)
{
	struct id_msg *m = container_of(msg, struct id_msg, msg);

	if (!late)
		front_follow(server_worker(m->to), m->id);
	free(m);
}

int
post_follow(struct worker *to, uint64_t claim)
{
	return post_id(to, &(struct id_msg){.msg.deliver = on_follow, .id = claim});
}

/* ---- Drain ----------------------------------------------------------------------------------- */

static void
on_worker_drained(struct mbox_msg *msg, bool late)
{
	struct conf_msg *m = container_of(msg, struct conf_msg, msg);
	struct server *srv;

	if (!late) { /* else the workers are gone */
		srv = server_worker(m->to)->srv;
		if (++srv->workers_drained == srv->n_workers)
			srv->on_drained(srv->ctx);
	}
	free(m);
}

static void
say_drained(struct server_worker *sw)
{
	struct conf_msg *m = xcalloc(1, sizeof(*m));

	sw->drained = true;
	m->msg.deliver = on_worker_drained;
	m->to = sw->w;
	if (worker_post(sw->srv->main, &m->msg) < 0)
		free(m);
}

/* Sessions whose streams have all ended are done; so is the worker when none is left. */
static void
on_drain_check(struct turn_end *t)
{
	struct server_worker *sw = container_of(t, struct server_worker, drain_check);
	struct list *n, *tmp;

	list_each(n, tmp, &sw->sessions) {
		struct server_session *ss = list_entry(n, struct server_session, node);

		if (ss->base.n_streams == 0 && ss->base.mux.n_streams == 0)
			session_fail(&ss->base, CODE_SHUTDOWN, code_text(CODE_SHUTDOWN));
	}
	if (!sw->drained && list_empty(&sw->sessions) && sw->streams.n_flushing == 0)
		say_drained(sw);
}

void
server_drain_check(struct server_worker *sw)
{
	worker_at_end(sw->w, &sw->drain_check);
}

static void
on_drain(struct mbox_msg *msg, bool late)
{
	struct id_msg *m = container_of(msg, struct id_msg, msg);
	struct server_worker *sw = server_worker(m->to);
	bool now = m->now;
	struct list *n, *tmp;

	free(m);
	if (late)
		return;
	sw->draining = true;
	fronts_close(sw);
	list_each(n, tmp, &sw->sessions) {
		struct server_session *ss = list_entry(n, struct server_session, node);

		if (now || ss->base.conn == NULL) /* who has no link cannot come back */
			session_fail(&ss->base, CODE_SHUTDOWN, code_text(CODE_SHUTDOWN));
		else
			mux_drain(&ss->base.mux, CODE_SHUTDOWN, RETURN_AFTER_MS,
				code_text(CODE_SHUTDOWN));
	}
	server_drain_check(sw);
}

int
post_drain(struct worker *to, bool now)
{
	return post_id(to, &(struct id_msg){.msg.deliver = on_drain, .now = now});
}

/* ---- Spread ---------------------------------------------------------------------------------- */

static void
on_spread_timer(struct timer *t)
{
	struct server_worker *sw = container_of(t, struct server_worker, spread);
	struct list *n, *tmp;
	unsigned told = 0;

	list_each(n, tmp, &sw->sessions)
		if (server_session_spread(list_entry(n, struct server_session, node)) &&
			++told == SPREAD_BATCH) {
			timer_start(&sw->spread, SPREAD_PAUSE_MS);
			return;
		}
}

static void
on_spread(struct mbox_msg *msg, bool late)
{
	struct id_msg *m = container_of(msg, struct id_msg, msg);

	if (!late)
		timer_start(&server_worker(m->to)->spread, 0);
	free(m);
}

int
post_spread(struct worker *to)
{
	return post_id(to, &(struct id_msg){.msg.deliver = on_spread});
}

/* ---- Life ------------------------------------------------------------------------------------ */

int
server_worker_init(struct worker *w, void *arg)
{
	struct server *srv = arg;
	struct server_worker *sw = xcalloc(1, sizeof(*sw));

	worker_streams_init(&sw->streams, w, &srv->budget);
	sw->streams.shed.run = server_shed;
	list_init(&sw->away);
	list_init(&sw->confs);
	list_init(&sw->sessions);
	list_init(&sw->drain_check.node);
	sw->drain_check.run = on_drain_check;
	timer_init(&sw->spread, w, "spread", on_spread_timer);
	sw->srv = srv;
	sw->w = w;
	w->app = srv->sw[w->index] = sw;
	sw->conf = worker_conf_new(sw, server_conf_ref(srv->conf));
	if (sw->conf == NULL) {
		server_conf_unref(srv->conf);
		return -EINVAL;
	}
	return 0;
}

/* What is left of sessions and streams is freed behind this, on the same thread; sw itself when the
 * worker is joined. */

void
server_worker_fini(struct worker *w)
{
	struct server_worker *sw = server_worker(w);
	struct list *n, *tmp;

	sw->draining = false;
	timer_stop(&sw->spread);
	fronts_close(sw);
	list_each(n, tmp, &sw->sessions)
		server_session_destroy(list_entry(n, struct server_session, node));
	worker_streams_abort(w);
	worker_conf_done(sw, sw->conf);
	idmap_fini(&sw->fronts);
	idmap_fini(&sw->udp_fronts);
}

void
server_worker_free(struct server_worker *sw)
{
	if (sw == NULL)
		return;
	idmap_fini(&sw->by_id);
	free(sw);
}
