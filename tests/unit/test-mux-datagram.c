/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/mux_datagram.c: what waits is bounded, what is dropped is counted, and neither lane starves
 * the other. What frames look like is in tests/scenario/datagram-*.scn. */

#include <config.h>

#include <stdlib.h>

#include "pair.h"
#include "tap.h"
#include "util/compiler.h"

/* Logged in, and one flow that the agent has answered; the test owns p. */
static struct sock *
begin(struct pair *p, const struct mux_conf *server)
{
	struct sock *k;

	pair_init(p, NULL, server);
	pair_login(p);
	k = pair_open_flow(p);
	pair_pump(p);
	must(k->opened);
	return k;
}

static void
test_both_ways(void)
{
	struct pair p;
	struct sock *k = begin(&p, NULL), *far = sock_peer(k);

	for (size_t n = 0; n < 5; n++) {
		sock_datagram(k, n * 9000);
		sock_datagram(far, n);
	}
	pair_pump(&p);
	sock_datagram(k, FRAME_DATAGRAM_MAX);
	pair_pump(&p);
	is_int(far->n_got, 6, "all datagrams arrive, the empty one too");
	is_int(far->got, 90000 + FRAME_DATAGRAM_MAX, "with all their bytes");
	is_int(k->n_got, 5, "and those of the target");
	is_int(k->st->flow->sent, 6, "the flow counts what it has sent");
	is_int(k->st->flow->got, 5, "and got");
	is_int(p.server.m.dg.sent, 6, "the session does, too");
	ok(k->st->tx_sent == 0 && k->st->tx_credit == 0, "no credit was used or given");
	sock_abort(k, CODE_EXPIRED);
	pair_pump(&p);
	ok(far->reset && far->code == CODE_EXPIRED, "the other end hears why it ends");
	ok(k->st == NULL && far->st == NULL, "and it is over for both");
	pair_check(&p);
	pair_fini(&p);
}

static void
test_pieces(void)
{
	struct pair p;
	struct sock *k = begin(&p, NULL), *far = sock_peer(k);

	sock_datagram(k, 20000);
	sock_datagram(k, 0);
	sock_datagram(k, 7);
	while (end_output(&p.server, MUX_OUTPUT_MIN) > 0)
		;
	ok(p.agent.m.ctl_in == NULL, "no memory is used for assembling before there is a piece");
	for (size_t i = 0; i < 15000; i++)
		end_deliver(&p.server, 1);
	is_int(far->n_got, 0, "half a datagram is none");
	while (end_deliver(&p.server, 3) > 0)
		;
	is_int(far->n_got, 3, "they are assembled, whatever the pieces");
	ok(p.agent.m.ctl_in == NULL, "and the memory is given back");
	pair_fini(&p);
}

/* A frame that is longer than the room is finished in the next output, before anything else. */
static void
test_half_sent(void)
{
	struct pair p;
	struct sock *k = begin(&p, NULL), *far = sock_peer(k);

	sock_datagram(k, FRAME_DATAGRAM_MAX);
	is_int(end_output(&p.server, MUX_OUTPUT_MIN), MUX_OUTPUT_MIN, "the room is used up");
	sock_abort(k, CODE_EXPIRED);
	pair_pump(&p);
	is_int(far->n_got, 1, "its rest follows, although the stream was reset meanwhile");
	ok(far->reset, "then comes the end");

	k = pair_open_flow(&p);
	pair_pump(&p);
	far = sock_peer(k);
	sock_datagram(k, FRAME_DATAGRAM_MAX);
	end_output(&p.server, MUX_OUTPUT_MIN);
	mux_fail(&p.server.m, CODE_REPLACED, "a newer login");
	while (end_output(&p.server, MUX_OUTPUT_MIN) > 0)
		;
	end_deliver(&p.server, SIZE_MAX);
	is_int(far->n_got, 1, "also when the session ends");
	ok(p.agent.closed && p.agent.code == CODE_REPLACED, "whose GOAWAY is whole, then");
	pair_fini(&p);
}

