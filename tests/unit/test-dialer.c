/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Connecting through a proxy with real sockets. The proxy is a thread that does what a test has
 * written for it; how long anything takes decides nothing. */

#define _GNU_SOURCE 1

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "io/dialer.h"
#include "tap.h"
#include "util/compiler.h"
#include "wire/code.h"

#define LONG_MS 60000

static struct worker *w;

/* ---- The proxy ------------------------------------------------------------------------------- */

/* What the thread does with its one connection. */
struct play {
	const char *say;  /* after the request; NULL: nothing */
	size_t n;         /* bytes of it */
	bool byte_by_byte;
	bool close;       /* then; else it waits for our end */
	bool endless;     /* say it for ever */
	int listener;
	char heard[4096]; /* terminated */
	size_t n_heard;
};

static void
hear(struct play *p, int fd, bool all)
{
	ssize_t n;

	while (p->n_heard < sizeof(p->heard) - 1 &&
		(n = read(fd, p->heard + p->n_heard, sizeof(p->heard) - 1 - p->n_heard)) > 0) {
		p->n_heard += (size_t)n;
		if (!all && strstr(p->heard, "\r\n\r\n") != NULL)
			break;
	}
}

static void *
play(void *arg)
{
	struct play *p = arg;
	int fd = accept(p->listener, NULL, NULL);
	bool gone = false;

	hear(p, fd, false);
	do {
		for (size_t i = 0; i < p->n && !gone; i += p->byte_by_byte ? 1 : p->n)
			gone = send(fd, p->say + i, p->byte_by_byte ? 1 : p->n, MSG_NOSIGNAL) < 0;
	} while (p->endless && !gone);
	if (!p->close)
		hear(p, fd, true);
	close(fd);
	return NULL;
}

/* ---- One attempt ----------------------------------------------------------------------------- */

struct attempt {
	struct dialer d;
	int came, err;
	uint16_t code;
	char text[320];
	int fd;
};

static void
on_done(struct dialer *d, int err, uint16_t code, const char *text)
{
	struct attempt *a = container_of(d, struct attempt, d);

	a->came++;
	a->err = err;
	a->code = code;
	snprintf(a->text, sizeof(a->text), "%s", text != NULL ? text : "");
	if (err == 0)
		a->fd = dialer_release(d);
	worker_stop(w);
}

static const struct dialer_ops ops = {.done = on_done, .what = "test"};

static int
listening(struct addr *a_r)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(addr_parse("127.0.0.1", 0, a_r) == 0);
	must(bind(fd, &a_r->sa, a_r->len) == 0 && listen(fd, 1) == 0);
	must(getsockname(fd, &a_r->sa, &a_r->len) == 0);
	return fd;
}

static struct attempt
attempt(struct play *p, int64_t answer_ms)
{
	struct attempt a = {.fd = -1};
	struct proxy proxy;
	struct addr to;
	struct err e;
	pthread_t t;

	must(proxy_parse("http://me:pw@proxy:3128", &proxy, &e) == 0);
	p->listener = listening(&to);
	must(pthread_create(&t, NULL, play, p) == 0);
	dialer_init(&a.d, w, &ops);
	must(dialer_start(&a.d, &to, LONG_MS,
		     &(struct dialer_through){&proxy, "server.example", 7, answer_ms}) == 0);
	ok(a.came == 0, "done() does not come inside dialer_start()");
	worker_run(w);
	is_int(a.came, 1, "done() comes once");
	if (a.fd < 0)
		dialer_close(&a.d);
	else
		shutdown(a.fd, SHUT_WR);
	pthread_join(t, NULL);
	close(p->listener);
	proxy_fini(&proxy);
	return a;
}

