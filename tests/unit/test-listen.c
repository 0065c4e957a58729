/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Listening: sockets, accepting, the reserve of descriptors, and what happens when there is none
 * left at all. */

#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "io/listen.h"
#include "post.h"
#include "tap.h"

#define CLIENTS 40

static struct worker *w;
static int accepted[CLIENTS], n_accepted, stop_at;
static struct addr from[CLIENTS];
static bool flags_right = true, close_after_first;

static void
on_client(struct listener *l, int fd, const struct addr *a)
{
	int fl = fcntl(fd, F_GETFL), fdfl = fcntl(fd, F_GETFD);

	if (!(fl & O_NONBLOCK) || !(fdfl & FD_CLOEXEC))
		flags_right = false;
	must(n_accepted < CLIENTS);
	from[n_accepted] = *a;
	accepted[n_accepted++] = fd;
	if (close_after_first)
		listener_close(l);
	if (n_accepted == stop_at)
		worker_stop(w);
}

static void
forget_clients(void)
{
	while (n_accepted > 0)
		close(accepted[--n_accepted]);
}

static int
listen_any_port(void)
{
	struct addr a;
	int fd;

	must(addr_parse("127.0.0.1", 0, &a) == 0);
	fd = listen_socket(&a, 128);
	must(fd >= 0);
	return fd;
}

/* Connected clients that wait in the backlog. */
static void
connect_clients(const struct addr *to, int *fd, int n)
{
	for (int i = 0; i < n; i++) {
		fd[i] = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		must(fd[i] >= 0 && connect(fd[i], &to->sa, to->len) == 0);
	}
}

static void
close_clients(const int *fd, int n)
{
	for (int i = 0; i < n; i++)
		close(fd[i]);
}

/* ---- Sockets --------------------------------------------------------------------------------- */

static void
test_socket(void)
{
	struct addr a, other;
	int fd = listen_any_port();

	a.len = sizeof(a.in6);
	must(getsockname(fd, &a.sa, &a.len) == 0);
	ok(fcntl(fd, F_GETFL) & O_NONBLOCK, "a listening socket does not block");
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "and is not inherited");
	is_int(listen_socket(&a, 1), -EADDRINUSE, "a port that is taken is an error");
	must(addr_parse("203.0.113.1", 0, &other) == 0);
	is_int(listen_socket(&other, 1), -EADDRNOTAVAIL, "an address of another host, too");
	close(fd);
}

static void
test_both_families(void)
{
	struct addr a4, a6;
	int fd6, fd4;

	must(addr_parse("::", 0, &a6) == 0);
	fd6 = listen_socket(&a6, 1);
	if (fd6 < 0) {
		ok(true, "# SKIP no IPv6 here");
		return;
	}
	a6.len = sizeof(a6.in6);
	must(getsockname(fd6, &a6.sa, &a6.len) == 0);
	must(addr_parse("*", addr_port(&a6), &a4) == 0);
	fd4 = listen_socket(&a4, 1);
	ok(fd4 >= 0, "all v4 addresses and all v6 addresses have one port side by side");
	close(fd4);
	close(fd6);
}

/* ---- Accepting ------------------------------------------------------------------------------- */

static bool
same_peers(const int *client)
{
	for (int i = 0; i < CLIENTS; i++) {
		struct addr a = {.len = sizeof(a.in6)};
		int found = 0;

		must(getsockname(client[i], &a.sa, &a.len) == 0);
		for (int k = 0; k < n_accepted; k++)
			found += addr_equal(&a, &from[k]);
		if (found != 1)
			return false;
	}
	return true;
}

static void
test_accept(void)
{
	struct listener l;
	int client[CLIENTS];
	int64_t used = fdcount_used();

	listener_open(&l, w, listen_any_port(), 0, on_client);
	ok(addr_port(&l.addr) != 0, "a listener knows the port that it got");
	is_int(fdcount_used(), used + 1, "and is counted");
	connect_clients(&l.addr, client, CLIENTS);
	stop_at = CLIENTS;
	worker_run(w);
	is_int((int)l.accepted, CLIENTS, "all clients are accepted, more than one turn's worth");
	ok(same_peers(client), "each with its own address");
	ok(flags_right, "on descriptors that neither block nor are inherited");
	is_int((int)l.pauses, 0, "without a pause");
	listener_close(&l);
	listener_close(&l);
	is_int(fdcount_used(), used, "a closed listener is not counted, once");
	forget_clients();
	close_clients(client, CLIENTS);
}

static void
test_close_inside(void)
{
	struct listener l;
	int client[5];

	listener_open(&l, w, listen_any_port(), 0, on_client);
	connect_clients(&l.addr, client, 5);
	close_after_first = true;
	stop_at = 1;
	worker_run(w);
	close_after_first = false;
	is_int(n_accepted, 1, "a listener closed by its callback accepts no more");
	forget_clients();
	close_clients(client, 5);
	memset(&l, 0, sizeof(l));
	listener_close(&l);
}

/* ---- The reserve ----------------------------------------------------------------------------- */

struct watch {
	struct timer t;
	struct listener *l;
	uint64_t pauses;      /* wait for so many */
	int accepted;         /* how many were accepted until then */
	bool paused;
	void (*then)(void);
};

static void
on_watch(struct timer *t)
{
	struct watch *wa = container_of(t, struct watch, t);

	if (wa->l->pauses < wa->pauses) {
		timer_start(t, 5);
		return;
	}
	wa->accepted = n_accepted;
	wa->paused = wa->l->paused;
	wa->then();
}

static void
watch(struct watch *wa, struct listener *l, uint64_t pauses, void (*then)(void))
{
	*wa = (struct watch){.l = l, .pauses = pauses, .then = then};
	timer_init(&wa->t, w, "watch", on_watch);
	timer_start(&wa->t, 0);
}

