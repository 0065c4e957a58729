/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/mux_credit.c and mux_send.c: credit of streams and of the session, growing windows, and
 * whose turn it is (protocol.md section 6). */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "pair.h"
#include "tap.h"
#include "util/compiler.h"

#define WINDOW 65536
#define LOTS ((uint64_t)UINT32_MAX << 32)

/* One answered stream; the agent keeps what comes. */
static struct sock *
begin(struct pair *p, uint32_t session_window)
{
	struct mux_conf agent = pair_conf(ROLE_AGENT);
	struct sock *k;

	agent.session_window = session_window;
	pair_init(p, &agent, NULL);
	pair_login(p);
	p->agent.hold_data = true;
	k = pair_open(p);
	pair_pump(p);
	return k;
}

static void
test_window(void)
{
	struct pair p;
	struct sock *k = begin(&p, 1048576), *far = sock_peer(k);
	struct seen s;

	sock_send(k, 200000);
	end_output(&p.server, 1048576);
	end_output(&p.server, 1048576);
	end_deliver(&p.server, SIZE_MAX);
	is_int(far->got, WINDOW, "no more than the window is sent");
	ok(k->st->hungry && k->st->blocked_said, "the sender has said BLOCKED");
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 0, "a receiver that holds everything gives nothing");
	sock_consume(far, WINDOW / 2 - 1);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 0, "less than half a window is not worth a frame");
	sock_consume(far, 1);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 1, "half a window is");
	is_int(end_feed(&p.server, FRAME_CREDIT, 1, s.payload[FRAME_CREDIT], 8), 0, "CREDIT");
	end_look(&p.server, &s);
	is_int(s.data, WINDOW / 2, "lets that much follow");
	is_int(s.n[FRAME_BLOCKED], 1, "and BLOCKED is said again, once");
	is_int(s.last[FRAME_BLOCKED].stream, 1, "for the stream");
	sock_send(k, 1);
	end_look(&p.server, &s);
	is_int(s.n[FRAME_BLOCKED] + s.n[FRAME_DATA], 0, "not a second time");
	end_check(&p.server);
	pair_fini(&p);
}

static void
test_blocked(void)
{
	struct pair p;
	struct seen s;

	must(begin(&p, 1048576) != NULL);
	p.agent.untrusted = true;
	must(end_feed_data(&p.agent, 1, WINDOW) == 0);
	sock_consume(p.agent.socks[0], WINDOW / 2 - 1);
	must(end_feed_u64(&p.agent, FRAME_BLOCKED, 1, WINDOW) == 0);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 0, "BLOCKED does not hurry a reader that is behind");
	pair_fini(&p);

	must(begin(&p, 1048576) != NULL);
	p.agent.untrusted = true;
	must(end_feed_data(&p.agent, 1, 10) == 0);
	sock_consume(p.agent.socks[0], 10);
	must(end_feed_u64(&p.agent, FRAME_BLOCKED, 1, 10) == 0);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 1, "one that keeps up gives what it owes, at once");
	is_int(s.payload[FRAME_CREDIT][1], 1, "and a second window");
	is_int(s.payload[FRAME_CREDIT][3], 10, "on top");
	is_int(s.payload[FRAME_CREDIT][7], 10, "of which ten were taken");
	end_check(&p.agent);
	pair_fini(&p);
}

static void
test_growth(void)
{
	struct pair p;
	struct sock *k = begin(&p, 1048576), *far = sock_peer(k);

	p.agent.hold_data = false;
	sock_send(k, 8000000);
	pair_pump(&p);
	is_int(far->got, 8000000, "a fast reader gets all");
	is_int(far->st->rx_window, 524288, "its window has grown to half of the session's");
	pair_check(&p);
	for (int i = 0; i < 20; i++)
		sock_send(pair_open(&p), 3000000);
	pair_pump(&p);
	pair_check(&p);
	pair_finish(&p);
	is_int(p.agent.m.rx_over, 0, "in the end nothing is outstanding");
	pair_fini(&p);

	k = begin(&p, 1048576);
	far = sock_peer(k);
	sock_send(k, 8000000);
	for (int i = 0; i < 50; i++) {
		pair_pump(&p);
		sock_consume(far, WINDOW / 4);
	}
	is_int(far->st->rx_window, WINDOW, "the window of a slow reader stays");
	pair_fini(&p);
}

