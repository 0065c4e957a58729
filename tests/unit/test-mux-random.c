/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Long random lives of two ends: sockets block, streams end in every way, links deliver in pieces.
 * What must hold is checked after each step (pair.c, pairops.c); a broken promise aborts. The seed
 * is fixed, or taken from ADIT_SEED. ADIT_QUICK=1 makes it short. */

#include <config.h>

#include <stdlib.h>

#include "pairops.h"
#include "tap.h"
#include "util/compiler.h"

static uint64_t state;

static uint64_t
next(void) /* splitmix64 */
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint8_t *
random_bytes(size_t n)
{
	uint8_t *b = xmalloc(n);

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)next();
	return b;
}

static void
add(struct pairops_result *sum, const struct pairops_result *one)
{
	sum->ops += one->ops;
	sum->streams += one->streams;
	sum->fins += one->fins;
	sum->resets += one->resets;
	sum->refused += one->refused;
	sum->bytes += one->bytes;
	sum->aside += one->aside;
	sum->cuts += one->cuts;
	sum->links += one->links;
	sum->lost += one->lost;
	sum->renewals += one->renewals;
	sum->closed |= one->closed;
}

static struct pairops_result
runs(unsigned times, size_t length, unsigned how)
{
	struct pairops_result sum = {0}, one;

	for (unsigned i = 0; i < times; i++) {
		uint8_t *b = random_bytes(length);

		one = pairops_run(b, length, how);
		add(&sum, &one);
		free(b);
	}
	return sum;
}

int
main(void)
{
	const char *seed = getenv("ADIT_SEED");
	bool quick = getenv("ADIT_QUICK") != NULL;
	struct pairops_result r;

	state = seed != NULL ? strtoull(seed, NULL, 0) : 20260101;
	diag("seed %llu", (unsigned long long)state);
	r = runs(quick ? 4 : 24, 60000, 0);
	diag("%u steps, %u ends of streams, %u FIN, %u RESET, %u refused, %llu bytes", r.ops, r.streams,
		r.fins, r.resets, r.refused, (unsigned long long)r.bytes);
	ok(!r.closed, "no session of two honest ends was closed");
	ok(r.fins > 100 && r.resets > 100 && r.refused > 10, "streams ended in all ways");
	ok(r.aside > (quick ? 10 : 100), "payloads went aside, too (%u)", r.aside);
	ok(r.bytes > 1000000, "and every byte arrived in its place");
	ok(r.renewals > 100, "while the agent logged in again (%u logins)", r.renewals);
	r = runs(quick ? 200 : 3000, 600, PAIROPS_ENDS);
	diag("%u steps, %u ends of streams", r.ops, r.streams);
	ok(r.closed, "sessions that end early, and links that lie, break nothing");
	r = runs(quick ? 4 : 24, 60000, PAIROPS_CUTS);
	diag("%u steps, %u ends of streams, %u cuts, %u other links, %u found by silence, %llu bytes",
		r.ops, r.streams, r.cuts, r.links, r.lost, (unsigned long long)r.bytes);
	ok(!r.closed, "no session of two honest ends is lost with a link");
	ok(r.cuts > 500 && r.links > 500, "although many are (%u, %u others)", r.cuts, r.links);
	ok(r.renewals > 100, "nor by logins that are cut off (%u were not)", r.renewals);
	ok(r.fins > (quick ? 20 : 100) && r.resets > 100 && r.bytes > 1000000, "every byte arrives in its place");
	r = runs(quick ? 200 : 3000, 600, PAIROPS_CUTS | PAIROPS_ENDS);
	diag("%u steps, %u ends of streams, %u cuts, %u other links", r.ops, r.streams, r.cuts, r.links);
	ok(r.closed && r.cuts > 100 && r.links > 10, "sessions that end between links break nothing");
	return done_testing();
}
