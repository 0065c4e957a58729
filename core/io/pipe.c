/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Pipes and their pool. Owner worker only. What must hold: a pipe in the pool is empty. */

#define _GNU_SOURCE 1

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/listen.h"
#include "io/pipe.h"
#include "util/compiler.h"

#define PIPES_MAX 128 /* of one worker: with 128 pages each all that a user may have by default */
#define PIPES_KEPT 16
#define TRIM_MS 1000
#define SPARE_FDS 256 /* fewer left: they are for connections */
#define PIPE_SIZE (512 * 1024) /* bytes: 128 pages, so up to 128 pieces: a frame of 256 KiB */

/* idle: the fewest that were free since the timer began, so not needed since then. */
struct pipe_pool {
	struct list free;
	unsigned n_free, n_used, idle;
	struct timer trim;
};

static void
destroy(struct pipe *p)
{
	close(p->fd[0]);
	close(p->fd[1]);
	fdcount_add(-2);
	free(p);
}

static struct pipe *
pool_pop(struct pipe_pool *pool)
{
	struct list *n = list_pop(&pool->free);

	if (n == NULL)
		return NULL;
	pool->n_free--;
	pool->idle = MIN(pool->idle, pool->n_free);
	return list_entry(n, struct pipe, node);
}

static void
on_trim(struct timer *t)
{
	struct pipe_pool *pool = container_of(t, struct pipe_pool, trim);

	for (unsigned n = pool->idle; n > 0; n--)
		destroy(pool_pop(pool));
	pool->idle = pool->n_free;
	if (pool->n_free > 0)
		timer_start(t, TRIM_MS);
}

static struct pipe_pool *
pool_of(struct worker *w)
{
	WORKER_OWNS(w);
	if (w->pipes == NULL) {
		w->pipes = xcalloc(1, sizeof(*w->pipes));
		list_init(&w->pipes->free);
		timer_init(&w->pipes->trim, w, "unused pipes", on_trim);
	}
	return w->pipes;
}

static struct pipe *
make(void)
{
	struct pipe *p = xcalloc(1, sizeof(*p));

	if (pipe2(p->fd, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(p);
		return NULL;
	}
	/* Over the user's limit it stays as it was made: smaller, and slower. */
	(void)fcntl(p->fd[1], F_SETPIPE_SZ, PIPE_SIZE);
	fdcount_add(2);
	list_init(&p->node);
	return p;
}

struct pipe *
pipe_get(struct worker *w)
{
	struct pipe_pool *pool = pool_of(w);
	struct pipe *p = pool_pop(pool);

	if (p == NULL && pool->n_used < PIPES_MAX && fdcount_limit() - fdcount_used() >= SPARE_FDS)
		p = make();
	if (p != NULL)
		pool->n_used++;
	return p;
}

void
pipe_put(struct worker *w, struct pipe *p)
{
	struct pipe_pool *pool;

	if (p == NULL)
		return;
	pool = pool_of(w);
	pool->n_used--;
	if (p->len > 0 || pool->n_free >= PIPES_KEPT) {
		destroy(p);
		return;
	}
	if (pool->n_free++ == 0 && !ev_is_active(&pool->trim.ev))
		timer_start(&pool->trim, TRIM_MS);
	list_push_front(&pool->free, &p->node); /* the warm one first */
}

bool
pipe_scarce(struct worker *w)
{
	return pool_of(w)->n_used > PIPES_MAX / 2;
}

void
pipe_pool_fini(struct worker *w)
{
	struct pipe *p;

	if (w->pipes == NULL)
		return;
	timer_stop(&w->pipes->trim);
	while ((p = pool_pop(w->pipes)) != NULL)
		destroy(p);
	free(w->pipes);
	w->pipes = NULL;
}

static ssize_t
result(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

ssize_t
pipe_fill(struct pipe *p, struct sock *s, size_t n)
{
	ssize_t r;

	if (s->fd < 0)
		return -EBADF;
	r = result(splice(s->fd, NULL, p->fd[1], NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
	if (r > 0)
		p->len += (size_t)r;
	return r;
}

ssize_t
pipe_read(struct pipe *p, void *buf, size_t n)
{
	ssize_t r = result(read(p->fd[0], buf, n));

	if (r > 0)
		p->len -= (size_t)r;
	return r;
}

ssize_t
pipe_drain(struct pipe *p, struct sock *s, bool more)
{
	unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0);
	ssize_t r;

	must(p->len > 0);
	if (s->fd < 0)
		return -EBADF;
	r = result(splice(p->fd[0], NULL, s->fd, NULL, p->len, flags));
	if (r > 0) {
		must((size_t)r <= p->len);
		p->len -= (size_t)r;
	}
	return r;
}