/* What the socket still has, to its end. */
static size_t
rest_of(int fd, char *buf, size_t cap)
{
	struct pollfd pf = {fd, POLLIN, 0};
	size_t got = 0;
	ssize_t n;

	while (got < cap && poll(&pf, 1, LONG_MS) == 1 && (n = read(fd, buf + got, cap - got)) > 0)
		got += (size_t)n;
	close(fd);
	return got;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

#define OPEN "HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\n\r\n"
#define SAY(text) .say = text, .n = sizeof(text) - 1

static void
is_open(struct play *p, const char *rest, const char *what)
{
	struct attempt a = attempt(p, LONG_MS);
	char buf[256] = "";

	ok(a.err == 0 && a.fd >= 0, "%s: open", what);
	if (a.fd < 0)
		return;
	is_int(rest_of(a.fd, buf, sizeof(buf) - 1), strlen(rest), "how much is left");
	is_str(buf, rest, "which is the server's");
	ok(strncmp(p->heard, "CONNECT server.example:7 HTTP/1.1\r\n", 35) == 0, "what was asked");
	ok(strstr(p->heard, "\r\nProxy-Authorization: Basic bWU6cHc=\r\n") != NULL,
		"with the login");
}

static void
test_open(void)
{
	is_open(&(struct play){SAY(OPEN)}, "", "an answer");
	is_open(&(struct play){SAY(OPEN "hello"), .close = true}, "hello",
		"an answer with the server's first bytes");
	is_open(&(struct play){SAY(OPEN "\r\nhi"), .byte_by_byte = true, .close = true}, "\r\nhi",
		"one byte at a time");
}

static void
test_refused(void)
{
	struct attempt a;

	a = attempt(&(struct play){SAY("HTTP/1.1 403 Forbidden\r\n\r\n"), .close = true}, LONG_MS);
	is_int(a.err, -ECONNREFUSED, "a refusal is final");
	is_int(a.code, CODE_NOT_PERMITTED, "with its code");
	is_str(a.text,
		"the proxy at proxy:3128 refuses to connect to server.example:7: 403 Forbidden",
		"and text");
	a = attempt(&(struct play){SAY("HTTP/1.1 200 OK\r\n"), .close = true}, LONG_MS);
	is_int(a.err, -ECONNRESET, "half an answer is none");
	is_str(a.text, "the proxy at proxy:3128 closes the connection without an answer",
		"and said");
	a = attempt(&(struct play){.close = true}, LONG_MS);
	is_int(a.err, -ECONNRESET, "nor is nothing");
	a = attempt(&(struct play){SAY("X-Endless: 1\r\n"), .endless = true}, LONG_MS);
	is_int(a.code, CODE_PROTOCOL, "what is no answer is refused at its first byte");
	a = attempt(&(struct play){SAY("HTTP/1.1 100 Continue\r\n\r\n"), .endless = true}, LONG_MS);
	ok(a.code == CODE_PROTOCOL && strstr(a.text, "a head of more than") != NULL,
		"endless heads are ended by their size");
}

static void
test_silence(void)
{
	struct attempt a = attempt(&(struct play){.say = NULL}, 50);

	is_int(a.err, -ETIMEDOUT, "a silent proxy is given up");
	is_int(a.code, CODE_CONNECT_TIMEOUT, "with its code");
	is_str(a.text, "the proxy at proxy:3128 does not answer in time", "and text");
	a = attempt(&(struct play){SAY("HTTP/1.1 100 Continue\r\nA: b")}, 50);
	is_int(a.err, -ETIMEDOUT, "and one that stops in the midst");
}

static void
test_direct(void)
{
	struct attempt a = {.fd = -1};
	struct addr to;
	int fd = listening(&to);

	dialer_init(&a.d, w, &ops);
	must(dialer_start(&a.d, &to, LONG_MS, NULL) == 0);
	worker_run(w);
	ok(a.came == 1 && a.err == 0 && a.fd >= 0, "without a proxy it is open when it is");
	close(a.fd);
	close(fd);
	a = (struct attempt){.fd = -1};
	dialer_init(&a.d, w, &ops);
	if (dialer_start(&a.d, &to, LONG_MS, NULL) == 0)
		worker_run(w);
	else
		a.err = -ECONNREFUSED;
	ok(a.err == -ECONNREFUSED && a.text[0] == '\0', "and nobody there is refused");
	dialer_close(&a.d);
	dialer_close(&a.d);
	ok(true, "closing twice is harmless");
}

/* Closed while the proxy is being talked to. */
static void
test_closed(void)
{
	struct attempt a = {.fd = -1};
	struct proxy proxy;
	struct addr to;
	struct err e;
	int fd = listening(&to);

	must(proxy_parse("socks5://proxy", &proxy, &e) == 0);
	dialer_init(&a.d, w, &ops);
	must(dialer_start(&a.d, &to, LONG_MS,
		     &(struct dialer_through){&proxy, "server.example", 7, 20}) == 0);
	dialer_close(&a.d);
	must(dialer_start(&a.d, &to, LONG_MS,
		     &(struct dialer_through){&proxy, "server.example", 7, 20}) == 0);
	worker_run(w);
	ok(a.came == 1 && a.err == -ETIMEDOUT, "only the second attempt is answered");
	proxy_fini(&proxy);
	close(fd);
}

int
main(void)
{
	w = worker_new_main();
	must(w != NULL);
	test_open();
	test_refused();
	test_silence();
	test_direct();
	test_closed();
	worker_join(w);
	return done_testing();
}
