/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/mux*.c: what time does, the limits of a session, numbering and ACK, and frames that are
 * illegal (protocol.md sections 1, 7 and 9). The clock moves only when the test says so. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "pair.h"
#include "tap.h"
#include "util/compiler.h"

static struct sock *
begin_stream(struct pair *p)
{
	struct sock *k;

	pair_init(p, NULL, NULL);
	pair_login(p);
	k = pair_open(p);
	pair_pump(p);
	must(k->opened);
	return k;
}

static int64_t
ms_left(const struct end *e)
{
	return mono_diff_ms(mux_deadline(&e->m), e->pair->now);
}

static bool
closed_with(const struct end *e, uint16_t code)
{
	if (e->closed && e->local && e->code == code)
		return true;
	diag("closed %d local %d code %s text %s", e->closed, e->local, code_name(e->code), e->text);
	return false;
}

/* ---- Time ---- */

static void
test_login_timeout(void)
{
	struct pair p;

	pair_init(&p, NULL, NULL);
	is_int(ms_left(&p.server), 10000, "login has ten seconds");
	pair_sleep(&p, 9999);
	ok(!p.server.closed && !p.agent.closed, "all of them");
	pair_sleep(&p, 1);
	ok(closed_with(&p.server, CODE_TIMEOUT), "no longer at the server");
	ok(closed_with(&p.agent, CODE_TIMEOUT), "nor at the agent");
	pair_fini(&p);

	pair_init(&p, NULL, NULL);
	p.server.silent = true;
	pair_sleep(&p, 6000);
	pair_pump(&p);
	is_int(ms_left(&p.server), 4000, "HELLO does not buy more time");
	pair_sleep(&p, 4000);
	ok(closed_with(&p.server, CODE_TIMEOUT), "the verdict came too late");
	pair_fini(&p);
}

static void
test_silence(void)
{
	struct pair p;
	struct seen s;

	begin_stream(&p);
	is_int(ms_left(&p.server), 10000, "PING is due after ten seconds of silence");
	pair_sleep(&p, 9999);
	ok(!mux_wants_output(&p.server.m), "not before");
	pair_sleep(&p, 1);
	end_look(&p.server, &s);
	is_str(s.order, "PING", "then it is sent");
	is_int(ms_left(&p.server), 20000, "and the end is 20 seconds away");
	pair_sleep(&p, 19999);
	end_look(&p.server, &s);
	is_str(s.order, "", "no second PING");
	ok(!p.server.closed, "still waiting");
	pair_sleep(&p, 1);
	ok(closed_with(&p.server, CODE_NOTHING_HEARD), "nothing heard for 30 seconds");
	ok(p.server.socks[0]->reset && p.server.socks[0]->code == CODE_NOTHING_HEARD,
		"its streams are told");
	pair_fini(&p);

	begin_stream(&p);
	pair_sleep(&p, 10000);
	pair_pump(&p);
	is_int(ms_left(&p.server), 10000, "any answer proves life");
	for (int i = 0; i < 20; i++) {
		pair_sleep(&p, 10000);
		pair_pump(&p);
	}
	ok(!p.server.closed && !p.agent.closed, "an idle session lives on");
	pair_fini(&p);
}

/* A machine that slept is not the peer's fault. */
static void
test_long_sleep(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p);

	sock_abort(k, CODE_CLIENT_RESET);
	end_output(&p.server, 65536);
	pair_sleep(&p, 3600000);
	ok(closed_with(&p.server, CODE_NOTHING_HEARD), "after an hour's sleep it is silence");
	pair_fini(&p);
}

static void
test_round_trip(void)
{
	struct pair p;

	pair_init(&p, NULL, NULL);
	while (p.agent.n_auth_ok == 0) {
		end_output(&p.agent, 65536);
		end_deliver(&p.agent, SIZE_MAX);
		end_output(&p.server, 65536);
		end_deliver(&p.server, SIZE_MAX);
	}
	ok(mux_wants_output(&p.agent.m), "the agent measures right after login");
	end_output(&p.agent, 65536);
	pair_sleep(&p, 40);
	pair_pump(&p);
	is_int(p.agent.m.rtt_us, 40000, "40 ms");
	is_int(p.agent.m.rtt_min_us, 40000, "the least so far");
	pair_sleep(&p, 10000);
	end_output(&p.agent, 65536);
	pair_sleep(&p, 120);
	pair_pump(&p);
	is_int(p.agent.m.rtt_us, 50000, "smoothed by eighths");
	is_int(p.agent.m.rtt_min_us, 40000, "the least stays");
	pair_fini(&p);
}

