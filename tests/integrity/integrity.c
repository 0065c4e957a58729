/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Many streams of every size and every kind of ending, with both ends in this program: clients that
 * connect to the public side of a tunnel (or directly, to test the test), and the target behind it.
 * One thread, one epoll loop. What always holds: at most --parallel streams are under way, and a
 * run in which nothing moves for --stall seconds is over. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "end.h"
#include "judge.h"
#include "util/addr.h"
#include "util/compiler.h"
#include "util/units.h"

struct options {
	struct addr connect, listen;
	bool direct;
	int64_t streams, parallel, max_size, budget, stall_ms;
	uint64_t seed;
};

/* A connection at the target that has not yet said which stream it is. */
struct guest {
	struct watch watch;
	uint8_t header[HEADER_LEN];
	size_t got;
};

struct test {
	struct run run;
	struct options o;
	struct watch listener;
	struct pair *pairs;
	size_t n, started, active; /* active: an end of it is open */
	unsigned n_guests;         /* that are here now */
	struct guests guests;      /* that are gone */
};

static struct test *
test_of(struct run *run)
{
	return container_of(run, struct test, run);
}

static void ATTR_PRINTF(1, 2) ATTR_NORETURN
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("integrity: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputs("\n", stderr);
	va_end(ap);
	exit(2);
}

/* ---- The target ---------------------------------------------------------------------------- */

static void
on_closed(struct run *run, struct end *e)
{
	if (!e->pair->end[!e->side].open)
		test_of(run)->active--;
}

static void
guest_leaves(struct guest *g, unsigned *how)
{
	++*how;
	test_of(g->watch.run)->n_guests--;
	watch_close(&g->watch);
	free(g);
}

/* The guest has said who it is: its descriptor goes to the stream. */
static void
guest_known(struct guest *g)
{
	struct test *t = test_of(g->watch.run);
	uint32_t number;
	struct pair *p;

	if (!header_read(g->header, &number) || number >= t->started ||
		t->pairs[number].end[1].begun) {
		guest_leaves(g, &t->guests.bad);
		return;
	}
	p = &t->pairs[number];
	if (!p->end[0].open)
		t->active++;
	must(epoll_ctl(t->run.epoll, EPOLL_CTL_DEL, g->watch.fd, NULL) == 0);
	end_begin(&p->end[1], g->watch.fd);
	t->n_guests--;
	free(g);
}

static void
on_guest(struct watch *w, uint32_t events)
{
	struct guest *g = container_of(w, struct guest, watch);
	struct guests *gone = &test_of(w->run)->guests;
	ssize_t n = recv(w->fd, g->header + g->got, sizeof(g->header) - g->got, 0);

	(void)events;
	w->run->progress = w->run->now;
	if (n > 0)
		g->got += (size_t)n;
	if (n == 0)
		guest_leaves(g, &gone->clean);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		guest_leaves(g, &gone->reset);
	else if (g->got == sizeof(g->header))
		guest_known(g);
}

