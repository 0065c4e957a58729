/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * See relay.h. One thread, level-triggered epoll; a socket is watched only for what its lanes can do.
 */
#include "relay.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "die.h"

#define RCVBUF_MIN (64u << 10)

struct side {
	struct joint *joint;
	int fd;
	uint32_t watched;
	bool left_out;			/* of epoll, until something is wanted of it again */
};

/* A connection: side 0 has connected to us, we have connected side 1. */
struct joint {
	struct joint *next;
	struct side side[2];
	struct lane lane[2];		/* lane i reads side i */
	bool joined, over, reset;
};

static struct relay *relay;
static struct joint *joints;
static unsigned n_open, n_ever;
static uint64_t bytes[2], most[2];	/* of connections that are over */
static bool frozen;
static int epfd, listener;
static char input, listening;		/* stand for standard input and the listener */

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
watch(int op, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = { .events = events, .data.ptr = ptr };

	check(epoll_ctl(epfd, op, fd, &ev), "epoll_ctl");
}

/* A link with a rate takes no more than its queue; the kernel shall not make a longer one. */
static void
prepare(int fd, const struct path *in)
{
	int one = 1, room = (int)(in->rate / 8 * (LANE_QUEUE_NS / 1000000) / 1000);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (in->rate) {
		room = room < (int)RCVBUF_MIN ? (int)RCVBUF_MIN : room;
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	}
}

static void
joint_open(int fd)
{
	struct joint *j = calloc(1, sizeof(*j));
	int far = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");

	if (!j)
		die("calloc", ENOMEM);
	prepare(fd, &relay->up);
	prepare(far, &relay->down);
	j->side[0] = (struct side){ .joint = j, .fd = fd };
	j->side[1] = (struct side){ .joint = j, .fd = far, .watched = EPOLLOUT };
	lane_init(&j->lane[0], fd, far, &relay->up);
	lane_init(&j->lane[1], far, fd, &relay->down);
	if (connect(far, (struct sockaddr *)&relay->to, sizeof(relay->to)) < 0 && errno != EINPROGRESS)
		j->over = j->reset = true;
	watch(EPOLL_CTL_ADD, fd, 0, &j->side[0]);
	watch(EPOLL_CTL_ADD, far, EPOLLOUT, &j->side[1]);
	j->next = joints;
	joints = j;
	n_open++;
	n_ever++;
}