/* However many streams stall, the next one moves. */
static void
test_floors(void)
{
	struct pair p;
	struct sock *k = begin(&p, 262144), *far;
	int turns = 0;

	sock_send(k, 100000);
	for (int i = 1; i < 64; i++)
		sock_send(pair_open(&p), 100000);
	pair_pump(&p);
	pair_check(&p);
	is_int(p.server.m.tx_over, 262144, "64 stalled streams have used up the session's window");
	ok(!list_empty(&p.server.m.parked), "some wait for it");
	ok(p.server.m.blocked_said, "and BLOCKED was said for the session");
	k = pair_open(&p);
	sock_send(k, 500000);
	sock_end(k);
	pair_pump(&p);
	far = sock_peer(k);
	is_int(far->got, MUX_FLOOR, "the 65th still has its floor");
	while (!far->fin && turns++ < 200) {
		sock_consume(far, UINT64_MAX);
		pair_pump(&p);
		pair_check(&p);
	}
	is_int(far->got, 500000, "and carries everything through it");
	ok(far->fin, "to the end");
	pair_finish(&p);
	pair_fini(&p);
}

static void
test_parked_go_on(bool by_reset)
{
	struct pair p;
	struct sock *k = begin(&p, 65536), *waiting;
	uint64_t before;

	sock_send(k, 65536);
	for (int i = 1; i < 4; i++)
		sock_send(pair_open(&p), 100000);
	pair_pump(&p);
	is_int(p.server.m.tx_over, 65536, "the session's window is full");
	waiting = p.server.socks[3];
	ok(waiting->st->parked, "the last stream waits");
	ok(sock_peer(waiting)->got >= MUX_FLOOR && waiting->avail > 0, "above its floor");
	p.server.n_wake = 0;
	before = p.server.m.tx_seq;
	if (by_reset) {
		sock_abort(sock_peer(k), CODE_TARGET_RESET);
		end_output(&p.agent, MUX_OUTPUT_MIN);
		end_deliver(&p.agent, SIZE_MAX);
		while (mux_wants_output(&p.server.m) && end_output(&p.server, 65536) > 0)
			;
	} else {
		sock_consume(sock_peer(k), 65536);
		end_output(&p.agent, MUX_OUTPUT_MIN);
		end_deliver(&p.agent, SIZE_MAX);
	}
	ok(p.server.n_wake > 0, "what another stream gives back wakes the sender");
	pair_pump(&p);
	ok(p.server.m.tx_seq > before + MUX_FLOOR / 2, "and lets others send");
	pair_check(&p);
	pair_finish(&p);
	pair_fini(&p);
}

/* A stream that ends takes with it what it had outstanding, whatever ends it. */
static void
test_parked_go_on_at_an_end(void)
{
	struct pair p;
	struct sock *k = begin(&p, 65536), *waiting;

	sock_send(k, 65535);
	sock_end(k);
	pair_pump(&p);
	waiting = pair_open(&p);
	sock_send(waiting, 65536);
	pair_pump(&p);
	is_int(waiting->pulled, 65536 - (65535 - MUX_FLOOR) + MUX_FLOOR, "a stream waits for another");
	ok(waiting->st->parked, "whose upload nobody reads");
	sock_end(sock_peer(k));
	end_output(&p.agent, MUX_OUTPUT_MIN);
	p.server.n_wake = 0;
	end_deliver(&p.agent, SIZE_MAX);
	ok(k->st == NULL && p.server.n_wake > 0, "its end wakes the sender");
	pair_pump(&p);
	is_int(waiting->pulled, 65536, "and the rest goes");
	pair_finish(&p);
	pair_fini(&p);
}

