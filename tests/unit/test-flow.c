/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/tunnel/flow.c: who is found again, who expires when, and who has to make room. */

#include <config.h>

#include <stdlib.h>

#include "tap.h"
#include "tunnel/flow.h"
#include "util/compiler.h"

static struct mono now = {1000000000};
static struct flow_holder session;

static struct dgram_path
path(const char *host, uint16_t port, const char *local)
{
	struct dgram_path p = {.interface = 0};

	must(addr_parse(host, port, &p.peer) == 0);
	if (local != NULL)
		must(addr_parse(local, 0, &p.local) == 0);
	return p;
}

static void
sleep_ms(int64_t ms)
{
	now = mono_add_ms(now, ms);
}

/* All that are due; returns how many. */
static size_t
expire(struct flows *t)
{
	struct flow *f;
	size_t n = 0;

	for (; (f = flows_expired(t, now)) != NULL; n++)
		flow_free(f);
	return n;
}

static void
test_find(void)
{
	struct dgram_path a = path("192.0.2.1", 1000, NULL), b = path("192.0.2.1", 1001, NULL);
	struct dgram_path six = path("2001:db8::1", 1000, NULL);
	struct dgram_path x = path("192.0.2.1", 1000, "10.0.0.1"), y = path("192.0.2.1", 1000, "10.0.0.2");
	struct flow *f;
	struct flows t;

	flows_init(&t, 60000, 180000, 100);
	ok(flows_find(&t, &a) == NULL, "nobody is there");
	f = flow_new(&t, &session, &a, now);
	ok(flows_find(&t, &a) == f, "a client is found");
	ok(flows_find(&t, &b) == NULL, "not by another port");
	ok(flows_find(&t, &x) == NULL, "nor by another address of ours");
	flow_new(&t, &session, &b, now);
	flow_new(&t, &session, &six, now);
	flow_new(&t, &session, &x, now);
	flow_new(&t, &session, &y, now);
	is_int(t.n, 5, "each of these is one of its own");
	is_int(t.sources.n, 2, "of two sources");
	ok(flow_new(&t, &session, &a, now) == NULL, "nobody is there twice");
	flow_free(f);
	ok(flows_find(&t, &a) == NULL && flows_find(&t, &x) != NULL, "one can go");
	sleep_ms(60000);
	is_int(expire(&t), 4, "all can");
	is_int(t.sources.n, 0, "and their sources with them");
	flows_fini(&t);
}

static void
test_expiry(void)
{
	struct dgram_path a = path("192.0.2.1", 1, NULL), b = path("192.0.2.2", 2, NULL);
	struct flow *question, *talk;
	struct flows t;

	flows_init(&t, 60000, 180000, 100);
	ok(flows_deadline(&t).ns == MONO_NEVER.ns, "an empty table waits for nothing");
	question = flow_new(&t, &session, &a, now);
	talk = flow_new(&t, &session, &b, now);
	flow_heard(question, now);
	flow_answered(question, now);
	flow_heard(question, now);
	ok(!question->lasting, "questions and answers in its first two seconds are no talk");
	flow_answered(talk, now);
	sleep_ms(2000);
	flow_heard(talk, now);
	ok(talk->lasting, "who goes on after that has one");
	is_int(mono_diff_ms(flows_deadline(&t), now), 58000, "the first to expire is the question");
	sleep_ms(57999);
	is_int(expire(&t), 0, "a moment before nobody does");
	sleep_ms(1);
	ok(flows_expired(&t, now) == question, "then it does");
	is_int(expire(&t), 1, "alone");
	sleep_ms(121999);
	flow_answered(talk, now);
	sleep_ms(179999);
	is_int(expire(&t), 0, "answers keep a talk alive, too");
	sleep_ms(1);
	is_int(expire(&t), 1, "silence ends it");
	flows_fini(&t);
}

static void
test_order(void)
{
	struct flow *f[50];
	struct flows t;
	bool sorted = true;

	flows_init(&t, 1000, 1000, 100);
	for (uint16_t i = 0; i < 50; i++) {
		struct dgram_path p = path("192.0.2.9", (uint16_t)(i + 1), NULL);

		f[i] = flow_new(&t, &session, &p, now);
		sleep_ms(1);
	}
	for (int i = 49; i >= 0; i -= 2) { /* the odd ones, backwards */
		flow_heard(f[i], now);
		sleep_ms(1);
	}
	sleep_ms(1000);
	for (int i = 0; i < 50; i += 2) {
		sorted = sorted && flows_expired(&t, now) == f[i];
		flow_free(f[i]);
	}
	for (int i = 49; i >= 0; i -= 2) {
		sorted = sorted && flows_expired(&t, now) == f[i];
		flow_free(f[i]);
	}
	ok(sorted, "flows expire in the order of their last use");
	flows_fini(&t);
}

