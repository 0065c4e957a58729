/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Links that go to another worker: with the bytes on both ways, with layers and without, there and
 * back; what happens when the link or the worker ends meanwhile. ThreadSanitizer judges the rest. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "layers.h"
#include "linkend.h"
#include "post.h"
#include "tap.h"

static struct worker *w, *other;
static struct end a, b; /* the owner here, and the one on the other worker */
static struct raw raw;
static size_t want;
static atomic_int arrived; /* 1: with the link, 2: without */
static const char mark[] = "1";
static void *shares[2]; /* of workers 0 and 1 */

struct parcel {
	struct conn_move move;
	struct end *to;
};

static void
on_arrived(struct conn_move *m, struct worker *at, struct conn *c)
{
	struct parcel *p = container_of(m, struct parcel, move);
	struct end *to = p->to;

	free(p);
	if (c == NULL) {
		atomic_store(&arrived, 2);
		return;
	}
	must(c->sock.w == at);
	to->conn = c;
	conn_give(c, &end_ops, to);
	atomic_store(&arrived, 1);
}

static void
send_to(struct end *from, struct worker *to, struct end *owner)
{
	struct parcel *p = xcalloc(1, sizeof(*p));

	p->move.arrived = on_arrived;
	p->to = owner;
	conn_move(from->conn, to, &p->move);
	from->conn = NULL;
}

/* Behind a ';' the bytes are for b, on the other worker. */
static size_t
move_at_semicolon(struct end *e, const uint8_t *p, size_t n)
{
	const uint8_t *at = memchr(p, ';', n);

	if (at == NULL)
		return 0;
	send_to(e, other, &b);
	return n - (size_t)(at + 1 - p);
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
has_arrived(void)
{
	return atomic_load(&arrived) != 0;
}

static void
start_other(void)
{
	must(worker_start(1, "other", NULL, NULL, NULL, &other) == 0);
}

static void
stop_other(void)
{
	worker_stop(other);
	worker_join(other);
}

static void
reset(void)
{
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&raw, 0, sizeof(raw));
	b.pattern_good = true;
	layers_log[0] = '\0';
	atomic_store(&arrived, 0);
	want = 0;
}

static void
open_one(size_t layers)
{
	const struct conn_level level = layer_level(LAYER_XOR, mark, shares);
	int fd[2];

	raw_pair(fd);
	raw.fd = fd[1];
	end_open(&a, w, fd[0], ADIT_SIDE_SERVER, &level, layers);
}

static void
say(const char *text, size_t layers)
{
	char p[64];
	size_t n = strlen(text);

	memcpy(p, text, n);
	if (layers > 0)
		layer_xor(p, n);
	raw_say(&raw, p, n);
}

static void
close_end(void *end)
{
	conn_close(((struct end *)end)->conn);
}

/* ---- There ----------------------------------------------------------------------------------- */

static void
test_move(size_t layers)
{
	reset();
	start_other();
	b.say = "from b";
	a.split = move_at_semicolon;
	open_one(layers);
	say("mine;yours", layers);
	want = 6;
	run_until(w, raw_has);
	is_int(arrived, 1, "the link arrives");
	is_str(a.in, "mine;", "its first owner has what came before");
	if (layers > 0)
		layer_xor(raw.in, raw.n);
	ok(memcmp(raw.in, "from b", 6) == 0, "the new one speaks on the other worker");
	say(" and more", layers);
	shutdown(raw.fd, SHUT_WR);
	run_until(w, raw_ended);
	stop_other();
	is_str(b.in, "yours and more", "and has all that came later, in order");
	ok(b.closed && b.err == 0 && !a.closed, "and hears of the end, alone");
	if (layers > 0)
		is_str(layers_log, "o1r1m1c1", "the layer is told, with its share of that worker");
	close(raw.fd);
}

/* ---- Back and forth -------------------------------------------------------------------------- */

#define TRIPS 200

static struct end stop[2]; /* the owners on the two workers */
static atomic_int trips;