/* Bytes behind FIN still belong to the session's window until they are consumed. */
static void
test_credit_after_fin(void)
{
	struct pair p;
	struct sock *k = begin(&p, 65536), *far = sock_peer(k), *other;

	sock_send(k, 65535);
	sock_end(k);
	pair_pump(&p);
	ok(far->fin && p.server.m.tx_over == 65535 - MUX_FLOOR, "a finished upload that nobody has read counts");
	sock_consume(far, UINT64_MAX);
	pair_pump(&p);
	is_int(p.server.m.tx_over, 0, "read, it counts no more, though the answer is not there yet");
	other = pair_open(&p);
	sock_send(other, 65536);
	pair_pump(&p);
	is_int(sock_peer(other)->got, 65536, "and another stream has the room");
	pair_finish(&p);
	pair_fini(&p);
}

static void
test_hurry(void)
{
	struct pair p;
	struct sock *k = begin(&p, 1048576);
	struct seen s;

	for (int i = 0; i < 4; i++) {
		sock_send(k, 40000);
		pair_pump(&p);
		sock_consume(sock_peer(k), 20000);
		end_look(&p.agent, &s);
		is_int(s.n[FRAME_CREDIT], 0, "there is plenty: CREDIT can wait");
		k = pair_open(&p);
	}
	for (int i = 0; i < 7; i++) {
		sock_send(k, 65536);
		end_output(&p.server, 262144);
		end_deliver(&p.server, SIZE_MAX);
		k = pair_open(&p);
	}
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 4, "over an eighth of it: what was consumed is returned early");
	sock_consume(p.agent.socks[5], 1048576 / 16 / 11 - 1);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 0, "of a sixteenth for all streams a stream keeps its part");
	sock_consume(p.agent.socks[5], 1);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 1, "that is");
	p.agent.untrusted = true;
	must(end_feed_u64(&p.agent, FRAME_BLOCKED, 0, 0) == 0);
	end_look(&p.agent, &s);
	sock_consume(p.agent.socks[5], 1023);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 0, "when the peer waits, at once, but not in crumbs");
	sock_consume(p.agent.socks[5], 1);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 1, "a kilobyte is none");
	for (size_t i = 0; i < p.agent.n_socks; i++)
		sock_consume(p.agent.socks[i], UINT64_MAX);
	end_look(&p.agent, &s);
	k = p.server.socks[11];
	sock_send(k, 30000);
	end_output(&p.server, 65536);
	end_deliver(&p.server, SIZE_MAX);
	sock_consume(sock_peer(k), 5000);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_CREDIT], 0, "and when there is plenty again, CREDIT can wait again");
	end_check(&p.agent);
	pair_fini(&p);
}

/* A reader that is behind all the time needs no more than it uses: credit is withheld. */
static void
test_shrinking(void)
{
	struct pair p;
	struct mux_conf agent = pair_conf(ROLE_AGENT);
	struct sock *k, *far;
	uint64_t limit;

	agent.stream_window = agent.stream_window_max = 1048576;
	agent.session_window = 4194304;
	pair_init(&p, &agent, NULL);
	pair_login(&p);
	p.agent.hold_data = true;
	k = pair_open(&p);
	pair_pump(&p);
	far = sock_peer(k);
	sock_send(k, 100000000);
	pair_pump(&p);
	is_int(far->got, 1048576, "a stream stalls at its window");
	limit = k->st->tx_credit;
	sock_consume(far, 65536);
	pair_pump(&p);
	is_int(far->st->rx_window, 524288, "a reader that is behind keeps half of it");
	is_int(k->st->tx_credit, limit, "by getting nothing back");
	is_int(k->st->tx_taken, 65536, "though the session does");
	for (int i = 0; i < 100; i++) {
		sock_consume(far, 16384);
		pair_pump(&p);
		pair_check(&p);
	}
	is_int(far->st->rx_window, WINDOW, "and less and less");
	ok(far->got - far->used <= WINDOW, "as it drains");
	ok(k->st->tx_credit > limit, "then it goes on");
	p.agent.hold_data = false;
	sock_consume(far, UINT64_MAX);
	pair_pump(&p);
	is_int(far->st->rx_window, 1048576, "once it keeps up its window comes back");
	is_int(far->got, 100000000, "with all the rest");
	pair_finish(&p);
	pair_fini(&p);
}

