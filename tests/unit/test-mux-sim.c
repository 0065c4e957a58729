/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/mux_credit.c on simulated links, with the windows of the default configuration: windows
 * grow to what a link can carry, streams share it, readers that are slow or stand still harm nobody,
 * and CREDIT frames are few. That the agent never holds more than it has announced is checked at
 * every step (simlink.c). */

#include <config.h>

#include "simlink.h"
#include "tap.h"
#include "tunnel/limit.h"
#include "util/compiler.h"

#define MB 1000000.0

static struct mux_conf
usual(void)
{
	struct mux_conf conf = pair_conf(ROLE_AGENT);
	struct limits l;

	limits_default(&l);
	conf.max_frame = (uint32_t)l.max_frame;
	conf.stream_window = (uint32_t)l.stream_window;
	conf.stream_window_max = (uint32_t)l.stream_window_max;
	conf.session_window = (uint32_t)l.session_window;
	return conf;
}

/* What one stream can have: the link, or its largest window for each round trip. */
static double
possible(double mbit, int rtt_ms, const struct mux_conf *conf)
{
	double most = MIN(conf->stream_window_max, conf->session_window / 2);

	return MIN(mbit * MB / 8, most * 1000 / rtt_ms);
}

/* The start takes a dozen round trips or two, and a while on links that are slow for their buffers. */
static int64_t
start_of(double mbit, int rtt_ms)
{
	return 20 * rtt_ms + (int64_t)(3000 / mbit);
}

static void
test_one(double mbit, int rtt_ms)
{
	struct mux_conf conf = usual();
	double want = possible(mbit, rtt_ms, &conf), got, frames, windows;
	int64_t ms = MAX(3 * rtt_ms, (int64_t)(2000 / mbit));
	struct simstream *x;
	struct sim s;

	sim_init(&s, mbit, rtt_ms, &conf);
	x = sim_open(&s, SIM_FAST);
	sim_run(&s, start_of(mbit, rtt_ms));
	sim_mark(&s);
	sim_run(&s, ms);
	got = sim_goodput(&s, x);
	/* Besides CREDIT there is an ACK for each 256 KiB. */
	frames = (double)(s.p.server.m.frames_in - s.frames_mark) - got * (double)ms / 1000 / MUX_ACK_EVERY;
	windows = got * (double)ms / 1000 / sim_window(x);
	ok(got >= 0.9 * want, "%g Mbit/s, %d ms: %.2f MB/s of %.2f, window %u KiB", mbit, rtt_ms,
		got / MB, want / MB, sim_window(x) / 1024);
	ok(frames <= 24 * windows + 4, "%.1f CREDIT frames for %.1f windows", frames, windows);
	sim_fini(&s);
}

static void
test_rates(void)
{
	static const double mbit[] = {1, 10, 100, 1000, 10000};
	static const int rtt[] = {1, 20, 50, 100, 200, 300};

	for (size_t i = 0; i < ARRAY_LEN(mbit); i++)
		for (size_t k = 0; k < ARRAY_LEN(rtt); k++)
			test_one(mbit[i], rtt[k]);
}

/* However many share a session, each has its part, and together they have what the link or the
 * session's window gives. */
static void
test_many(double mbit, int rtt_ms, size_t n)
{
	struct mux_conf conf = usual();
	double want = MIN(mbit * MB / 8, (double)conf.session_window * 1000 / rtt_ms), all;
	double least, most;
	struct sim s;

	sim_init(&s, mbit, rtt_ms, &conf);
	for (size_t i = 0; i < n; i++)
		sim_open(&s, SIM_FAST);
	sim_run(&s, start_of(mbit, rtt_ms) + (int64_t)(4000 / mbit * (double)n));
	sim_mark(&s);
	sim_run(&s, MAX(10 * rtt_ms, (int64_t)(8000 / mbit * (double)n)));
	all = sim_goodput_all(&s);
	least = most = sim_goodput(&s, &s.stream[0]);
	for (size_t i = 1; i < n; i++) {
		least = MIN(least, sim_goodput(&s, &s.stream[i]));
		most = MAX(most, sim_goodput(&s, &s.stream[i]));
	}
	ok(all >= 0.85 * want, "%zu streams, %g Mbit/s, %d ms: %.2f MB/s of %.2f", n, mbit, rtt_ms,
		all / MB, want / MB);
	ok(least * 2 >= most, "from %.3f to %.3f each", least / MB, most / MB);
	sim_fini(&s);
}

