/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Workers: starting and stopping of their threads, the turn of a loop with what belongs to its end,
 * the watch over slow turns, and the pool of chunks. Runs on the worker's own thread unless the
 * header says otherwise. What must hold: the loop never goes to sleep while something waits for the
 * end of a turn, and nothing is freed by an end of turn before everything else has run. */

#define _GNU_SOURCE 1

#include "io/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "io/conn.h"
#include "io/pipe.h"
#include "io/thread.h"
#include "util/compiler.h"
#include "util/log.h"

#define SLOW_TURN_US 20000
#define CHUNKS_KEPT 8
#define JOIN_STEP_MS 100
#define END_WAIT_MS 20000 /* also for thousands of sessions under a sanitizer */
#define END_LOG_MS 2000
#define EPOLL_BELOW 1024 /* descriptors among which a loop's own is looked for */
#define LOOP_FLAGS (EVBACKEND_EPOLL | EVFLAG_NOENV)

static struct log_limit slow_limit;

/* What worker_start() waits for: whether the thread came up. */
struct start {
	struct worker *w;
	int rc;
	bool known;
	pthread_mutex_t lock; /* protects rc and known */
	pthread_cond_t told;
};

/* ---- The turn -------------------------------------------------------------------------------- */

static void
begin_turn(struct worker *w)
{
	w->now = w->turn_began = w->noted_at = mono_now();
	__atomic_store_n(&w->what, "loop", __ATOMIC_RELAXED);
	w->slowest = NULL;
	w->slowest_ns = 0;
	w->in_turn = true;
}

void
worker_note(struct worker *w, const char *what)
{
	struct mono now = mono_now();
	int64_t ns = now.ns - w->noted_at.ns;

	if (w->slowest == NULL || ns > w->slowest_ns) {
		w->slowest = w->what;
		w->slowest_ns = ns;
	}
	w->now = w->noted_at = now;
	__atomic_store_n(&w->what, what, __ATOMIC_RELAXED);
}

static void
report_slow(const struct worker *w, uint64_t us)
{
	char name[24] = "main worker";

	if (w->index != WORKER_MAIN)
		snprintf(name, sizeof(name), "worker %" PRIu32, w->index);
	log_limited(&slow_limit, LOG_WARN,
		"%s: a turn took %" PRIu64 " ms; longest: %s, %" PRId64 " ms",
		name, us / 1000, w->slowest, w->slowest_ns / 1000000);
}

static void
end_turn(struct worker *w)
{
	struct worker_stats *s = &w->stats;
	uint64_t us;

	worker_note(w, "loop");
	us = (uint64_t)(w->now.ns - w->turn_began.ns) / 1000;
	w->in_turn = false;
	atomic_fetch_add_explicit(&s->turns, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->busy_us, us, memory_order_relaxed);
	if (us > atomic_load_explicit(&s->max_turn_us, memory_order_relaxed))
		atomic_store_explicit(&s->max_turn_us, us, memory_order_relaxed);
	if (us > SLOW_TURN_US) {
		atomic_fetch_add_explicit(&s->slow_turns, 1, memory_order_relaxed);
		report_slow(w, us);
	}
}

/* Each of them may ask for more; reaping waits until nothing else is left. */
static void
run_ends(struct worker *w)
{
	struct list *n;

	while ((n = list_pop(&w->ends)) != NULL || (n = list_pop(&w->reap)) != NULL) {
		struct turn_end *t = list_entry(n, struct turn_end, node);

		worker_note(w, "end of turn");
		t->run(t);
	}
}

/* First of all callbacks after the loop has slept. */
static void
on_check(struct ev_loop *loop, ev_check *ev ATTR_UNUSED, int revents ATTR_UNUSED)
{
	begin_turn(ev_userdata(loop));
}

/* Last of all callbacks before the loop sleeps. */
static void
on_prepare(struct ev_loop *loop, ev_prepare *ev ATTR_UNUSED, int revents ATTR_UNUSED)
{
	struct worker *w = ev_userdata(loop);

	if (!w->in_turn)
		begin_turn(w);
	run_ends(w);
	end_turn(w);
	if (w->stopping)
		ev_break(loop, EVBREAK_ALL);
}

static void
on_halt(struct ev_loop *loop, ev_async *ev ATTR_UNUSED, int revents ATTR_UNUSED)
{
	struct worker *w = ev_userdata(loop);

	worker_note(w, "stop");
	w->stopping = true;
	/* What was posted before worker_stop() belongs to this turn. */
	ev_feed_event(loop, &w->mbox.wake, EV_ASYNC);
}