static void
test_open_timeout(void)
{
	struct pair p;
	struct sock *k, *far;

	pair_init(&p, NULL, NULL);
	pair_login(&p);
	p.agent.hold_open = true;
	k = pair_open(&p);
	sock_end(k);
	pair_pump(&p);
	far = sock_peer(k);
	pair_sleep(&p, 10000);
	pair_pump(&p);
	is_int(ms_left(&p.server), 5000, "an answer is due after 15 s, half-closed or not");
	pair_sleep(&p, 5000);
	ok(k->reset && k->code == CODE_CONNECT_TIMEOUT, "then the client is told");
	pair_pump(&p);
	ok(far->reset && far->code == CODE_TIMEOUT, "and the agent");
	ok(k->st == NULL && far->st == NULL, "the stream is over");
	ok(!p.server.closed, "the session is not");
	pair_fini(&p);
}

static void
test_open_after_idling(void)
{
	struct pair p;

	pair_init(&p, NULL, NULL);
	pair_login(&p);
	p.agent.hold_open = true;
	p.now = mono_add_ms(p.now, 9000); /* and the mux has not noticed */
	pair_open(&p);
	pair_pump(&p);
	p.server.m.heard = p.agent.m.heard = p.now;
	pair_sleep(&p, 9000);
	p.server.m.heard = p.agent.m.heard = p.now;
	is_int(ms_left(&p.server), 6000, "the 15 s begin when OPEN leaves");
	pair_fini(&p);
}

/* Keeps the session alive while the agent's answer to RESET is withheld. */
static void
live_without_answer(struct pair *p, int64_t ms)
{
	for (; ms > 0; ms -= 5000) {
		pair_sleep(p, MIN(ms, 5000));
		p->server.m.heard = p->agent.m.heard = p->now;
	}
}

static void
test_zombie(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p);

	sock_abort(k, CODE_CLIENT_RESET);
	live_without_answer(&p, 40000);
	ok(!p.server.closed, "a RESET that has not left is not waited for");
	end_output(&p.server, 65536);
	live_without_answer(&p, 29999);
	ok(!p.server.closed, "the peer has 30 s to end its direction");
	pair_sleep(&p, 1);
	ok(closed_with(&p.server, CODE_PROTOCOL), "no more");
	pair_fini(&p);

	k = begin_stream(&p);
	sock_abort(k, CODE_CLIENT_RESET);
	end_output(&p.server, 65536);
	live_without_answer(&p, 20000);
	pair_pump(&p);
	live_without_answer(&p, 60000);
	ok(k->st == NULL && !p.server.closed, "an answer in time is all that is asked");
	pair_fini(&p);
}

/* ---- Limits ---- */

static void
test_glitches(void)
{
	struct pair p;
	uint8_t junk[40] = {0};

	begin_stream(&p);
	for (unsigned i = 0; i < MUX_GLITCHES / 2; i++) {
		must(end_feed(&p.server, 0x60, i, junk, i % 40) == 0);
		must(end_feed_u64(&p.server, FRAME_PONG, 0, 1000 + i) == 0);
	}
	is_int(p.server.m.glitches, 100, "unknown types and stray PONGs are glitches");
	is_int(end_feed(&p.server, 0x60, 0, NULL, 0), -EPROTO, "the 101st is one too many");
	ok(closed_with(&p.server, CODE_LIMIT), "a limit");
	pair_fini(&p);

	begin_stream(&p);
	is_int(end_feed(&p.agent, 0xe0, 0, NULL, 0), -EPROTO, "an unknown critical frame is illegal");
	ok(closed_with(&p.agent, CODE_PROTOCOL), "at once");
	pair_fini(&p);
}