/* A slow reader has no use for a large window, and does not slow the others down. */
static void
test_slow(double mbit, int rtt_ms, double rate)
{
	struct mux_conf conf = usual();
	double want = possible(mbit, rtt_ms, &conf), got;
	struct simstream *fast, *slow;
	struct sim s;

	sim_init(&s, mbit, rtt_ms, &conf);
	slow = sim_open(&s, rate);
	fast = sim_open(&s, SIM_FAST);
	sim_run(&s, start_of(mbit, rtt_ms));
	sim_mark(&s);
	sim_run(&s, 10 * rtt_ms);
	got = sim_goodput(&s, fast) + rate;
	ok(got >= 0.9 * want, "beside a reader of %.2f MB/s, %g Mbit/s, %d ms: %.2f of %.2f", rate / MB,
		mbit, rtt_ms, got / MB, want / MB);
	ok(s.most_left <= conf.stream_window, "who holds %" PRIu64 " KiB at most",
		s.most_left / 1024);
	sim_run(&s, (int64_t)(conf.stream_window * 4000 / rate));
	ok(sim_window(slow) <= 65536, "and little in the end: its window is %u KiB",
		sim_window(slow) / 1024);
	sim_mark(&s);
	sim_run(&s, 2000);
	ok(sim_goodput(&s, slow) >= 0.95 * rate, "with which it still reads as fast as it can");
	sim_fini(&s);
}

enum later { IDLE, SLOW, STALLED };

/* A stream that was fast does not keep what it had for ever. */
static void
test_after_burst(enum later later, const char *what)
{
	struct mux_conf conf = usual();
	struct simstream *first, *second;
	struct sim s;
	double got;

	sim_init(&s, 1000, 50, &conf);
	first = sim_open(&s, SIM_FAST);
	sim_run(&s, start_of(1000, 50));
	is_int(sim_window(first), conf.stream_window_max, "a fast stream has the largest window");
	first->k->avail = later == IDLE ? 0 : first->k->avail;
	first->rate = later == SLOW ? 200000 : SIM_FAST;
	first->stalled_until = later == STALLED ? INT64_MAX : 0;
	sim_run(&s, 500);
	second = sim_open(&s, SIM_FAST);
	sim_run(&s, start_of(1000, 50));
	sim_mark(&s);
	sim_run(&s, 500);
	got = sim_goodput(&s, second);
	ok(got >= 0.9 * 125 * MB, "it is %s: another one reaches %.2f MB/s", what, got / MB);
	if (later == SLOW) {
		sim_run(&s, 90000);
		ok(sim_window(first) <= 65536, "what it holds shrinks to a window of %u KiB",
			sim_window(first) / 1024);
	}
	sim_fini(&s);
}

/* Readers that stand still now and then: everybody gets on, and at the end everything arrives. */
static void
test_stalls(uint32_t stream_window, uint32_t session_window, double mbit, int rtt_ms)
{
	struct mux_conf conf = usual();
	uint64_t before[32];
	unsigned stuck = 0;
	struct sim s;

	conf.stream_window = stream_window;
	conf.stream_window_max = MAX(stream_window, conf.stream_window_max / 16);
	conf.session_window = session_window;
	sim_init(&s, mbit, rtt_ms, &conf);
	s.stalls = 3000;
	for (size_t i = 0; i < 32; i++)
		sim_open(&s, i % 4 == 0 ? 100000.0 * (double)(i + 1) : SIM_FAST);
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < 32; i++)
			before[i] = sim_read(&s.stream[i]);
		sim_run(&s, 3000);
		pair_check(&s.p);
		for (size_t i = 0; i < 32; i++)
			stuck += sim_read(&s.stream[i]) <= before[i];
	}
	is_int(stuck, 0, "readers that stall now and then all get on");
	s.stalls = 0;
	for (size_t i = 0; i < 32; i++) {
		s.stream[i].rate = SIM_FAST;
		s.stream[i].stalled_until = 0;
		s.stream[i].k->avail = 0;
		sock_end(s.stream[i].k);
	}
	sim_run(&s, 10000 + 20 * rtt_ms);
	for (size_t i = 0; i < 32; i++)
		stuck += sim_read(&s.stream[i]) != s.stream[i].k->pulled || !sock_peer(s.stream[i].k)->fin;
	is_int(stuck, 0, "and everything that was sent is read");
	sim_fini(&s);
}

/* ---- Links that are cut ---- */

