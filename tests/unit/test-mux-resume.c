/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/mux_resume.c: sessions that outlive their links. That no byte is missing or doubled is
 * what the sockets of pair.c check at every byte; here is where links break, and what else must
 * hold. */

#include <config.h>

#include <errno.h>

#include "pairlink.h"
#include "tap.h"
#include "util/compiler.h"
#include "wire/mux_priv.h"

static void
begin(struct pair *p)
{
	struct mux_conf agent = pairlink_conf(ROLE_AGENT), server = pairlink_conf(ROLE_SERVER);

	pair_init(p, &agent, &server);
	pair_login(p);
}

static struct sock *
begin_stream(struct pair *p)
{
	struct sock *k;

	begin(p);
	k = pair_open(p);
	pair_pump(p);
	return k;
}

static bool
idle(const struct end *e)
{
	return list_empty(&e->m.retained) && e->retained.bytes == 0;
}

/* Ends all streams; every byte must be there. */
static void
finish(struct pair *p, const char *what)
{
	pair_finish(p);
	ok(!p->agent.closed && !p->server.closed, "%s: everything ends as it should", what);
	pair_fini(p);
}

/* ---- Who can --------------------------------------------------------------------------------- */

static void
test_agreement(void)
{
	static const int64_t ms[][2] = {{60000, 0}, {0, 60000}, {0, 0}, {20000, 60000}, {60000, 20000}};

	for (size_t i = 0; i < ARRAY_LEN(ms); i++) {
		struct mux_conf agent = pairlink_conf(ROLE_AGENT);
		struct mux_conf server = pairlink_conf(ROLE_SERVER);
		bool both = ms[i][0] > 0 && ms[i][1] > 0;
		struct pair p;

		agent.resume_ms = ms[i][0];
		server.resume_ms = ms[i][1];
		pair_init(&p, &agent, &server);
		pair_login(&p);
		ok(mux_can_resume(&p.agent.m) == both && mux_can_resume(&p.server.m) == both,
			"agent %d ms, server %d ms: it can%s resume", (int)ms[i][0], (int)ms[i][1],
			both ? "" : "not");
		is_int(p.agent.m.resume_ms, both ? 20000 : 0, "the agent takes what both want");
		is_int(p.server.m.resume_ms, both ? ms[i][1] : 0, "the server what it has granted");
		pair_fini(&p);
	}
}

/* ---- Cuts ------------------------------------------------------------------------------------ */

static void
test_cut(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);

	sock_send(k, 300000);
	sock_send(far, 200000);
	end_output(&p.server, 65536);
	end_output(&p.agent, 65536);
	end_deliver(&p.server, 10000);
	end_deliver(&p.agent, 20001);
	pairlink_cut(&p);
	pair_check(&p);
	ok(p.agent.m.state == SESSION_DETACHED && p.server.m.state == SESSION_DETACHED, "detached");
	ok(mux_stage(&p.agent.m) == SESSION_FORWARDING, "but forwarding, as soon as there is a link");
	ok(!mux_wants_output(&p.server.m) && end_output(&p.server, 65536) == 0, "nothing comes out");
	ok(k->st != NULL && far->st != NULL && !k->reset && !far->reset, "the stream has not ended");
	pair_sleep(&p, 50000);
	ok(pairlink_resume(&p), "after 50 s there is another link");
	ok(p.agent.m.state == SESSION_FORWARDING && p.server.m.state == SESSION_FORWARDING, "as before");
	is_int(far->got, 300000, "what was sent arrives at the agent");
	is_int(k->got, 200000, "and at the server");
	ok(p.agent.n_kept > 0 || p.server.n_kept > 0, "large outputs stay where they were");
	finish(&p, "a cut");
}