/* Each byte is a journey. */
static size_t
move_each_byte(struct end *e, const uint8_t *p, size_t n)
{
	(void)p;
	if (atomic_fetch_add(&trips, 1) < TRIPS - 1)
		send_to(e, e == &stop[0] ? other : w, &stop[e == &stop[0]]);
	else
		return 0;
	return n - 1;
}

static bool
all_trips(void)
{
	return atomic_load(&trips) >= TRIPS;
}

static void
test_trips(void)
{
	char bytes[TRIPS];

	reset();
	start_other();
	memset(stop, 0, sizeof(stop));
	stop[0].split = stop[1].split = move_each_byte;
	open_one(0);
	stop[0].conn = a.conn;
	conn_give(a.conn, &end_ops, &stop[0]);
	memset(bytes, 'x', sizeof(bytes));
	raw_say(&raw, bytes, sizeof(bytes));
	run_until(w, all_trips);
	call_on(other, close_end, &stop[1]);
	stop_other();
	close(raw.fd);
	is_int(stop[0].n_in + stop[1].n_in, TRIPS,
		"a link that moves at each byte of one read loses none");
	is_int(stop[0].n_in, TRIPS / 2, "and each worker had its half");
}

/* ---- Ends on the way ------------------------------------------------------------------------- */

static void
test_stopped_before(void)
{
	reset();
	start_other();
	worker_stop(other);
	a.split = move_at_semicolon;
	worker_ref(other);
	worker_join(other);
	open_one(1);
	say("mine;yours", 1);
	run_until(w, has_arrived);
	is_int(arrived, 2, "a worker that has stopped gets no link");
	run_until(w, raw_ended);
	is_str(layers_log, "o1r1c1", "which ends");
	worker_unref(other);
	close(raw.fd);
}

static sem_t ending, busy;

static void
take(sem_t *s)
{
	while (sem_wait(s) != 0)
		;
}

static void
wait_here(struct worker *other_worker)
{
	(void)other_worker;
	sem_post(&ending);
	take(&busy);
}

static bool
has_left(void)
{
	return a.conn == NULL && a.n_in > 0;
}

static void
test_late(void)
{
	reset();
	must(sem_init(&busy, 0, 0) == 0 && sem_init(&ending, 0, 0) == 0);
	must(worker_start(1, "other", NULL, wait_here, NULL, &other) == 0);
	worker_stop(other);
	take(&ending); /* its last turn is over, its mailbox still open */
	a.split = move_at_semicolon;
	open_one(1);
	say("mine;yours", 1);
	run_until(w, has_left);
	must(sem_post(&busy) == 0);
	worker_join(other);
	run_until(w, has_arrived);
	is_int(arrived, 2, "a link that comes to a worker that ends is closed there");
	run_until(w, raw_ended);
	close(raw.fd);
	sem_destroy(&ending);
	sem_destroy(&busy);
}

/* The read that sends the link away has more for the layer. */
static void
test_kept(void)
{
	const struct conn_level stack[1] = {layer_level(LAYER_FRAME, mark, shares)};
	int fd[2];

	reset();
	start_other();
	raw_pair(fd);
	raw.fd = fd[1];
	a.split = move_at_semicolon;
	end_open(&a, w, fd[0], ADIT_SIDE_SERVER, stack, 1);
	raw_say(&raw, "HI\0\2;y\0\1z", 9);
	run_until(w, has_arrived);
	is_int(arrived, 1, "what a layer hands up after the link was sent away");
	post_call(other, close_end, &b);
	run_until(w, raw_ended);
	stop_other();
	is_str(b.in, "yz", "is kept for the new owner");
	close(raw.fd);
}

int
main(void)
{
	shares[1] = (void *)(uintptr_t)mark;
	w = worker_new_main();
	w->index = 0; /* as one that instances have shares of */
	test_move(0);
	test_move(1);
	test_trips();
	test_stopped_before();
	test_late();
	test_kept();
	w->index = WORKER_MAIN;
	worker_join(w);
	return done_testing();
}