static void
on_listener(struct watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int fd;

	(void)events;
	while ((fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct guest *g = xcalloc(1, sizeof(*g));

		g->watch = (struct watch){on_guest, w->run, fd, ev.events};
		ev.data.ptr = &g->watch;
		must(epoll_ctl(w->run->epoll, EPOLL_CTL_ADD, fd, &ev) == 0);
		test_of(w->run)->n_guests++;
	}
	must(errno == EAGAIN || errno == EINTR || errno == ECONNABORTED);
}

static void
start_target(struct test *t)
{
	const int on = 1;
	struct addr *a = &t->o.listen;
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &t->listener};
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char text[ADDR_TEXT_MAX];

	must(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
	if (bind(fd, &a->sa, a->len) < 0 || listen(fd, 1024) < 0)
		die("%s: %s", addr_text(a, text, sizeof(text)), strerror(errno));
	must(getsockname(fd, &a->sa, &a->len) == 0);
	t->listener = (struct watch){on_listener, &t->run, fd, ev.events};
	must(epoll_ctl(t->run.epoll, EPOLL_CTL_ADD, fd, &ev) == 0);
	if (t->o.direct)
		t->o.connect = *a;
}

/* ---- The run ------------------------------------------------------------------------------- */

static void
start_client(struct test *t)
{
	struct addr *a = &t->o.connect;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	if (connect(fd, &a->sa, a->len) < 0 && errno != EINPROGRESS)
		die("connect: %s", strerror(errno));
	t->active++;
	end_begin(&t->pairs[t->started++].end[0], fd);
}

/* Ends whose pause is over go on; returns the time to the next one. */
static int
run_pauses(struct run *run)
{
	struct mono next = MONO_NEVER;
	struct list *l, *tmp;

	list_each(l, tmp, &run->paused) {
		struct end *e = list_entry(l, struct end, paused);

		end_resume(e);
		if (e->read_at.ns != 0)
			next = mono_min(next, e->read_at);
		if (e->write_at.ns != 0)
			next = mono_min(next, e->write_at);
	}
	return next.ns == INT64_MAX ? 1000 : (int)mono_diff_ms(next, run->now) + 1;
}

static int
turn(struct test *t, int timeout)
{
	struct epoll_event ev[64];
	int n = epoll_wait(t->run.epoll, ev, ARRAY_LEN(ev), timeout);

	must(n >= 0 || errno == EINTR);
	t->run.now = mono_now();
	for (int i = 0; i < n; i++) {
		struct watch *w = ev[i].data.ptr;

		if (w->fd >= 0) /* else closed for what its other end did */
			w->on_event(w, ev[i].events);
	}
	return n;
}

static void
run_all(struct test *t)
{
	int timeout;

	t->run.progress = t->run.now = mono_now();
	while (t->started < t->n || t->active > 0 || t->n_guests > 0) {
		while (t->started < t->n && t->active < (size_t)t->o.parallel)
			start_client(t);
		timeout = run_pauses(&t->run);
		turn(t, timeout);
		if (mono_diff_ms(t->run.now, t->run.progress) > t->o.stall_ms) {
			printf("# nothing has moved for %" PRId64 " ms\n", t->o.stall_ms);
			return;
		}
	}
	while (turn(t, 0) > 0) /* what was accepted late */
		;
}

/* Plans all streams; sizes are halved until they fit into the budget. */
static void
plan_all(struct test *t)
{
	uint64_t total;

	t->n = (size_t)t->o.streams;
	t->pairs = xcalloc(t->n, sizeof(*t->pairs));
	for (;; t->o.max_size /= 2) {
		total = 0;
		for (size_t i = 0; i < t->n; i++) {
			struct plan *plan = &t->pairs[i].plan;

			pair_init(&t->pairs[i], &t->run, (uint32_t)i, t->o.seed,
				(uint64_t)t->o.max_size);
			total += plan->lane[0].len + plan->lane[1].len;
		}
		if (t->o.budget == 0 || total <= (uint64_t)t->o.budget || t->o.max_size <= 1)
			break;
	}
	printf("# seed %" PRIu64 ": %zu streams, %" PRId64
	       " at once, up to %" PRId64 " bytes, %" PRIu64 " bytes in all\n",
		t->o.seed, t->n, t->o.parallel, t->o.max_size, total);
}

/* ---- Options ------------------------------------------------------------------------------- */

static void
parse_addr(const char *s, struct addr *a_r)
{
	char host[HOST_MAX + 1];
	uint16_t port;

	if (hostport_parse(s, -1, host, &port) < 0 || addr_parse(host, port, a_r) < 0)
		die("%s: not ADDRESS:PORT", s);
}

static int64_t
parse_number(const char *name, const char *s, int64_t low, int64_t high)
{
	int64_t n;

	if (units_parse_size(s, &n) < 0 || n < low || n > high)
		die("--%s: %" PRId64 " to %" PRId64 ", not %s", name, low, high, s);
	return n;
}

static const struct option long_options[] = {
	{"connect", required_argument, NULL, 'c'},
	{"listen", required_argument, NULL, 'l'},
	{"direct", no_argument, NULL, 'd'},
	{"streams", required_argument, NULL, 'n'},
	{"parallel", required_argument, NULL, 'p'},
	{"seed", required_argument, NULL, 's'},
	{"max-size", required_argument, NULL, 'm'},
	{"total-budget", required_argument, NULL, 'b'},
	{"stall", required_argument, NULL, 't'},
	{NULL, 0, NULL, 0},
};

static void
parse_option(struct options *o, int which, const char *name)
{
	switch (which) {
	case 'c':
		parse_addr(optarg, &o->connect);
		break;
	case 'l':
		parse_addr(optarg, &o->listen);
		break;
	case 'd':
		o->direct = true;
		break;
	case 'n':
		o->streams = parse_number(name, optarg, 1, 1000000);
		break;
	case 'p':
		o->parallel = parse_number(name, optarg, 1, 256);
		break;
	case 's':
		o->seed = strtoull(optarg, NULL, 10);
		break;
	case 'm':
		o->max_size = parse_number(name, optarg, 1, INT64_C(1) << 40);
		break;
	case 'b':
		o->budget = parse_number(name, optarg, 1, INT64_C(1) << 50);
		break;
	case 't':
		o->stall_ms = parse_number(name, optarg, 1, 3600) * 1000;
		break;
	default:
		die("usage: integrity --direct | --connect ADDRESS:PORT --listen ADDRESS:PORT "
		    "[--streams N] [--parallel 1..256] [--seed S] [--max-size BYTES] "
		    "[--total-budget BYTES] [--stall SECONDS]");
	}
}

static void
parse_options(struct options *o, int argc, char **argv)
{
	int which, index = 0;

	must(addr_parse("127.0.0.1", 0, &o->listen) == 0);
	must(getrandom(&o->seed, sizeof(o->seed), 0) == sizeof(o->seed));
	while ((which = getopt_long(argc, argv, "", long_options, &index)) != -1)
		parse_option(o, which, long_options[index].name);
	if (optind < argc || o->direct == (o->connect.len > 0))
		parse_option(o, '?', NULL);
}

int
main(int argc, char **argv)
{
	static struct test t = {.o = {.streams = 300,
					.parallel = 16,
					.max_size = 1 << 20,
					.stall_ms = 30000}};
	struct mono begin;
	double seconds;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse_options(&t.o, argc, argv);
	list_init(&t.run.paused);
	t.run.on_closed = on_closed;
	t.run.epoll = epoll_create1(EPOLL_CLOEXEC);
	must(t.run.epoll >= 0);
	start_target(&t);
	plan_all(&t);
	begin = mono_now();
	run_all(&t);
	seconds = (double)(mono_now().ns - begin.ns) / 1e9;
	printf("# %" PRIu64 " bytes received in %.2f s\n", t.run.bytes, seconds);
	status = judge(t.pairs, t.n, &t.guests);
	free(t.pairs);
	return status;
}
