/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Streams and their sockets. Owner worker only. What must hold: sock_shutdown() happens only after
 * the peer's FIN and when the queue is empty, and a socket is closed without RST only when both
 * directions have ended that way; not even the death of the process closes it otherwise, because
 * whoever makes the socket has set sock_end_by_reset(). */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "tunnel/http_watch.h"
#include "tunnel/session.h"
#include "util/compiler.h"

/* The time of a stream that lives on by itself. */
struct flush {
	struct timer timer;
	struct stream *st;
	int64_t ms;
	uint64_t before; /* tx_bytes when the timer was started */
};

static void
count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

static void
flush_end(struct stream *st)
{
	if (st->flush != NULL)
		timer_stop(&st->flush->timer);
	free(st->flush);
	st->flush = NULL;
}

static void
on_reap(struct turn_end *t)
{
	struct stream *st = container_of(t, struct stream, reap);

	if (st->on_free != NULL)
		st->on_free(st);
	bufq_fini(&st->out);
	http_watch_free(st->watch);
	free(st);
}

/* Frees it at the end of the turn, when neither mux nor socket has any use for it. */
static void
settle(struct stream *st)
{
	struct worker_streams *ws = worker_streams(st->w);

	if (st->ms != NULL || !st->dead || list_linked(&st->reap.node))
		return;
	if (st->s != NULL)
		st->s->n_streams--;
	else
		ws->n_flushing--;
	st->s = NULL;
	list_remove(&st->node);
	worker_reap(st->w, &st->reap);
}

/* Bytes that wait for the socket. */
static size_t
waiting(const struct stream *st)
{
	return st->out.len + (st->pipe != NULL ? st->pipe->len : 0);
}

static void
drop_pipe(struct stream *st)
{
	pipe_put(st->w, st->pipe);
	st->pipe = NULL;
}

static void
count_unread(struct stream *st)
{
	budget_unread(&worker_streams(st->w)->budget, &st->unread, waiting(st));
}

static void
end_socket(struct stream *st, bool clean)
{
	if (st->dead)
		return;
	st->dead = true;
	flush_end(st);
	if (clean) {
		sock_end_by_reset(st->sock.fd, false);
		sock_close(&st->sock);
	} else {
		sock_abort(&st->sock);
	}
	drop_pipe(st);
	bufq_fini(&st->out);
	count_unread(st);
}

/* Both directions have ended as they should: close without RST. */
static void
finish_if_done(struct stream *st)
{
	if (st->eof && st->shut && !st->dead) {
		end_socket(st, true);
		settle(st);
	}
}

void
stream_abort(struct stream *st, uint16_t code, const char *text)
{
	end_socket(st, false);
	if (st->ms != NULL)
		mux_reset(st->ms, code, text);
	settle(st);
}

/* The socket failed. A target or client that is gone takes nothing more, whatever was ended
 * before. */
static void
broken(struct stream *st)
{
	enum role role = st->s != NULL ? st->s->mux.conf.role : ROLE_SERVER;

	stream_abort(st, role == ROLE_SERVER ? CODE_CLIENT_RESET : CODE_TARGET_RESET, NULL);
}

/* ---- To the socket --------------------------------------------------------------------------- */

static void
took(struct stream *st, size_t n)
{
	st->tx_bytes += n;
	count_unread(st);
	count(&st->w->stats.tx_bytes, n);
	if (st->ms != NULL)
		mux_consumed(st->ms, n);
}

static void
shut_if_due(struct stream *st)
{
	if (!st->fin || st->shut || st->dead || !st->connected || waiting(st) > 0)
		return;
	st->shut = true;
	if (!st->eof && sock_shutdown(&st->sock) < 0) { /* else closing says it */
		broken(st);
		return;
	}
	finish_if_done(st);
}

/* What is in the pipe. 0: it is empty now; else -EAGAIN, or another errno, and the stream is
 * broken. */
static int
drain(struct stream *st)
{
	while (st->pipe != NULL) {
		ssize_t n = pipe_drain(st->pipe, &st->sock, false);

		if (n == -EAGAIN)
			return -EAGAIN;
		if (n < 0) {
			broken(st);
			return (int)n;
		}
		if (st->pipe->len == 0)
			drop_pipe(st);
		took(st, (size_t)n);
	}
	return 0;
}

