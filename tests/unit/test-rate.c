/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/rate.c: what acknowledgements say about a link. Times are the test's own. */

#include <config.h>

#include "tap.h"
#include "wire/rate.h"

#define FRAME_MAX 262144u

static struct mono
at_us(int64_t us)
{
	return (struct mono){1000000000 + us * 1000};
}

/* A link that takes bytes for each millisecond, acknowledged every 256 KiB, while there is always
 * something to send. */
static void
run(struct rate *r, uint64_t per_ms, unsigned acks)
{
	static int64_t us;
	static uint64_t acked;

	us = r->acked == 0 ? 0 : us;
	acked = r->acked;
	rate_sent(r, at_us(us));
	for (unsigned i = 0; i < acks; i++) {
		acked += 262144;
		us += (int64_t)(262144 * 1000 / per_ms);
		rate_acked(r, at_us(us), acked, false);
	}
}

static void
test_steady(void)
{
	static const uint64_t rates[] = {125, 1250, 12500, 125000, 1250000}; /* 1 Mbit/s to 10 Gbit/s */
	struct rate r;

	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		rate_init(&r);
		is_int(rate_frame(&r, FRAME_MAX), RATE_FRAME_MIN, "nothing known: the shortest frame");
		run(&r, rates[i], 200);
		ok(r.per_ms > rates[i] * 9 / 10 && r.per_ms < rates[i] * 11 / 10,
			"%llu bytes a millisecond are found (%llu)", (unsigned long long)rates[i],
			(unsigned long long)r.per_ms);
		ok(rate_frame(&r, FRAME_MAX) >= RATE_FRAME_MIN && rate_frame(&r, FRAME_MAX) <= FRAME_MAX,
			"and the frame is within its bounds");
	}
	is_int(rate_frame(&r, FRAME_MAX), FRAME_MAX, "a fast link takes the longest");
	is_int(rate_frame(&r, 30000), 30000, "that the peer takes");
}

static void
test_slower(void)
{
	struct rate r;

	rate_init(&r);
	run(&r, 1250000, 200);
	run(&r, 12500, 50);
	ok(r.per_ms < 14000, "a link that has become slow is found out (%llu)",
		(unsigned long long)r.per_ms);
	run(&r, 1250000, 20);
	ok(r.per_ms > 1100000, "and one that is fast again at once");
}

static void
test_idle(void)
{
	struct rate r;
	uint64_t acked;

	rate_init(&r);
	run(&r, 125000, 100);
	acked = r.acked;
	for (int i = 1; i <= 100; i++) { /* a little now and then */
		rate_acked(&r, at_us(10000000 + i * 100000), acked + (uint64_t)i * 1000, true);
		rate_sent(&r, at_us(10000000 + i * 100000 + 50000));
	}
	ok(r.per_ms > 110000, "who sends little learns nothing about the link (%llu)",
		(unsigned long long)r.per_ms);
}

static void
test_heaps(void)
{
	struct rate r;

	rate_init(&r);
	rate_sent(&r, at_us(0));
	for (uint64_t i = 1; i <= 1000; i++) /* four at once, every four milliseconds */
		rate_acked(&r, at_us((int64_t)(i / 4) * 4000), i * 100000, false);
	ok(r.per_ms >= 90000 && r.per_ms <= 110000, "ACKs that come in heaps do not look faster (%llu)",
		(unsigned long long)r.per_ms);
}

static void
test_flight(void)
{
	struct rate r;

	rate_init(&r);
	is_int(rate_flight(&r, 300000), RATE_FLIGHT_MIN, "nothing known: the least");
	run(&r, 125000, 100);
	is_int(rate_flight(&r, 0), RATE_FLIGHT_MIN, "no way: the least");
	ok(rate_flight(&r, 100000) > RATE_FLIGHT_MIN + 22000000 &&
			rate_flight(&r, 100000) < RATE_FLIGHT_MIN + 28000000,
		"1 Gbit/s, 100 ms: twice 12.5 MB more");
	rate_init(&r);
	rate_sent(&r, at_us(0));
	for (int i = 1; i <= 12; i++) /* a flight for each 200 ms */
		rate_acked(&r, at_us(i * 200000), r.acked + rate_flight(&r, 200000), false);
	ok(rate_flight(&r, 200000) > 1000000000, "it can always double within a round trip");
}

int
main(void)
{
	test_steady();
	test_slower();
	test_idle();
	test_heaps();
	test_flight();
	return done_testing();
}