/* The link breaks after n more bytes of the server's output, and m of the agent's. */
static void
cut_after(size_t down, size_t up, unsigned *wrong)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k), *late;

	sock_send(k, 100);
	sock_send(far, 50);
	late = pair_open(&p);
	sock_send(late, 10);
	mux_send_unbind(&p.agent.m, 9, CODE_NONE, "a tunnel that never was, with a text");
	end_output(&p.server, 65536);
	end_output(&p.agent, 65536);
	end_deliver(&p.server, down);
	end_deliver(&p.agent, up);
	pair_check(&p);
	pairlink_cut(&p);
	*wrong += !pairlink_resume(&p);
	*wrong += far->got != 100 || k->got != 50 || p.server.n_unbind != 1;
	*wrong += sock_peer(late) == NULL || sock_peer(late)->got != 10;
	pair_finish(&p);
	*wrong += p.agent.closed || p.server.closed;
	pair_fini(&p);
}

static void
test_every_byte(void)
{
	unsigned wrong = 0;

	for (size_t n = 0; n < 170; n++) {
		cut_after(n, SIZE_MAX, &wrong);
		cut_after(SIZE_MAX, n, &wrong);
		cut_after(n, n, &wrong);
	}
	is_int(wrong, 0, "wherever a link breaks, headers and control payloads included");
}

/* What is sent again is lost again, anywhere in it, until it gets through. */
static void
test_again_and_again(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);
	unsigned cuts = 0;

	sock_send(k, 400000);
	sock_send(far, 300000);
	for (size_t n = 1; far->got < 400000 || k->got < 300000; n = n * 7 % 60013, cuts++) {
		end_output(&p.server, 65536);
		end_output(&p.server, 40000);
		end_output(&p.agent, 65536);
		end_deliver(&p.server, n);
		end_deliver(&p.agent, n / 2);
		pairlink_cut(&p);
		pairlink_open(&p);
		for (int i = 0; i < 3; i++) { /* HELLOs, RESUME and its answer, and no more */
			end_output(&p.agent, MUX_OUTPUT_MIN);
			end_deliver(&p.agent, SIZE_MAX);
			end_output(&p.server, MUX_OUTPUT_MIN);
			end_deliver(&p.server, i < 1 ? SIZE_MAX : 16 + n);
		}
		pair_check(&p);
		must(cuts < 1000);
	}
	ok(cuts > 10, "%u links in a row: everything arrives", cuts);
	ok(p.agent.m.linked || pairlink_resume(&p), "and one that stays");
	finish(&p, "again and again");
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void
test_idle(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);

	sock_send(k, 100000);
	sock_send(far, 777);
	pair_pump(&p);
	ok(!idle(&p.server) && !idle(&p.agent), "what was sent is retained");
	pair_sleep(&p, MUX_ACK_MS);
	pair_pump(&p);
	ok(idle(&p.server) && idle(&p.agent), "but not for longer than a second");
	is_int(mux_deadline(&p.agent.m).ns, mono_add_ms(p.agent.m.heard, 10000).ns,
		"then only PING is due, in ten seconds");
	for (int i = 0; i < 10; i++) {
		pair_sleep(&p, 10000);
		pair_pump(&p);
	}
	ok(idle(&p.server) && idle(&p.agent) && !p.agent.closed, "PING and PONG leave nothing, either");
	finish(&p, "idle");
}

/* The peer reads and never acknowledges. */
static void
test_bound(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p);
	uint64_t most;

	sock_send(k, 50000000);
	for (int i = 0; i < 300; i++) {
		end_output(&p.server, 65536);
		end_deliver(&p.server, SIZE_MAX);
		end_output(&p.agent, 65536);
		p.agent.out.from = p.agent.out.to; /* its CREDIT and ACKs come to nothing */
		end_feed_credit(&p.server, k->id, 65536, 0);
	}
	most = p.server.m.tx_seq - p.server.m.tx_acked;
	ok(most >= 1048576 - 65536 && most < 1048576 + 70000, "no more than retain_max: %d KiB",
		(int)(most / 1024));
	pair_fini(&p);
}

