/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* UDP sockets on a worker's loop. Owner worker only. Batches are read into a buffer of the worker
 * that is made with its first UDP socket; only what datagrams have touched of it is resident. A
 * turn takes a bounded number, so that a flood does not keep the loop from other work. */

#define _GNU_SOURCE 1

#include "io/dgram.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/listen.h"
#include "util/compiler.h"

#define BATCH 16
#define BATCHES 4 /* in one turn */

/* Room for one of: the address that a datagram was sent to. */
union control {
	struct cmsghdr align;
	char v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	char v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct batch {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct addr from[BATCH];
	union control control[BATCH];
};

/* ---- In -------------------------------------------------------------------------------------- */

static void
batch_init(struct batch *b, struct worker *w, bool bound)
{
	if (w->datagrams == NULL)
		w->datagrams = xmalloc((size_t)BATCH * WORKER_DATAGRAM);
	memset(b->msg, 0, sizeof(b->msg));
	for (size_t i = 0; i < BATCH; i++) {
		struct msghdr *m = &b->msg[i].msg_hdr;

		b->iov[i] = (struct iovec){w->datagrams + i * WORKER_DATAGRAM, WORKER_DATAGRAM};
		m->msg_iov = &b->iov[i];
		m->msg_iovlen = 1;
		if (!bound)
			continue;
		m->msg_name = &b->from[i].sa;
		m->msg_namelen = sizeof(b->from[i].in6);
		m->msg_control = &b->control[i];
		m->msg_controllen = sizeof(b->control[i]);
	}
}

/* The address that it was sent to, for an answer. */
static void
path_local(struct msghdr *m, struct dgram_path *path_r)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			(void)addr_from_bytes(4, (const uint8_t *)&info.ipi_spec_dst, 0,
				&path_r->local);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			(void)addr_from_bytes(6, (const uint8_t *)&info.ipi6_addr, 0,
				&path_r->local);
			if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
				path_r->interface = info.ipi6_ifindex;
		}
	}
}

static void
hand_on(struct dgram *d, struct batch *b, size_t i)
{
	struct msghdr *m = &b->msg[i].msg_hdr;
	struct dgram_path path = {.interface = 0};

	if (m->msg_flags & MSG_TRUNC)
		return; /* more than any datagram has */
	if (!d->connected) {
		path.peer = b->from[i];
		path.peer.len = m->msg_namelen;
		if (d->wildcard)
			path_local(m, &path);
	}
	d->ops->received(d, d->connected ? NULL : &path, b->iov[i].iov_base, b->msg[i].msg_len);
}

/* False when there is no more to read in this turn. */
static bool
read_batch(struct dgram *d)
{
	struct batch b;
	int n;

	batch_init(&b, d->w, !d->connected);
	n = recvmmsg(d->fd, b.msg, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		/* Of a bound socket nothing is lasting: the error was that of one datagram. */
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && d->connected)
			d->ops->failed(d, -errno);
		return false;
	}
	for (int i = 0; i < n && d->fd >= 0; i++)
		hand_on(d, &b, (size_t)i);
	return n == BATCH && d->fd >= 0;
}

static void
on_event(struct ev_loop *loop, ev_io *io, int revents)
{
	struct dgram *d = container_of(io, struct dgram, io);

	(void)loop;
	(void)revents;
	WORKER_OWNS(d->w);
	worker_note(d->w, d->ops->what);
	for (int i = 0; i < BATCHES && read_batch(d); i++)
		;
}

/* ---- Out ------------------------------------------------------------------------------------- */

/* Says from which address an answer leaves. */
static void
put_local(struct msghdr *m, union control *control, const struct dgram_path *path)
{
	struct cmsghdr *c;
	bool v6 = path->local.sa.sa_family == AF_INET6;
	struct in6_pktinfo info6 = {.ipi6_ifindex = path->interface};
	struct in_pktinfo info4 = {.ipi_ifindex = 0};

	memset(control, 0, sizeof(*control));
	m->msg_control = control;
	m->msg_controllen = v6 ? sizeof(control->v6) : sizeof(control->v4);
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = v6 ? IPV6_PKTINFO : IP_PKTINFO;
	c->cmsg_len = v6 ? CMSG_LEN(sizeof(info6)) : CMSG_LEN(sizeof(info4));
	if (v6) {
		info6.ipi6_addr = path->local.in6.sin6_addr;
		memcpy(CMSG_DATA(c), &info6, sizeof(info6));
	} else {
		info4.ipi_spec_dst = path->local.in.sin_addr;
		memcpy(CMSG_DATA(c), &info4, sizeof(info4));
	}
}

int
dgram_send(struct dgram *d, const struct dgram_path *path, const void *p, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)p, n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;

	if (d->fd < 0)
		return -EBADF;
	if (path != NULL) {
		m.msg_name = (void *)(uintptr_t)&path->peer.sa;
		m.msg_namelen = path->peer.len;
	}
	if (path != NULL && path->local.len > 0)
		put_local(&m, &control, path);
	if (sendmsg(d->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

/* ---- Life ------------------------------------------------------------------------------------ */

void
dgram_init(struct dgram *d, struct worker *w, const struct dgram_ops *ops)
{
	memset(d, 0, sizeof(*d));
	d->w = w;
	d->ops = ops;
	d->fd = -1;
	ev_io_init(&d->io, on_event, -1, EV_READ);
}

static int
set_flag(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on));
}

int
dgram_socket(const struct addr *a)
{
	bool v6 = a->sa.sa_family == AF_INET6;
	int fd, rc;

	fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* No SO_REUSEADDR: with UDP it would let another process have our datagrams. */
	if ((!v6 || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0) &&
		(v6 ? set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
		    : set_flag(fd, IPPROTO_IP, IP_PKTINFO)) == 0 &&
		bind(fd, &a->sa, a->len) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void
start(struct dgram *d, int fd)
{
	d->fd = fd;
	fdcount_add(1);
	ev_io_set(&d->io, fd, EV_READ);
	ev_io_start(d->w->loop, &d->io);
}

void
dgram_open(struct dgram *d, int fd)
{
	WORKER_OWNS(d->w);
	must(d->fd < 0);
	d->connected = false;
	d->addr.len = sizeof(d->addr.in6);
	must(getsockname(fd, &d->addr.sa, &d->addr.len) == 0);
	d->wildcard = addr_is_any(&d->addr);
	start(d, fd);
}

/* Nobody is there, but the kernel gave our end the very port that we send to. */
static bool
met_itself(int fd, const struct addr *to)
{
	struct addr own = {.len = sizeof(own.in6)};

	return getsockname(fd, &own.sa, &own.len) == 0 && addr_equal(&own, to);
}

int
dgram_connect(struct dgram *d, const struct addr *to)
{
	int fd, rc;

	WORKER_OWNS(d->w);
	must(d->fd < 0);
	fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, &to->sa, to->len) < 0 ? -errno : 0;
	if (rc == 0 && met_itself(fd, to))
		rc = -ECONNREFUSED;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	d->connected = true;
	start(d, fd);
	return 0;
}

int
dgram_release(struct dgram *d)
{
	int fd = d->fd;

	must(fd >= 0);
	ev_io_stop(d->w->loop, &d->io);
	worker_forget_fd(d->w, fd);
	d->fd = -1;
	fdcount_add(-1);
	return fd;
}

void
dgram_close(struct dgram *d)
{
	if (d->fd >= 0)
		close(dgram_release(d));
}