static void
ask(struct worker *w, struct list *which, struct turn_end *t)
{
	WORKER_OWNS(w);
	must(t->node.next != NULL);
	if (list_linked(&t->node))
		return;
	list_push(which, &t->node);
	/* Outside a turn (by an event that the end of a turn fed, or before the loop runs) nobody
	 * would look before the loop sleeps. */
	if (!w->in_turn)
		ev_feed_event(w->loop, &w->prepare, EV_PREPARE);
}

void
worker_at_end(struct worker *w, struct turn_end *t)
{
	ask(w, &w->ends, t);
}

void
worker_reap(struct worker *w, struct turn_end *t)
{
	ask(w, &w->reap, t);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void
start_watchers(struct worker *w)
{
	ev_set_userdata(w->loop, w);
	ev_prepare_init(&w->prepare, on_prepare);
	ev_set_priority(&w->prepare, EV_MINPRI);
	ev_prepare_start(w->loop, &w->prepare);
	ev_check_init(&w->check, on_check);
	ev_set_priority(&w->check, EV_MAXPRI);
	ev_check_start(w->loop, &w->check);
	mbox_init(&w->mbox, w->loop);
	ev_async_init(&w->halt, on_halt);
	ev_async_start(w->loop, &w->halt);
}

static void
on_probe(struct ev_loop *loop ATTR_UNUSED, ev_io *ev ATTR_UNUSED, int revents ATTR_UNUSED)
{
}

/* The loop's epoll set, which libev does not tell: the one that has what the loop watches. -1: it
 * is none of the lowest descriptors, where it should be. The loop is new. */
static int
epoll_of(struct ev_loop *loop)
{
	int probe = eventfd(0, EFD_CLOEXEC), found = -1;
	ev_io io;

	if (probe < 0)
		return -1;
	ev_io_init(&io, on_probe, probe, EV_READ);
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_NOWAIT);
	for (int fd = 0; fd < EPOLL_BELOW && found < 0; fd++)
		if (fd != probe && epoll_ctl(fd, EPOLL_CTL_DEL, probe, NULL) == 0)
			found = fd;
	ev_io_stop(loop, &io);
	close(probe);
	return found;
}