static void
test_victims(void)
{
	struct dgram_path p[4], other = path("198.51.100.1", 1, NULL), near;
	struct flow *f[4], *talk, *v;
	struct flows t;
	bool refused;

	flows_init(&t, 60000, 180000, 4);
	talk = flow_new(&t, &session, &other, now);
	flow_answered(talk, now);
	sleep_ms(3000);
	flow_heard(talk, now);
	for (uint16_t i = 0; i < 4; i++) {
		p[i] = path("2001:db8:0:1::7", (uint16_t)(i + 1), NULL);
		ok(flows_victim(&t, &p[i], now, &refused) == NULL && !refused, "there is room");
		f[i] = flow_new(&t, &session, &p[i], now);
	}
	near = path("2001:db8:0:1::8", 1, NULL);
	v = flows_victim(&t, &near, now, &refused);
	ok(v == NULL && refused, "a /64 is one source, and has all it may, in use");
	ok(flows_victim(&t, &other, now, &refused) == NULL && !refused, "others are not");
	sleep_ms(1000);
	flow_heard(f[0], now);
	ok(flows_victim(&t, &near, now, &refused) == f[1] && !refused,
		"after a second the source's oldest makes room");
	for (size_t i = 0; i < 4; i++)
		flow_free(f[i]);
	flow_free(talk);
	flows_fini(&t);
}

/* Goes on after an answer, at now. */
static void
settle(struct flow *f)
{
	flow_answered(f, now);
	sleep_ms(FLOW_SETTLED_MS);
	flow_heard(f, now);
}

static void
test_full(void)
{
	struct dgram_path a = path("192.0.2.1", 1, NULL), b = path("192.0.2.2", 1, NULL);
	struct flow_holder other;
	struct flow *talk, *late, *f, *g;
	struct flows t;

	flows_init(&t, 60000, 180000, 4);
	flow_holder_init(&other);
	ok(flow_holder_victim(&session, now) == NULL, "who has no flows has none to end");
	talk = flow_new(&t, &session, &a, now);
	settle(talk);
	f = flow_new(&t, &session, &b, now);
	ok(flow_holder_victim(&session, now) == NULL, "a full session in use takes nobody");
	sleep_ms(999);
	ok(flow_holder_victim(&session, now) == NULL, "all have their second");
	sleep_ms(1);
	ok(flow_holder_victim(&session, now) == f, "then who has no talk makes room");
	sleep_ms(60000);
	ok(flow_holder_victim(&session, now) == f, "before a talk that is silent for longer");
	flow_heard(f, now);
	ok(flow_holder_victim(&session, now) == talk, "which goes when there is nobody else");
	flow_free(f);
	flow_heard(talk, now);
	sleep_ms(9999);
	ok(flow_holder_victim(&session, now) == NULL, "a talk has ten seconds");
	sleep_ms(1);
	ok(flow_holder_victim(&session, now) == talk, "not more: talks cannot fill a session for ever");
	late = flow_new(&t, &session, &b, now);
	settle(late);
	flow_answered(talk, now);
	sleep_ms(10000);
	ok(flow_holder_victim(&session, now) == late, "the oldest of them goes");
	g = flow_new(&t, &other, &(struct dgram_path){.peer = a.peer, .local = b.peer}, now);
	sleep_ms(1000);
	ok(flow_holder_victim(&session, now) == late, "nobody ends the flows of another session");
	ok(flow_holder_victim(&other, now) == g, "but that itself");
	flow_free(talk);
	flow_free(late);
	flow_free(g);
	flows_fini(&t);
}

/* Of two tunnels: who has filled the session in one of them makes room for the other. */
static void
test_two_tunnels(void)
{
	struct dgram_path p = path("192.0.2.1", 1, NULL);
	struct flows a, b;
	struct flow *f, *g;

	flows_init(&a, 60000, 180000, 4);
	flows_init(&b, 60000, 180000, 4);
	f = flow_new(&a, &session, &p, now);
	sleep_ms(1);
	g = flow_new(&b, &session, &p, now);
	is_int(session.n, 2, "a session has the flows of all its tunnels");
	sleep_ms(1000);
	ok(flow_holder_victim(&session, now) == f, "the oldest of all goes");
	flow_heard(f, now);
	ok(flow_holder_victim(&session, now) == g, "whichever tunnel has it");
	flow_free(f);
	flow_free(g);
	is_int(session.n, 0, "in the end it has none");
	flows_fini(&a);
	flows_fini(&b);
}

/* One forged datagram to a target that never ends its answer. */
static void
test_answers(void)
{
	struct dgram_path a = path("192.0.2.1", 1, NULL);
	struct flow *f;
	struct flows t;

	flows_init(&t, 60000, 180000, 4);
	f = flow_new(&t, &session, &a, now);
	flow_heard(f, now);
	sleep_ms(30000);
	flow_answered(f, now);
	is_int(mono_diff_ms(flows_deadline(&t), now), 60000, "the first answer is use");
	for (int i = 0; i < 59; i++) {
		sleep_ms(1000);
		flow_answered(f, now);
	}
	is_int(mono_diff_ms(flows_deadline(&t), now), 1000, "those after it are not");
	ok(flow_holder_victim(&session, now) == f, "nor does such a flow keep its place");
	sleep_ms(1000);
	is_int(expire(&t), 1, "it ends, although the target goes on");
	flows_fini(&t);
}

int
main(void)
{
	flow_holder_init(&session);
	test_find();
	test_expiry();
	test_order();
	test_victims();
	test_full();
	test_two_tunnels();
	test_answers();
	return done_testing();
}
