/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A link's connection. Owner worker only. Reading happens as bytes come, one bounded read for each
 * event; writing happens at the end of a turn and when the socket has room again. Nothing here
 * frees the conn; conn_fail() is the one way in which it ends by itself. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "io/conn.h"
#include "util/compiler.h"

#define BELOW_MAX (256u * 1024) /* a layer's bytes that wait for the socket; more: no more output */
#define CHUNKS_PER_TURN 2
#define READS_PER_EVENT 4 /* of those that are short because a payload is to be taken aside */

static void
conn_fail(struct conn *c, int err, const char *text)
{
	const struct conn_ops *ops = c->ops;

	if (c->closed)
		return;
	conn_close(c);
	ops->closed(c, err, text);
}

/* The layer's state is freed by whoever leaves it last: it may be its own call that ends the
 * conn. */
static void
layer_leave(struct conn *c)
{
	if (--c->in_layer == 0 && c->closed) {
		c->layer.ops->close(c->layer.state);
		c->layer.ops = NULL;
	}
}

static void
drop_output(struct conn *c)
{
	chunk_put(c->sock.w, c->chunk);
	c->chunk = NULL;
	pipe_put(c->sock.w, c->aside);
	c->aside = NULL;
}

/* ---- Out ------------------------------------------------------------------------------------- */

/* The peer is gone, but its last words (GOAWAY) may be here unread: reading finds them, and then
 * the end. Always returns -1. */
static int
write_failed(struct conn *c, int err)
{
	if (c->finishing) {
		conn_fail(c, err, NULL);
		return -1;
	}
	c->write_err = err;
	drop_output(c);
	bufq_fini(&c->below);
	sock_want_write(&c->sock, false);
	return -1;
}

/* Writes the chunk that waits. 1: all of it; 0: the socket is full; -1: the conn has failed. */
static int
write_chunk(struct conn *c)
{
	struct chunk *k = c->chunk;
	ssize_t n = sock_send(&c->sock, k->data + k->off, k->len - k->off, c->aside != NULL);

	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return write_failed(c, (int)n);
	c->tx_bytes += (uint64_t)n;
	k->off += (size_t)n;
	if (k->off < k->len)
		return 0;
	chunk_put(c->sock.w, k);
	c->chunk = NULL;
	return 1;
}

/* The same for the bytes behind it. */
static int
write_aside(struct conn *c)
{
	while (c->aside != NULL) {
		ssize_t n = pipe_drain(c->aside, &c->sock, false);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return write_failed(c, (int)n);
		c->tx_bytes += (uint64_t)n;
		if (c->aside->len > 0)
			continue;
		pipe_put(c->sock.w, c->aside);
		c->aside = NULL;
	}
	return 1;
}

static int
write_waiting(struct conn *c)
{
	int rc = c->chunk != NULL ? write_chunk(c) : 1;

	return rc == 1 ? write_aside(c) : rc;
}

/* Without a layer: what output() fills is what is written. As above; 1 also when there was nothing,
 * *more_r then tells whether output() may have more to give. */
static int
flush_bare(struct conn *c, bool *more_r)
{
	*more_r = true;
	for (int i = 0; i < CHUNKS_PER_TURN; i++) {
		int rc;

		if (c->chunk == NULL && c->aside == NULL) {
			c->chunk = chunk_get(c->sock.w);
			c->chunk->len = c->ops->output(c, c->chunk->data, CHUNK_SIZE, &c->aside);
			if (c->chunk->len == 0) {
				chunk_put(c->sock.w, c->chunk);
				c->chunk = NULL;
				*more_r = false;
				return 1;
			}
		}
		rc = write_waiting(c);
		if (rc <= 0)
			return rc;
	}
	return 1;
}

static int
write_below(struct conn *c)
{
	while (c->below.len > 0) {
		struct iovec iov[16];
		int n_iov = bufq_peek(&c->below, iov, ARRAY_LEN(iov));
		ssize_t n = sock_writev(&c->sock, iov, n_iov);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return write_failed(c, (int)n);
		c->tx_bytes += (uint64_t)n;
		bufq_consume(&c->below, (size_t)n);
	}
	return 1;
}

/* With a layer: session bytes go through it and wait below. */
static int
flush_layered(struct conn *c, bool *more_r)
{
	struct chunk *k;
	int rc = 0;

	*more_r = c->ready;
	for (int i = 0; c->ready && i < CHUNKS_PER_TURN && c->below.len < BELOW_MAX; i++) {
		size_t n;

		k = chunk_get(c->sock.w);
		n = c->ops->output(c, k->data, CHUNK_SIZE, NULL);
		c->in_layer++;
		if (n > 0)
			rc = c->layer.ops->output(c->layer.state, k->data, n);
		layer_leave(c);
		chunk_put(c->sock.w, k);
		if (rc < 0) {
			conn_fail(c, -EPROTO, c->layer.error);
			return -1;
		}
		if (n == 0) {
			*more_r = false;
			break;
		}
	}
	return write_below(c);
}

/* All is written: our FIN. */
static void
finish(struct conn *c)
{
	int rc;

	if (c->layer.ops != NULL && c->layer.ops->finish != NULL && !c->farewell)
		c->layer.ops->finish(c->layer.state);
	c->farewell = true;
	rc = write_below(c);
	if (rc > 0) {
		(void)sock_shutdown(&c->sock); /* a failure shows when reading */
		c->shut = true;
	}
	if (rc >= 0)
		sock_want_write(&c->sock, rc == 0);
}

