/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * One thread, level-triggered epoll; every event reads or writes at most one buffer. Whatever
 * does not go as planned (a refused or broken connection, a byte too many, half a minute
 * without a byte) ends the program with an error: a result is printed only when all of the work
 * was done.
 */
#include "client.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "die.h"
#include "hist.h"
#include "order.h"

#define BUFFER (256u << 10)
#define STALL_MS 30000
#define AT_ONCE 64u			/* connections that are being made */
#define TRIAL 64u			/* bytes of the first exchange, each way */
#define ENDLESS (UINT64_MAX / 2)

enum phase { TRYING, READY, WORKING };

struct conn {
	int fd;
	struct order order;
	uint64_t sent;			/* bytes of the request, its head included */
	uint64_t left;			/* bytes of the answer that are missing */
	uint64_t since;			/* when the exchange began */
	uint64_t done;			/* exchanges of the plan */
	uint64_t moved;			/* bytes of a flood, since they are counted */
	bool bulk, waits, ends;		/* endless; for room in the socket; for end of file */
	bool stopped;			/* bulk that nobody reads */
};

static unsigned char buffer[BUFFER];
static struct hist hist;
static const struct plan *plan;
static struct conn *conns;
static unsigned n_conns, n_made, n_tried, n_over;
static uint64_t bulk_bytes, warm_bytes;
static enum phase phase;
static int epfd;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
conn_watch(struct conn *c, int op)
{
	struct epoll_event ev = { .data.ptr = c };

	ev.events = c->waits ? EPOLLIN | EPOLLOUT : EPOLLIN;
	if (c->stopped && phase == WORKING)
		ev.events &= ~(uint32_t)EPOLLIN;
	check(epoll_ctl(epfd, op, c->fd, &ev), "epoll_ctl");
}

/* Begins to connect. The request goes out when the socket can be written. */
static void
conn_open(struct conn *c)
{
	int one = 1, room = STOPPED_ROOM;

	c->fd = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (c->stopped) {
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	}
	if (connect(c->fd, (const struct sockaddr *)&plan->to, sizeof(plan->to)) < 0 &&
	    errno != EINPROGRESS)
		die("connect", errno);
	c->waits = true;
	conn_watch(c, EPOLL_CTL_ADD);
}

/* Sends a buffer of the request, or as much as there is room for. */
static void
conn_send(struct conn *c)
{
	uint64_t whole = sizeof(c->order) + c->order.take;
	size_t head = c->sent < sizeof(c->order) ? sizeof(c->order) - (size_t)c->sent : 0;
	uint64_t body = whole - c->sent - head;
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;
	bool wait;

	iov[0].iov_base = (unsigned char *)&c->order + sizeof(c->order) - head;
	iov[0].iov_len = head;
	iov[1].iov_base = buffer;
	iov[1].iov_len = body < BUFFER ? (size_t)body : BUFFER;
	n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		die("send", errno);
	c->sent += n > 0 ? (uint64_t)n : 0;
	if (plan->flood == FLOOD_UP && phase == WORKING)
		c->moved += n > 0 ? (uint64_t)n : 0;
	wait = c->sent < whole;
	if (wait != c->waits) {
		c->waits = wait;
		conn_watch(c, EPOLL_CTL_MOD);
	}
}

/* Starts the next request with what the phase asks for. */
static void
conn_exchange(struct conn *c)
{
	bool trial = phase == TRYING, flood = !trial && plan->flood != FLOOD_NOT;

	c->order.magic = ORDER_MAGIC;
	c->order.flags = plan->fresh ? ORDER_CLOSE : 0;
	c->order.take = (trial || c->bulk ? TRIAL : plan->send) - sizeof(c->order);
	c->order.give = trial ? TRIAL : c->bulk || flood ? ENDLESS : plan->get;
	if ((flood && plan->flood == FLOOD_UP) || (!trial && c->stopped && plan->stopped_up))
		c->order.take = ENDLESS;
	if (!trial && c->stopped)
		c->order.flags |= plan->stopped_up ? ORDER_STOP : ORDER_SMALL;
	c->left = c->order.give;
	c->sent = 0;
	c->since = now_ns();
	if (c->fd < 0)
		conn_open(c);
	else
		conn_send(c);
	if (c->stopped && !trial)
		conn_watch(c, EPOLL_CTL_MOD);
}

/* The answer is there, and with fresh connections the end of file, too. */
static void
conn_answered(struct conn *c)
{
	if (plan->fresh) {
		close(c->fd);
		c->fd = -1;
	}
	if (phase != WORKING) {
		n_tried++;
		return;
	}
	hist_add(&hist, now_ns() - c->since);
	c->done++;
	if (plan->times && c->done == plan->times)
		n_over++;
	else
		conn_exchange(c);
}