static void
test_bound_of_control(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p);
	int i;

	for (i = 0; i < 1000000 && !p.server.closed; i++) {
		mux_send_unbind(&p.server.m, 5, CODE_NONE, "no");
		end_output(&p.server, 65536);
		p.server.out.from = p.server.out.to;
	}
	ok(p.server.closed && p.server.code == CODE_LIMIT && p.server.local,
		"who lets control frames pile up unacknowledged is let go");
	ok(i > 90000, "after two megabytes of them");
	ok(k->reset, "and streams are told");
	pair_fini(&p);
}

/* Sessions share a pool: above it each has what is sure. */
static void
test_pool(void)
{
	struct mux_pool pool = {.max = 100000};
	struct mux_conf agent = pairlink_conf(ROLE_AGENT), server = pairlink_conf(ROLE_SERVER);
	struct pair p;
	struct sock *k;

	server.retained = &pool;
	server.retain_max = 8 * 1048576;
	agent.stream_window = agent.session_window = 16777216;
	pair_init(&p, &agent, &server);
	pair_login(&p);
	k = pair_open(&p);
	sock_send(k, 10000000);
	for (int i = 0; i < 300; i++)
		end_output(&p.server, 65536);
	ok(pool.bytes >= MUX_RETAIN_SURE && pool.bytes < MUX_RETAIN_SURE + 70000,
		"%d KiB although the pool is full", (int)(pool.bytes / 1024));
	pool.max = 3000000;
	p.server.awake = true;
	for (int i = 0; i < 300; i++)
		end_output(&p.server, 65536);
	ok(pool.bytes >= 3000000 - 70000 && pool.bytes < 3000000 + 70000, "more when it is not");
	pair_pump(&p);
	is_int(sock_peer(k)->got, 10000000, "and ACKs keep it going");
	pair_fini(&p);
	is_int(pool.bytes, 0, "in the end nothing is left in it");
}

/* ---- While there is no link ------------------------------------------------------------------ */

static void
test_detached(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k), *a, *b, *c;

	p.agent.hold_data = true;
	sock_send(k, 65536);
	pair_pump(&p);
	pairlink_cut(&p);
	a = pair_open(&p);
	b = pair_open(&p);
	ok(a != NULL && b != NULL, "clients may come");
	sock_send(a, 1000);
	sock_abort(b, CODE_CLIENT_RESET);
	ok(b->st != NULL, "and go");
	sock_consume(far, 65536);
	sock_send(k, 5000);
	sock_send(far, 6000);
	mux_send_bind(&p.agent.m, &(struct msg_bind){.tunnel = 2, .route = text_of("port"),
		.name = text_of("other")});
	mux_send_bind_ok(&p.server.m, 3, "tcp://0.0.0.0:1");
	pair_check(&p);
	pair_sleep(&p, 5000);
	ok(b->st == NULL, "nobody will ever hear of the one that went");
	c = pair_open(&p);
	pair_sleep(&p, 9000);
	ok(c->st != NULL && !a->reset, "OPENs wait");
	pair_check(&p);
	ok(pairlink_resume(&p), "until there is a link");
	ok(sock_peer(a) != NULL && sock_peer(a)->got == 1000 && a->opened, "OPEN and DATA leave then");
	ok(sock_peer(b) == NULL, "but not for who went");
	is_int(far->got, 65536 + 5000, "what was sent meanwhile arrives");
	is_int(k->got, 6000, "both ways");
	is_int(p.server.n_bind, 2, "and BIND, too");
	is_int(p.agent.n_bind_ok, 3, "and its answers");
	finish(&p, "detached");
}

/* OPEN was sent, but the answer does not come in time. */
static void
test_open_timeout(void)
{
	struct pair p;
	struct sock *k, *later;

	begin(&p);
	p.agent.hold_open = true;
	k = pair_open(&p);
	pair_pump(&p);
	pairlink_cut(&p);
	pair_sleep(&p, 14999);
	later = pair_open(&p);
	ok(!k->reset, "OPEN has its time although there is no link");
	pair_sleep(&p, 1);
	ok(k->reset && k->code == CODE_CONNECT_TIMEOUT, "and no more");
	pair_sleep(&p, 20000);
	ok(later->reset && later->st == NULL, "nor has one that never left");
	ok(pairlink_resume(&p), "the session goes on without them");
	finish(&p, "open timeout");
}

