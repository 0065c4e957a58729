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
	rate_sent(r, at_us(us), acked + 1);
	for (unsigned i = 0; i < acks; i++) {
		acked += 262144;
		us += (int64_t)(262144 * 1000 / per_ms);
		rate_acked(r, at_us(us), acked, 1000000, false);
		rate_sent(r, at_us(us), acked + 1000000);
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
		rate_acked(&r, at_us(10000000 + i * 100000), acked + (uint64_t)i * 1000, 0, true);
		rate_sent(&r, at_us(10000000 + i * 100000 + 50000), acked + (uint64_t)i * 1000 + 1);
	}
	ok(r.per_ms > 110000, "who sends little learns nothing about the link (%llu)",
		(unsigned long long)r.per_ms);
}

static void
test_heaps(void)
{
	struct rate r;

	rate_init(&r);
	rate_sent(&r, at_us(0), 1);
	for (uint64_t i = 1; i <= 1000; i++) /* four at once, every four milliseconds */
		rate_acked(&r, at_us((int64_t)(i / 4) * 4000), i * 100000, 1000000, false);
	ok(r.per_ms >= 90000 && r.per_ms <= 110000, "ACKs that come in heaps do not look faster (%llu)",
		(unsigned long long)r.per_ms);
}

/* A link that takes so many bytes a millisecond, with a way of no length, whose sender always has as
 * much on its way as it may: what is measured is its own queue. */
struct line {
	struct rate r;
	uint64_t sent, acked, per_ms;
	int64_t now_us;
};

static void
busy(struct line *l, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		uint64_t may = rate_flight(&l->r);

		l->now_us += 1000;
		if (l->sent < l->acked + may) {
			l->sent = l->acked + (may < UINT64_MAX ? may : 50000000);
			rate_sent(&l->r, at_us(l->now_us), l->sent);
		}
		l->acked += l->per_ms < l->sent - l->acked ? l->per_ms : l->sent - l->acked;
		rate_acked(&l->r, at_us(l->now_us), l->acked, l->sent - l->acked, false);
	}
}

static void
test_flight(void)
{
	static struct line l;
	struct rate r;
	bool looked = false;

	rate_init(&r);
	ok(rate_flight(&r) == UINT64_MAX, "nothing known: no bound");
	rate_sent(&r, at_us(0), 1);
	rate_acked(&r, at_us(100000), 262144, 1000000, false);
	is_int(r.way_us, 100000, "the time from a byte to its acknowledgement");
	rate_sent(&r, at_us(100000), 262145);
	rate_acked(&r, at_us(150000), 524288, 1000000, false);
	is_int(r.way_us, 50000, "the least of them");
	rate_sent(&r, at_us(150000), 524289);
	rate_acked(&r, at_us(350000), 786432, 1000000, false);
	is_int(r.way_us, 50000, "and not a longer one, which may be the queue");
	r.per_ms = 125000;
	is_int(rate_flight(&r), RATE_FLIGHT_MIN + 125000 * 98, "1 Gbit/s, 50 ms: about twice 6.25 MB");
	r.way_us = 500;
	is_int(rate_flight(&r), RATE_FLIGHT_MIN + 62500, "a way within the house: once what it holds");
	r.way_us = 50000;
	rate_acked(&r, at_us(360000), 800000, 10, true);
	rate_sent(&r, at_us(400000), 800001);
	rate_acked(&r, at_us(9000000), 1100000, 1000000, false);
	is_int(r.way_us, 50000, "who has sent too little waits for himself");

	rate_init(&l.r);
	l.per_ms = 125000;
	busy(&l, 1000);
	ok(l.r.way_us > 0, "a busy line is measured");
	for (int i = 0; i < 40000 && !looked; i++) {
		busy(&l, 1);
		looked = l.r.look != LOOK_NOT;
	}
	ok(looked, "a way that was not confirmed is looked at again");
	ok(rate_flight(&l.r) < RATE_FLIGHT_MIN, "with little on its way");
	busy(&l, 1000);
	is_int(l.r.look, LOOK_NOT, "soon it is known");
	ok(l.r.way_us <= 8000, "without the queue (%lld us)", (long long)l.r.way_us);
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