static void
conn_read(struct conn *c)
{
	ssize_t n = recv(c->fd, buffer, BUFFER, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		die("receive", errno);
	if (n == 0 && !c->ends)
		die("the connection ended too early", 0);
	if ((uint64_t)n > c->left)
		die("more bytes came than were asked for", 0);
	if (c->bulk && phase == WORKING)
		bulk_bytes += (uint64_t)n;
	if (plan->flood == FLOOD_DOWN && phase == WORKING)
		c->moved += (uint64_t)n;
	c->left -= (uint64_t)n;
	if (c->left > 0)
		return;
	if (plan->fresh && n > 0) {
		c->ends = true;
		return;
	}
	c->ends = false;
	conn_answered(c);
}

static void
on_conn(struct conn *c, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		conn_read(c);
	else if (events & EPOLLOUT)
		conn_send(c);
}

/* One round of the loop; wait_ms bounds it, silence does, too. */
static void
turn(int wait_ms)
{
	struct epoll_event events[64];
	static uint64_t last;
	int n = epoll_wait(epfd, events, 64, wait_ms < STALL_MS ? wait_ms : STALL_MS);

	if (n < 0 && errno != EINTR)
		die("epoll_wait", errno);
	if (n > 0 || last == 0)
		last = now_ns();
	else if (now_ns() - last > STALL_MS * 1000000ull)
		die("nothing moved for 30 seconds", 0);
	for (int i = 0; i < n; i++)
		on_conn(events[i].data.ptr, events[i].events);
}

/* Makes all connections, a few at a time, and tries each once. */
static void
try_all(void)
{
	for (unsigned i = 0; i < n_conns; i++) {
		conns[i].fd = -1;
		conns[i].bulk = i >= plan->conns;
		conns[i].stopped = i >= plan->conns + plan->bulk;
	}
	while (n_tried < n_conns) {
		while (n_made < n_conns && n_made - n_tried < AT_ONCE)
			conn_exchange(&conns[n_made++]);
		turn(STALL_MS);
	}
	phase = READY;
}

/* True when there was a line, false at the end of the input. */
static bool
wait_for_line(void)
{
	char c;
	ssize_t n;

	do {
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno != EINTR)
			die("standard input", errno);
	} while (n != 0 && !(n == 1 && c == '\n'));
	return n == 1;
}

/* Turns until it is time; returns how long it took. */
static double
turn_for(double seconds)
{
	uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), now;

	while ((now = now_ns()) < end)
		turn((int)((end - now) / 1000000) + 1);
	return (double)(now - start) / 1e9;
}

/* Fills what is not read, as long as the plan says. */
static void
fill(void)
{
	for (unsigned i = plan->conns + plan->bulk; i < n_conns; i++)
		conn_exchange(&conns[i]);
	turn_for(plan->warm);
}

/* Returns how long it took. */
static double
work(void)
{
	uint64_t start, end, now;
	int wait_ms;

	phase = WORKING;
	fill();
	start = now_ns();
	end = start + (uint64_t)(plan->seconds * 1e9);
	for (unsigned i = 0; i < plan->conns + plan->bulk; i++)
		conn_exchange(&conns[i]);
	while (n_over < plan->conns) {
		now = now_ns();
		if (plan->times == 0 && now >= end && hist.n > 0)
			break;
		wait_ms = plan->times || now >= end ? STALL_MS : (int)((end - now) / 1000000) + 1;
		turn(wait_ms);
	}
	phase = READY;
	return (double)(now_ns() - start) / 1e9;
}

static void
flood(void)
{
	uint64_t least = UINT64_MAX, most = 0, all = 0;
	double warm, seconds;

	phase = WORKING;
	for (unsigned i = 0; i < n_conns; i++)
		conn_exchange(&conns[i]);
	warm = turn_for(plan->warm);
	for (unsigned i = 0; i < n_conns; i++) {
		warm_bytes += conns[i].moved;
		conns[i].moved = 0;
	}
	seconds = turn_for(plan->seconds);
	phase = READY;
	for (unsigned i = 0; i < n_conns; i++) {
		all += conns[i].moved;
		least = conns[i].moved < least ? conns[i].moved : least;
		most = conns[i].moved > most ? conns[i].moved : most;
	}
	printf("{\"seconds\": %.6f, \"bytes\": %llu, \"least\": %llu, \"most\": %llu, "
	       "\"warm_seconds\": %.6f, \"warm_bytes\": %llu}\n",
	       seconds, (unsigned long long)all, (unsigned long long)least,
	       (unsigned long long)most, warm, (unsigned long long)warm_bytes);
	fflush(stdout);
}

static void
report(double seconds)
{
	double bytes = (double)hist.n * (double)(plan->send + plan->get);

	printf("{\"seconds\": %.6f, \"exchanges\": %llu, \"bytes\": %.0f, \"bulk_bytes\": %llu, "
	       "\"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f}\n",
	       seconds, (unsigned long long)hist.n, bytes, (unsigned long long)bulk_bytes,
	       hist_at(&hist, 0.5) / 1e3, hist_at(&hist, 0.99) / 1e3, (double)hist.most / 1e3);
	fflush(stdout);
}

void
client_run(const struct plan *p)
{
	plan = p;
	n_conns = p->conns + p->bulk + p->stopped;
	conns = calloc(n_conns, sizeof(*conns));
	if (!conns)
		die("calloc", ENOMEM);
	epfd = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	try_all();
	puts("ready");
	fflush(stdout);
	if (wait_for_line()) {
		if (plan->flood != FLOOD_NOT)
			flood();
		else
			report(work());
		while (wait_for_line())
			;
	}
	free(conns);
}