/* Half a window within two round trips: it grows before the sender says that it waits. */
static void
test_growth_by_rate(void)
{
	struct pair p;

	must(begin(&p, 4194304) != NULL);
	p.agent.untrusted = true;
	p.agent.m.rtt_min_us = 50000;
	must(end_feed_data(&p.agent, 1, WINDOW / 2) == 0);
	p.now = mono_add_ms(p.now, 99);
	sock_consume(p.agent.socks[0], WINDOW / 2);
	end_output(&p.agent, 65536);
	is_int(p.agent.socks[0]->st->rx_window, 2 * WINDOW, "fast: it is doubled");
	must(end_feed_data(&p.agent, 1, WINDOW) == 0);
	p.now = mono_add_ms(p.now, 101);
	sock_consume(p.agent.socks[0], WINDOW);
	end_output(&p.agent, 65536);
	is_int(p.agent.socks[0]->st->rx_window, 2 * WINDOW, "not so fast: it stays");
	must(end_feed_data(&p.agent, 1, WINDOW) == 0);
	p.now = mono_add_ms(p.now, 3300);
	sock_consume(p.agent.socks[0], WINDOW);
	end_output(&p.agent, 65536);
	is_int(p.agent.socks[0]->st->rx_window, WINDOW, "slow: it goes back to where it began");
	pair_fini(&p);

	must(begin(&p, 4194304) != NULL);
	p.agent.untrusted = true;
	p.agent.m.rtt_min_us = 0;
	must(end_feed_data(&p.agent, 1, WINDOW / 2) == 0);
	sock_consume(p.agent.socks[0], WINDOW / 2);
	end_output(&p.agent, 65536);
	is_int(p.agent.socks[0]->st->rx_window, WINDOW, "of an unknown round trip nothing follows");
	must(end_feed_data(&p.agent, 1, WINDOW) == 0);
	sock_consume(p.agent.socks[0], WINDOW);
	must(end_feed_u64(&p.agent, FRAME_BLOCKED, 1, WINDOW * 3 / 2) == 0);
	end_output(&p.agent, 65536);
	p.now = mono_add_ms(p.now, 70);
	must(end_feed_data(&p.agent, 1, 1000) == 0);
	is_int(p.agent.m.credit_rtt_us, 70000, "but the answer to BLOCKED tells how long it is");
	pair_fini(&p);
}

/* A reader with a backlog takes a byte whenever one comes, and everybody else stalls: frames must not
 * shrink to one byte for good. */
static void
test_no_crumbs(void)
{
	struct pair p;
	struct sock *k = begin(&p, 65536), *far = sock_peer(k);
	uint64_t frames, got;

	for (int i = 0; i < 3; i++)
		sock_send(pair_open(&p), 65536);
	sock_send(k, MUX_FLOOR);
	pair_pump(&p);
	is_int(p.server.m.tx_over, 65536, "the session's window is full");
	sock_consume(far, 1);
	sock_send(k, 1000000);
	pair_pump(&p);
	frames = p.agent.m.frames_in;
	got = far->got;
	for (int i = 0; i < 8000; i++) {
		sock_consume(far, i % 3 == 0 ? 10 : 1);
		pair_pump(&p);
	}
	frames = p.agent.m.frames_in - frames;
	got = far->got - got;
	ok(got > 20000, "%" PRIu64 " bytes were let through", got);
	ok(frames > 10 && frames < 100, "in %" PRIu64 " frames", frames);
	pair_finish(&p);
	pair_fini(&p);
}

