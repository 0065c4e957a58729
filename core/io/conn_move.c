/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How a conn goes to another worker, or to another owner. It leaves at the end of the turn, when no
 * call of a layer is under way; until then it belongs to nobody, and what comes is kept. On the way
 * it is the message's alone.
 *
 * What must always hold: arrived() is called once for each conn_move(); whoever runs on a conn's
 * worker sees it either whole or not at all. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/conn_priv.h"
#include "io/listen.h"
#include "util/compiler.h"

/* ---- Nobody's -------------------------------------------------------------------------------- */

static int
keep(struct conn *c, const uint8_t *p, size_t n)
{
	if (bufq_append(&c->kept, p, n) < 0)
		abort(); /* as every small allocation does: it is one read at most */
	return 0;
}

static size_t
nothing(struct conn *c, uint8_t *p, size_t cap, struct pipe **aside_r)
{
	(void)c;
	(void)p;
	(void)cap;
	(void)aside_r;
	return 0;
}

/* The link is lost before it could leave. */
static void
lost(struct conn *c, int err, const char *text)
{
	struct conn_move *m = c->move;

	(void)err;
	(void)text;
	c->move = NULL;
	m->c = NULL;
	if (worker_post(m->to, &m->msg) < 0)
		m->arrived(m, c->sock.w, NULL);
}

static const struct conn_ops moving_ops = {
	.input = keep,
	.output = nothing,
	.closed = lost,
};

void
conn_give(struct conn *c, const struct conn_ops *ops, void *owner)
{
	must(!c->closed && !c->broken);
	c->ops = ops;
	c->owner = owner;
}

/* ---- The new worker -------------------------------------------------------------------------- */

/* The new owner's first bytes. */
static void
give_kept(struct conn *c)
{
	struct bufq kept = {.len = 0};
	struct iovec iov;

	bufq_init(&kept);
	list_splice(&kept.chunks, &c->kept.chunks);
	kept.len = c->kept.len;
	c->kept.len = 0;
	while (!c->closed && !c->finishing && bufq_peek(&kept, &iov, 1) > 0 &&
		conn_input(c, iov.iov_base, iov.iov_len) == 0)
		bufq_consume(&kept, iov.iov_len);
	bufq_fini(&kept);
}

static void
layers_moved(struct conn *c)
{
	for (unsigned i = 0; i < c->n_open; i++) {
		const struct conn_level *v = &c->layer[i].level;
		void *share = v->per_worker != NULL ? v->per_worker[c->sock.w->index] : NULL;

		if (v->ops->moved != NULL)
			v->ops->moved(c->layer[i].state, share);
	}
}

static void
on_arrival(struct mbox_msg *msg, bool late)
{
	struct conn_move *m = container_of(msg, struct conn_move, msg);
	struct worker *to = m->to;
	struct conn *c = m->c;

	if (c == NULL) {
		m->arrived(m, to, NULL);
		return;
	}
	fdcount_add(-1); /* conn_settle() counts it again */
	conn_settle(c, to, m->fd);
	c->move = NULL;
	if (late || (m->prepare != NULL && !m->prepare(m, to))) {
		conn_close(c);
		m->arrived(m, to, NULL);
		return;
	}
	layers_moved(c);
	m->arrived(m, to, c);
	must(c->closed || c->ops != &moving_ops);
	if (!c->closed)
		give_kept(c);
	if (c->closed || c->move != NULL)
		return;
	sock_want_read(&c->sock, true);
	conn_kick(c);
}

/* ---- The old one ----------------------------------------------------------------------------- */

void
conn_ship(struct conn *c)
{
	struct conn_move *m = c->move;
	struct worker *from = c->sock.w;

	must(c->in_layer == 0);
	m->c = c;
	m->fd = sock_release(&c->sock);
	worker_forget_fd(from, m->fd);
	fdcount_add(1); /* as any other, while it is in a mailbox */
	if (worker_post(m->to, &m->msg) == 0)
		return; /* it may be there by now */
	fdcount_add(-1);
	conn_settle(c, from, m->fd);
	c->move = NULL;
	conn_close(c);
	m->arrived(m, from, NULL);
}

void
conn_move(struct conn *c, struct worker *to, struct conn_move *m)
{
	WORKER_OWNS(c->sock.w);
	must(!c->closed && !c->broken && !c->finishing && c->aside == NULL && c->move == NULL);
	m->msg.deliver = on_arrival;
	m->to = to;
	c->move = m;
	c->ops = &moving_ops;
	c->owner = NULL;
	sock_want_read(&c->sock, false);
	sock_want_write(&c->sock, false);
	worker_at_end(c->sock.w, &c->flush);
}
