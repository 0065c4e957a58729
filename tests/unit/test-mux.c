/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/mux*.c: a session from login to its end, and the ways that a stream goes. The clock
 * stands still. Credit is in test-mux-credit.c, time and limits are in test-mux-limits.c. */

#include <config.h>

#include <stdlib.h>

#include "pair.h"
#include "tap.h"
#include "util/compiler.h"

/* Login and one tunnel; the test owns p. */
static void
begin(struct pair *p)
{
	pair_init(p, NULL, NULL);
	pair_login(p);
}

/* One stream that the agent has answered. */
static struct sock *
begin_stream(struct pair *p)
{
	struct sock *k;

	begin(p);
	k = pair_open(p);
	pair_pump(p);
	must(k->opened);
	return k;
}

static void
test_login(void)
{
	struct pair p;
	struct seen s;

	pair_init(&p, NULL, NULL);
	is_int(p.agent.m.state, SESSION_INIT, "nothing is known at first");
	ok(!mux_wants_output(&p.server.m), "the server waits for HELLO");
	pair_pump(&p);
	is_int(p.agent.m.state, SESSION_AUTHENTICATED, "the agent is logged in");
	is_int(p.server.m.state, SESSION_AUTHENTICATED, "and the server knows");
	is_int(p.agent.n_hello, 1, "HELLO of the server was shown once");
	is_int(p.server.n_auth, 1, "AUTH came once");
	is_int(p.agent.n_auth_ok, 1, "AUTH_OK came once");
	ok(p.agent.m.session_id == 77 && p.server.m.session_id == 77, "the session has its number");
	is_int(p.agent.m.peer.stream_window, 65536, "the agent knows the server's window");
	is_mem(p.server.m.peer.nonce, "thirty-two bytes that are not so", MSG_NONCE,
		"the server knows the agent's nonce");
	pair_check(&p);
	end_look(&p.agent, &s);
	is_str(s.order, "", "then there is silence");
	pair_fini(&p);
}

static void
test_challenges(void)
{
	struct pair p;

	pair_init(&p, NULL, NULL);
	p.server.challenges = 8;
	pair_pump(&p);
	is_int(p.agent.m.state, SESSION_AUTHENTICATED, "login with eight challenges");
	is_int(p.agent.n_challenge, 8, "each came");
	is_int(p.server.n_answer, 8, "and was answered");
	is_int(p.server.m.rx_seq, p.agent.m.tx_seq,
		"the agent's bytes are numbered from its last answer on");
	is_int(p.agent.m.rx_seq, p.server.m.tx_seq,
		"the server's from AUTH_OK on");
	pair_fini(&p);

	pair_init(&p, NULL, NULL);
	p.server.challenges = 9;
	pair_pump(&p);
	ok(p.agent.closed && p.agent.local && p.agent.code == CODE_PROTOCOL,
		"the agent does not take a ninth");
	pair_fini(&p);
}

static void
test_refused_login(void)
{
	struct pair p;

	pair_init(&p, NULL, NULL);
	p.server.silent = true;
	pair_pump(&p);
	is_int(p.server.m.state, SESSION_HANDSHAKEN, "the verdict takes its time");
	mux_send_auth_fail(&p.server.m, CODE_AUTH_FAILED, 2500, "login refused");
	ok(p.server.closed && p.server.local, "the server has closed");
	pair_pump(&p);
	ok(p.agent.closed && !p.agent.local, "the agent learns that it was refused");
	is_int(p.agent.code, CODE_AUTH_FAILED, "with the code");
	is_int(p.agent.retry_ms, 2500, "and when to come back");
	is_str(p.agent.text, "login refused", "and the text");
	mux_send_auth_fail(&p.server.m, CODE_AUTH_FAILED, 0, NULL);
	ok(!mux_wants_output(&p.server.m), "a second verdict is not sent");
	pair_fini(&p);
}