static void
test_bounds_of_flow(void)
{
	struct pair p;
	struct sock *k = begin(&p, NULL), *far = sock_peer(k);

	for (int i = 0; i < 20; i++)
		sock_datagram(k, 100);
	is_int(k->st->flow->n, 8, "a flow holds as many as it may");
	is_int(k->st->flow->full, 12, "the others were dropped and counted");
	pair_pump(&p);
	is_int(far->n_got, 8, "what is left arrives");
	is_int(far->last_number, 20, "and it is the newest");

	for (int i = 0; i < 8; i++)
		sock_datagram(k, 60000);
	is_int(k->st->flow->n, 2, "bytes are bounded, too");
	pair_pump(&p);
	is_int(far->last_number, 28, "the newest stay");
	is_int(p.server.m.dg.full, 18, "the session counts all drops");
	pair_check(&p);
	pair_fini(&p);
}

static void
test_bounds_of_session(void)
{
	struct mux_conf conf = pair_conf(ROLE_SERVER);
	struct mux_pool pool = {.max = 400000};
	struct sock *k[6];
	struct pair p;
	size_t n = 0;

	conf.pool = &pool;
	pool.bytes = 350000; /* others have them */
	k[0] = begin(&p, &conf);
	for (size_t i = 1; i < ARRAY_LEN(k); i++)
		k[i] = pair_open_flow(&p);
	pair_pump(&p);
	for (size_t i = 0; i < ARRAY_LEN(k); i++)
		sock_datagram(k[i], 40000);
	is_int(k[2]->st->flow->n, 0, "what all sessions hold is bounded: the session's oldest go");
	ok(k[3]->st->flow->n == 1 && k[5]->st->flow->n == 1, "the newest stay");
	pool.bytes = 500000;
	for (size_t i = 0; i < 4; i++)
		sock_datagram(k[5], 40000);
	is_int(k[5]->st->flow->n, 3, "others cannot have everything: as much as one flow's is sure");
	is_int(k[5]->st->flow->full, 2, "not more than that");
	ok(p.server.m.dg.bytes <= conf.flow_bytes, "of the session, not of each flow");
	pool.bytes = p.server.m.dg.bytes;
	for (size_t i = 0; i < 12; i++)
		sock_datagram(k[i % ARRAY_LEN(k)], 40000);
	for (size_t i = 0; i < ARRAY_LEN(k); i++)
		n += k[i]->st->flow->n;
	is_int(n, 6, "and so is what a session holds");
	ok(pool.bytes == p.server.m.dg.bytes && pool.bytes <= 262144, "the sums agree");
	pair_check(&p);
	sock_abort(k[0], CODE_EXPIRED);
	pair_fini(&p);
	is_int(pool.bytes, 0, "in the end nothing is left");
}

static void
test_age(void)
{
	struct pair p;
	struct sock *k = begin(&p, NULL), *far = sock_peer(k);

	sock_datagram(k, 10);
	pair_sleep(&p, 1500);
	sock_datagram(k, 11);
	pair_sleep(&p, 1000);
	pair_pump(&p);
	is_int(far->n_got, 1, "what has waited too long is not sent");
	is_int(far->got, 11, "the younger one is");
	is_int(k->st->flow->late, 1, "and that is counted by itself");
	sock_datagram(k, 10);
	pair_sleep(&p, 2500);
	sock_datagram(k, 10);
	is_int(k->st->flow->n, 1, "the old are dropped when a new one comes, even if nothing is sent");
	pair_fini(&p);
}

/* A session whose peer reads nothing: only the clock goes on. */
static void
test_deadline(void)
{
	struct mux_conf conf = pair_conf(ROLE_SERVER);
	struct mux_pool pool = {.max = 400000};
	struct mono idle;
	struct sock *k;
	struct pair p;

	conf.pool = &pool;
	k = begin(&p, &conf);
	idle = mux_deadline(&p.server.m);
	ok(mono_diff_ms(idle, p.now) > 2000, "without datagrams none is waited for");
	sock_datagram(k, 10);
	is_int(mono_diff_ms(mux_deadline(&p.server.m), p.now), 2000, "the oldest has its time");
	pair_sleep(&p, 500);
	sock_datagram(k, 10);
	is_int(mono_diff_ms(mux_deadline(&p.server.m), p.now), 1500, "a younger one changes nothing");
	pair_sleep(&p, 1499);
	is_int(k->st->flow->n, 2, "a moment before both are there");
	pair_sleep(&p, 1);
	is_int(k->st->flow->n, 1, "then the first is dropped");
	is_int(mono_diff_ms(mux_deadline(&p.server.m), p.now), 500, "and the second waited for");
	pair_sleep(&p, 500);
	is_int(k->st->flow->late, 2, "both were late");
	is_int(pool.bytes, 0, "others have the memory");
	is_int(mux_deadline(&p.server.m).ns, idle.ns, "and the session waits for nothing more");
	pair_fini(&p);
}

