/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Rosters. A message goes to every worker and comes back with its rows; the last one that comes
 * back ends the roster. The main thread's mailbox lives longer than the workers, so each does. */

#include <config.h>

#include "tunnel/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/door.h"
#include "tunnel/server_priv.h"

struct part {
	struct mbox_msg msg;
	struct roster *roster;
	struct worker *w;
	struct roster_row *row;
	size_t n;
};

struct roster {
	struct worker *main;
	roster_fn *fn; /* NULL: cancelled */
	void *ctx;
	unsigned waits; /* parts under way */
	unsigned n_parts;
	struct part part[];
};

/* ---- Main thread ----------------------------------------------------------------------------- */

static int
by_agent(const void *a, const void *b)
{
	const struct roster_row *x = a, *y = b;
	int order = strcmp(x->account, y->account);

	if (order == 0)
		order = strcmp(x->agent, y->agent);
	return order != 0 ? order : x->member - y->member;
}

static void
roster_end(struct roster *r)
{
	struct roster_row *all = NULL;
	size_t n = 0;

	for (unsigned i = 0; i < r->n_parts; i++) {
		all = xrealloc(all, (n + r->part[i].n + 1) * sizeof(*all));
		if (r->part[i].n > 0)
			memcpy(all + n, r->part[i].row, r->part[i].n * sizeof(*all));
		n += r->part[i].n;
		free(r->part[i].row);
	}
	if (n > 0)
		qsort(all, n, sizeof(*all), by_agent);
	if (r->fn != NULL)
		r->fn(r->ctx, all, n);
	free(all);
	free(r);
}

static void
on_back(struct mbox_msg *msg, bool late)
{
	struct roster *r = container_of(msg, struct part, msg)->roster;

	(void)late;
	if (--r->waits == 0)
		roster_end(r);
}

/* ---- Workers --------------------------------------------------------------------------------- */

/* What the link is made of, as in addresses: that of the topmost layer. */
static const char *
link_name(const struct server_session *ss)
{
	if (ss->on == NULL)
		return "tcp";
	if (ss->on->inner != NULL && ss->base.conn != NULL && ss->base.conn->n_layers > 1)
		return ss->on->inner;
	return ss->on->name;
}

static void
fill(struct roster_row *row, const struct server_session *ss)
{
	row->session = ss->reg_id;
	row->worker = ss->sw->w->index;
	row->member = ss->member;
	row->detached = ss->base.mux.state == SESSION_DETACHED;
	snprintf(row->account, sizeof(row->account), "%s", ss->id.account);
	snprintf(row->agent, sizeof(row->agent), "%s", ss->id.agent);
	snprintf(row->address, sizeof(row->address), "%s", ss->from_text);
	snprintf(row->transport, sizeof(row->transport), "%s", link_name(ss));
	row->since_ms = mono_diff_ms(ss->sw->w->now, ss->since);
	if (ss->base.mux.expires_at.ns != MONO_NEVER.ns)
		row->expires_ms = MAX(mono_diff_ms(ss->base.mux.expires_at, ss->sw->w->now), 1);
	row->streams = ss->base.n_streams + ss->held.n;
	row->tunnels = ss->tunnels.n;
	row->clients = ss->clients + ss->flows;
}

static void
on_asked(struct mbox_msg *msg, bool late)
{
	struct part *p = container_of(msg, struct part, msg);
	struct server_worker *sw = late ? NULL : server_worker(p->w);
	struct server_session *ss;
	size_t pos = 0;

	if (sw != NULL && sw->by_id.n > 0) {
		p->row = xcalloc(sw->by_id.n, sizeof(*p->row));
		while ((ss = idmap_next(&sw->by_id, &pos, NULL)) != NULL)
			fill(&p->row[p->n++], ss);
	}
	p->msg.deliver = on_back;
	must(worker_post(p->roster->main, &p->msg) == 0);
}

/* ---- What others call ------------------------------------------------------------------------ */

struct roster *
server_roster(struct server *s, roster_fn *fn, void *ctx)
{
	struct roster *r = xcalloc(1, sizeof(*r) + s->n_workers * sizeof(struct part));

	r->main = s->main;
	r->fn = fn;
	r->ctx = ctx;
	r->n_parts = r->waits = s->n_workers;
	for (unsigned i = 0; i < s->n_workers; i++) {
		struct part *p = &r->part[i];

		p->msg.deliver = on_asked;
		p->roster = r;
		p->w = s->workers[i];
		must(worker_post(p->w, &p->msg) == 0); /* they run as long as the server does */
	}
	return r;
}

void
roster_cancel(struct roster *r)
{
	r->fn = NULL;
}

void
server_kick(struct server *s, const struct roster_row *row)
{
	(void)post_kick(s->workers[row->worker], row->session, CODE_NOT_PERMITTED,
		"disconnected by the server's operator");
}