static void
test_late_verdict(void)
{
	struct pair p;
	struct msg_auth_ok auth_ok = {.session = 5,
		.account = text_of("acme"),
		.agent = text_of("web1"),
		.secret = text_of(NULL),
		.data = text_of(NULL)};

	pair_init(&p, NULL, NULL);
	p.server.silent = true;
	pair_pump(&p);
	mux_send_auth_ok(&p.server.m, &auth_ok);
	pair_pump(&p);
	is_int(p.agent.m.state, SESSION_AUTHENTICATED, "AUTH_OK may come later");
	pair_fini(&p);

	pair_init(&p, NULL, NULL);
	p.server.silent = true;
	pair_pump(&p);
	mux_detach(&p.server.m, p.now);
	is_int(p.server.m.state, SESSION_CLOSED, "a link lost before login leaves nothing");
	mux_send_auth_ok(&p.server.m, &auth_ok);
	mux_send_challenge(&p.server.m, text_of("x"));
	ok(!mux_wants_output(&p.server.m), "a verdict that comes too late is dropped");
	pair_fini(&p);
}

static void
test_bind(void)
{
	struct pair p;
	struct msg_bind bind = {.tunnel = 2, .route = text_of("port"), .name = text_of("web")};

	begin(&p);
	is_int(p.server.n_bind, 1, "BIND came");
	is_int(p.agent.n_bind_ok, 1, "BIND_OK came");
	p.server.silent = true;
	mux_send_bind(&p.agent.m, &bind);
	pair_pump(&p);
	mux_send_bind_fail(&p.server.m, 2, CODE_IN_USE, "somebody else has this");
	pair_pump(&p);
	is_int(p.agent.n_bind_fail, 1, "BIND_FAIL came");
	mux_send_unbind(&p.agent.m, 1, CODE_LEAVING, "");
	mux_send_unbind(&p.server.m, 1, CODE_NO_ADDRESS, "gone");
	pair_pump(&p);
	ok(p.agent.n_unbind == 1 && p.server.n_unbind == 1, "UNBIND goes both ways");
	is_int(p.agent.m.state, SESSION_BOUND, "the state stays");
	pair_fini(&p);
}

static void
test_spread(void)
{
	struct pair p;
	struct seen s;

	begin(&p);
	mux_send_spread(&p.server.m, 5120);
	mux_send_spread(&p.server.m, 10240);
	end_look(&p.server, &s);
	is_int(s.n[FRAME_SPREAD], 1, "of two that wait only the newer is said");
	is_mem(s.payload[FRAME_SPREAD], "\0\0\x28\0", 4, "by its number");
	mux_send_spread(&p.server.m, 2560);
	pair_pump(&p);
	ok(p.agent.spread_ms == 2560 && !p.agent.closed, "and the agent hears it");
	mux_fail(&p.server.m, CODE_INTERNAL, "x");
	mux_send_spread(&p.server.m, 1280);
	pair_pump(&p);
	is_int(p.agent.spread_ms, 2560, "behind the end nothing is said any more");
	pair_fini(&p);

	pair_init(&p, NULL, NULL);
	mux_send_spread(&p.server.m, 1280);
	pair_login(&p);
	pair_pump(&p);
	is_int(p.agent.spread_ms, 1280, "before the login it waits");
	pair_fini(&p);
}

/* A text of our own, from a plugin perhaps, must not make a frame that the peer refuses. */
static void
test_texts_are_tamed(void)
{
	struct pair p;
	char *text = xmalloc(100001);

	memset(text, 'x', 100000);
	text[100000] = '\0';
	text[3] = '\n';
	begin(&p);
	mux_send_bind_fail(&p.server.m, 1, CODE_BAD_REQUEST, text);
	pair_pump(&p);
	is_int(p.agent.n_bind_fail, 1, "a long text with a newline goes through, cut and tamed");
	ok(!p.agent.closed, "and is legal");
	mux_drain(&p.server.m, CODE_SHUTDOWN, 0, text);
	pair_pump(&p);
	ok(p.agent.n_goaway == 1 && !p.agent.closed, "in GOAWAY too");
	pair_fini(&p);
	free(text);
}