/* A stream that we have reset waits for the peer's end; not while that cannot come. */
static void
test_zombies(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p);

	sock_abort(k, CODE_CLIENT_RESET);
	end_output(&p.server, 65536);
	pairlink_cut(&p);
	pair_sleep(&p, 55000);
	ok(!p.server.closed, "nobody is accused while there is no link");
	ok(pairlink_resume(&p), "there is one");
	ok(k->st == NULL, "and the end comes");
	finish(&p, "zombies");
}

static void
test_expiry(void)
{
	struct mux_conf agent = pairlink_conf(ROLE_AGENT), server = pairlink_conf(ROLE_SERVER);
	struct pair p;
	struct sock *k;

	agent.resume_ms = 30000;
	pair_init(&p, &agent, &server);
	pair_login(&p);
	k = pair_open(&p);
	pair_pump(&p);
	pairlink_cut(&p);
	is_int(mux_deadline(&p.agent.m).ns, mono_add_ms(p.now, 30000).ns, "the agent waits 30 s");
	is_int(mux_deadline(&p.server.m).ns, mono_add_ms(p.now, 60000).ns, "the server a minute");
	pair_sleep(&p, 29999);
	ok(!p.agent.closed && !sock_peer(k)->reset, "not less");
	pair_sleep(&p, 1);
	ok(p.agent.closed && p.agent.local && p.agent.code == CODE_LINK_LOST, "then it is over");
	ok(sock_peer(k)->reset && sock_peer(k)->code == CODE_LINK_LOST, "for its streams, too");
	ok(!mux_can_resume(&p.agent.m) && !mux_wants_output(&p.agent.m), "nothing comes back");
	ok(mux_can_resume(&p.server.m), "the server still waits");
	pair_sleep(&p, 30000);
	ok(p.server.closed && p.server.code == CODE_LINK_LOST && k->reset, "no longer than it said");
	ok(idle(&p.server) && idle(&p.agent), "and nothing is retained");
	is_int(mux_deadline(&p.server.m).ns, MONO_NEVER.ns, "nothing is due");
	pair_fini(&p);
}

static void
test_end_while_detached(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p);

	sock_send(k, 100000);
	end_output(&p.server, 65536);
	pairlink_cut(&p);
	mux_drain(&p.agent.m, CODE_LEAVING, 0, NULL);
	ok(mux_stage(&p.agent.m) == SESSION_DRAINING, "an agent may leave while there is no link");
	mux_fail(&p.server.m, CODE_REPLACED, "a newer login");
	ok(p.server.closed && p.server.code == CODE_REPLACED && k->reset, "a server may end it");
	ok(!mux_wants_output(&p.server.m) && idle(&p.server), "there is nobody to tell");
	ok(!pairlink_resume(&p), "it cannot be resumed then");
	ok(p.server.n_refused == 1 && p.agent.n_refused == 1, "RESUME_FAIL");
	is_int(p.agent.goaway_code, CODE_NO_SESSION, "which says so");
	ok(p.agent.fresh->state == SESSION_HANDSHAKEN && p.agent.fresh->login == LOGIN_AUTH,
		"AUTH may follow on the same link");
	mux_send_auth(p.agent.fresh, &(struct msg_auth){text_of("m"), text_of("a"), text_of("")});
	pair_check(&p);
	pair_fini(&p);
}

/* GOAWAY of a session that drains leaves when there is a link. */
static void
test_drain(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p);

	pairlink_cut(&p);
	mux_drain(&p.server.m, CODE_SHUTDOWN, 100, "soon");
	ok(pair_open(&p) == NULL, "no new streams");
	ok(pairlink_resume(&p), "resumed");
	ok(p.agent.n_goaway == 1 && p.agent.m.state == SESSION_DRAINING, "then the agent hears of it");
	sock_send(k, 1000);
	pair_pump(&p);
	is_int(sock_peer(k)->got, 1000, "streams go on");
	pairlink_cut(&p);
	ok(pairlink_resume(&p) && p.server.m.state == SESSION_DRAINING, "and outlive another link");
	finish(&p, "drain");
}

