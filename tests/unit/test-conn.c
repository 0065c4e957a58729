/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Links and their layers: none, one, four on one another; when each is opened and closed; how one
 * that fails ends the link; how they are chosen by first bytes. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "layers.h"
#include "linkend.h"
#include "tap.h"
#include "util/compiler.h"

static struct worker *w;
static struct end a, b; /* of the agent and of the server, or a alone */
static struct raw raw;
static size_t want; /* bytes that must have come to the raw end */

static void
reset(void)
{
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&raw, 0, sizeof(raw));
	layers_log[0] = layers_upper[0] = '\0';
	want = 0;
}

/* What has been asked for has been done, and what that caused. */
static bool
turned(void)
{
	static int turns;

	return ++turns % 3 == 0;
}

static bool
raw_has(void)
{
	raw_read(&raw);
	return raw.n >= want;
}

static bool
raw_ended(void)
{
	raw_read(&raw);
	return raw.eof;
}

static bool
both_ready(void)
{
	return a.ready && b.ready;
}

static bool
a_closed(void)
{
	return a.closed;
}

static bool
both_sent(void)
{
	return atomic_load(&a.n_in) == b.to_send && atomic_load(&b.n_in) == a.to_send;
}

/* One end over a pair with these layers, the raw other end. */
static void
one(enum adit_side side, const struct conn_level *level, size_t n)
{
	int fd[2];

	raw_pair(fd);
	raw.fd = fd[1];
	end_open(&a, w, fd[0], side, level, n);
}

static void
end_one(void)
{
	conn_close(a.conn);
	a.conn = NULL;
	run_until(w, turned);
	close(raw.fd);
}

/* ---- Without layers -------------------------------------------------------------------------- */

static void
test_bare(void)
{
	reset();
	a.say = "hello";
	one(ADIT_SIDE_AGENT, NULL, 0);
	ok(!a.ready, "nothing is called back from inside conn_open()");
	want = 5;
	run_until(w, raw_has);
	ok(a.ready && a.conn->bare, "a link without layers is ready after one turn");
	ok(raw.n == 5 && memcmp(raw.in, "hello", 5) == 0, "and what the session says is written");
	raw_say(&raw, "abc", 3);
	shutdown(raw.fd, SHUT_WR);
	run_until(w, a_closed);
	is_int(a.n_in, 3, "what comes is the session's");
	is_str(a.in, "abc", "as it came");
	is_int(a.err, 0, "and the peer's FIN ends it");
	end_one();
}

static void
test_finish(void)
{
	reset();
	one(ADIT_SIDE_AGENT, NULL, 0);
	run_until(w, turned);
	a.say = "last";
	conn_finish(a.conn, END_LINGER_MS);
	run_until(w, raw_ended);
	ok(raw.n == 4 && memcmp(raw.in, "last", 4) == 0,
		"what the session still has to say is written before the FIN");
	ok(!a.closed, "and the peer's end is waited for");
	shutdown(raw.fd, SHUT_WR);
	run_until(w, a_closed);
	is_int(a.err, 0, "which is an end without an error");
	end_one();
}

/* ---- Four of them ---------------------------------------------------------------------------- */

