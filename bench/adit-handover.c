/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What it costs to hand something to another worker: messages that are as large as a client's, through
 * the workers and mailboxes of core/io.
 *
 *     adit-handover ROUNDS
 *
 * One by one: there and back, each worker asleep when a message comes. In batches: as many as a front
 * accepts in a turn, and the next batch when the last of them has come. */

#define _GNU_SOURCE 1

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "die.h"
#include "io/worker.h"
#include "util/compiler.h"

#define BATCH 16
#define WARM 1000 /* rounds before the clock starts */

struct parcel {
	struct mbox_msg msg;
	bool last;
	char load[120]; /* a client's address, ids */
};

static struct worker *here, *there;
static unsigned rounds, left, batch;
static struct mono began;
static double cpu_began;

static double
cpu_us(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void on_there(struct mbox_msg *msg, bool late);

static void
post(struct worker *w, void (*deliver)(struct mbox_msg *msg, bool late), bool last)
{
	struct parcel *p = xcalloc(1, sizeof(*p));

	p->msg.deliver = deliver;
	p->last = last;
	must(worker_post(w, &p->msg) == 0);
}

static void
send_batch(void)
{
	for (unsigned i = 0; i < batch; i++)
		post(there, on_there, i + 1 == batch);
}

static void
report(void)
{
	double us = (double)(mono_now().ns - began.ns) / 1e3, cpu = cpu_us() - cpu_began;

	unsigned messages = rounds * (batch + 1); /* one comes back */

	printf("batches of %2u: %6.2f us and %5.2f us of CPU for a message\n", batch,
		us / messages, cpu / messages);
}

/* The other end has got the last of a batch. */
static void
on_back(struct mbox_msg *msg, bool late)
{
	free(container_of(msg, struct parcel, msg));
	if (late)
		return;
	if (left == rounds) {
		began = mono_now();
		cpu_began = cpu_us();
	}
	if (left-- == 0) {
		report();
		worker_stop(here);
		return;
	}
	send_batch();
}

static void
on_there(struct mbox_msg *msg, bool late)
{
	struct parcel *p = container_of(msg, struct parcel, msg);
	bool last = p->last;

	free(p);
	if (last && !late)
		post(here, on_back, false);
}

static void
measure(unsigned n)
{
	batch = n;
	left = rounds + WARM;
	send_batch();
	worker_run(here);
}

int
main(int argc, char **argv)
{
	rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	if (rounds == 0)
		die("usage: adit-handover ROUNDS", 0);
	here = worker_new_main();
	must(here != NULL && worker_start(0, "there", NULL, NULL, NULL, &there) == 0);
	measure(1);
	measure(BATCH);
	worker_stop(there);
	worker_join(there);
	worker_join(here);
	return 0;
}