static void
test_open(void)
{
	struct pair p;
	struct sock *k, *far;
	struct seen s;

	begin(&p);
	p.agent.hold_open = true;
	k = pair_open(&p);
	sock_send(k, 1000);
	end_look(&p.server, &s);
	is_str(s.order, "OPEN DATA", "OPEN and the first bytes leave together");
	is_int(s.last[FRAME_OPEN].stream, 1, "stream ids begin with 1");
	pair_fini(&p);

	begin(&p);
	p.agent.hold_open = true;
	k = pair_open(&p);
	sock_send(k, 1000);
	pair_pump(&p);
	far = sock_peer(k);
	ok(far != NULL && far->got == 1000, "the bytes are there before the answer");
	sock_send(far, 500);
	pair_pump(&p);
	is_int(k->got, 0, "the agent sends nothing before its answer");
	ok(!k->opened, "which has not come");
	sock_answer(far);
	pair_pump(&p);
	ok(k->opened, "OPEN_OK");
	is_int(k->got, 500, "and then its bytes");
	is_int(p.server.m.state, SESSION_FORWARDING, "the session forwards");
	pair_finish(&p);
	pair_fini(&p);
}

static void
test_open_fail(void)
{
	struct pair p;
	struct sock *k, *far;

	begin(&p);
	p.agent.hold_open = true;
	k = pair_open(&p);
	sock_send(k, 1000);
	pair_pump(&p);
	far = sock_peer(k);
	mux_open_fail(far->st, CODE_REFUSED, "connection refused");
	far->aborted = true;
	pair_pump(&p);
	ok(k->reset && k->code == CODE_REFUSED, "the server learns why");
	is_str(k->text, "connection refused", "in words, too");
	ok(k->st == NULL && far->st == NULL, "the stream is over on both ends");
	pair_check(&p);
	pair_fini(&p);
}

static void
test_both_ways(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);

	sock_send(k, 5000000);
	sock_send(far, 3000000);
	pair_pump(&p);
	is_int(far->got, 5000000, "five megabytes to the agent");
	is_int(k->got, 3000000, "three to the server, every byte in its place");
	pair_check(&p);
	pair_finish(&p);
	ok(k->fin && far->fin, "both saw FIN");
	pair_fini(&p);
}

static void
test_half_close(bool server_first, bool data_after)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);
	struct sock *first = server_first ? k : far, *second = server_first ? far : k;

	sock_send(first, 100000);
	sock_end(first);
	pair_pump(&p);
	ok(second->fin && second->got == 100000, "FIN comes behind the bytes");
	ok(first->st != NULL && second->st != NULL, "the other direction lives");
	is_int(first->st->state, STREAM_CLOSING, "the stream is closing");
	if (data_after)
		sock_send(second, 300000);
	pair_pump(&p);
	is_int(first->got, data_after ? 300000 : 0, "and carries data");
	sock_end(second);
	pair_pump(&p);
	ok(first->fin && first->st == NULL && second->st == NULL, "the second FIN ends the stream");
	ok(!first->reset && !second->reset, "nobody was told of a reset");
	pair_check(&p);
	pair_fini(&p);
}

static void
test_fins_cross(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);

	sock_end(k);
	sock_end(far);
	while (end_output(&p.agent, 65536) + end_output(&p.server, 65536) > 0)
		;
	ok(k->st != NULL && far->st != NULL, "both have sent FIN and wait for the other's");
	pair_pump(&p);
	ok(k->fin && far->fin && k->st == NULL && far->st == NULL, "FINs that cross end it");
	is_int(p.agent.m.n_streams + p.server.m.n_streams, 0, "nothing is left");
	pair_fini(&p);
}

static void
test_fin_before_answer(void)
{
	struct pair p;
	struct sock *k, *far;

	begin(&p);
	p.agent.hold_open = true;
	k = pair_open(&p);
	sock_send(k, 10);
	sock_end(k);
	pair_pump(&p);
	far = sock_peer(k);
	ok(far->fin && far->got == 10, "a client may send and end before the target is reached");
	is_int(p.server.m.n_opening + p.agent.m.n_opening, 0, "such a stream is closing already");
	sock_answer(far);
	sock_send(far, 2000);
	sock_end(far);
	pair_pump(&p);
	ok(k->opened && k->got == 2000 && k->fin, "and still gets its answer");
	ok(k->st == NULL && far->st == NULL, "then it is over");
	pair_check(&p);
	pair_fini(&p);
}

