/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Resolving. Names that end in ".gate" wait here, in place of a silent name server; all others go to
 * the real resolver. */

#define _GNU_SOURCE 1

#include <dlfcn.h>
#include <netdb.h>

#include "io/resolve.h"
#include "post.h"
#include "tap.h"

#define HELPERS 4
#define PER_HOST 32
#define QUEUE 256

static sem_t gate, at_gate;

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **list)
{
	size_t n = strlen(host);

	if (n > 5 && strcmp(host + n - 5, ".gate") == 0) {
		sem_post(&at_gate);
		while (sem_wait(&gate) != 0)
			;
		return EAI_FAIL;
	}
	return ((getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo"))(host, service, hints, list);
}

struct answer {
	struct addr a[RESOLVE_MAX];
	int n, err, came;
	bool stop;
};

static struct worker *w;
static int n_answers, stop_after;

static void
on_answer(void *owner, const struct addr *a, int n, int err)
{
	struct answer *an = owner;

	an->came++;
	an->n = n;
	an->err = err;
	for (int i = 0; i < n; i++)
		an->a[i] = a[i];
	if (++n_answers == stop_after)
		worker_stop(w);
}

static struct answer
ask(const char *host, uint16_t port)
{
	struct answer an = {.n = -1};

	n_answers = 0;
	stop_after = 1;
	must(resolve_start(w, host, port, on_answer, &an) != NULL);
	ok(an.came == 0, "'%.20s' is not answered inside the call", host);
	worker_run(w);
	return an;
}

static void
test_numeric(void)
{
	struct answer an = ask("192.0.2.7", 80);
	char text[ADDR_TEXT_MAX];

	ok(an.came == 1 && an.n == 1 && an.err == 0, "a numeric address has one answer");
	is_str(addr_text(&an.a[0], text, sizeof(text)), "192.0.2.7:80", "itself, with the port");
	an = ask("[2001:db8::1]", 443);
	is_str(addr_text(&an.a[0], text, sizeof(text)), "[2001:db8::1]:443", "v6 as well");
}

static void
test_names(void)
{
	struct answer an = ask("localhost", 22);
	bool loopback = an.n > 0, ports = true;

	for (int i = 0; i < an.n; i++) {
		loopback = loopback && addr_is_loopback(&an.a[i]);
		ports = ports && addr_port(&an.a[i]) == 22;
	}
	ok(an.came == 1 && an.err == 0 && loopback, "localhost is this host");
	ok(ports, "at the port that was asked for");
	an = ask("nobody.invalid", 22);
	ok(an.came == 1 && an.n == 0 && an.err != 0, "a name that does not exist is an error: %s",
		gai_strerror(an.err));
}

static void
test_bad_names(void)
{
	char longest[HOST_MAX + 2];
	struct answer an;

	an = ask("", 1);
	is_int(an.err, EAI_NONAME, "an empty name does not exist");
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	an = ask(longest, 1);
	is_int(an.err, EAI_NONAME, "nor does one that is too long");
}

/* Runs until everything that was asked has been answered. */
static void
settle(void)
{
	resolve_shutdown();
	worker_stop(w);
	worker_run(w);
}

static void
test_cancel(void)
{
	struct answer an[3] = {{.n = -1}, {.n = -1}, {.n = -1}};
	struct resolve *r[3];

	stop_after = 0;
	r[0] = resolve_start(w, "192.0.2.7", 1, on_answer, &an[0]);
	r[1] = resolve_start(w, "running.gate", 1, on_answer, &an[1]);
	r[2] = resolve_start(w, "localhost", 1, on_answer, &an[2]);
	while (sem_wait(&at_gate) != 0)
		;
	for (int i = 0; i < 3; i++)
		resolve_cancel(r[i]);
	resolve_cancel(NULL);
	sem_post(&gate);
	settle();
	is_int(an[0].came, 0, "a numeric question that was cancelled is not answered");
	is_int(an[1].came, 0, "nor one that a helper is at");
	is_int(an[2].came, 0, "nor any other");
}

/* ---- A silent name server -------------------------------------------------------------------- */

static void
open_gate(void *n)
{
	for (int i = 0; i < *(int *)n; i++)
		sem_post(&gate);
}

static void
test_bounds(void)
{
	struct answer an = {.n = -1}, other = {.n = -1};
	char name[20];
	int asked = 0;

	n_answers = stop_after = 0;
	while (resolve_start(w, "silent.gate", 1, on_answer, &an) != NULL)
		asked++;
	is_int(asked, PER_HOST, "one name may be asked for so often at a time");
	for (int i = 0; i < HELPERS; i++)
		while (sem_wait(&at_gate) != 0)
			;
	for (int i = 0; asked < 2 * QUEUE; i++, asked++) {
		snprintf(name, sizeof(name), "n%d.gate", i);
		if (resolve_start(w, name, 1, on_answer, &an) == NULL)
			break;
	}
	is_int(asked, QUEUE + HELPERS, "and so many names in all");
	ok(resolve_start(w, "192.0.2.1", 1, on_answer, &other) != NULL,
		"a numeric address needs no helper");
	stop_after = 1;
	worker_run(w);
	is_int(other.n, 1, "and is answered while all of them wait");
	stop_after = asked + 1;
	open_gate(&asked);
	worker_run(w);
	is_int(an.came, asked, "each question is answered in the end");
	is_int(an.err, EAI_FAIL, "as the resolver said");
}

/* The first answer comes from the queue that shutting down gives up; it lets the rest go on. */
static void
on_given_up(void *owner, const struct addr *a, int n, int err)
{
	int helpers = HELPERS;

	if (n_answers == 0)
		open_gate(&helpers);
	on_answer(owner, a, n, err);
}

static void *
shut_down(void *arg ATTR_UNUSED)
{
	resolve_shutdown();
	return NULL;
}

static void
test_shutdown(void)
{
	struct answer running = {.n = -1}, queued = {.n = -1};
	pthread_t t;

	while (sem_trywait(&at_gate) == 0 || sem_trywait(&gate) == 0)
		;
	n_answers = 0;
	stop_after = HELPERS + 3;
	for (int i = 0; i < HELPERS; i++)
		must(resolve_start(w, "down.gate", 1, on_answer, &running) != NULL);
	for (int i = 0; i < HELPERS; i++)
		while (sem_wait(&at_gate) != 0)
			;
	for (int i = 0; i < 3; i++)
		must(resolve_start(w, "localhost", 1, on_given_up, &queued) != NULL);
	must(pthread_create(&t, NULL, shut_down, NULL) == 0);
	worker_run(w);
	pthread_join(t, NULL);
	is_int(queued.came, 3, "shutting down answers those that wait");
	is_int(queued.err, EAI_AGAIN, "that nobody could be asked");
	is_int(running.came, HELPERS, "and lets those under way end");
	is_int(ask("localhost", 1).err, 0, "a question asked afterwards is answered as before");
	resolve_shutdown();
	resolve_shutdown();
}

int
main(void)
{
	must(sem_init(&gate, 0, 0) == 0 && sem_init(&at_gate, 0, 0) == 0);
	w = worker_new_main();
	must(w != NULL);
	test_numeric();
	test_names();
	test_bad_names();
	test_cancel();
	test_bounds();
	test_shutdown();
	worker_join(w);
	return done_testing();
}