static void
test_ping_flood(void)
{
	struct pair p;
	struct seen s;

	begin_stream(&p);
	p.now = mono_add_ms(p.now, 500); /* since the PING that follows login */
	for (uint64_t i = 0; i < 10; i++)
		must(end_feed_u64(&p.server, FRAME_PING, 0, i) == 0);
	end_look(&p.server, &s);
	is_int(s.n[FRAME_PONG], 10, "a burst of ten PINGs is answered");
	is_int(s.payload[FRAME_PONG][7], 9, "with their tokens, in order");
	is_int(end_feed_u64(&p.server, FRAME_PING, 0, 10), -EPROTO, "an eleventh is a flood");
	ok(closed_with(&p.server, CODE_LIMIT), "a limit");
	pair_fini(&p);

	begin_stream(&p);
	for (uint64_t i = 0; i < 100; i++) {
		must(end_feed_u64(&p.server, FRAME_PING, 0, i) == 0);
		end_look(&p.server, &s);
		p.now = mono_add_ms(p.now, 500);
	}
	ok(!p.server.closed, "two a second may come for ever");
	for (uint64_t i = 0; i < MUX_PONGS; i++) {
		must(end_feed_u64(&p.server, FRAME_PING, 0, i) == 0);
		p.now = mono_add_ms(p.now, 500);
	}
	is_int(end_feed_u64(&p.server, FRAME_PING, 0, 0), -EPROTO, "16 owed PONGs are the limit");
	ok(closed_with(&p.server, CODE_LIMIT), "of a link that takes nothing");
	pair_fini(&p);
}

static void
test_max_streams(void)
{
	struct mux_conf agent = pair_conf(ROLE_AGENT);
	struct pair p;
	struct seen s;

	agent.max_streams = 3;
	pair_init(&p, &agent, NULL);
	pair_login(&p);
	for (uint32_t id = 1; id <= 5; id++)
		must(end_feed_open(&p.agent, id * 10) == 0);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_OPEN_OK], 3, "three streams are taken");
	is_int(s.n[FRAME_OPEN_FAIL], 2, "more are refused");
	is_int(s.payload[FRAME_OPEN_FAIL][1], CODE_LIMIT, "because of the limit");
	is_int(end_feed_reset(&p.agent, FRAME_RESET, 40, CODE_NONE), 0, "the server ends a refused one");
	is_int(p.agent.m.n_streams, 4, "which makes room");
	must(end_feed_open(&p.agent, 60) == 0 && end_feed_open(&p.agent, 61) == 0);
	is_int(end_feed_open(&p.agent, 62), -EPROTO, "twice the limit is an attack");
	ok(closed_with(&p.agent, CODE_LIMIT), "and ends the session");
	end_check(&p.agent);
	pair_fini(&p);
}

static void
test_ids(void)
{
	struct pair p;
	struct sock *k;

	begin_stream(&p);
	is_int(end_feed_open(&p.agent, 9), 0, "gaps are allowed");
	is_int(end_feed_open(&p.agent, 8), -EPROTO, "going back is not");
	pair_fini(&p);

	begin_stream(&p);
	is_int(end_feed_open(&p.agent, 1), -EPROTO, "nor using an id twice");
	pair_fini(&p);

	begin_stream(&p);
	is_int(end_feed_open(&p.agent, STREAM_ID_MAX + 1), -EPROTO, "nor ids above the highest");
	pair_fini(&p);

	begin_stream(&p);
	p.server.m.last_id = STREAM_ID_MAX - 1;
	k = pair_open(&p);
	ok(k != NULL && k->id == STREAM_ID_MAX, "the highest id is used");
	ok(pair_open(&p) == NULL, "then there are no more");
	pair_fini(&p);
}

