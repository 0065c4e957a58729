/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A worker: one thread, one libev loop (epoll), one mailbox, and what belongs to that thread alone.
 * Every mutable object has one owner worker for life; WORKER_OWNS() asserts it, in release builds
 * too. The main thread has a worker as well, for signals and coordination.
 *
 * A turn of the loop: events are handled; then the turn-end callbacks run (a session writes its
 * link once for everything that the turn produced; objects that ended are freed); then it
 * sleeps. */

#ifndef ADIT_IO_WORKER_H
#define ADIT_IO_WORKER_H

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>

#include "io/mbox.h"
#include "util/list.h"
#include "util/mono.h"

#define WORKER_MAIN UINT32_MAX /* index of the main thread's worker */
#define WORKER_SCRATCH (256u * 1024)
#define WORKER_DATAGRAM (64u * 1024) /* room for one, of a batch */

/* A pooled buffer for link output; chunk_get() and chunk_put() are the owner's. */
struct chunk {
	struct list node;
	size_t off, len; /* what is still to be written is data[off, len) */
	unsigned users;
	uint8_t data[];
};

#define CHUNK_SIZE (64u * 1024 + 4096) /* data[]: one full copying DATA frame and control frames */

/* Counters of one worker: written by the owner, read relaxed by anybody. */
struct worker_stats {
	_Atomic uint64_t turns, slow_turns, max_turn_us, busy_us; /* busy: all turns together */
	_Atomic uint64_t clients, streams, rx_bytes, tx_bytes; /* public side */
	_Atomic uint64_t links, sessions;
	_Atomic uint64_t flows, datagrams_in, datagrams_out, datagrams_dropped; /* public side */
};

/* Runs once at the end of the turn in which it was asked for. */
struct turn_end {
	struct list node;
	void (*run)(struct turn_end *t);
};

struct worker {
	uint32_t index;
	pthread_t thread;
	bool running; /* set by the thread itself */
	struct ev_loop *loop;
	int epoll; /* its set; -1: not known */
	struct mbox mbox;
	ev_prepare prepare;
	ev_check check;
	ev_async halt;
	bool stopping;       /* the turn under way is the last */
	bool in_turn;        /* between an event and the end of its turn */
	_Atomic unsigned refs; /* see worker_ref() */
	int (*init)(struct worker *w, void *arg); /* with fini and arg: of worker_start() */
	void (*fini)(struct worker *w);
	void *arg;
	struct list ends;    /* struct turn_end asked for */
	struct list reap;    /* struct turn_end that free something: run after all others */
	struct list chunks;  /* free chunks, at most a few */
	unsigned n_chunks;
	struct pipe_pool *pipes; /* io/pipe.c; or NULL */
	struct list leaving; /* struct conn: links that nobody owns any more */
	struct mono now;     /* of this turn; refreshed by worker_note() */
	struct mono turn_began, noted_at;
	const char *what;    /* runs now; read by workers_join(), too */
	const char *slowest; /* took longest in this turn */
	int64_t slowest_ns;
	uint8_t *scratch;    /* WORKER_SCRATCH bytes, for reading */
	uint8_t *datagrams;  /* a batch, made by io/dgram.c; or NULL */
	struct worker_stats stats;
	void *app;           /* tunnel's per-worker data */
};

#define WORKER_OWNS(w) must(pthread_equal((w)->thread, pthread_self()))

/* The main thread's worker, on the calling thread, which runs it with worker_run(). NULL when the
 * system has no epoll or no descriptor left. */
struct worker *worker_new_main(void);

/* Starts a thread with signals blocked. init (may be NULL) runs on it before its loop, fini (too)
 * after it, but not when init failed. Comes back when init has; returns 0 or a negative errno.
 *
 * How a worker ends: last turn, fini, then what is left in its mailbox is delivered late. So fini
 * cancels what is under way, and late answers only release. */
int worker_start(uint32_t index, const char *name, int (*init)(struct worker *w, void *arg),
	void (*fini)(struct worker *w), void *arg, struct worker **w_r);

void worker_run(struct worker *w); /* until worker_stop(); the main worker may run again */

/* Any thread, until worker_join(): ends the loop after the turn that is under way. What this thread
 * posted before is delivered in that turn or earlier. */
void worker_stop(struct worker *w);

/* Waits for the thread and frees; for the main worker only frees. NULL is harmless. */
void worker_join(struct worker *w);

/* The same for n of them together (NULL is harmless), but waits for at most wait_ms. 0; or
 * -ETIMEDOUT when one does not come back from what it calls: then it stays, with all that is its,
 * and those behind it as well. what_r says what it does, for the log. */
int workers_join(struct worker **w, unsigned n, int64_t wait_ms, const char **what_r);
/* For the end of a program: waits for them for 20 s. When one does not come back, a plugin's call
 * has it for good; then this says so and ends the process with status 1: nothing can be freed. */
void workers_end(struct worker **w, unsigned n);

/* Any thread: whoever will post later and cannot know when worker_join() comes keeps a reference.
 * Then only the memory outlives worker_join(): posts are answered with -ESHUTDOWN. */
void worker_ref(struct worker *w);
void worker_unref(struct worker *w);

/* Any thread; see mbox_post(). */
int worker_post(struct worker *w, struct mbox_msg *msg);

/* Asks for t->run at the end of this turn (once; asking again is harmless). t->node must have been
 * through list_init(). */
void worker_at_end(struct worker *w, struct turn_end *t);
/* The same, after all of worker_at_end(): for freeing. */
void worker_reap(struct worker *w, struct turn_end *t);

/* Callbacks of io/ begin with it: takes the time, and remembers what runs, for the report of a turn
 * over 20 ms. what is a constant text. */
void worker_note(struct worker *w, const char *what);

/* For a descriptor that goes to another worker, when its watcher has been stopped: libev leaves it
 * in the loop's epoll set, trusting that it will be closed. */
void worker_forget_fd(struct worker *w, int fd);

struct chunk *chunk_get(struct worker *w);
void chunk_put(struct worker *w, struct chunk *c); /* by its last user; NULL is harmless */
/* One user more: what is in data stays as it is until that one calls chunk_put(), too. */
struct chunk *chunk_share(struct chunk *c);

/* A one-shot timer on a worker. fn may start it again. */
struct timer {
	ev_timer ev;
	struct worker *w;
	const char *what;
	void (*fn)(struct timer *t);
};

void timer_init(struct timer *t, struct worker *w, const char *what, void (*fn)(struct timer *t));
void timer_start(struct timer *t, int64_t ms); /* starts or moves; at least 0 */
void timer_start_at(struct timer *t, struct mono at);
void timer_stop(struct timer *t);

#endif