/* An error while a part is still to be sent again: the peer can read GOAWAY only behind that. */
static void
test_fail_behind_again(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);

	sock_send(k, 100000);
	end_output(&p.server, 65536);
	end_output(&p.server, 65536);
	end_deliver(&p.server, 30000);
	pairlink_cut(&p);
	pairlink_open(&p);
	for (int i = 0; i < 2; i++) {
		end_output(&p.agent, 65536);
		end_deliver(&p.agent, SIZE_MAX);
		if (i == 0)
			end_output(&p.server, 65536);
		end_deliver(&p.server, SIZE_MAX);
	}
	ok(p.server.m.linked && p.server.m.again != NULL, "the server has bytes to send again");
	mux_fail(&p.server.m, CODE_INTERNAL, "something");
	ok(p.server.closed, "and an error");
	pair_pump(&p);
	ok(p.agent.closed && !p.agent.local && p.agent.code == CODE_INTERNAL, "the agent learns which");
	is_int(far->got, 65536, "behind the bytes");
	ok(idle(&p.server), "nothing is left");
	pair_fini(&p);
}

/* ---- Half-open links ------------------------------------------------------------------------- */

static void
test_half_open(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p), *far = sock_peer(k);

	sock_send(k, 30000);
	end_output(&p.server, 65536);
	end_deliver(&p.server, 5000);
	pairlink_cut_at(&p.agent);
	sock_send(k, 500000);
	while (end_output(&p.server, 65536) > 0) /* into a link that nobody reads */
		p.server.out.from = p.server.out.to;
	ok(p.server.m.linked, "the server has not noticed");
	ok(pairlink_resume(&p), "another link takes the old one's place");
	pair_pump(&p);
	is_int(far->got, 530000, "nothing is lost");
	is_int(p.server.n_resumed, 1, "once");
	finish(&p, "half-open");
}

static void
test_silence(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p);

	p.now = mono_add_ms(p.now, 30000);
	mux_tick(&p.server.m, p.now);
	ok(p.server.n_lost == 1 && p.server.m.state == SESSION_DETACHED, "silence: the link is lost");
	ok(!p.server.closed && k->st != NULL && !k->reset, "the session is not");
	ok(mux_deadline(&p.server.m).ns == mono_add_ms(p.now, 60000).ns, "a minute from then");
	mux_tick(&p.agent.m, p.now);
	is_int(p.agent.n_lost, 1, "the agent finds it, too");
	ok(pairlink_resume(&p), "and opens another");
	finish(&p, "silence");
}

/* The other way round is fine, but this one is not. */
static void
test_no_progress(void)
{
	struct pair p;
	struct sock *k = begin_stream(&p);

	pair_sleep(&p, 1000);
	pair_pump(&p);
	sock_send(k, 1000);
	end_output(&p.server, 65536);
	for (int i = 0; i < 29; i++) {
		pair_sleep(&p, 1000);
		must(end_feed_u64(&p.server, FRAME_BLOCKED, 0, 0) == 0);
	}
	ok(p.server.m.linked, "the peer talks");
	p.now = mono_add_ms(p.now, 1000);
	mux_tick(&p.server.m, p.now);
	ok(p.server.n_lost == 1 && !p.server.closed, "but acknowledges nothing: the link is lost");
	pair_fini(&p);
}

int
main(void)
{
	test_agreement();
	test_cut();
	test_every_byte();
	test_again_and_again();
	test_idle();
	test_bound();
	test_bound_of_control();
	test_pool();
	test_detached();
	test_open_timeout();
	test_zombies();
	test_expiry();
	test_end_while_detached();
	test_drain();
	test_fail_behind_again();
	test_half_open();
	test_silence();
	test_no_progress();
	return done_testing();
}
