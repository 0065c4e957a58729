/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/mux*.c: payload that passes aside (fetch, expects, moved), and how much is on its way at
 * once. pair.c checks every byte. */

#include <config.h>

#include "pair.h"
#include "tap.h"
#include "util/compiler.h"

#define MANY 1048576u

static struct sock *
begin(struct pair *p, bool agent_aside, bool server_aside)
{
	struct mux_conf a = pair_conf(ROLE_AGENT), s = pair_conf(ROLE_SERVER);
	struct sock *k;

	a.aside_min = agent_aside ? MUX_ASIDE_MIN : 0;
	s.aside_min = server_aside ? MUX_ASIDE_MIN : 0;
	a.max_frame = s.max_frame = 262144;
	a.stream_window = s.stream_window = a.stream_window_max = s.stream_window_max = 4 * MANY;
	a.session_window = s.session_window = 16 * MANY;
	pair_init(p, &a, &s);
	pair_login(p);
	pair_fast(p);
	k = pair_open(p);
	pair_pump(p);
	return k;
}

static void
test_ways(bool agent, bool server)
{
	struct pair p;
	struct sock *k = begin(&p, agent, server), *far = sock_peer(k);

	sock_send(k, 3 * MANY + 1);
	sock_send(far, 2 * MANY + 2);
	pair_pump(&p);
	ok(far->got == 3 * MANY + 1 && k->got == 2 * MANY + 2, "all bytes came, agent %s, server %s",
		agent ? "aside" : "copying", server ? "aside" : "copying");
	ok((p.server.n_fetched > 0) == server && (p.agent.n_fetched > 0) == agent,
		"fetched by whoever does");
	ok((p.server.n_moved > 0) == server && (p.agent.n_moved > 0) == agent, "and taken likewise");
	sock_end(k);
	sock_end(far);
	pair_finish(&p);
	ok(k->fin && far->fin, "both ends are told");
	pair_fini(&p);
}

/* The frame that was begun goes on when its stream has ended, at either end. */
static void
test_reset(bool sender)
{
	struct pair p;
	struct sock *k = begin(&p, true, true), *far = sock_peer(k), *other = pair_open(&p);
	uint64_t before = far->got;

	pair_pump(&p);
	sock_send(k, MANY + 1);
	while (p.server.n_fetched == 0)
		end_output(&p.server, 65536);
	end_deliver(&p.server, 100000);
	ok(far->got > before && mux_expects(&p.agent.m, &(struct mux_stream *){NULL}) > 0,
		"in the middle of a frame");
	sock_abort(sender ? k : far, CODE_CLIENT_RESET);
	before = far->got;
	sock_send(other, 1000);
	pair_pump(&p);
	is_int(sock_peer(other)->got, 1000, sender ? "the sender aborts: others go on" :
						       "the receiver aborts: others go on");
	ok(sender || far->got == before, "and who has aborted gets nothing more");
	pair_fini(&p);
}

static void
test_expects(void)
{
	struct pair p;
	struct sock *k = begin(&p, true, true), *far = sock_peer(k);
	struct mux_stream *st = NULL;

	ok(mux_expects(&p.agent.m, &st) == 0 && st == NULL, "between frames nothing is expected");
	ok(mux_read_hint(&p.agent.m) == SIZE_MAX, "and all is read");
	sock_send(k, 200002); /* not a multiple of three: fetched */
	end_output(&p.server, 65536);
	mux_recv(&p.agent.m, p.now, p.server.out.p + p.server.out.from, FRAME_HEADER);
	is_int(mux_expects(&p.agent.m, &st), 200002, "behind the header all of the payload is");
	ok(st == far->st, "of that stream");
	is_int(mux_read_hint(&p.agent.m), 200002 + FRAME_HEADER, "nothing behind the next header is read");
	far->got += 200002;
	mux_moved(&p.agent.m, p.now, 200002);
	p.server.out.from = p.server.out.to;
	is_int(mux_expects(&p.agent.m, &st), 0, "all of it was taken");
	is_int(mux_read_hint(&p.agent.m), FRAME_HEADER, "a header is read next");
	for (int i = 0; i < 20; i++) {
		sock_send(k, 1);
		end_output(&p.server, 65536);
		end_deliver(&p.server, SIZE_MAX);
	}
	is_int(mux_read_hint(&p.agent.m), SIZE_MAX, "behind small frames only, all is read again");
	sock_consume(far, 200002);
	pair_finish(&p);
	pair_fini(&p);
}

/* Nobody acknowledges: half a megabyte is on its way, and no more. */
static void
test_flight(void)
{
	struct pair p;
	struct sock *k = begin(&p, false, false);
	uint64_t before;

	p.server.m.rate.way_us = 50;
	p.server.m.rate.per_ms = 0;
	sock_send(k, 4 * MANY);
	while (end_output(&p.server, 65536) > 0)
		continue;
	ok(k->pulled >= MANY / 2 - 65536 && k->pulled <= MANY / 2 + 65536, "what is on its way is bounded (%llu)",
		(unsigned long long)k->pulled);
	ok(!mux_wants_output(&p.server.m), "and nothing more is asked for");
	before = k->pulled;
	mux_reset(k->st, CODE_CLIENT_RESET, NULL);
	ok(end_output(&p.server, 65536) > 0 && k->pulled == before, "but control frames go");
	k->aborted = true;
	k = pair_open(&p);
	sock_send(k, 2 * MANY);
	pair_pump(&p);
	is_int(sock_peer(k)->got, 2 * MANY, "acknowledged, it goes on");
	p.server.m.rate.way_us = 100000;
	p.server.m.rate.per_ms = 20000;
	sock_send(k, 4 * MANY);
	before = k->pulled;
	while (end_output(&p.server, 65536) > 0)
		continue;
	is_int(k->pulled - before, 4 * MANY, "a long link takes more");
	pair_finish(&p);
	pair_fini(&p);
}

int
main(void)
{
	test_ways(false, false);
	test_ways(true, false);
	test_ways(false, true);
	test_ways(true, true);
	test_reset(true);
	test_reset(false);
	test_expects();
	test_flight();
	return done_testing();
}