static void
test_reset(bool server_first)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);
	struct sock *first = server_first ? k : far, *second = server_first ? far : k;

	sock_send(second, 200000);
	end_output(second->e, 40000);
	sock_abort(first, CODE_CLIENT_RESET);
	pair_pump(&p);
	ok(second->reset && second->code == CODE_CLIENT_RESET, "the peer is told why");
	is_int(first->got, 0, "what was on the way is thrown away");
	ok(!first->reset, "who has reset is told nothing more");
	ok(first->st == NULL && second->st == NULL, "and the stream is over");
	pair_check(&p);
	is_int(p.agent.m.rx_over + p.server.m.rx_over, 0, "its credit is free again");
	pair_fini(&p);
}

static void
test_resets_cross(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);
	struct seen s;

	sock_abort(k, CODE_CLIENT_RESET);
	sock_abort(far, CODE_TARGET_RESET);
	while (end_output(&p.agent, 65536) + end_output(&p.server, 65536) > 0)
		;
	pair_pump(&p);
	ok(k->st == NULL && far->st == NULL, "resets that cross end the stream");
	ok(!k->reset && !far->reset, "both had ended it themselves");
	end_look(&p.server, &s);
	is_str(s.order, "", "and nobody answers a second time");
	pair_fini(&p);
}

static void
test_reset_after_fin(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);

	sock_end(k);
	pair_pump(&p);
	sock_send(far, 500000);
	end_output(&p.agent, 40000);
	sock_abort(k, CODE_CLIENT_RESET);
	pair_pump(&p);
	ok(far->fin && far->reset, "RESET may follow FIN");
	ok(k->st == NULL && far->st == NULL, "and ends the other direction");
	pair_check(&p);
	pair_fini(&p);

	k = begin_stream(&p);
	far = sock_peer(k);
	sock_end(k);
	pair_pump(&p);
	sock_abort(k, CODE_CLIENT_RESET);
	end_output(&p.server, 65536);
	sock_end(far);
	pair_pump(&p);
	ok(k->st == NULL && far->st == NULL, "RESET behind FIN crosses the other FIN");
	ok(!p.agent.closed && !p.server.closed, "which nobody minds");
	pair_fini(&p);
}

/* Our own end may leave between a header and its payload, and the stream is gone with it. */
static void
test_end_within_frame(uint8_t type, size_t len)
{
	struct pair p;
	struct sock *k = begin_stream(&p);
	uint8_t head[FRAME_HEADER], zeros[16] = {0};

	p.server.untrusted = true;
	is_int(end_feed(&p.server, FRAME_FIN, 1, NULL, 0), 0, "FIN of the peer");
	frame_encode(head, &(struct frame){(uint32_t)len, type, 1});
	is_int(mux_recv(&p.server.m, p.now, head, sizeof(head)), 0, "and a header");
	sock_end(k);
	end_output(&p.server, 65536);
	ok(k->st == NULL, "our FIN ends the stream");
	is_int(mux_recv(&p.server.m, p.now, zeros, len), 0, "the payload comes too late to matter");
	is_int(p.server.m.tx_session_credit, 0, "and is not taken for the session's");
	ok(!p.server.m.flush_credit, "either");
	pair_fini(&p);
}

static void
test_broken_socket(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);

	sock_send(k, 100);
	sock_break(k);
	pair_pump(&p);
	ok(far->reset && !far->fin && far->code == CODE_CLIENT_RESET, "never FIN for a broken client");
	pair_fini(&p);

	k = begin_stream(&p);
	far = sock_peer(k);
	sock_break(far);
	pair_pump(&p);
	ok(k->reset && k->code == CODE_TARGET_RESET, "nor for a broken target");
	pair_fini(&p);
}

