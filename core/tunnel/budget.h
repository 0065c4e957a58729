/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The budget for unread bytes of all workers together (limit unread_budget). Over it, the streams
 * whose bytes wait for the longest time are reset, until a tenth is free.
 *
 * Each worker counts for itself and now and then adds what has changed to the total, which is an
 * atomic number; so the total is right but for 64 KiB of each worker, and for a sixteenth of the
 * budget of all. (After a change of the budget that holds for each worker when its bytes change
 * next.) Whoever finds it over the
 * budget begins, and there is one at a time: it is a message that goes to the worker with the
 * oldest bytes, which resets streams as long as it has the oldest, and then sends it on. Which
 * worker that is, each shows by an atomic time. There are no locks but the mailboxes', and nobody
 * walks a list. */

#ifndef ADIT_TUNNEL_BUDGET_H
#define ADIT_TUNNEL_BUDGET_H

#include <stdatomic.h>

#include "io/worker.h"
#include "tunnel/unread.h"

struct budget_share;

struct budget {
	_Atomic int64_t total, limit;
	_Atomic int64_t grain; /* a worker adds what has changed when it is that much */
	_Atomic bool relieving; /* the message is on its way */
	struct budget_share *share; /* one for each worker */
	unsigned n;
};

/* Part of what a worker has for its streams; owner: the worker. */
struct budget_user {
	struct worker *w;
	struct budget *b;
	struct unread_list list;
	int64_t counted; /* of list.bytes: what is in the total */
	int64_t shown;   /* the time that others see */
	struct turn_end relieve;
	void (*reset)(struct unread *u); /* for the oldest; it has no unread bytes then */
};

/* Main thread, before the workers start and after they are joined. */
void budget_init(struct budget *b, int64_t limit, unsigned workers);
void budget_fini(struct budget *b);
void budget_set_limit(struct budget *b, int64_t limit); /* any thread */

/* The worker, when it starts and when it ends. */
void budget_join(struct budget_user *user, struct budget *b, struct worker *w,
	void (*reset)(struct unread *u));
void budget_leave(struct budget_user *user);

/* A stream has n unread bytes now. Nothing is reset inside this call. */
void budget_unread(struct budget_user *user, struct unread *u, size_t n);

#endif
