/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/mux_login.c where a session lives: frames of a renewal stand between two others, whatever
 * is half sent, and each login has nonces of its own. Conversations are in
 * tests/scenario/renew-*.scn. */

#include <config.h>

#include "pair.h"
#include "pairlink.h"
#include "tap.h"
#include "util/compiler.h"

static void
test_when(void)
{
	struct pair p;

	pair_init(&p, NULL, NULL);
	ok(!mux_may_renew(&p.agent.m), "there is nothing to renew before a login");
	pair_login(&p);
	ok(mux_may_renew(&p.agent.m) && !mux_may_renew(&p.server.m), "it is the agent's to ask");
	ok(pair_renew(&p) && !pair_renew(&p), "there is one at a time");
	pair_pump(&p);
	is_int(p.agent.n_auth_ok, 2, "it is allowed");
	ok(mux_may_renew(&p.agent.m), "then there may be another");
	mux_drain(&p.server.m, CODE_SHUTDOWN, 0, NULL);
	pair_pump(&p);
	ok(pair_renew(&p), "a session that drains may be renewed");
	pair_pump(&p);
	is_int(p.agent.n_auth_ok, 3, "and is");
	mux_detach(&p.agent.m, p.now);
	ok(!mux_may_renew(&p.agent.m), "one without a link may not");
	mux_detach(&p.server.m, p.now);
	pair_fini(&p);
}

static void
test_time(void)
{
	struct pair p;

	pair_init(&p, NULL, NULL);
	p.server.expires_ms = 5000;
	pair_login(&p);
	is_int(p.agent.told_expires_ms, 5000, "the agent hears for how long");
	is_int(mono_diff_ms(mux_deadline(&p.server.m), p.now), 5000, "the server knows when");
	pair_sleep(&p, 4999);
	p.server.expires_ms = 7000;
	ok(pair_renew(&p), "it is renewed just before");
	pair_pump(&p);
	is_int(p.agent.told_expires_ms, 7000, "for longer");
	pair_sleep(&p, 6999);
	ok(!p.server.closed, "then it lives for as long");
	pair_sleep(&p, 1);
	ok(p.server.closed && p.server.code == CODE_LOGIN_EXPIRED, "and no longer");
	pair_pump(&p);
	ok(p.agent.closed && !p.agent.local && p.agent.code == CODE_LOGIN_EXPIRED,
		"the agent hears why");
	pair_fini(&p);
}

/* Both have put out half of a datagram when they speak of the renewal. */
static void
test_half_a_datagram(void)
{
	struct pair p;
	struct sock *k, *far;

	pair_init(&p, NULL, NULL);
	pair_login(&p);
	k = pair_open_flow(&p);
	pair_pump(&p);
	far = sock_peer(k);
	sock_datagram(far, FRAME_DATAGRAM_MAX);
	sock_datagram(k, FRAME_DATAGRAM_MAX);
	end_output(&p.agent, MUX_OUTPUT_MIN);
	end_output(&p.server, MUX_OUTPUT_MIN);
	must(p.agent.m.dg.part != NULL && p.server.m.dg.part != NULL);
	p.server.hold_renewal = true;
	pair_renew(&p);
	pair_pump(&p);
	is_int(k->n_got, 1, "AUTH does not come into the middle of a datagram");
	sock_datagram(k, FRAME_DATAGRAM_MAX);
	end_output(&p.server, MUX_OUTPUT_MIN);
	must(p.server.m.dg.part != NULL);
	end_answer_renewal(&p.server);
	pair_pump(&p);
	is_int(far->n_got, 2, "nor does its answer");
	is_int(p.agent.n_auth_ok, 2, "which comes behind it");
	pair_fini(&p);
}

/* One step of everybody. */
static void
step(struct pair *p)
{
	end_output(&p->agent, MUX_OUTPUT_MIN);
	end_deliver(&p->agent, SIZE_MAX);
	end_output(&p->server, MUX_OUTPUT_MIN);
	end_deliver(&p->server, SIZE_MAX);
}

/* The old link has broken in the middle of a frame of the agent, which the new one goes on with. */
static void
test_half_a_frame(void)
{
	struct mux_conf agent = pairlink_conf(ROLE_AGENT), server = pairlink_conf(ROLE_SERVER);
	struct pair p;
	struct sock *k, *far;

	pair_init(&p, &agent, &server);
	pair_login(&p);
	k = pair_open(&p);
	pair_pump(&p);
	far = sock_peer(k);
	sock_send(far, 10000);
	pair_renew(&p);
	end_output(&p.agent, 65536);
	end_deliver(&p.agent, (p.agent.out.to - p.agent.out.from) - 5000);
	ok(k->got > 0 && k->got < 10000 && p.server.n_auth == 2, "some has come, and AUTH");
	pairlink_cut(&p);
	pairlink_open(&p);
	while (!p.agent.m.linked)
		step(&p);
	ok(p.agent.m.again_inside, "the link goes on inside a frame");
	ok(pair_renew(&p), "the renewal is begun again");
	pair_pump(&p);
	is_int(k->got, 10000, "behind the rest of the frame");
	ok(p.server.n_auth == 3 && p.agent.n_auth_ok == 2, "and only the new one is answered");
	pair_finish(&p);
	pair_fini(&p);
}

/* Of every two logins one nonce at least differs, however alike the links are. */
static void
test_nonces(void)
{
	struct mux_conf agent = pairlink_conf(ROLE_AGENT), server = pairlink_conf(ROLE_SERVER);
	uint8_t seen[12][2 * MSG_NONCE];
	struct pair p;
	bool fresh = true;

	pair_init(&p, &agent, &server);
	pair_login(&p);
	memcpy(seen[0], p.server.nonces, sizeof(seen[0]));
	for (size_t i = 1; i < ARRAY_LEN(seen); i++) {
		if (i % 4 == 0) {
			pairlink_cut(&p);
			must(pairlink_resume(&p));
		}
		pair_sleep(&p, 2000);
		must(pair_renew(&p));
		pair_pump(&p);
		memcpy(seen[i], p.server.nonces, sizeof(seen[i]));
		for (size_t j = 0; j < i; j++)
			fresh &= memcmp(seen[i], seen[j], MSG_NONCE) != 0 &&
				memcmp(seen[i] + MSG_NONCE, seen[j] + MSG_NONCE, MSG_NONCE) != 0;
	}
	is_int(p.agent.n_auth_ok, ARRAY_LEN(seen), "there were twelve logins on three links");
	ok(fresh, "no nonce of either end was there twice");
	pair_fini(&p);
}

/* A link that brings nothing on: nobody can make the server keep answers. */
static void
test_no_heap(void)
{
	struct msg_auth auth = {text_of("test"), text_of("web1"), text_of("")};
	struct pair p;
	uint8_t b[64];
	size_t n = msg_auth_encode(b, sizeof(b), &auth);

	pair_init(&p, NULL, NULL);
	pair_login(&p);
	p.server.untrusted = true;
	p.server.refuse = true;
	is_int(end_feed(&p.server, FRAME_AUTH, 0, b, n), 0, "a renewal is refused");
	ok(end_feed(&p.server, FRAME_AUTH, 0, b, n) < 0 && p.server.code == CODE_PROTOCOL,
		"who asks again before he can know it is thrown out");
	pair_fini(&p);
}

int
main(void)
{
	test_when();
	test_time();
	test_half_a_datagram();
	test_half_a_frame();
	test_nonces();
	test_no_heap();
	return done_testing();
}
