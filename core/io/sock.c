/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Non-blocking TCP sockets on a worker's loop. Owner worker only. The watcher is always stopped
 * before its descriptor is closed; one descriptor has one watcher, whose events follow what the
 * owner wants (libev tells the kernel only when a turn has changed them). */

#include <config.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/listen.h"
#include "io/sock.h"
#include "util/compiler.h"

static void
watch(struct sock *s, int events)
{
	int before = s->io.events & (EV_READ | EV_WRITE);

	if (events == before && (events == 0 || ev_is_active(&s->io)))
		return;
	ev_io_stop(s->w->loop, &s->io);
	ev_io_modify(&s->io, events); /* ev_io_set() would cost a system call each time */
	if (events != 0)
		ev_io_start(s->w->loop, &s->io);
}

static void
on_connected(struct sock *s)
{
	int err = 0;
	socklen_t len = sizeof(err);

	s->connecting = false;
	if (!s->connected_at_once && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	watch(s, s->want);
	s->ops->connected(s, -err);
}

static void
on_event(struct ev_loop *loop, ev_io *io, int revents)
{
	struct sock *s = container_of(io, struct sock, io);

	(void)loop;
	WORKER_OWNS(s->w);
	worker_note(s->w, s->ops->what);
	if (s->connecting) {
		on_connected(s);
		return;
	}
	if ((revents & EV_WRITE) && (s->want & EV_WRITE))
		s->ops->writable(s);
	if ((revents & EV_READ) && s->fd >= 0 && (s->want & EV_READ))
		s->ops->readable(s);
}

void
sock_init_closed(struct sock *s, struct worker *w, const struct sock_ops *ops)
{
	memset(s, 0, sizeof(*s));
	s->w = w;
	s->ops = ops;
	s->fd = -1;
	ev_io_init(&s->io, on_event, -1, 0);
}

static void
set_int(int fd, int level, int option, int value)
{
	/* An option that this kind of socket does not have changes speed, not meaning. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

void
sock_init(struct sock *s, struct worker *w, int fd, const struct sock_ops *ops)
{
	sock_init_closed(s, w, ops);
	s->fd = fd;
	ev_io_set(&s->io, fd, 0);
	fdcount_add(1);
}

static bool
has_peer(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

int
sock_connect(struct sock *s, const struct addr *to)
{
	int fd, err;

	must(s->fd < 0);
	fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	if (connect(fd, &to->sa, to->len) < 0 && errno != EINPROGRESS) {
		err = errno;
		close(fd);
		return -err;
	}
	sock_init(s, s->w, fd, s->ops);
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1); /* urgent bytes are bytes */
	s->connecting = true;
	/* On this host a connection is often there already: then the event is fed at once, without
	 * the kernel being asked for it. */
	s->connected_at_once = has_peer(fd);
	if (s->connected_at_once)
		ev_feed_event(s->w->loop, &s->io, EV_WRITE);
	else
		watch(s, EV_WRITE);
	return 0;
}

static void
want(struct sock *s, int event, bool on)
{
	s->want = on ? s->want | event : s->want & ~event;
	if (s->fd >= 0 && !s->connecting)
		watch(s, s->want);
}

void
sock_want_read(struct sock *s, bool on)
{
	want(s, EV_READ, on);
}

void
sock_want_write(struct sock *s, bool on)
{
	want(s, EV_WRITE, on);
}

static ssize_t
result(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

ssize_t
sock_read(struct sock *s, void *p, size_t n)
{
	return s->fd < 0 ? -EBADF : result(recv(s->fd, p, n, 0));
}

ssize_t
sock_look(struct sock *s, void *p, size_t n)
{
	return s->fd < 0 ? -EBADF : result(recv(s->fd, p, n, MSG_PEEK));
}

ssize_t
sock_send(struct sock *s, const void *p, size_t n, bool more)
{
	int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);

	return s->fd < 0 ? -EBADF : result(send(s->fd, p, n, flags));
}

ssize_t
sock_write(struct sock *s, const void *p, size_t n)
{
	return sock_send(s, p, n, false);
}

ssize_t
sock_writev(struct sock *s, const struct iovec *iov, int n)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n};

	return s->fd < 0 ? -EBADF : result(sendmsg(s->fd, &msg, MSG_NOSIGNAL));
}

int
sock_shutdown(struct sock *s)
{
	if (s->fd < 0)
		return -EBADF;
	return shutdown(s->fd, SHUT_WR) < 0 ? -errno : 0;
}

int
sock_release(struct sock *s)
{
	int fd = s->fd;

	must(fd >= 0);
	ev_io_stop(s->w->loop, &s->io);
	ev_io_set(&s->io, -1, 0);
	s->fd = -1;
	s->connecting = false;
	s->want = 0;
	fdcount_add(-1);
	return fd;
}

void
sock_close(struct sock *s)
{
	if (s->fd >= 0)
		close(sock_release(s));
}

void
sock_end_by_reset(int fd, bool on)
{
	struct linger l = {.l_onoff = on, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)); /* fails for no TCP socket */
}

void
sock_abort_fd(int fd)
{
	sock_end_by_reset(fd, true);
	close(fd);
}

void
sock_abort(struct sock *s)
{
	if (s->fd >= 0)
		sock_abort_fd(sock_release(s));
}

void
sock_keep_alive(int fd)
{
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, 120);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, 30);
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

void
sock_unsent(int fd, size_t bytes)
{
	set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, (int)MIN(bytes, INT32_MAX));
}

void
sock_tune_link(struct sock *s, int64_t dead_ms)
{
	set_int(s->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)MIN(dead_ms, INT32_MAX));
}

void
sock_peer(const struct sock *s, struct addr *a_r)
{
	memset(a_r, 0, sizeof(*a_r));
	a_r->len = sizeof(a_r->in6);
	if (s->fd < 0 || getpeername(s->fd, &a_r->sa, &a_r->len) < 0)
		a_r->len = 0;
}

void
sock_local(const struct sock *s, struct addr *a_r)
{
	memset(a_r, 0, sizeof(*a_r));
	a_r->len = sizeof(a_r->in6);
	if (s->fd < 0 || getsockname(s->fd, &a_r->sa, &a_r->len) < 0)
		a_r->len = 0;
}
