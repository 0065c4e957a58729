/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Mailboxes: order, batches, and what happens to messages when one closes. */

#define _GNU_SOURCE 1

#include <errno.h>

#include "io/mbox.h"
#include "post.h"
#include "tap.h"

struct note {
	struct mbox_msg msg;
	char name;
	int delivered, late;
	uint64_t turn; /* in which it came */
	struct note *reply;
};

static struct worker *w;
static struct mbox box;
static char trace[64];

static void
on_note(struct mbox_msg *msg, bool late)
{
	struct note *n = container_of(msg, struct note, msg);
	size_t len = strlen(trace);

	n->delivered++;
	n->late += late;
	n->turn = atomic_load(&w->stats.turns);
	if (len < sizeof(trace) - 1)
		trace[len] = n->name;
	if (n->reply != NULL)
		(void)mbox_post(&box, &n->reply->msg);
	else if (n->name == '.')
		worker_stop(w);
}

static struct note
note(char name)
{
	return (struct note){.msg.deliver = on_note, .name = name};
}

static void
test_order(void)
{
	struct note a = note('a'), b = note('b'), c = note('c'), d = note('d'), end = note('.');

	memset(trace, 0, sizeof(trace));
	a.reply = &d;
	d.reply = &end;
	is_int(mbox_post(&box, &a.msg), 0, "a message is taken");
	must(mbox_post(&box, &b.msg) == 0 && mbox_post(&box, &c.msg) == 0);
	is_int(a.delivered, 0, "and not delivered inside the call");
	worker_run(w);
	is_str(trace, "abcd.", "messages come in the order of posting");
	ok(a.turn == b.turn && b.turn == c.turn, "those that wait come in one turn");
	ok(d.turn > c.turn && end.turn > d.turn, "those posted meanwhile wait for the next");
	ok(a.late + b.late + c.late + d.late + end.late == 0, "none is late");
}

/* Two boxes on one loop wake for their own only. */
static void
test_two(void)
{
	struct note a = note('a'), end = note('.');

	memset(trace, 0, sizeof(trace));
	must(worker_post(w, &a.msg) == 0);
	worker_stop(w);
	worker_run(w);
	is_int(a.delivered, 1, "the worker's own mailbox delivers");
	must(mbox_post(&box, &end.msg) == 0);
	worker_run(w);
	is_str(trace, "a.", "and the other one, too");
}

static void
test_close(void)
{
	struct note a = note('a'), b = note('b'), c = note('c');

	memset(trace, 0, sizeof(trace));
	a.reply = &c;
	must(mbox_post(&box, &a.msg) == 0 && mbox_post(&box, &b.msg) == 0);
	mbox_fini(&box);
	is_str(trace, "ab", "closing delivers what is there");
	ok(a.late == 1 && b.late == 1, "late");
	is_int(c.delivered, 0, "what is posted then is not taken");
	is_int(mbox_post(&box, &c.msg), -ESHUTDOWN, "and the poster hears of it");
	mbox_fini(&box);
	is_int(a.delivered + b.delivered, 2, "closing twice does nothing");
}

int
main(void)
{
	w = worker_new_main();
	must(w != NULL);
	mbox_init(&box, w->loop);
	test_order();
	test_two();
	test_close();
	worker_join(w);
	return done_testing();
}