static int taken;

static void
give_back(void)
{
	fdcount_add(-taken);
}

/* The kernel's word on how many descriptors there is room for. */
static long
table_size(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long n = -1;

	while (f != NULL && n < 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "FDSize:", 7) == 0)
			n = strtol(line + 7, NULL, 10);
	if (f != NULL)
		fclose(f);
	return n;
}

static void
test_reserve(void)
{
	struct listener l, agents;
	struct watch wa;
	int client[4];

	fdcount_init();
	ok(fdcount_limit() > 100 && fdcount_limit() < INT32_MAX, "the limit is known: %d",
		(int)fdcount_limit());
	ok(table_size() >= (fdcount_limit() < 16000 ? fdcount_limit() : 16000),
		"and so many need no wider table: %ld", table_size());
	listener_open(&l, w, listen_any_port(), 50, on_client);
	listener_open(&agents, w, listen_any_port(), 0, on_client);
	taken = (int)(fdcount_limit() - fdcount_used()) - 49;
	fdcount_add(taken);
	connect_clients(&l.addr, client, 3);
	connect_clients(&agents.addr, client + 3, 1);
	watch(&wa, &l, 3, give_back);
	stop_at = 4;
	worker_run(w);
	is_int(wa.accepted, 1, "while only the reserve is left, who may use it is accepted");
	ok(wa.paused && agents.pauses == 0, "and the other listener pauses");
	is_int((int)l.accepted, 3, "its clients waited, and come when there is room again");
	is_int((int)agents.accepted, 1, "the agents' came at once");
	listener_close(&l);
	listener_close(&agents);
	forget_clients();
	close_clients(client, 4);
}

static void
test_release(void)
{
	struct listener l;
	int client[2], fd;

	listener_open(&l, w, listen_any_port(), 0, on_client);
	n_accepted = 0;
	stop_at = 1;
	connect_clients(&l.addr, client, 1);
	worker_run(w);
	ok(w->epoll >= 0, "the worker knows its set");
	fd = listener_release(&l);
	errno = 0;
	ok(epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL) < 0 && errno == ENOENT,
		"what was given back is in it no more");
	listener_close(&l);
	connect_clients(&l.addr, client + 1, 1);
	listener_open(&l, w, fd, 0, on_client);
	stop_at = 2;
	worker_run(w);
	is_int(n_accepted, 2, "who came meanwhile has waited");
	listener_close(&l);
	close(client[0]);
	close(client[1]);
}

/* ---- No descriptor left ---------------------------------------------------------------------- */

#define FILLERS 64

static int filler[FILLERS], n_fillers;

static void
empty(void)
{
	while (n_fillers > 0)
		close(filler[--n_fillers]);
}

static int64_t
cpu_ms(void)
{
	struct rusage u;

	must(getrusage(RUSAGE_SELF, &u) == 0);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
		(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* Every descriptor below the limit is in use. */
static void
fill(void)
{
	struct rlimit r;
	int fd = dup(0);

	must(fd >= 0 && getrlimit(RLIMIT_NOFILE, &r) == 0);
	close(fd);
	r.rlim_cur = (rlim_t)fd + FILLERS / 2;
	must(setrlimit(RLIMIT_NOFILE, &r) == 0);
	while (n_fillers < FILLERS && (filler[n_fillers] = dup(0)) >= 0)
		n_fillers++;
	must(errno == EMFILE);
}

/* In a child, whose limit and descriptors are its own. Results go back through the pipe. */
struct result {
	int accepted_full, accepted, pauses;
	int64_t cpu, wall;
};

static struct result
run_full(void)
{
	struct listener l;
	struct watch wa;
	struct result r;
	struct mono began;
	int client[5];

	w = worker_new_main();
	must(w != NULL);
	n_accepted = 0;
	stop_at = 5;
	listener_open(&l, w, listen_any_port(), 0, on_client);
	connect_clients(&l.addr, client, 5);
	fill();
	watch(&wa, &l, 6, empty);
	began = mono_now();
	r.cpu = cpu_ms();
	worker_run(w);
	r.cpu = cpu_ms() - r.cpu;
	r.wall = mono_diff_ms(mono_now(), began);
	r.accepted_full = wa.accepted;
	r.accepted = n_accepted;
	r.pauses = (int)l.pauses;
	return r;
}

static void
test_full(void)
{
	struct result r;
	int fd[2];
	pid_t pid;

	must(pipe(fd) == 0);
	pid = fork();
	if (pid == 0) {
		r = run_full();
		_exit(write(fd[1], &r, sizeof(r)) != (ssize_t)sizeof(r));
	}
	close(fd[1]);
	memset(&r, 0, sizeof(r));
	ok(read(fd[0], &r, sizeof(r)) == (ssize_t)sizeof(r), "a child runs out of descriptors");
	close(fd[0]);
	waitpid(pid, NULL, 0);
	is_int(r.accepted_full, 0, "nobody is accepted without a descriptor");
	is_int(r.pauses, 6, "one attempt is followed by one pause");
	ok(r.wall >= 500, "of 100 ms each: %d ms in all", (int)r.wall);
	ok(r.cpu < r.wall / 4, "which cost no time of the processor: %d ms", (int)r.cpu);
	is_int(r.accepted, 5, "when there are descriptors again, all are accepted");
}

int
main(void)
{
	test_full(); /* first: the child makes a main worker of its own */
	w = worker_new_main();
	must(w != NULL);
	test_socket();
	test_both_families();
	test_accept();
	test_close_inside();
	test_reserve();
	test_release();
	worker_join(w);
	return done_testing();
}
