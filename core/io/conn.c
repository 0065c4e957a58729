/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A link's connection: its socket and its life. Owner worker only. Reading happens as bytes come,
 * one bounded read for each event; writing happens at the end of a turn and when the socket has
 * room again. It ends by itself in two ways: conn_fail() at once, conn_break() after a layer's
 * error, when what the layers have said is still written. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/conn_priv.h"
#include "util/compiler.h"

#define BELOW_MAX (256u * 1024) /* a layer's bytes that wait for the socket; more: no more output */
#define CHUNKS_PER_TURN 2
#define LAYERED_MAX (64u * 1024) /* asked for at once with a layer: whole records of TLS */
#define LEAVE_MS 1000 /* for the last words of layers to be taken */
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

static size_t
say_nothing(struct conn *c, uint8_t *p, size_t cap, struct pipe **aside_r)
{
	(void)c;
	(void)p;
	(void)cap;
	(void)aside_r;
	return 0;
}

static void
heard_by_nobody(struct conn *c, int err, const char *text)
{
	(void)c;
	(void)err;
	(void)text;
}

/* Of one that nobody owns any more. Its input is not asked for, because it is finishing. */
static const struct conn_ops leaving_ops = {
	.output = say_nothing,
	.closed = heard_by_nobody,
};

/* A layer has failed. The owner hears it at once; what the layers have said, their end included,
 * goes its way alone. The layers do not: what they stand on may go with the owner. */
static void
conn_break(struct conn *c)
{
	const struct conn_ops *ops = c->ops;

	if (c->closed || c->ops == &leaving_ops)
		return;
	if (c->finishing) { /* what the owner had to say last has failed */
		conn_fail(c, -EPROTO, c->error);
		return;
	}
	c->ops = &leaving_ops;
	c->finishing = true;
	c->ready = false;
	sock_want_read(&c->sock, true);
	list_push(&c->sock.w->leaving, &c->node);
	timer_start(&c->linger, LEAVE_MS);
	worker_at_end(c->sock.w, &c->flush);
	c->farewell = true;
	conn_layers_finish(c);
	conn_layers_close(c);
	ops->closed(c, -EPROTO, c->error != NULL ? c->error : "a layer of the link has failed");
}

void
conn_close_leaving(struct worker *w)
{
	struct list *n;

	while ((n = list_pop(&w->leaving)) != NULL)
		conn_close(list_entry(n, struct conn, node));
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

/* With layers: session bytes go through them and wait below. */
static int
flush_layered(struct conn *c, bool *more_r)
{
	*more_r = c->ready;
	for (int i = 0; c->ready && i < CHUNKS_PER_TURN && c->below.len < BELOW_MAX; i++) {
		struct chunk *k = chunk_get(c->sock.w);
		size_t n = c->ops->output(c, k->data, LAYERED_MAX, NULL);

		if (n > 0)
			conn_layers_output(c, k->data, n);
		chunk_put(c->sock.w, k);
		if (c->closed)
			return -1;
		if (c->broken) {
			conn_break(c);
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

	if (!c->farewell) {
		c->farewell = true;
		conn_layers_finish(c);
	}
	if (c->closed)
		return;
	rc = write_below(c);
	if (rc > 0) {
		(void)sock_shutdown(&c->sock); /* a failure shows when reading */
		c->shut = true;
	}
	if (rc >= 0)
		sock_want_write(&c->sock, rc == 0);
}

/* Layers are opened, and at last the session is told. False when it has come to an end by that. */
static bool
begin(struct conn *c)
{
	if (!c->finishing)
		conn_advance(c);
	if (c->broken)
		conn_break(c);
	return !c->closed && c->move == NULL;
}

static void
flush(struct conn *c)
{
	bool more;
	int rc;

	if (c->closed || c->shut || c->write_err != 0)
		return;
	if (!c->ready && !begin(c))
		return;
	c->flushing = true;
	c->kicked = false;
	rc = c->bare ? flush_bare(c, &more) : flush_layered(c, &more);
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
	struct conn *c = container_of(t, struct conn, flush);

	if (c->move != NULL)
		conn_ship(c);
	else
		flush(c);
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

int
conn_input(struct conn *c, const uint8_t *p, size_t n)
{
	int rc = c->finishing ? -1 : c->ops->input(c, p, n);

	while (rc > 0) { /* what follows is the new owner's */
		size_t rest = (size_t)rc;

		must(rest <= n);
		p += n - rest;
		n = rest;
		rc = c->closed || c->finishing ? -1 : c->ops->input(c, p, n);
	}
	return rc;
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
	return conn_input(c, s->w->scratch, (size_t)n) == 0 && (size_t)n == max && !c->closed;
}

/* Without a layer: what is worth it is taken aside, and then only what leads to the next of it is
 * read. */
static void
input_bare(struct conn *c)
{
	for (int i = 0; i < READS_PER_EVENT && c->move == NULL; i++) {
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

	if (!got(c, n) || c->finishing)
		return;
	conn_layers_input(c, s->w->scratch, (size_t)n);
	if (c->broken)
		conn_break(c);
	conn_kick(c);
}

static void
on_readable(struct sock *s)
{
	struct conn *c = container_of(s, struct conn, sock);

	if (c->bare)
		input_bare(c);
	else
		input_layered(c);
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

static void
on_reap(struct turn_end *t)
{
	struct conn *c = container_of(t, struct conn, reap);

	must(c->in_layer == 0);
	facts_fini(&c->facts);
	free(c->error);
	free(c->layer);
	free(c);
}

void
conn_settle(struct conn *c, struct worker *w, int fd)
{
	sock_init(&c->sock, w, fd, &link_ops);
	list_init(&c->flush.node);
	c->flush.run = on_turn_end;
	list_init(&c->reap.node);
	c->reap.run = on_reap;
	list_init(&c->node);
	timer_init(&c->linger, w, "link linger", on_linger);
}

struct conn *
conn_open(struct worker *w, int fd, const struct conn_setup *setup)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	conn_settle(c, w, fd);
	bufq_init(&c->below);
	bufq_init(&c->kept);
	c->ops = setup->ops;
	c->owner = setup->owner;
	c->side = setup->side;
	c->encrypted = setup->encrypted;
	c->host = setup->host;
	c->path = setup->path != NULL ? setup->path : "";
	c->port = setup->port;
	c->chosen = setup->ops->choose == NULL;
	for (size_t i = 0; i < setup->n_levels; i++)
		conn_layer_add(c, &setup->level[i]);
	sock_want_read(&c->sock, true);
	conn_kick(c);
	return c;
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
	if (c == NULL || c->closed)
		return;
	c->closed = true;
	conn_layers_close(c);
	timer_stop(&c->linger);
	sock_close(&c->sock);
	list_remove(&c->flush.node);
	list_remove(&c->node);
	drop_output(c);
	bufq_fini(&c->below);
	bufq_fini(&c->kept);
	worker_reap(c->sock.w, &c->reap);
}