static struct mux_conf
resuming(void)
{
	struct mux_conf conf = usual();
	struct limits l;

	limits_default(&l);
	conf.resume_ms = l.resume_for;
	conf.retain_max = (size_t)l.session_retain;
	return conf;
}

static uint64_t
arrived(const struct sim *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n_streams; i++)
		sum += sim_read(&s->stream[i]);
	return sum;
}

/* Cuts at times that are left to chance, and a while without a link after each. What arrives between
 * them is nearly what a link carries that is never cut; and in the end nothing is missing. */
static void
test_cuts(double mbit, int rtt_ms, unsigned cuts)
{
	struct mux_conf conf = resuming();
	uint32_t chance = (uint32_t)(mbit + rtt_ms);
	int64_t linked_ms = 0, least = 30 * rtt_ms + (int64_t)(3000 / mbit);
	struct sim s;
	double part;
	uint64_t n;

	sim_init(&s, mbit, rtt_ms, &conf);
	for (size_t i = 0; i < 4; i++)
		sim_open(&s, SIM_FAST);
	for (unsigned i = 0; i < cuts; i++) {
		int64_t ms;

		chance = chance * 1103515245 + 12345;
		ms = least + (chance >> 16) % (uint32_t)least;
		sim_run(&s, ms);
		linked_ms += ms;
		pair_check(&s.p);
		sim_cut(&s, i % 3 == 2 ? SIM_CUT_AGENT : SIM_CUT_BOTH, chance >> 8 & 255);
		sim_run(&s, (chance >> 8 & 255) + 1);
	}
	part = (double)arrived(&s) / ((double)linked_ms * mbit * 125);
	for (size_t i = 0; i < 4; i++) {
		s.stream[i].k->avail = 0;
		sock_end(s.stream[i].k);
	}
	sim_run(&s, 2000 + 40 * rtt_ms + (int64_t)(300000 / mbit));
	n = 0;
	for (size_t i = 0; i < 4; i++)
		n += sim_read(&s.stream[i]) != s.stream[i].k->pulled || !sock_peer(s.stream[i].k)->fin;
	ok(n == 0, "%u links cut at %g Mbit/s, %d ms: everything arrives", cuts, mbit, rtt_ms);
	is_int(s.links, cuts, "over as many others");
	ok(part > 0.6, "%.0f %% of what the links could carry", part * 100);
	ok(s.most_kept <= conf.retain_max + 131072, "%" PRIu64 " KiB retained at most",
		s.most_kept / 1024);
	sim_run(&s, 3000);
	ok(s.p.agent.retained.bytes + s.p.server.retained.bytes == 0, "and none in the end");
	sim_fini(&s);
}

/* The server is told; the agent, whose bytes go nowhere, finds only silence. */
static void
test_silent_agent(void)
{
	struct mux_conf conf = resuming();
	struct simstream *x;
	struct sim s;
	uint64_t before;

	sim_init(&s, 100, 50, &conf);
	x = sim_open(&s, SIM_FAST);
	sim_run(&s, 3000);
	sim_cut(&s, SIM_CUT_SERVER, 0);
	before = sim_read(x);
	sim_run(&s, 29000);
	ok(sim_read(x) == before && s.p.agent.m.linked, "for half a minute it waits");
	sim_run(&s, 3000);
	is_int(s.p.agent.n_lost, 1, "then its link is given up");
	is_int(s.links, 1, "there is another");
	ok(sim_read(x) > before + 10000000, "and the stream goes on: %.1f MB more",
		(double)(sim_read(x) - before) / MB);
	sim_fini(&s);
}

int
main(void)
{
	test_rates();
	test_many(10, 20, 8);
	test_many(100, 50, 64);
	test_many(1000, 100, 64);
	test_many(1000, 300, 16);
	test_many(10000, 20, 100);
	test_slow(100, 100, 20000);
	test_slow(100, 20, 200000);
	test_slow(1000, 50, 100000);
	test_after_burst(IDLE, "idle");
	test_after_burst(SLOW, "slow");
	test_after_burst(STALLED, "stalled");
	test_stalls(262144, 33554432, 1000, 20);
	test_stalls(65536, 1048576, 100, 50);
	test_stalls(16384, 65536, 100, 5);
	test_cuts(10, 1, 60);
	test_cuts(100, 20, 60);
	test_cuts(100, 300, 8);
	test_cuts(1000, 50, 8);
	test_silent_agent();
	return done_testing();
}