void
worker_forget_fd(struct worker *w, int fd)
{
	WORKER_OWNS(w);
	if (w->epoll >= 0)
		(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* loop is not running yet; the calling thread becomes the owner. */
static struct worker *
worker_new(uint32_t index, struct ev_loop *loop)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	w->index = index;
	w->loop = loop;
	w->thread = pthread_self();
	w->epoll = epoll_of(loop);
	w->scratch = xmalloc(WORKER_SCRATCH);
	atomic_init(&w->refs, 1);
	list_init(&w->ends);
	list_init(&w->reap);
	list_init(&w->chunks);
	list_init(&w->leaving);
	start_watchers(w);
	begin_turn(w);
	w->in_turn = false;
	return w;
}

struct worker *
worker_new_main(void)
{
	/* Not libev's default loop: that one waits for every child of the process, also for those
	 * that a plugin has started and whose number it still uses. */
	struct ev_loop *loop = ev_loop_new(LOOP_FLAGS);

	return loop != NULL ? worker_new(WORKER_MAIN, loop) : NULL;
}

void
worker_run(struct worker *w)
{
	WORKER_OWNS(w);
	must(!w->running);
	w->running = true;
	ev_run(w->loop, 0);
	w->running = false;
	w->stopping = false;
}

/* Owner, after the last turn: nothing can be posted afterwards, nothing waits any more. */
static void
wind_up(struct worker *w)
{
	w->in_turn = true;
	if (w->fini != NULL)
		w->fini(w);
	run_ends(w);
	mbox_fini(&w->mbox);
	conn_close_leaving(w);
	run_ends(w);
	pipe_pool_fini(w);
	w->in_turn = false;
}

static void
tell(struct start *s, int rc)
{
	pthread_mutex_lock(&s->lock);
	s->rc = rc;
	s->known = true;
	pthread_cond_signal(&s->told);
	pthread_mutex_unlock(&s->lock);
}

static void *
thread_main(void *arg)
{
	struct start *s = arg; /* gone once told */
	struct worker *w = s->w;
	int rc;

	w->thread = pthread_self();
	rc = w->init != NULL ? w->init(w, w->arg) : 0;
	if (rc != 0)
		w->fini = NULL;
	tell(s, rc);
	if (rc == 0)
		worker_run(w);
	wind_up(w);
	return NULL;
}

/* The loop is closed after its thread, so that a second worker_stop() finds it. */
static void
worker_close(struct worker *w)
{
	struct list *n;

	ev_async_stop(w->loop, &w->halt);
	ev_check_stop(w->loop, &w->check);
	ev_prepare_stop(w->loop, &w->prepare);
	ev_loop_destroy(w->loop);
	w->loop = NULL;
	while ((n = list_pop(&w->chunks)) != NULL)
		free(list_entry(n, struct chunk, node));
	free(w->scratch);
	free(w->datagrams);
	w->datagrams = NULL;
	w->scratch = NULL;
	worker_unref(w);
}

static int
wait_for_start(struct start *s)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	while (!s->known)
		pthread_cond_wait(&s->told, &s->lock);
	rc = s->rc;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int
worker_start(uint32_t index, const char *name, int (*init)(struct worker *w, void *arg),
	void (*fini)(struct worker *w), void *arg, struct worker **w_r)
{
	struct start s = {.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};
	struct ev_loop *loop;
	pthread_t thread;
	int rc;

	errno = 0;
	loop = ev_loop_new(LOOP_FLAGS);
	if (loop == NULL)
		return errno != 0 ? -errno : -ENOMEM;
	s.w = worker_new(index, loop);
	s.w->init = init;
	s.w->fini = fini;
	s.w->arg = arg;
	rc = thread_start(&thread, name, thread_main, &s);
	if (rc != 0) {
		s.w->fini = NULL;
		wind_up(s.w);
		worker_close(s.w);
		return rc;
	}
	rc = wait_for_start(&s);
	if (rc != 0) {
		must(pthread_join(thread, NULL) == 0);
		worker_close(s.w);
		return rc;
	}
	*w_r = s.w;
	return 0;
}

void
worker_stop(struct worker *w)
{
	ev_async_send(w->loop, &w->halt);
}

void
worker_join(struct worker *w)
{
	if (w == NULL)
		return;
	if (w->index == WORKER_MAIN) {
		WORKER_OWNS(w);
		must(!w->running);
		wind_up(w);
	} else {
		must(pthread_join(w->thread, NULL) == 0);
	}
	worker_close(w);
}

/* In short steps: the time that pthread_timedjoin_np() takes can be set anew by anybody. */
static int
join_until(pthread_t thread, struct mono end)
{
	struct timespec step;

	for (;;) {
		must(clock_gettime(CLOCK_REALTIME, &step) == 0);
		step.tv_nsec += JOIN_STEP_MS * 1000000;
		if (step.tv_nsec >= 1000000000) {
			step.tv_sec++;
			step.tv_nsec -= 1000000000;
		}
		if (pthread_timedjoin_np(thread, NULL, &step) == 0)
			return 0;
		if (mono_diff_ms(mono_now(), end) >= 0)
			return -ETIMEDOUT;
	}
}

int
workers_join(struct worker **w, unsigned n, int64_t wait_ms, const char **what_r)
{
	struct mono end = mono_add_ms(mono_now(), wait_ms);

	for (unsigned i = 0; i < n; i++) {
		if (w[i] == NULL)
			continue;
		must(w[i]->index != WORKER_MAIN);
		if (join_until(w[i]->thread, end) < 0) {
			*what_r = __atomic_load_n(&w[i]->what, __ATOMIC_RELAXED);
			return -ETIMEDOUT;
		}
		worker_close(w[i]);
	}
	return 0;
}

void
workers_end(struct worker **w, unsigned n)
{
	const char *what;

	if (workers_join(w, n, END_WAIT_MS, &what) == 0)
		return;
	log_error("a worker does not come back from \"%s\": ending without it", what);
	log_stop(END_LOG_MS);
	_exit(EXIT_FAILURE);
}

void
worker_ref(struct worker *w)
{
	atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
}

void
worker_unref(struct worker *w)
{
	unsigned before = atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel);

	must(before > 0);
	if (before > 1)
		return;
	pthread_mutex_destroy(&w->mbox.lock);
	free(w);
}

int
worker_post(struct worker *w, struct mbox_msg *msg)
{
	return mbox_post(&w->mbox, msg);
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

struct chunk *
chunk_get(struct worker *w)
{
	struct list *n;
	struct chunk *c;

	WORKER_OWNS(w);
	n = list_pop(&w->chunks);
	if (n != NULL) {
		w->n_chunks--;
		c = list_entry(n, struct chunk, node);
	} else {
		c = xmalloc(sizeof(*c) + CHUNK_SIZE);
		list_init(&c->node);
	}
	c->off = c->len = 0;
	c->users = 1;
	return c;
}

struct chunk *
chunk_share(struct chunk *c)
{
	must(c->users > 0);
	c->users++;
	return c;
}

void
chunk_put(struct worker *w, struct chunk *c)
{
	WORKER_OWNS(w);
	if (c == NULL || --c->users > 0)
		return;
	if (w->n_chunks == CHUNKS_KEPT) {
		free(c);
		return;
	}
	w->n_chunks++;
	list_push_front(&w->chunks, &c->node); /* the warm one first */
}