static void
test_stack(void)
{
	const struct conn_level stack[4] = {
		layer_level(LAYER_XOR, "1", NULL),
		layer_level(LAYER_FRAME, "2", NULL),
		layer_level(LAYER_FRAME, "3", NULL),
		layer_level(LAYER_XOR, "4", NULL),
	};
	int fd[2];

	reset();
	raw_pair(fd);
	a.to_send = 700001;
	b.to_send = 300007;
	end_open(&a, w, fd[0], ADIT_SIDE_AGENT, stack, 4);
	end_open(&b, w, fd[1], ADIT_SIDE_AGENT, stack, 4);
	ok(layers_log[0] == '\0', "no layer is opened inside conn_open()");
	run_until(w, both_ready);
	is_str(layers_log, "o1r1o2o1r1o2r2o3r2o3r3o4r4r3o4r4",
		"each layer is opened when the one below it is ready");
	is_str(layers_upper, "<frame<frame<frame<frame<xor<xor<<", "and knows what is above it");
	is_str(conn_fact(a.conn, "greeted"), "3", "facts are the link's; the last value counts");
	is_str(conn_fact(a.conn, "other"), NULL, "and there are no others");
	ok(conn_encrypted(a.conn), "one layer that encrypts makes the link encrypted");
	is_str(adit_layer_host(&a.conn->layer[2]), "host.example", "layers know the host");
	is_str(adit_layer_path(&a.conn->layer[2]), "/way", "the path");
	is_int(adit_layer_port(&a.conn->layer[2]), 7835, "and the port of the server's address");
	run_until(w, both_sent);
	ok(a.pattern_good && b.pattern_good, "a megabyte passes through all of them, both ways");
	layers_log[0] = '\0';
	conn_finish(a.conn, END_LINGER_MS);
	conn_finish(b.conn, END_LINGER_MS);
	run_until(w, a_closed);
	run_until(w, turned);
	ok(strstr(layers_log, "f4f3f2f1") == layers_log, "the end is said from the top: %s",
		layers_log);
	ok(strstr(layers_log, "c4c3c2c1") != NULL, "and states are freed from the top");
}

/* ---- Layers that fail ------------------------------------------------------------------------ */

/* "xx" through one xor. */
static void
say_xored(const char *text)
{
	char p[32];
	size_t n = strlen(text);

	memcpy(p, text, n);
	layer_xor(p, n);
	raw_say(&raw, p, n);
}

static void
test_refused(void)
{
	const struct conn_level stack[3] = {
		layer_level(LAYER_XOR, "B", NULL), /* with a word at its end */
		layer_level(LAYER_REFUSES, "2", NULL),
		layer_level(LAYER_XOR, "3", NULL),
	};

	reset();
	one(ADIT_SIDE_SERVER, stack, 3);
	run_until(w, turned);
	ok(!a.ready, "a link is not ready while a layer is not");
	is_str(layers_upper, "<(null)<(null)", "the server's layers do not know what will be above");
	say_xored("what");
	run_until(w, a_closed);
	is_int(a.err, -EPROTO, "a layer that fails in its handshake ends the link");
	is_str(a.text, "refused after 4 bytes", "with its first reason, at once");
	ok(a.conn == NULL, "and the owner has nothing left to do");
	run_until(w, raw_ended);
	layer_xor(raw.in, 2);
	ok(raw.n == 5 && memcmp(raw.in, "nobye", 5) == 0,
		"what it said before is written, the layer below says its end, then FIN");
	raw_say(&raw, "more", 4);
	close(raw.fd);
	run_until(w, turned);
	run_until(w, turned);
	is_str(layers_log, "oBrBo2fBc2cB",
		"the one that failed is not called again, the one above was never opened");
}

static void
test_refused_long(void)
{
	const struct conn_level stack[1] = {layer_level(LAYER_REFUSES, "1", NULL)};

	reset();
	one(ADIT_SIDE_SERVER, stack, 1);
	raw_say(&raw, "what", 4);
	run_until(w, a_closed);
	is_str(layers_log, "o1c1", "a layer that has failed is gone when its link's owner is");
	ok(!list_empty(&w->leaving), "what it said is not");
	while (!list_empty(&w->leaving))
		run_until(w, turned);
	ok(true, "a peer that does not close is not waited for for ever");
	close(raw.fd);
}