/* A flood beside bulk data, on a link that takes a piece at a time. */
static void
test_lanes(void)
{
	struct pair p;
	struct sock *k = begin(&p, NULL), *bulk = pair_open(&p), *other = pair_open_flow(&p);
	uint64_t data = 0, datagrams = 0, single = 0;
	struct seen *s = xmalloc(sizeof(*s));

	pair_pump(&p);
	sock_send(bulk, 1 << 24);
	for (int i = 0; i < 100; i++) {
		for (int j = 0; j < 8; j++)
			sock_datagram(k, 10000);
		sock_datagram(other, 100);
		end_output(&p.server, 65536);
		end_deliver(&p.server, SIZE_MAX);
		end_output(&p.agent, 65536);
		end_deliver(&p.agent, SIZE_MAX);
	}
	data = sock_peer(bulk)->got;
	datagrams = sock_peer(k)->got;
	single = sock_peer(other)->n_got;
	ok(data > 100 * 20000, "bulk gets its share beside a flood: %llu", (unsigned long long)data);
	ok(datagrams > 100 * 20000, "and the flood its own: %llu", (unsigned long long)datagrams);
	is_int(single, 100, "another flow's datagrams wait for neither");
	pair_fini(&p);

	k = begin(&p, NULL);
	bulk = pair_open(&p);
	pair_pump(&p);
	sock_send(bulk, 1 << 20);
	end_output(&p.server, 65536);
	end_deliver(&p.server, SIZE_MAX);
	sock_datagram(k, 100);
	end_output(&p.server, 65536);
	end_deliver(&p.server, 8 + 16 + 200);
	ok(sock_peer(k)->n_got == 1, "a datagram overtakes all DATA that was not put out yet");
	pair_fini(&p);
	free(s);
}

static void
test_unanswered(void)
{
	struct pair p;
	struct sock *k, *far;

	pair_init(&p, NULL, NULL);
	pair_login(&p);
	p.agent.hold_open = true;
	k = pair_open_flow(&p);
	sock_datagram(k, 10);
	pair_pump(&p);
	far = sock_peer(k);
	is_int(far->n_got, 1, "the first datagram waits for no answer");
	sock_datagram(far, 10);
	is_int(far->st->flow->n, 0, "the agent's does not wait at all");
	mux_detach(&p.server.m, p.now);
	sock_datagram(k, 10);
	is_int(k->st->flow->n, 0, "nor is anything kept for a link that is lost");
	pair_fini(&p);
}

/* DATA that waits for an ACK, and not for its turn, holds up nobody. */
static void
test_held_up_by_nobody(void)
{
	struct mux_conf agent = pair_conf(ROLE_AGENT);
	struct sock *bulk, *flow;
	struct pair p;

	agent.stream_window = agent.session_window = 16777216;
	pair_init(&p, &agent, NULL);
	pair_login(&p);
	bulk = pair_open(&p);
	flow = pair_open_flow(&p);
	pair_pump(&p);
	p.server.m.rate.way_us = 1; /* a link that is known: not everything may be on its way */
	sock_send(bulk, 16000000);
	while (end_output(&p.server, 65536) > 0)
		;
	ok(bulk->avail > 0 && !mux_wants_output(&p.server.m), "bulk waits for an ACK");
	for (unsigned i = 1; i <= 2; i++) {
		sock_datagram(flow, 60000);
		ok(mux_wants_output(&p.server.m), "a large datagram goes");
		end_output(&p.server, 65536);
		is_int(flow->st->flow->sent, i, "at once");
	}
	pair_pump(&p);
	is_int(sock_peer(flow)->n_got, 2, "and both arrive");
	is_int(sock_peer(bulk)->got, 16000000, "like all of the rest");
	pair_fini(&p);
}

int
main(void)
{
	test_both_ways();
	test_pieces();
	test_half_sent();
	test_bounds_of_flow();
	test_bounds_of_session();
	test_age();
	test_deadline();
	test_lanes();
	test_unanswered();
	test_held_up_by_nobody();
	return done_testing();
}