static int
write_queue(struct stream *st)
{
	struct iovec iov[8];
	ssize_t n;

	if (st->out.len == 0)
		return 0;
	n = sock_writev(&st->sock, iov, bufq_peek(&st->out, iov, ARRAY_LEN(iov)));
	if (n == -EAGAIN)
		return -EAGAIN;
	if (n < 0) {
		broken(st);
		return (int)n;
	}
	bufq_consume(&st->out, (size_t)n);
	took(st, (size_t)n);
	return st->out.len > 0 ? -EAGAIN : 0;
}

static void
on_writable(struct sock *s)
{
	struct stream *st = container_of(s, struct stream, sock);

	if (drain(st) == 0 && write_queue(st) == 0) {
		sock_want_write(s, false);
		shut_if_due(st);
	}
}

static void
keep(struct stream *st, const uint8_t *p, size_t n)
{
	if (bufq_append(&st->out, p, n) < 0) {
		stream_abort(st, CODE_OVERLOAD, "out of memory");
		return;
	}
	count_unread(st);
	if (st->connected)
		sock_want_write(&st->sock, true);
}

/* What is not HTTP, or no longer, is not watched. */
static void
watched(struct stream *st)
{
	if (!http_watch_done(st->watch))
		return;
	http_watch_free(st->watch);
	st->watch = NULL;
}

void
stream_data(struct stream *st, const uint8_t *p, size_t n)
{
	ssize_t done = 0;

	if (st->dead)
		return;
	http_watch_request(st->watch, p, n, st->w->now);
	watched(st);
	if (st->connected && waiting(st) == 0) {
		done = sock_write(&st->sock, p, n);
		if (done < 0 && done != -EAGAIN) {
			broken(st);
			return;
		}
		done = MAX(done, 0);
		if (done > 0)
			took(st, (size_t)done);
	}
	if ((size_t)done < n)
		keep(st, p + done, n - (size_t)done);
}

static size_t
aside_min(const struct stream *st)
{
	return st->ms->m->conf.aside_min;
}

/* splice(2) stops at urgent data for ever, with "nothing now" or even "the end": what it says is
 * only believed when it has moved something, and reading finds out the rest. */
static bool
nothing_spliced(ssize_t r)
{
	return r == 0 || r == -EAGAIN;
}

/* The far end takes nothing, and others need the pipe: what is in it waits in the queue instead,
 * which is empty while there is a pipe that is filled. */
static void
unpipe(struct stream *st)
{
	while (st->pipe->len > 0) {
		ssize_t n = pipe_read(st->pipe, st->w->scratch, WORKER_SCRATCH);

		if (n <= 0 || bufq_append(&st->out, st->w->scratch, (size_t)n) < 0) {
			stream_abort(st, CODE_OVERLOAD, "out of memory");
			return;
		}
	}
	drop_pipe(st);
}

ssize_t
stream_take(struct stream *st, struct sock *link, size_t n)
{
	ssize_t r;

	if (st->dead || !st->connected || st->out.len > 0)
		return -EOPNOTSUPP;
	n = (size_t)MIN(n, http_watch_blind_request(st->watch));
	if (n < aside_min(st))
		return -EOPNOTSUPP;
	if (st->pipe == NULL && (st->pipe = pipe_get(st->w)) == NULL)
		return -EOPNOTSUPP;
	r = pipe_fill(st->pipe, link, n);
	if (st->pipe->len == 0)
		drop_pipe(st);
	if (nothing_spliced(r)) /* or the pipe is full */
		return -EOPNOTSUPP;
	if (r < 0)
		return r;
	http_watch_skip_request(st->watch, (uint64_t)r);
	if (drain(st) == -EAGAIN) {
		if (pipe_scarce(st->w))
			unpipe(st);
		if (st->dead)
			return r;
		count_unread(st);
		sock_want_write(&st->sock, true);
	}
	return r;
}

void
stream_fin(struct stream *st)
{
	st->fin = true;
	shut_if_due(st);
}

void
stream_reset(struct stream *st)
{
	end_socket(st, false);
	settle(st);
}

/* ---- From the socket ------------------------------------------------------------------------- */

static void
on_readable(struct sock *s)
{
	struct stream *st = container_of(s, struct stream, sock);

	sock_want_read(s, false); /* until pull() has emptied it */
	if (st->ms != NULL)
		mux_ready(st->ms);
}