static void
test_answer(void)
{
	const struct conn_level stack[2] = {
		layer_level(LAYER_XOR, "1", NULL),
		layer_level(LAYER_ANSWERS, "2", NULL),
	};

	reset();
	one(ADIT_SIDE_SERVER, stack, 2);
	a.say = "first";
	run_until(w, turned);
	say_xored("yes");
	want = 5;
	run_until(w, raw_has);
	is_str(a.in, "yes", "a layer passes what is the session's");
	say_xored("?");
	run_until(w, raw_ended);
	layer_xor(raw.in, raw.n);
	ok(raw.n == 9 && memcmp(raw.in, "firstgone", 9) == 0, "and ends the link after an answer");
	is_str(a.text, "it was a question", "saying why");
	close(raw.fd);
	run_until(w, turned);
	run_until(w, turned);
}

static void
test_not_opened(void)
{
	const struct conn_level stack[2] = {
		layer_level(LAYER_FRAME, "1", NULL),
		layer_level(LAYER_NEVER, "2", NULL),
	};

	reset();
	one(ADIT_SIDE_AGENT, stack, 2);
	raw_say(&raw, "HI\0\1x", 5); /* bytes behind the handshake that opens what fails */
	run_until(w, a_closed);
	is_str(a.text, "it cannot be opened", "a layer that cannot be opened ends the link");
	is_int(a.n_in, 0, "and nothing reaches the session");
	run_until(w, raw_ended);
	close(raw.fd);
	run_until(w, turned);
	run_until(w, turned);
	is_str(layers_log, "o1r1f1c1", "the layer below ends in order");
}

static void
test_hasty(void)
{
	const struct conn_level stack[1] = {layer_level(LAYER_HASTY, "1", NULL)};

	reset();
	one(ADIT_SIDE_SERVER, stack, 1);
	raw_say(&raw, "x", 1);
	run_until(w, a_closed);
	is_str(a.text, "the layer hasty handed bytes up before it was ready",
		"a layer that is not ready may hand nothing up");
	is_int(a.n_in, 0, "and nothing reaches the session");
	close(raw.fd);
	run_until(w, turned);
	run_until(w, turned);
}

/* An owner that ends while its layer fails gets one end, not two. */
static void
test_close_while_leaving(void)
{
	const struct conn_level stack[1] = {layer_level(LAYER_FRAME, "1", NULL)};

	reset();
	one(ADIT_SIDE_SERVER, stack, 1);
	run_until(w, turned);
	conn_finish(a.conn, END_LINGER_MS);
	run_until(w, raw_ended);
	is_int(raw.n, 2, "a link that ends in its handshake writes what the layer said");
	is_str(layers_log, "o1", "and a layer that is not ready has no end to say");
	ok(!a.closed, "the peer's end is waited for");
	end_one();
	is_str(layers_log, "o1c1", "and the owner may close it meanwhile");
}

/* ---- Choosing -------------------------------------------------------------------------------- */

/* "xx…" xor, "HI" frame, "s" the session, "n" no; and all of them again inside a layer. */
static int
pick(struct end *e, const uint8_t *p, size_t n, struct conn_level *level_r)
{
	if (p[0] == 's')
		return CONN_SESSION;
	if (p[0] == 'n')
		return conn_refuse(e->conn, "neither this nor that");
	if (n < 2)
		return CONN_MORE;
	*level_r = layer_level(p[0] == 'H' ? LAYER_FRAME : LAYER_ANSWERS, "1", NULL);
	return CONN_LAYER;
}

static void
test_choose(void)
{
	reset();
	a.choose = pick;
	a.say = "hello";
	one(ADIT_SIDE_SERVER, NULL, 0);
	run_until(w, turned);
	raw_read(&raw);
	ok(!a.ready && raw.n == 0, "nothing is said before it is chosen");
	raw_say(&raw, "H", 1);
	run_until(w, turned);
	is_str(a.probes, "|H", "one byte does not tell");
	raw_say(&raw, "I", 1);
	want = 2;
	run_until(w, raw_has);
	is_str(a.probes, "|H|HI", "the same byte again and one more do");
	ok(memcmp(raw.in, "HI", 2) == 0, "the layer is opened, and gets the bytes from the first");
	ok(!a.ready, "what stands on it is not known yet");
	raw_say(&raw, "\0\4stay", 6);
	want = 2 + 2 + 5;
	run_until(w, raw_has);
	is_str(a.probes, "|H|HI|stay", "it is chosen by the first bytes inside");
	is_str(a.in, "stay", "which the session gets");
	ok(a.ready && !a.conn->bare, "and the session's bytes flow");
	end_one();
}