static void
flush(struct conn *c)
{
	bool more;
	int rc;

	if (c->closed || c->shut || c->write_err != 0)
		return;
	if (!c->ready && c->layer.ops == NULL) {
		c->ready = true;
		c->ops->ready(c);
		if (c->closed)
			return;
	}
	c->flushing = true;
	c->kicked = false;
	rc = c->layer.ops != NULL ? flush_layered(c, &more) : flush_bare(c, &more);
	c->flushing = false;
	if (rc < 0 || c->closed)
		return;
	if (rc == 1 && !more && !c->kicked && c->finishing)
		finish(c);
	else
		sock_want_write(&c->sock, rc == 0 || more || c->kicked);
}

static void
on_turn_end(struct turn_end *t)
{
	flush(container_of(t, struct conn, flush));
}

static void
on_writable(struct sock *s)
{
	/* Through the end of the turn, so that one turn's frames are written together. */
	worker_at_end(s->w, &container_of(s, struct conn, sock)->flush);
}

void
conn_kick(struct conn *c)
{
	c->kicked = true;
	/* While the socket is full its own event will come; nothing can be done before that. */
	if (c->closed || c->flushing)
		return;
	if (!(c->sock.want & EV_WRITE) ||
		(c->chunk == NULL && c->aside == NULL && c->below.len == 0))
		worker_at_end(c->sock.w, &c->flush);
}

/* ---- In -------------------------------------------------------------------------------------- */

/* What a read or a take has brought. True: bytes. */
static bool
got(struct conn *c, ssize_t n)
{
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		conn_fail(c, n == 0 ? c->write_err : (int)n, NULL);
		return false;
	}
	c->rx_bytes += (uint64_t)n;
	return true;
}

/* One read, for input(). Returns whether there may be more. */
static bool
read_bare(struct conn *c)
{
	struct sock *s = &c->sock;
	size_t max = c->ops->take != NULL ? c->ops->read_max(c) : SIZE_MAX;
	ssize_t n = sock_read(s, s->w->scratch, MIN(max, WORKER_SCRATCH));

	if (!got(c, n) || c->finishing) /* finishing: only the peer's end is waited for */
		return false;
	return c->ops->input(c, s->w->scratch, (size_t)n) == 0 && (size_t)n == max && !c->closed;
}

/* Without a layer: what is worth it is taken aside, and then only what leads to the next of it is
 * read. */
static void
input_bare(struct conn *c)
{
	for (int i = 0; i < READS_PER_EVENT; i++) {
		ssize_t n = -EOPNOTSUPP;

		if (c->ops->take != NULL && !c->finishing)
			n = c->ops->take(c);
		if (n == -EOPNOTSUPP ? !read_bare(c) : !got(c, n) || c->closed)
			return;
	}
}

static void
input_layered(struct conn *c)
{
	struct sock *s = &c->sock;
	ssize_t n = sock_read(s, s->w->scratch, WORKER_SCRATCH);
	int rc;

	if (!got(c, n) || c->finishing)
		return;
	c->in_layer++;
	rc = c->layer.ops->input(c->layer.state, s->w->scratch, (size_t)n);
	if (rc < 0 && !c->closed && !c->finishing)
		conn_fail(c, -EPROTO, c->layer.error);
	layer_leave(c);
	conn_kick(c);
}

static void
on_readable(struct sock *s)
{
	struct conn *c = container_of(s, struct conn, sock);

	if (c->layer.ops != NULL)
		input_layered(c);
	else
		input_bare(c);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static const struct sock_ops link_ops = {
	.readable = on_readable,
	.writable = on_writable,
	.what = "link",
};

static void
on_linger(struct timer *t)
{
	conn_fail(container_of(t, struct conn, linger), 0, NULL);
}

int
conn_open(struct conn *c, struct worker *w, int fd, const struct conn_ops *ops,
	const struct adit_layer_ops *layer_ops, const void *inst, void *per_worker,
	enum adit_side side, const char *host)
{
	memset(c, 0, sizeof(*c));
	c->ops = ops;
	sock_init(&c->sock, w, fd, &link_ops);
	bufq_init(&c->below);
	list_init(&c->flush.node);
	c->flush.run = on_turn_end;
	timer_init(&c->linger, w, "link linger", on_linger);
	c->layer.conn = c;
	c->layer.host = host;
	if (layer_ops != NULL &&
		layer_ops->open(inst, per_worker, side, &c->layer, &c->layer.state) < 0) {
		conn_close(c);
		return -1;
	}
	c->layer.ops = layer_ops;
	sock_want_read(&c->sock, true);
	conn_kick(c);
	return 0;
}

void
conn_finish(struct conn *c, int64_t linger_ms)
{
	if (c->closed || c->finishing)
		return;
	c->finishing = true;
	timer_start(&c->linger, linger_ms);
	worker_at_end(c->sock.w, &c->flush);
}

void
conn_close(struct conn *c)
{
	if (c->closed)
		return;
	c->closed = true;
	c->in_layer++;
	if (c->layer.ops != NULL)
		layer_leave(c);
	timer_stop(&c->linger);
	sock_close(&c->sock);
	list_remove(&c->flush.node);
	drop_output(c);
	bufq_fini(&c->below);
}

/* ---- For layers ------------------------------------------------------------------------------ */

int
conn_layer_up(struct adit_layer *l, const void *data, size_t n)
{
	struct conn *c = l->conn;

	if (c->closed || c->finishing || c->ops->input(c, data, n) < 0)
		return -1;
	return 0;
}

int
conn_layer_down(struct adit_layer *l, const void *data, size_t n)
{
	struct conn *c = l->conn;

	if (c->closed || c->write_err != 0 || bufq_append(&c->below, data, n) < 0)
		return -1;
	conn_kick(c);
	return 0;
}

void
conn_layer_ready(struct adit_layer *l)
{
	struct conn *c = l->conn;

	if (c->ready || c->closed)
		return;
	c->ready = true;
	c->ops->ready(c);
	conn_kick(c);
}