static void
test_control_queue(void)
{
	struct pair p;
	struct msg_bind_fail f = {9, CODE_NONE, text_of("")};
	uint8_t b[64];
	size_t n = msg_bind_fail_encode(b, sizeof(b), &f);
	unsigned i = 0;

	begin_stream(&p);
	while (!p.agent.closed && i++ < 100000)
		mux_send_bind_fail(&p.agent.m, 9, CODE_NONE, NULL);
	ok(closed_with(&p.agent, CODE_LIMIT), "control frames that nobody reads end the session");
	ok(p.agent.m.ctl.len < MUX_CTL_MAX + 1000, "within bounds");
	is_int(end_feed(&p.server, FRAME_UNBIND, 0, b, n), 0, "the other end does not care");
	pair_fini(&p);
}

/* ---- Numbering ---- */

static void
test_ack(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);
	struct seen s;
	uint64_t sent;

	sock_send(k, 2000000);
	pair_pump(&p);
	is_int(far->got, 2000000, "two megabytes");
	sent = p.server.m.tx_seq;
	ok(p.server.m.tx_acked + 262144 + 65536 > sent, "ACK follows within 262144 bytes");
	ok(p.server.m.tx_acked <= sent, "never ahead");
	is_int(p.agent.m.rx_seq, sent, "both count the same bytes");
	sent = p.agent.m.tx_seq;
	is_int(p.server.m.rx_seq, sent, "in both directions");

	is_int(end_feed_u64(&p.agent, FRAME_BLOCKED, 0, 0), 0, "something that counts");
	is_int(end_feed_u64(&p.agent, FRAME_PING, 0, 5), 0, "and PING");
	end_look(&p.agent, &s);
	is_str(s.order, "ACK PONG", "ACK goes before PONG");
	is_int(end_feed_u64(&p.agent, FRAME_PING, 0, 6), 0, "PING, which does not count");
	end_look(&p.agent, &s);
	is_str(s.order, "PONG", "needs no ACK");
	is_int(end_feed_u64(&p.server, FRAME_ACK, 0, p.server.m.tx_acked), 0, "an ACK may be repeated");
	sent = p.server.m.tx_seq;
	is_int(end_feed_u64(&p.server, FRAME_ACK, 0, sent), 0, "and say that all came");
	is_int(end_feed_u64(&p.server, FRAME_ACK, 0, sent - 1), -EPROTO, "not less than before");
	pair_fini(&p);

	begin_stream(&p);
	sent = p.server.m.tx_seq;
	is_int(end_feed_u64(&p.server, FRAME_ACK, 0, sent + 1), -EPROTO, "nor more than was sent");
	ok(closed_with(&p.server, CODE_PROTOCOL), "a breach of protocol");
	pair_fini(&p);

	begin_stream(&p);
	is_int(end_feed_u64(&p.server, FRAME_ACK, 0, UINT64_MAX), -EPROTO, "not by going around");
	pair_fini(&p);
}

/* A frame may be longer than the distance between two ACKs. */
static void
test_ack_within_frame(void)
{
	struct mux_conf agent = pair_conf(ROLE_AGENT);
	struct pair p;
	uint8_t *b = xcalloc(1, 262144), head[FRAME_HEADER];
	struct seen s;

	agent.max_frame = 262144;
	agent.stream_window = agent.stream_window_max = 1048576;
	pair_init(&p, &agent, NULL);
	pair_login(&p);
	p.agent.untrusted = true;
	must(end_feed_open(&p.agent, 1) == 0);
	end_look(&p.agent, &s);
	frame_encode(head, &(struct frame){262144, FRAME_DATA, 1});
	mux_recv(&p.agent.m, p.now, head, sizeof(head));
	mux_recv(&p.agent.m, p.now, b, 262140);
	end_look(&p.agent, &s);
	is_int(s.n[FRAME_ACK], 1, "ACK comes when it is due, in the middle of a frame");
	is_int(p.agent.socks[0]->got, 262140, "whose bytes were handed on already");
	pair_fini(&p);
	free(b);
}

/* ---- Illegal frames ---- */

/* Feeds one header to a server in FORWARDING, whose stream 1 is ACTIVE. */
static int
feed_header(uint32_t len, uint8_t type, uint32_t stream)
{
	struct pair p;
	uint8_t head[FRAME_HEADER];
	int rc;

	begin_stream(&p);
	frame_encode(head, &(struct frame){len, type, stream});
	rc = mux_recv(&p.server.m, p.now, head, sizeof(head));
	must((rc < 0) == p.server.closed);
	pair_fini(&p);
	return rc;
}

