/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The log of HTTP requests: what has a line, what is only counted, and that nothing is forgotten. */

#include <fcntl.h>
#include <sys/mman.h>

#include "tap.h"
#include "tunnel/request_log.h"
#include "util/log.h"

static struct worker *w;
static struct request_log l;
static int fd;

/* How many lines have this text since the last time; the log is written completely. */
static int
said(const char *what, bool last)
{
	static char out[1 << 16];
	ssize_t n;
	int count = 0;

	log_stop(10000);
	n = pread(fd, out, sizeof(out) - 1, 0);
	must(n >= 0);
	out[n] = '\0';
	for (const char *p = out; (p = strstr(p, what)) != NULL; p++)
		count++;
	if (last)
		must(ftruncate(fd, 0) == 0);
	must(log_start(fd, LOG_TEXT, LOG_INFO) == 0);
	return count;
}

static void
put(int n)
{
	struct http_exchange x = {.method = "GET", .path = "/a", .status = 200, .us = 1500};

	for (int i = 0; i < n; i++)
		request_log_put(&l, "web", &x);
}

static void
on_over(struct timer *t)
{
	put(2);
	worker_stop(t->w);
}

/* Runs the loop until a second has passed, and puts two more in then. */
static void
run_a_second(void)
{
	struct timer over;

	timer_init(&over, w, "test", on_over);
	timer_start(&over, REQUEST_LOG_MS + 10);
	worker_run(w);
}

int
main(void)
{
	fd = memfd_create("log", MFD_CLOEXEC);
	must(fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) == 0);
	must(log_start(fd, LOG_TEXT, LOG_INFO) == 0);
	w = worker_new_main();

	request_log_init(&l, w, 3);
	put(3);
	is_int(said("tunnel=web HTTP GET /a 200 1.5 ms\n", false), 3, "each has a line");
	put(5312);
	is_int(said("HTTP GET", false), 3, "up to the limit");
	is_int(said("more", true), 0, "the rest is not said yet");
	run_a_second();
	is_int(said("… and 5312 more HTTP requests in the last second\n", false), 1,
		"but when the second is over, also if nothing more comes");
	is_int(said("HTTP GET", true), 2, "in the next second there are lines again");
	put(2);
	request_log_fini(&l);
	is_int(said("HTTP GET", false), 1, "and the limit is the same");
	is_int(said("… and 1 more HTTP request in the last second\n", true), 1,
		"at the end the rest is said");

	request_log_init(&l, w, 3);
	put(3);
	request_log_fini(&l);
	is_int(said("more", true), 0, "nothing is said of nothing");

	request_log_init(&l, w, 0);
	put(10);
	request_log_fini(&l);
	is_int(said("HTTP", true), 0, "without lines there is no count either");

	log_stop(10000);
	worker_join(w);
	return done_testing();
}