static void
joint_close(struct joint *j)
{
	struct linger now = { .l_onoff = 1 };

	for (int i = 0; i < 2; i++) {
		if (j->reset)
			setsockopt(j->side[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(j->side[i].fd);
		bytes[i] += j->lane[i].put;
		most[i] = j->lane[i].most > most[i] ? j->lane[i].most : most[i];
		lane_fini(&j->lane[i]);
	}
	free(j);
	n_open--;
}

/* What can be done now is done; what cannot is watched for. */
static void
joint_turn(struct joint *j, uint64_t now)
{
	if (!j->joined || j->over || frozen)
		return;
	for (int i = 0; i < 2; i++) {
		struct lane *l = &j->lane[i];

		if (!l->full && !lane_write(l, now))
			j->over = j->reset = true;
		if (l->ended && l->end == LANE_RESET)
			j->over = j->reset = true;
	}
	if (j->lane[0].ended && j->lane[1].ended)
		j->over = true;
}

static void
joint_watch(struct joint *j, uint64_t now)
{
	for (int i = 0; i < 2; i++) {
		struct side *s = &j->side[i];
		uint32_t want = 0;

		if (!frozen && j->joined && lane_reads(&j->lane[i], now))
			want |= EPOLLIN;
		if (!frozen && (j->joined ? j->lane[!i].full : i == 1))
			want |= EPOLLOUT;
		if (want == s->watched)
			continue;
		watch(s->left_out ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, s->fd, want, s);
		s->left_out = false;
		s->watched = want;
	}
}

/* An end that nothing can be done about now would be told again and again. */
static void
leave_out(struct side *s)
{
	watch(EPOLL_CTL_DEL, s->fd, 0, s);
	s->left_out = true;
	s->watched = 0;
}

/* Errors and ends come whether they are watched for or not: a broken lane that cannot read what is
 * left ends at once. */
static void
on_side(struct side *s, uint32_t events, uint64_t now)
{
	struct joint *j = s->joint;
	int i = s == &j->side[1], err = 0;
	socklen_t len = sizeof(err);

	if (!j->joined && i == 1) {
		getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		j->joined = err == 0;
		j->over = j->reset = err != 0;
		return;
	}
	if (frozen) {
		leave_out(s);
		return;
	}
	if (lane_reads(&j->lane[i], now) && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		lane_read(&j->lane[i], now);
	else if (events & EPOLLERR)
		j->over = j->reset = true;
	else if (events & EPOLLHUP)
		leave_out(s);
	if (events & EPOLLOUT)
		j->lane[!i].full = false;
}

static void
on_listener(void)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		joint_open(fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		die("accept", errno);
}

static void
end_all(bool reset)
{
	for (struct joint *j = joints; j; j = j->next) {
		j->over = true;
		j->reset = reset;
	}
}

static void
say_stat(void)
{
	uint64_t sum[2] = { bytes[0], bytes[1] }, held[2] = { 0, 0 }, top[2] = { most[0], most[1] };

	for (struct joint *j = joints; j; j = j->next)
		for (int i = 0; i < 2; i++) {
			const struct lane *l = &j->lane[i];

			sum[i] += l->put;
			held[i] += l->got - l->put;
			top[i] = l->most > top[i] ? l->most : top[i];
		}
	printf("{\"open\": %u, \"ever\": %u, \"bytes\": [%llu, %llu], \"held\": [%llu, %llu], "
	       "\"most\": [%llu, %llu]}\n",
	       n_open, n_ever, (unsigned long long)sum[0], (unsigned long long)sum[1],
	       (unsigned long long)held[0], (unsigned long long)held[1],
	       (unsigned long long)top[0], (unsigned long long)top[1]);
}

static void
freeze(bool on)
{
	if (frozen != on)
		watch(EPOLL_CTL_MOD, listener, on ? 0 : EPOLLIN, &listening);
	frozen = on;
}

static void
command(const char *line)
{
	double up, down;

	if (strcmp(line, "stat") == 0) {
		say_stat();
		return;
	}
	if (strcmp(line, "close") == 0 || strcmp(line, "reset") == 0) {
		end_all(*line == 'r');
	} else if (strcmp(line, "freeze") == 0 || strcmp(line, "thaw") == 0) {
		freeze(*line == 'f');
	} else if (sscanf(line, "delay %lf %lf", &up, &down) == 2 && up >= 0 && down >= 0) {
		relay->up.delay_ns = (uint64_t)(up * 1e6);
		relay->down.delay_ns = (uint64_t)(down * 1e6);
	} else {
		puts("unknown");
		return;
	}
	puts("ok");
}

/* False at the end of the input. */
static bool
on_input(void)
{
	static char line[128];
	static size_t have;
	ssize_t n = read(STDIN_FILENO, line + have, sizeof(line) - 1 - have);
	char *end;

	if (n <= 0)
		return n < 0 && errno == EINTR;
	have += (size_t)n;
	line[have] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		command(line);
		have -= (size_t)(end + 1 - line);
		memmove(line, end + 1, have + 1);
	}
	if (have == sizeof(line) - 1)
		die("a command is too long", 0);
	fflush(stdout);
	return true;
}

/* Moves what is due and forgets what is over; returns when there is more to do. */
static uint64_t
serve(uint64_t now)
{
	uint64_t next = NEVER, due;

	for (struct joint **link = &joints, *j; (j = *link) != NULL;) {
		joint_turn(j, now);
		if (j->over) {
			*link = j->next;
			joint_close(j);
			continue;
		}
		joint_watch(j, now);
		for (int i = 0; i < 2 && j->joined && !frozen; i++) {
			due = lane_due(&j->lane[i], now);
			next = due < next ? due : next;
		}
		link = &j->next;
	}
	return next;
}

static bool
turn(void)
{
	struct epoll_event events[64];
	uint64_t now = now_ns(), next = serve(now), wait = next > now ? next - now : 0;
	struct timespec t = { .tv_sec = (time_t)(wait / 1000000000), .tv_nsec = (long)(wait % 1000000000) };
	int n = epoll_pwait2(epfd, events, 64, next == NEVER ? NULL : &t, NULL);
	bool go_on = true;

	if (n < 0 && errno != EINTR)
		die("epoll_pwait2", errno);
	now = now_ns();
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == &input)
			go_on = on_input();
		else if (events[i].data.ptr == &listening)
			on_listener();
		else
			on_side(events[i].data.ptr, events[i].events, now);
	}
	return go_on;
}

void
relay_run(struct relay *r)
{
	socklen_t len = sizeof(r->at);
	int one = 1;

	relay = r;
	prctl(PR_SET_TIMERSLACK, 1);
	epfd = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	listener = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	prepare(listener, &r->up);
	check(bind(listener, (struct sockaddr *)&r->at, sizeof(r->at)), "bind");
	check(listen(listener, 4096), "listen");
	check(getsockname(listener, (struct sockaddr *)&r->at, &len), "getsockname");
	printf("port %u\n", ntohs(r->at.sin_port));
	fflush(stdout);
	watch(EPOLL_CTL_ADD, listener, EPOLLIN, &listening);
	watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, &input);
	while (turn())
		;
	end_all(true);
	serve(now_ns());
}