static void
test_too_much(void)
{
	struct pair p;
	struct sock *k = begin(&p, 1048576);

	p.agent.untrusted = true;
	is_int(end_feed_data(&p.agent, 1, WINDOW), 0, "a whole window may come");
	is_int(end_feed_data(&p.agent, 1, 1), -EPROTO, "not a byte more");
	ok(p.agent.closed && p.agent.local && p.agent.code == CODE_FLOW, "it is called flow");
	pair_fini(&p);

	k = begin(&p, 65536);
	must(k != NULL && pair_open(&p) != NULL);
	pair_pump(&p);
	p.agent.untrusted = true;
	is_int(end_feed_data(&p.agent, 1, WINDOW), 0, "49152 bytes above the floor");
	is_int(end_feed_data(&p.agent, 2, 32768), 0, "and 16384 more: the session's window is full");
	is_int(end_feed_data(&p.agent, 2, 1), -EPROTO, "the session has a limit, too");
	is_int(p.agent.code, CODE_FLOW, "flow");
	pair_fini(&p);

	k = begin(&p, 1048576);
	sock_abort(sock_peer(k), CODE_TARGET_RESET);
	is_int(end_feed_data(&p.agent, 1, WINDOW), 0, "what comes after our RESET is thrown away");
	is_int(sock_peer(k)->got, 0, "unseen");
	is_int(end_feed_data(&p.agent, 1, 1), -EPROTO, "but counted");
	pair_fini(&p);
}

/* v of CREDIT: bytes, and in the lower half what was taken. */
static int
feed_to_sender(uint32_t stream, uint8_t type, uint64_t v, uint16_t *code_r)
{
	struct pair p;
	int rc;

	must(begin(&p, 1048576) != NULL);
	rc = end_feed_u64(&p.server, type, stream, v);
	*code_r = p.server.code;
	pair_fini(&p);
	return rc;
}

static void
test_bad_credit(void)
{
	struct pair p;
	uint16_t code;

	is_int(feed_to_sender(1, FRAME_CREDIT, 0, &code), -EPROTO, "CREDIT of 0 is illegal");
	is_int(code, CODE_PROTOCOL, "a breach of protocol");
	is_int(feed_to_sender(0, FRAME_CREDIT, 0, &code), -EPROTO, "for the session, too");
	is_int(feed_to_sender(1, FRAME_CREDIT, LOTS, &code), 0, "much credit is legal");
	is_int(feed_to_sender(0, FRAME_CREDIT, LOTS, &code), 0, "for the session, too");
	is_int(feed_to_sender(2, FRAME_CREDIT, LOTS, &code), -EPROTO, "for an unknown stream it is not");
	is_int(feed_to_sender(1, FRAME_CREDIT, LOTS + 1, &code), -EPROTO,
		"nor is a byte taken that was not sent");
	is_int(feed_to_sender(1, FRAME_BLOCKED, 5, &code), -EPROTO, "BLOCKED at a wrong place");
	is_int(feed_to_sender(1, FRAME_BLOCKED, 0, &code), 0, "BLOCKED at the right place");
	is_int(feed_to_sender(0, FRAME_BLOCKED, 0, &code), 0, "BLOCKED for the session");

	must(begin(&p, 1048576) != NULL);
	p.server.m.tx_session_credit = ((uint64_t)1 << 62) - 5;
	is_int(end_feed_credit(&p.server, 0, 5, 0), 0, "up to 2^62");
	is_int(end_feed_credit(&p.server, 0, 1, 0), -EPROTO, "not beyond");
	pair_fini(&p);
}

static void
test_session_credit(void)
{
	struct pair p;
	struct sock *k = begin(&p, 65536), *far = sock_peer(k);
	struct seen s;
	uint64_t before;

	for (int i = 0; i < 3; i++)
		sock_send(pair_open(&p), 65536);
	pair_pump(&p);
	ok(!mux_wants_output(&p.server.m), "BLOCKED for the session does not wait for a next time");
	k = p.server.socks[3];
	far = sock_peer(k);
	ok(far->got >= MUX_FLOOR && far->got < 65536, "a stream waits for the session");
	before = k->pulled + p.server.socks[2]->pulled;
	end_feed_credit(&p.server, 0, 1000, 0);
	end_look(&p.server, &s);
	is_int(s.data, 1000, "CREDIT for stream 0 lets that much go");
	is_int(s.n[FRAME_BLOCKED], 1, "and BLOCKED is said again");
	is_int(s.last[FRAME_BLOCKED].stream, 0, "for the session");
	is_int(k->pulled + p.server.socks[2]->pulled, before + 1000, "to whom has waited");
	end_check(&p.server);
	pair_fini(&p);
}

