/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Listening sockets, and the count of descriptors for connections. A listener is its worker's; the
 * count is anybody's. What must hold: whatever goes wrong with accepting, the loop does not spin:
 * it pauses, and clients wait in the kernel's backlog. */

#define _GNU_SOURCE 1

#include "io/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/compiler.h"
#include "util/log.h"

#define BATCH 16
#define PAUSE_MS 100
#define PROBE_MAX 65536 /* descriptors looked at when counting what is open */
#define FDS_AHEAD 16384  /* for which the kernel makes room at the start */

static _Atomic int64_t fds_used;
static _Atomic int64_t fds_limit = INT64_MAX;

static struct log_limit pause_limit, reserve_limit;

/* ---- Descriptors ----------------------------------------------------------------------------- */

static int64_t
count_open(int64_t below)
{
	int64_t n = 0;

	for (int fd = 0; fd < (int)MIN(below, PROBE_MAX); fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int64_t
rlim_number(rlim_t r)
{
	return r == RLIM_INFINITY || r > INT32_MAX ? INT32_MAX : (int64_t)r;
}

/* The kernel doubles a process's table of descriptors when it is full, and where there are threads
 * it waits until every processor has been through its scheduler: 100 ms on a busy machine, in which
 * no thread gets a descriptor. A table that has been wide once stays so. */
static void
widen_table(int64_t limit)
{
	int fd = open("/", O_PATH | O_CLOEXEC),
	    high = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, (int)MIN(limit, FDS_AHEAD) - 1) : -1;

	if (high >= 0)
		close(high);
	if (fd >= 0)
		close(fd);
}

void
fdcount_init(void)
{
	struct rlimit r;
	int64_t open;

	must(getrlimit(RLIMIT_NOFILE, &r) == 0);
	open = count_open(rlim_number(r.rlim_cur));
	if (r.rlim_cur != r.rlim_max) {
		struct rlimit most = {r.rlim_max, r.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &most) == 0)
			r = most;
	}
	widen_table(rlim_number(r.rlim_cur));
	atomic_store(&fds_limit, MAX(rlim_number(r.rlim_cur) - open, 0));
}

void
fdcount_add(int n)
{
	atomic_fetch_add_explicit(&fds_used, n, memory_order_relaxed);
}

int64_t
fdcount_used(void)
{
	return atomic_load_explicit(&fds_used, memory_order_relaxed);
}

int64_t
fdcount_limit(void)
{
	return atomic_load_explicit(&fds_limit, memory_order_relaxed);
}

/* ---- Listening ------------------------------------------------------------------------------- */

static int
set_flag(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on));
}

int
listen_socket(const struct addr *a, int backlog)
{
	int fd, rc;

	fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR) == 0 &&
		set_flag(fd, IPPROTO_TCP, TCP_NODELAY) == 0 &&
		set_flag(fd, SOL_SOCKET, SO_OOBINLINE) == 0 &&
		(a->sa.sa_family != AF_INET6 || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0) &&
		bind(fd, &a->sa, a->len) == 0 && listen(fd, backlog) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void
pause_accepting(struct listener *l)
{
	l->paused = true;
	l->pauses++;
	ev_io_stop(l->w->loop, &l->io);
	timer_start(&l->pause, PAUSE_MS);
}

static void
on_pause_over(struct timer *t)
{
	struct listener *l = container_of(t, struct listener, pause);

	l->paused = false;
	ev_io_start(l->w->loop, &l->io);
}

/* Those that matter more must still get their descriptors. */
static bool
reserve_reached(struct listener *l)
{
	char text[ADDR_TEXT_MAX];

	if (l->reserve == 0 || fdcount_limit() - fdcount_used() >= l->reserve)
		return false;
	log_limited(&reserve_limit, LOG_WARN,
		"listener %s: accepting pauses: only the reserve of %" PRId64 " descriptors is "
		"left",
		addr_text(&l->addr, text, sizeof(text)), l->reserve);
	return true;
}

/* True for what concerns one client only: it went away, or the network did (accept(2)). */
static bool
concerns_one(int err)
{
	switch (err) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case EPERM: /* a firewall's rule */
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case ENETDOWN:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

/* One client. False when there is no more to do in this turn. */
static bool
accept_one(struct listener *l)
{
	struct addr from = {.len = sizeof(from.in6)};
	char text[ADDR_TEXT_MAX];
	int fd, err;

	fd = accept4(l->fd, &from.sa, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		l->accepted++;
		l->fn(l, fd, &from);
		return l->fd >= 0;
	}
	err = errno;
	if (concerns_one(err))
		return true;
	if (err == EAGAIN || err == EWOULDBLOCK)
		return false;
	/* EMFILE, ENFILE, ENOBUFS, ENOMEM; and what nobody foresaw must not spin either. */
	log_limited(&pause_limit, LOG_WARN, "listener %s: accepting pauses: %s",
		addr_text(&l->addr, text, sizeof(text)), strerror(err));
	pause_accepting(l);
	return false;
}

static void
on_accept(struct ev_loop *loop ATTR_UNUSED, ev_io *ev, int revents ATTR_UNUSED)
{
	struct listener *l = container_of(ev, struct listener, io);

	worker_note(l->w, "listener");
	for (int i = 0; i < BATCH; i++) {
		if (reserve_reached(l)) {
			pause_accepting(l);
			return;
		}
		if (!accept_one(l))
			return;
	}
}

void
listener_open(struct listener *l, struct worker *w, int fd, int64_t reserve, listener_fn *fn)
{
	WORKER_OWNS(w);
	memset(l, 0, sizeof(*l));
	l->w = w;
	l->fd = fd;
	l->reserve = reserve;
	l->fn = fn;
	l->addr.len = sizeof(l->addr.in6);
	must(getsockname(fd, &l->addr.sa, &l->addr.len) == 0);
	fdcount_add(1);
	timer_init(&l->pause, w, "listener", on_pause_over);
	ev_io_init(&l->io, on_accept, fd, EV_READ);
	ev_io_start(w->loop, &l->io);
}

int
listener_release(struct listener *l)
{
	int fd = l->fd;

	WORKER_OWNS(l->w);
	timer_stop(&l->pause);
	ev_io_stop(l->w->loop, &l->io);
	worker_forget_fd(l->w, fd);
	l->fd = -1;
	l->paused = false;
	fdcount_add(-1);
	return fd;
}

void
listener_close(struct listener *l)
{
	if (l->w != NULL && l->fd >= 0)
		close(listener_release(l));
}
