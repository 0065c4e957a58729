/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * One thread, level-triggered epoll. Every event moves at most one buffer, so that a hundred
 * streams are served in turn. A connection that breaks the rules or breaks is closed: its client
 * is who notices and says so.
 */
#include "target.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "die.h"
#include "order.h"

#define BUFFER (256u << 10)

struct served {
	struct served *next, **link;	/* all that are open */
	int fd;
	size_t have;			/* bytes of the head that are there */
	union {
		struct order order;
		unsigned char bytes[sizeof(struct order)];
	} head;
	uint64_t take, give;		/* what is left */
	bool waits;			/* for room in the socket */
	bool stopped;			/* nothing is read any more */
};

static unsigned char buffer[BUFFER];
static struct served *all;
static int epfd;

static void
watch(int op, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = { .events = events, .data.ptr = ptr };

	check(epoll_ctl(epfd, op, fd, &ev), "epoll_ctl");
}

static void
served_close(struct served *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	close(s->fd);
	free(s);
}

static void
served_open(int fd)
{
	struct served *s = calloc(1, sizeof(*s));
	int one = 1;

	if (!s)
		die("calloc", ENOMEM);
	s->fd = fd;
	s->next = all;
	s->link = &all;
	if (all)
		all->link = &s->next;
	all = s;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	watch(EPOLL_CTL_ADD, fd, EPOLLIN, s);
}

/* Takes in what was read; false when it is not what a client sends. */
static bool
served_take(struct served *s, const unsigned char *p, size_t n)
{
	size_t part;

	while (n > 0 || (s->have == sizeof(s->head) && s->take == 0)) {
		if (s->have < sizeof(s->head)) {
			part = sizeof(s->head) - s->have;
			part = part < n ? part : n;
			memcpy(s->head.bytes + s->have, p, part);
			s->have += part;
			if (s->have == sizeof(s->head)) {
				if (s->head.order.magic != ORDER_MAGIC)
					return false;
				s->take = s->head.order.take;
			}
		} else if (s->take > 0) {
			part = s->take < n ? (size_t)s->take : n;
			s->take -= part;
		} else {
			s->give = s->head.order.give;
			s->have = 0;
			return n == 0;		/* nobody asks before he was answered */
		}
		p += part;
		n -= part;
	}
	return true;
}

/* Gives one buffer of the answer; false at the connection's end. */
static bool
served_give(struct served *s)
{
	size_t part = s->give < BUFFER ? (size_t)s->give : BUFFER;
	ssize_t n = send(s->fd, buffer, part, MSG_NOSIGNAL);
	bool wait;

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	s->give -= n > 0 ? (uint64_t)n : 0;
	if (s->give == 0 && (s->head.order.flags & ORDER_CLOSE))
		return false;
	wait = s->give > 0;
	if (wait != s->waits) {
		watch(EPOLL_CTL_MOD, s->fd, wait ? EPOLLIN | EPOLLOUT : EPOLLIN, s);
		s->waits = wait;
	}
	return true;
}

/* Stops reading, or sends with a small buffer, if that is what was asked for. */
static void
served_stop(struct served *s)
{
	int room = STOPPED_ROOM;

	if (s->give > 0 && (s->head.order.flags & ORDER_SMALL))
		setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (s->have < sizeof(s->head) || !(s->head.order.flags & ORDER_STOP))
		return;
	s->stopped = true;
	setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	watch(EPOLL_CTL_MOD, s->fd, 0, s);
}

static void
on_served(struct served *s, uint32_t events)
{
	bool fine = !s->stopped;	/* then only a broken connection is heard of */
	ssize_t n;

	if (fine && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
		n = recv(s->fd, buffer, BUFFER, 0);
		if (n > 0)
			fine = s->give == 0 && served_take(s, buffer, (size_t)n);
		else
			fine = n < 0 && (errno == EAGAIN || errno == EINTR);
	}
	if (fine)
		served_stop(s);
	if (fine && s->give > 0)
		fine = served_give(s);
	if (!fine)
		served_close(s);
}

static void
on_listener(int listener)
{
	int fd;

	for (int i = 0; i < 64; i++) {
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
				return;
			die("accept", errno);
		}
		served_open(fd);
	}
}

static int
listen_somewhere(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)&at, sizeof(at)), "bind");
	check(listen(fd, 4096), "listen");
	check(getsockname(fd, (struct sockaddr *)&at, &len), "getsockname");
	printf("port %u\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

void
target_run(void)
{
	static char input;		/* stands for standard input */
	struct epoll_event events[64];
	bool ends = false;
	int listener, n;

	epfd = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	listener = listen_somewhere();
	watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
	watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, &input);
	while (!ends) {
		n = epoll_wait(epfd, events, 64, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait", errno);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &input)
				ends = true;
			else if (events[i].data.ptr)
				on_served(events[i].data.ptr, events[i].events);
			else
				on_listener(listener);
		}
	}
	while (all)
		served_close(all);
}