/* Two busy streams share the link evenly, and a small one does not wait for them. */
static void
test_turns(void)
{
	struct pair p;
	struct mux_conf big = pair_conf(ROLE_AGENT);
	struct sock *a, *b, *small;
	int64_t difference;

	big.stream_window = big.stream_window_max = 16777216;
	big.session_window = 1073741824;
	pair_init(&p, &big, NULL);
	pair_login(&p);
	a = pair_open(&p);
	b = pair_open(&p);
	sock_send(a, 10000000);
	sock_send(b, 10000000);
	for (int i = 0; i < 50; i++)
		end_output(&p.server, 65536);
	difference = (int64_t)a->pulled - (int64_t)b->pulled;
	ok(a->pulled > 1000000 && llabs(difference) <= 65536, "two streams take turns");
	small = pair_open(&p);
	sock_send(small, 100);
	for (int i = 0; i < 4; i++)
		end_output(&p.server, 65536);
	is_int(small->pulled, 100, "a third has its turn within a round");
	p.server.m.ping_due = true;
	p.server.out.from = p.server.out.to;
	end_output(&p.server, 65536);
	is_int(p.server.out.p[p.server.out.from + 3], FRAME_PING, "control frames go before DATA");
	pair_fini(&p);
}

/* However much room there is, a stream's turn is one frame, and that as long as the link takes in a
 * millisecond. */
static void
test_quantum(uint32_t per_ms, uint32_t want, const char *what)
{
	struct pair p;
	struct mux_conf big = pair_conf(ROLE_AGENT);
	uint32_t longest = 0, changes = 0, last = 0;
	struct link *l = &p.server.out;
	struct frame f;

	big.max_frame = 262144;
	big.stream_window = big.stream_window_max = 16777216;
	big.session_window = 1073741824;
	pair_init(&p, &big, NULL);
	pair_login(&p);
	p.server.m.rate.per_ms = per_ms;
	sock_send(pair_open(&p), 500000);
	sock_send(pair_open(&p), 500000);
	l->from = l->to;
	end_output(&p.server, 2097152);
	while (l->from < l->to) {
		frame_decode(l->p + l->from, &f);
		l->from += FRAME_HEADER + f.len;
		longest = MAX(longest, f.len);
		changes += f.type == FRAME_DATA && f.stream != last;
		last = f.stream;
	}
	is_int(longest, want, what);
	ok(changes >= 1000000 / want, "and turns change all the time");
	pair_fini(&p);
}

/* A heavier stream has more of the link, and not all of it. */
static void
test_weight(void)
{
	struct pair p;
	struct mux_conf big = pair_conf(ROLE_AGENT);
	struct sock *heavy, *light;

	big.stream_window = big.stream_window_max = 16777216;
	big.session_window = 1073741824;
	pair_init(&p, &big, NULL);
	pair_login(&p);
	light = pair_open(&p);
	heavy = pair_open(&p);
	mux_weight(heavy->st, 4);
	sock_send(light, 10000000);
	sock_send(heavy, 10000000);
	for (int i = 0; i < 14; i++)
		end_output(&p.server, 65536);
	ok(heavy->pulled > light->pulled * 7 / 2 && heavy->pulled < light->pulled * 9 / 2,
		"weight 4 has four times as much as weight 1 (%llu, %llu)",
		(unsigned long long)heavy->pulled, (unsigned long long)light->pulled);
	pair_fini(&p);
}

int
main(void)
{
	test_window();
	test_blocked();
	test_growth();
	test_floors();
	test_parked_go_on(false);
	test_parked_go_on(true);
	test_parked_go_on_at_an_end();
	test_credit_after_fin();
	test_hurry();
	test_shrinking();
	test_growth_by_rate();
	test_no_crumbs();
	test_too_much();
	test_bad_credit();
	test_session_credit();
	test_turns();
	test_weight();
	test_quantum(0, 16384, "nothing is known of the link: short frames");
	test_quantum(1000, 16384, "a slow link: no shorter ones");
	test_quantum(100000, 100000, "100 MB/s: what goes in a millisecond");
	test_quantum(10000000, 262144, "a fast link: what the peer takes");
	return done_testing();
}