static void
test_headers(void)
{
	is_int(feed_header(65536, FRAME_DATA, 1), 0, "DATA as long as announced");
	is_int(feed_header(65537, FRAME_DATA, 1), -EPROTO, "DATA longer than announced");
	is_int(feed_header(0, FRAME_DATA, 1), -EPROTO, "DATA of nothing");
	is_int(feed_header(4096, FRAME_BIND, 0), 0, "4096 bytes of control");
	is_int(feed_header(4097, FRAME_BIND, 0), -EPROTO, "more than that");
	is_int(feed_header(4097, 0x60, 0), -EPROTO, "for unknown types, too");
	is_int(feed_header(0xffffff, 0x60, 0), -EPROTO, "much more");
	is_int(feed_header(10, FRAME_DATA, 0), -EPROTO, "DATA for the session");
	is_int(feed_header(8, FRAME_PING, 1), -EPROTO, "PING for a stream");
	is_int(feed_header(0, FRAME_FIN, 2), -EPROTO, "FIN for a stream that never was");
	is_int(feed_header(1, FRAME_FIN, 1), 0, "a payload is not judged before it came");
	is_int(feed_header(0x554554, 0x20, 0x2f2f2f2f), -EPROTO, "GET / …");
}

static void
test_wrong_payloads(void)
{
	struct pair p;
	uint8_t one = 0;

	begin_stream(&p);
	is_int(end_feed(&p.server, FRAME_FIN, 1, &one, 1), -EPROTO, "FIN with a payload");
	ok(closed_with(&p.server, CODE_PROTOCOL), "a breach of protocol");
	pair_fini(&p);

	begin_stream(&p);
	is_int(end_feed(&p.server, FRAME_RESET, 1, &one, 1), -EPROTO, "RESET that is cut");
	pair_fini(&p);

	begin_stream(&p);
	p.agent.untrusted = true;
	is_int(end_feed(&p.agent, FRAME_FIN, 1, NULL, 0), 0, "FIN");
	is_int(end_feed_data(&p.agent, 1, 1), -EPROTO, "DATA behind FIN");
	pair_fini(&p);
}

static int
say_hello(struct pair *p, struct end *e, struct msg_hello *h)
{
	uint8_t b[512];

	h->software = text_of("x");
	pair_init(p, NULL, NULL);
	return end_feed(e, FRAME_HELLO, 0, b, msg_hello_encode(b, sizeof(b), h));
}

static void
test_hello(void)
{
	struct msg_hello good = {.version_min = 1, .version_max = 3, .max_frame = 16384,
		.stream_window = 16384, .session_window = 65536, .features = 0xff}, h = good;
	struct pair p;

	is_int(say_hello(&p, &p.server, &h), 0, "an agent that speaks more versions");
	is_int(p.server.m.state, SESSION_HANDSHAKEN, "is welcome");
	pair_fini(&p);
	h = good;
	h.role = 1;
	is_int(say_hello(&p, &p.server, &h), -EPROTO, "two servers");
	ok(closed_with(&p.server, CODE_PROTOCOL), "cannot talk");
	pair_fini(&p);
	h = good;
	h.version_min = 2;
	is_int(say_hello(&p, &p.server, &h), -EPROTO, "an agent from the future");
	ok(closed_with(&p.server, CODE_VERSION), "has no common version");
	pair_fini(&p);
	h = good;
	h.role = 1;
	is_int(say_hello(&p, &p.agent, &h), -EPROTO, "features that were not offered");
	ok(closed_with(&p.agent, CODE_PROTOCOL), "cannot be agreed to");
	pair_fini(&p);
}

int
main(void)
{
	test_login_timeout();
	test_silence();
	test_long_sleep();
	test_round_trip();
	test_open_timeout();
	test_open_after_idling();
	test_zombie();
	test_glitches();
	test_ping_flood();
	test_max_streams();
	test_ids();
	test_control_queue();
	test_ack();
	test_ack_within_frame();
	test_headers();
	test_wrong_payloads();
	test_hello();
	return done_testing();
}
