/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/io/dgram.c: whole datagrams in batches, and answers from the address that was asked. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/dgram.h"
#include "io/listen.h"
#include "tap.h"
#include "util/compiler.h"

static struct worker *w;
static unsigned n_received, n_wanted, n_failed;
static size_t last_len, bytes;
static int last_err;
static struct dgram_path last_path;
static bool echo;

static void
done_if(bool yes)
{
	if (yes)
		worker_stop(w);
}

static void
on_received(struct dgram *d, const struct dgram_path *path, const uint8_t *p, size_t n)
{
	n_received++;
	last_len = n;
	bytes += n;
	if (path != NULL)
		last_path = *path;
	if (echo)
		must(dgram_send(d, path, p, n) == 0);
	done_if(n_received == n_wanted);
}

static void
on_failed(struct dgram *d, int err)
{
	n_failed++;
	last_err = err;
	dgram_close(d);
	done_if(true);
}

static const struct dgram_ops ops = {
	.received = on_received, .failed = on_failed, .what = "test"};

static void
on_timeout(struct timer *t)
{
	(void)t;
	diag("nothing came in time");
	worker_stop(w);
}

/* Until so many datagrams came, or an error. */
static void
run(unsigned n)
{
	struct timer t;

	n_received = n_failed = 0;
	bytes = 0;
	n_wanted = n;
	timer_init(&t, w, "test", on_timeout);
	timer_start(&t, 20000);
	worker_run(w);
	timer_stop(&t);
}

static void
open_at(struct dgram *d, const char *host)
{
	struct addr a;
	int fd;

	must(addr_parse(host, 0, &a) == 0);
	dgram_init(d, w, &ops);
	fd = dgram_socket(&a);
	must(fd >= 0);
	dgram_open(d, fd);
}

static struct addr
at(const struct dgram *d, const char *host)
{
	struct addr a;

	must(addr_parse(host, addr_port(&d->addr), &a) == 0);
	return a;
}

static void
test_echo(void)
{
	static uint8_t data[65507];
	struct dgram s, c;
	struct addr to;

	open_at(&s, "127.0.0.1");
	to = at(&s, "127.0.0.1");
	dgram_init(&c, w, &ops);
	is_int(dgram_connect(&c, &to), 0, "a target is connected");
	is_int(dgram_send(&c, NULL, data, sizeof(data)), 0, "the largest datagram");
	run(1);
	is_int(last_len, sizeof(data), "comes whole");
	ok(last_path.local.len == 0, "a socket with one address needs to know no other");
	is_int(dgram_send(&s, &last_path, data, 0), 0, "the answer is empty");
	last_len = 9;
	run(1);
	is_int(last_len, 0, "and comes as such");
	for (int i = 0; i < 50; i++)
		must(dgram_send(&c, NULL, data, 100) == 0);
	run(50);
	is_int(bytes, 5000, "many come one by one, over several batches");
	ok(w->datagrams != NULL, "the worker has room for a batch");
	dgram_close(&s);
	dgram_close(&c);
	dgram_close(&c);
}

/* The client takes answers only from where it has asked. */
static void
test_wildcard(void)
{
	struct dgram s, c;
	struct addr to;
	char text[ADDR_TEXT_MAX];

	open_at(&s, "*");
	ok(s.wildcard, "bound to all addresses");
	to = at(&s, "127.0.0.5");
	dgram_init(&c, w, &ops);
	must(dgram_connect(&c, &to) == 0);
	must(dgram_send(&c, NULL, "?", 1) == 0);
	echo = true;
	run(1);
	is_str(addr_host_text(&last_path.local, text, sizeof(text)), "127.0.0.5", "it knows which");
	echo = false;
	run(1);
	is_int(n_received, 1, "the answer leaves from there");
	dgram_close(&s);
	dgram_close(&c);
}

static void
test_ipv6(void)
{
	struct addr a;
	struct dgram s, c;
	int fd;

	must(addr_parse("::", 0, &a) == 0);
	fd = dgram_socket(&a);
	if (fd < 0) {
		diag("no IPv6 here");
		return;
	}
	dgram_init(&s, w, &ops);
	dgram_open(&s, fd);
	a = at(&s, "::1");
	dgram_init(&c, w, &ops);
	if (dgram_connect(&c, &a) == 0 && dgram_send(&c, NULL, "?", 1) == 0) {
		echo = true;
		run(1);
		echo = false;
		run(1);
		is_int(n_received, 1, "IPv6 is the same");
	}
	dgram_close(&s);
	dgram_close(&c);
}

static void
test_refused(void)
{
	struct dgram s, c;
	struct addr to;

	open_at(&s, "127.0.0.1");
	to = at(&s, "127.0.0.1");
	dgram_close(&s);
	dgram_init(&c, w, &ops);
	must(dgram_connect(&c, &to) == 0);
	must(dgram_send(&c, NULL, "?", 1) == 0);
	run(1);
	is_int(n_failed, 1, "a target that is not there");
	is_int(last_err, -ECONNREFUSED, "says so");
	is_int(dgram_send(&c, NULL, "?", 1), -EBADF, "a closed socket takes nothing");
}

static void
test_taken(void)
{
	struct dgram s;
	struct addr a;
	int64_t used = fdcount_used();
	int fd;

	open_at(&s, "127.0.0.1");
	is_int(fdcount_used(), used + 1, "descriptors are counted");
	a = s.addr;
	is_int(dgram_socket(&a), -EADDRINUSE, "a port belongs to one socket only");
	fd = dgram_release(&s);
	is_int(fdcount_used(), used, "a released one is not");
	dgram_open(&s, fd);
	ok(addr_equal(&s.addr, &a), "it goes on with its new owner");
	dgram_close(&s);
}

int
main(void)
{
	w = worker_new_main();
	must(w != NULL);
	test_echo();
	test_wildcard();
	test_ipv6();
	test_refused();
	test_taken();
	worker_join(w);
	return done_testing();
}