/* After r, what reading has given. drained: that was all for now. */
static void
came(struct stream *st, ssize_t r, bool drained)
{
	if (r == -EAGAIN || drained) {
		sock_want_read(&st->sock, true);
	} else if (r == 0) {
		st->eof = true;
		finish_if_done(st);
	} else if (r < 0) {
		end_socket(st, false);
	}
}

ssize_t
stream_pull(struct stream *st, void *p, size_t n)
{
	ssize_t r = st->dead ? -ECONNRESET : sock_read(&st->sock, p, n);

	if (r > 0) {
		st->rx_bytes += (uint64_t)r;
		count(&st->w->stats.rx_bytes, (uint64_t)r);
		http_watch_response(st->watch, p, (size_t)r, st->w->now);
		watched(st);
		st->bulk = (size_t)r >= aside_min(st);
	}
	came(st, r, r > 0 && (size_t)r < n);
	return r;
}

ssize_t
stream_fetch(struct stream *st, size_t n, struct pipe **pipe_r)
{
	struct pipe *p;
	ssize_t r;

	n = (size_t)MIN(n, http_watch_blind_response(st->watch));
	if (!st->bulk || st->dead || n < aside_min(st))
		return -EOPNOTSUPP;
	p = pipe_get(st->w);
	if (p == NULL)
		return -EOPNOTSUPP;
	r = pipe_fill(p, &st->sock, n);
	if (r > 0)
		*pipe_r = p;
	else
		pipe_put(st->w, p);
	if (nothing_spliced(r)) {
		st->bulk = false;
		return -EOPNOTSUPP;
	}
	if (r > 0) {
		st->rx_bytes += (uint64_t)r;
		count(&st->w->stats.rx_bytes, (uint64_t)r);
		http_watch_skip_response(st->watch, (uint64_t)r);
		st->bulk = (size_t)r >= aside_min(st);
		if (st->bulk) /* the number does not tell how much is left: a pipe is full early */
			mux_ready(st->ms);
	}
	came(st, r, r > 0 && !st->bulk);
	return r;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void
on_flush_timer(struct timer *t)
{
	struct flush *f = container_of(t, struct flush, timer);

	if (f->st->tx_bytes == f->before) {
		stream_abort(f->st, CODE_TIMEOUT, NULL);
		return;
	}
	f->before = f->st->tx_bytes;
	timer_start(&f->timer, f->ms);
}

static void
flush_begin(struct stream *st, int64_t ms)
{
	struct flush *f = xcalloc(1, sizeof(*f));

	f->st = st;
	f->ms = ms;
	f->before = st->tx_bytes;
	st->flush = f;
	timer_init(&f->timer, st->w, "stream flush", on_flush_timer);
	timer_start(&f->timer, ms);
}

void
stream_gone(struct stream *st)
{
	struct worker_streams *ws = worker_streams(st->w);

	st->ms = NULL;
	if (!st->dead && !(st->eof && st->fin))
		end_socket(st, false);
	if (!st->dead) { /* it has bytes to deliver still: it goes on without its session */
		list_remove(&st->node);
		list_push(&ws->flushing, &st->node);
		ws->n_flushing++;
		flush_begin(st, st->s->limits->flush_timeout);
		st->s->n_streams--;
		st->s = NULL;
	}
	settle(st);
}

static const struct sock_ops stream_sock_ops = {
	.readable = on_readable,
	.writable = on_writable,
	.what = "stream",
};

struct stream *
stream_new(struct session *s)
{
	struct stream *st = xcalloc(1, sizeof(*st));

	st->w = s->w;
	st->s = s;
	list_init(&st->node);
	list_init(&st->reap.node);
	st->reap.run = on_reap;
	bufq_init(&st->out);
	unread_init(&st->unread);
	sock_init_closed(&st->sock, s->w, &stream_sock_ops);
	list_push(&s->streams, &st->node);
	s->n_streams++;
	count(&s->w->stats.streams, 1);
	return st;
}

void
stream_attach(struct stream *st, int fd)
{
	sock_init(&st->sock, st->w, fd, &stream_sock_ops);
	stream_connected(st);
}

void
stream_connected(struct stream *st)
{
	st->connected = true;
	st->sock.ops = &stream_sock_ops;
	sock_want_read(&st->sock, true);
	if (st->out.len > 0)
		on_writable(&st->sock);
	if (st->out.len > 0)
		sock_want_write(&st->sock, true);
	else
		shut_if_due(st);
}