static void
test_unsent_open(void)
{
	struct pair p;
	struct sock *k;
	struct seen s;

	begin(&p);
	k = pair_open(&p);
	sock_send(k, 100);
	sock_abort(k, CODE_CLIENT_RESET);
	end_look(&p.server, &s);
	is_str(s.order, "", "a stream that was reset before OPEN was sent is never heard of");
	ok(k->st == NULL, "and gone");

	k = pair_open(&p);
	must(k->id == 2);
	is_int(end_feed(&p.server, FRAME_OPEN_OK, 2, NULL, 0), -71,
		"nor may the agent answer an OPEN that was not sent");
	ok(p.server.closed && p.server.code == CODE_PROTOCOL, "it guessed the id");
	pair_fini(&p);
}

static void
test_one_byte(void)
{
	struct pair p;
	struct sock *k;
	size_t n = 1;

	pair_init(&p, NULL, NULL);
	while (p.agent.n_auth_ok == 0 && n > 0) {
		n = end_output(&p.agent, MUX_OUTPUT_MIN) + end_output(&p.server, MUX_OUTPUT_MIN);
		while (end_deliver(&p.agent, 1) + end_deliver(&p.server, 1) > 0)
			n++;
	}
	is_int(p.agent.n_auth_ok, 1, "login byte by byte, in the smallest buffers");
	pair_login(&p);
	k = pair_open(&p);
	sock_send(k, 20000);
	sock_end(k);
	for (n = 1; n > 0;) {
		n = end_output(&p.agent, MUX_OUTPUT_MIN) + end_output(&p.server, MUX_OUTPUT_MIN);
		while (end_deliver(&p.agent, 1) + end_deliver(&p.server, 1) > 0)
			n++;
	}
	is_int(sock_peer(k)->got, 20000, "DATA byte by byte");
	ok(sock_peer(k)->fin, "and FIN");
	pair_finish(&p);
	pair_fini(&p);
}

/* The queue of control frames may leave no room behind it. */
static void
test_full_buffers(void)
{
	struct pair p;
	struct sock *k;
	unsigned frames = 0;

	begin(&p);
	k = pair_open(&p);
	sock_send(k, 100000);
	while (p.agent.m.ctl.len < 3 * MUX_OUTPUT_MIN) {
		mux_send_unbind(&p.agent.m, 9, CODE_NONE, "01234567");
		frames++;
	}
	p.agent.m.ack_due = p.agent.m.ping_due = true;
	while (end_output(&p.agent, MUX_OUTPUT_MIN + frames % 13) > 0)
		pair_check(&p);
	pair_pump(&p);
	is_int(p.server.n_unbind, frames, "every control frame arrives");
	is_int(sock_peer(k)->got, 100000, "and the data");
	pair_fini(&p);

	/* Every possible rest of room behind the queue, with everything due at once. */
	for (size_t rest = 0; rest < 1200; rest += 3) {
		begin(&p);
		k = pair_open(&p);
		while (p.agent.m.ctl.len + rest + 64 < MUX_OUTPUT_MIN)
			mux_send_unbind(&p.agent.m, 9, CODE_NONE, "0");
		p.agent.m.ack_due = p.agent.m.ping_due = p.agent.m.blocked_due = true;
		p.agent.m.n_pongs = MUX_PONGS;
		end_output(&p.agent, MUX_OUTPUT_MIN);
		pair_pump(&p);
		must(!p.server.closed && !mux_wants_output(&p.agent.m));
		pair_fini(&p);
	}
	ok(true, "whatever the room behind the queue");
}