static void
test_choose_bare(void)
{
	reset();
	a.choose = pick;
	a.say = "hello";
	one(ADIT_SIDE_SERVER, NULL, 0);
	raw_say(&raw, "some bytes", 10);
	want = 5;
	run_until(w, raw_has);
	is_str(a.in, "some bytes", "bytes that are the session's pass as they are");
	ok(a.ready && a.conn->bare, "and the link is as bare as one that was known to be");
	end_one();
}

static void
test_choose_none(void)
{
	reset();
	a.choose = pick;
	a.say = "hello";
	one(ADIT_SIDE_SERVER, NULL, 0);
	raw_say(&raw, "no", 2);
	run_until(w, a_closed);
	is_int(a.err, -EPROTO, "what is nothing of all ends the link");
	is_str(a.text, "neither this nor that", "with a reason");
	run_until(w, raw_ended);
	is_int(raw.n, 0, "and without a word");
	close(raw.fd);
	run_until(w, turned);
	run_until(w, turned);
}

/* ---- Giving away ----------------------------------------------------------------------------- */

/* Behind a ';' the bytes are b's. */
static size_t
give_at_semicolon(struct end *e, const uint8_t *p, size_t n)
{
	const uint8_t *at = memchr(p, ';', n);

	if (at == NULL)
		return 0;
	b.conn = e->conn;
	e->conn = NULL;
	b.say = "from b";
	conn_give(b.conn, &end_ops, &b);
	conn_kick(b.conn);
	return n - (size_t)(at + 1 - p);
}

static bool
b_closed(void)
{
	return b.closed;
}

static void
test_give(void)
{
	const struct conn_level stack[1] = {layer_level(LAYER_XOR, "1", NULL)};

	for (size_t layers = 0; layers < 2; layers++) {
		reset();
		a.split = give_at_semicolon;
		one(ADIT_SIDE_SERVER, stack, layers);
		run_until(w, turned);
		if (layers > 0)
			say_xored("mine;yours");
		else
			raw_say(&raw, "mine;yours", 10);
		want = 6;
		run_until(w, raw_has);
		if (layers > 0)
			layer_xor(raw.in, raw.n);
		is_str(a.in, "mine;", "the old owner has its bytes");
		is_str(b.in, "yours", "the new one the rest of the same read");
		ok(memcmp(raw.in, "from b", 6) == 0, "and speaks now");
		shutdown(raw.fd, SHUT_WR);
		run_until(w, b_closed);
		ok(!a.closed, "and hears of the end, alone");
		end_one();
	}
}

/* ---- The worker ends ------------------------------------------------------------------------- */

static void
test_worker_ends(void)
{
	const struct conn_level stack[1] = {layer_level(LAYER_REFUSES, "1", NULL)};

	reset();
	one(ADIT_SIDE_SERVER, stack, 1);
	raw_say(&raw, "x", 1);
	run_until(w, a_closed);
	worker_join(w); /* the sanitizers see whether anything is left */
	is_str(layers_log, "o1c1", "links that nobody owns end with their worker");
	ok(raw_ended(), "and are closed");
	close(raw.fd);
}

int
main(void)
{
	w = worker_new_main();
	test_bare();
	test_finish();
	test_stack();
	test_refused();
	test_refused_long();
	test_answer();
	test_not_opened();
	test_hasty();
	test_close_while_leaving();
	test_choose();
	test_choose_bare();
	test_choose_none();
	test_give();
	test_worker_ends();
	return done_testing();
}
