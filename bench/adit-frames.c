/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Fixed work for core/wire, the same to the last instruction in every run: bench/run --callgrind counts
 * what both ends of a session (tests/unit/pair.h) do for it.
 *
 *     adit-frames WORK N
 *
 * work() is what is counted; the login and the streams that are there already are made before. A name
 * that ends in -kept is the same work in a session that can resume. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pairlink.h"
#include "util/compiler.h"

#define STREAMS 64u
#define BULK 16384u

static struct sock *socks[STREAMS];

/* 64 bytes there and back on each of 64 streams, which are ready at the same time. */
static void
requests(struct pair *p, unsigned n)
{
	for (unsigned done = 0; done < n; done += STREAMS) {
		for (unsigned i = 0; i < STREAMS; i++)
			sock_send(socks[i], 64);
		pair_pump(p);
		for (unsigned i = 0; i < STREAMS; i++)
			sock_send(sock_peer(socks[i]), 64);
		pair_pump(p);
	}
}

/* The same one by one: nothing is shared. */
static void
alone(struct pair *p, unsigned n)
{
	for (unsigned done = 0; done < n; done++) {
		sock_send(socks[0], 64);
		pair_pump(p);
		sock_send(sock_peer(socks[0]), 64);
		pair_pump(p);
	}
}

/* DATA frames of 16 KiB on one stream, with the credit that they need. */
static void
bulk(struct pair *p, unsigned n)
{
	for (unsigned done = 0; done < n; done++) {
		sock_send(socks[0], BULK);
		pair_pump(p);
	}
}

/* A stream for 64 bytes there and back; both ends close. */
static void
opens(struct pair *p, unsigned n)
{
	for (unsigned done = 0; done < n; done++) {
		struct sock *k = pair_open(p);

		must(k != NULL);
		sock_send(k, 64);
		pair_pump(p);
		sock_send(sock_peer(k), 64);
		sock_end(sock_peer(k));
		pair_pump(p);
		sock_end(k);
		pair_pump(p);
		must(k->st == NULL && k->fin);
	}
}

/* Ten seconds of silence in a session with 64 streams. */
static void
pings(struct pair *p, unsigned n)
{
	for (unsigned done = 0; done < n; done++) {
		pair_sleep(p, 10000);
		pair_pump(p);
	}
}

static const struct {
	const char *name;
	void (*work)(struct pair *p, unsigned n);
} works[] = {
	{"request", requests},
	{"alone", alone},
	{"frame", bulk},
	{"open", opens},
	{"ping", pings},
};

/* Its name is what valgrind is told. */
void work(struct pair *p, const char *name, unsigned n);

__attribute__((noinline)) void
work(struct pair *p, const char *name, unsigned n)
{
	size_t len = strcspn(name, "-");

	for (size_t i = 0; i < ARRAY_LEN(works); i++)
		if (strncmp(name, works[i].name, len) == 0)
			works[i].work(p, n);
}

int
main(int argc, char **argv)
{
	bool kept = argc == 3 && strstr(argv[1], "-kept") != NULL;
	struct mux_conf agent = kept ? pairlink_conf(ROLE_AGENT) : pair_conf(ROLE_AGENT);
	struct mux_conf server = kept ? pairlink_conf(ROLE_SERVER) : pair_conf(ROLE_SERVER);
	static struct pair p;

	if (argc != 3) {
		fputs("usage: adit-frames WORK N\n", stderr);
		return 2;
	}
	pair_init(&p, &agent, &server);
	pair_login(&p);
	for (unsigned i = 0; i < STREAMS; i++) {
		socks[i] = pair_open(&p);
		must(socks[i] != NULL);
	}
	pair_pump(&p);
	work(&p, argv[1], (unsigned)strtoul(argv[2], NULL, 10));
	pair_finish(&p);
	pair_fini(&p);
	return 0;
}