static void
test_drain(bool by_server)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *late;
	struct end *leaver = by_server ? &p.server : &p.agent, *other = pair_peer(leaver);
	uint16_t code = by_server ? CODE_SHUTDOWN : CODE_LEAVING;

	late = pair_open(&p); /* its OPEN has not left yet */
	if (!by_server)
		end_output(&p.server, 65536);
	mux_drain(&leaver->m, code, 1500, "going");
	is_int(leaver->m.state, SESSION_DRAINING, "the leaver drains");
	pair_pump(&p);
	is_int(other->m.state, SESSION_DRAINING, "and so does the other end");
	ok(other->n_goaway == 1 && other->goaway_code == code && !other->closed, "it is told why");
	if (by_server)
		ok(late->opened, "an OPEN that was decided before GOAWAY is still taken");
	else
		ok(late->reset && late->code == CODE_LEAVING, "an OPEN that crosses is refused");
	ok(pair_open(&p) == NULL, "no new stream");
	sock_send(k, 100000);
	pair_pump(&p);
	is_int(sock_peer(k)->got, 100000, "open streams go on");
	pair_finish(&p);
	ok(!p.agent.closed && !p.server.closed, "to their ends");
	pair_fini(&p);
}

static void
test_drain_refuses_bind(void)
{
	struct pair p;
	struct msg_bind bind = {.tunnel = 2, .route = text_of("port"), .name = text_of("web")};

	begin(&p);
	mux_send_bind(&p.agent.m, &bind);
	end_output(&p.agent, 65536);
	mux_drain(&p.server.m, CODE_SHUTDOWN, 0, NULL);
	pair_pump(&p);
	is_int(p.agent.n_bind_fail, 1, "BIND that crosses GOAWAY is answered");
	pair_fini(&p);

	pair_init(&p, NULL, NULL);
	mux_drain(&p.server.m, CODE_SHUTDOWN, 0, "not now");
	ok(p.server.closed, "before login there is nothing to drain");
	pair_pump(&p);
	ok(p.agent.closed && p.agent.code == CODE_SHUTDOWN, "the agent is sent away");
	pair_fini(&p);
}

static void
test_fail(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);
	struct seen s;

	sock_send(k, 100);
	mux_fail(&p.server.m, CODE_REPLACED, "a newer login");
	ok(p.server.closed && p.server.local && k->reset, "streams are told, then the owner");
	mux_fail(&p.server.m, CODE_INTERNAL, "again");
	sock_consume(k, 1);
	mux_ready(k->st);
	mux_reset(k->st, CODE_INTERNAL, NULL);
	ok(pair_open(&p) == NULL, "nothing can be opened");
	end_look(&p.server, &s);
	is_str(s.order, "GOAWAY", "one GOAWAY is the last word");
	is_int(end_feed_u64(&p.server, FRAME_PING, 0, 1), -71, "and nothing is read any more");
	pair_fini(&p);

	k = begin_stream(&p);
	far = sock_peer(k);
	mux_fail(&p.server.m, CODE_REPLACED, "a newer login");
	pair_pump(&p);
	ok(p.agent.closed && !p.agent.local && p.agent.code == CODE_REPLACED, "the peer reads it");
	ok(far->reset && far->code == CODE_REPLACED, "and its streams");
	pair_fini(&p);
}

/* Answers of helper threads and sockets come when they come; a session that has ended ignores them. */
static void
late_words(struct pair *p, struct sock *k, struct sock *far)
{
	struct msg_bind bind = {.tunnel = 2, .route = text_of("port"), .name = text_of("web")};
	struct msg_auth auth = {text_of("token"), text_of("web1"), text_of("")};

	mux_send_auth(&p->agent.m, &auth);
	mux_send_answer(&p->agent.m, text_of("x"));
	mux_send_bind(&p->agent.m, &bind);
	mux_send_unbind(&p->agent.m, 1, CODE_NONE, NULL);
	mux_send_bind_ok(&p->server.m, 2, "x");
	mux_send_bind_fail(&p->server.m, 2, CODE_NONE, "x");
	mux_drain(&p->server.m, CODE_SHUTDOWN, 0, NULL);
	mux_drain(&p->agent.m, CODE_LEAVING, 0, NULL);
	mux_fail(&p->server.m, CODE_INTERNAL, NULL);
	mux_detach(&p->agent.m, p->now);
	mux_detach(&p->server.m, p->now);
	mux_open_ok(far->st);
	mux_ready(far->st);
	mux_consumed(k->st, 1);
	mux_reset(k->st, CODE_NONE, NULL);
	mux_reset(far->st, CODE_NONE, NULL);
	mux_tick(&p->server.m, mono_add_ms(p->now, 3600000));
	mux_tick(&p->agent.m, mono_add_ms(p->now, 3600000));
	ok(mux_deadline(&p->server.m).ns == MONO_NEVER.ns, "no time is waited for");
}

static void
test_late_words(void)
{
	struct pair p;
	struct sock *k;

	pair_init(&p, NULL, NULL);
	pair_login(&p);
	p.agent.hold_open = p.server.hold_data = true;
	k = pair_open(&p);
	pair_pump(&p);
	sock_answer(sock_peer(k));
	sock_send(sock_peer(k), 10);
	pair_pump(&p);
	mux_fail(&p.server.m, CODE_REPLACED, "a newer login");
	pair_pump(&p);
	late_words(&p, k, sock_peer(k));
	ok(!mux_wants_output(&p.server.m) && !mux_wants_output(&p.agent.m), "a closed session is mute");
	is_int(p.server.m.state, SESSION_CLOSED, "and stays closed");
	pair_fini(&p);

	k = begin_stream(&p);
	mux_detach(&p.server.m, p.now);
	mux_detach(&p.agent.m, p.now);
	sock_peer(k)->got = 1;
	k->st->rx_got = 1;
	late_words(&p, k, sock_peer(k));
	ok(!mux_wants_output(&p.server.m) && !mux_wants_output(&p.agent.m), "and so is a detached one");
	k->st->rx_got = k->st->rx_used = 0;
	pair_fini(&p);
}

static void
reset_in_pull(struct sock *k)
{
	sock_abort(k, CODE_INTERNAL);
}

static void
fail_in_pull(struct sock *k)
{
	mux_fail(&k->e->m, CODE_OVERLOAD, "out of memory");
}

static void
test_end_in_pull(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *other = pair_open(&p);
	struct seen s;

	sock_send(k, 1000);
	p.server.in_pull = reset_in_pull;
	end_look(&p.server, &s);
	is_str(s.order, "OPEN RESET", "pull() may reset its stream: its bytes are not sent");
	end_check(&p.server);
	pair_fini(&p);

	k = begin_stream(&p);
	other = pair_open(&p);
	sock_send(k, 1000);
	sock_send(other, 1000);
	p.server.in_pull = fail_in_pull;
	end_look(&p.server, &s);
	is_str(s.order, "OPEN GOAWAY", "or end the session: nobody else is asked");
	ok(other->pulled == 0 && k->reset && other->reset, "and all are told");
	pair_fini(&p);
}

static void
test_detach(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p);

	mux_detach(&p.server.m, p.now);
	is_int(p.server.m.state, SESSION_DETACHED, "the link is lost");
	ok(k->reset && k->code == CODE_LINK_LOST && !p.server.closed, "streams end, the session waits");
	is_int(mux_deadline(&p.server.m).ns, MONO_NEVER.ns, "for its owner, not for the clock");
	pair_fini(&p);
}

int
main(void)
{
	test_login();
	test_challenges();
	test_refused_login();
	test_late_verdict();
	test_bind();
	test_spread();
	test_texts_are_tamed();
	test_open();
	test_open_fail();
	test_both_ways();
	test_half_close(true, true);
	test_half_close(true, false);
	test_half_close(false, true);
	test_half_close(false, false);
	test_fins_cross();
	test_fin_before_answer();
	test_reset(true);
	test_reset(false);
	test_resets_cross();
	test_reset_after_fin();
	test_end_within_frame(FRAME_RESET, 3);
	test_end_within_frame(FRAME_CREDIT, 8);
	test_broken_socket();
	test_unsent_open();
	test_one_byte();
	test_full_buffers();
	test_drain(true);
	test_drain(false);
	test_drain_refuses_bind();
	test_fail();
	test_late_words();
	test_end_in_pull();
	test_detach();
	return done_testing();
}
