/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Helper threads and their queue. Submitting: any worker; working: the helpers, which are made when
 * no other is free. What must hold: each job that was taken is answered exactly once, and a source
 * is given back its place before its answer goes out, so that done() may submit the next. */

#include "io/offload.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io/thread.h"
#include "io/worker.h"
#include "util/compiler.h"
#include "util/map.h"

struct offload {
	pthread_mutex_t lock; /* protects all below */
	pthread_cond_t more;  /* a job, or stop */
	pthread_cond_t ended; /* the last helper has */
	struct list queue;
	unsigned n_queued, max_queue;
	struct idmap sources; /* source to its number of jobs, as a pointer */
	unsigned max_per_source;
	pthread_t *threads;
	unsigned n_threads, max_threads, n_idle, n_alive;
	bool stop;
	bool orphan; /* nobody waits for the helpers any more: the last one frees */
	char *name;
};

static uintptr_t
source_count(const struct offload *o, uint64_t source)
{
	return (uintptr_t)idmap_get(&o->sources, source);
}

static void
source_set(struct offload *o, uint64_t source, uintptr_t n)
{
	if (n > 0)
		(void)idmap_put(&o->sources, source, (void *)n);
	else
		(void)idmap_del(&o->sources, source);
}

/* On the worker; or, when its mailbox is closed, wherever the answer was. */
static void
deliver(struct mbox_msg *msg, bool late)
{
	struct job *job = container_of(msg, struct job, msg);

	if (late || job->unworked)
		job->cancelled = true;
	job->late = late;
	if (!late)
		worker_note(job->w, "helper's answer");
	job->done(job);
}

/* The job is not ours afterwards. */
static void
answer(struct job *job)
{
	struct worker *w = job->w;

	if (worker_post(w, &job->msg) != 0)
		deliver(&job->msg, true);
	worker_unref(w);
}

/* Waits for a job; NULL when it is time to end. */
static struct job *
take(struct offload *o)
{
	struct list *n;

	while ((n = list_pop(&o->queue)) == NULL) {
		if (o->stop)
			return NULL;
		o->n_idle++;
		pthread_cond_wait(&o->more, &o->lock);
		o->n_idle--;
	}
	o->n_queued--;
	return list_entry(n, struct job, node);
}

static void
destroy(struct offload *o)
{
	idmap_fini(&o->sources);
	pthread_cond_destroy(&o->ended);
	pthread_cond_destroy(&o->more);
	pthread_mutex_destroy(&o->lock);
	free(o->threads);
	free(o->name);
	free(o);
}

/* Under the lock, which it gives back. */
static void
leave(struct offload *o)
{
	bool last = --o->n_alive == 0, orphan = o->orphan;

	if (last)
		pthread_cond_signal(&o->ended);
	pthread_mutex_unlock(&o->lock);
	if (last && orphan)
		destroy(o);
}

static void *
helper(void *arg)
{
	struct offload *o = arg;
	struct job *job;

	pthread_mutex_lock(&o->lock);
	while ((job = take(o)) != NULL) {
		uint64_t source = job->source;

		pthread_mutex_unlock(&o->lock);
		job->work(job);
		pthread_mutex_lock(&o->lock);
		if (source != 0)
			source_set(o, source, source_count(o, source) - 1);
		pthread_mutex_unlock(&o->lock);
		answer(job);
		pthread_mutex_lock(&o->lock);
	}
	leave(o);
	return NULL;
}

/* False when there is no thread at all to do the work. Under the lock. */
static bool
add_thread(struct offload *o)
{
	char name[32];

	if (o->n_threads == o->max_threads)
		return true;
	snprintf(name, sizeof(name), "%.10s-%u", o->name, o->n_threads);
	if (thread_start(&o->threads[o->n_threads], name, helper, o) == 0) {
		o->n_threads++;
		o->n_alive++;
	}
	return o->n_threads > 0;
}

/* Under the lock. */
static bool
has_room(const struct offload *o, uint64_t source)
{
	if (o->stop || o->n_queued >= o->max_queue)
		return false;
	return source == 0 || source_count(o, source) < o->max_per_source;
}

struct offload *
offload_new(const char *name, unsigned threads, unsigned max_queue, unsigned max_per_source)
{
	struct offload *o = xcalloc(1, sizeof(*o));
	pthread_condattr_t attr;

	must(threads > 0 && max_queue > 0 && max_per_source > 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_mutex_init(&o->lock, NULL) == 0);
	must(pthread_cond_init(&o->more, NULL) == 0);
	must(pthread_cond_init(&o->ended, &attr) == 0);
	pthread_condattr_destroy(&attr);
	list_init(&o->queue);
	o->max_queue = max_queue;
	o->max_per_source = max_per_source;
	o->max_threads = threads;
	o->threads = xcalloc(threads, sizeof(*o->threads));
	o->name = xstrdup(name);
	return o;
}

int
offload_submit(struct offload *o, struct worker *w, struct job *job)
{
	WORKER_OWNS(w);
	pthread_mutex_lock(&o->lock);
	if (!has_room(o, job->source) || (o->n_queued >= o->n_idle && !add_thread(o))) {
		pthread_mutex_unlock(&o->lock);
		return -EBUSY;
	}
	job->w = w;
	job->msg.deliver = deliver;
	job->since = mono_now();
	job->unworked = job->late = false;
	worker_ref(w);
	if (job->source != 0)
		source_set(o, job->source, source_count(o, job->source) + 1);
	list_push(&o->queue, &job->node);
	o->n_queued++;
	pthread_cond_signal(&o->more);
	pthread_mutex_unlock(&o->lock);
	return 0;
}

/* No more is taken from the queue; what was in it goes back at once, not after the slowest job. */
static void
empty_queue(struct offload *o)
{
	struct list unworked, *n;

	list_init(&unworked);
	pthread_mutex_lock(&o->lock);
	o->stop = true;
	list_splice(&unworked, &o->queue);
	pthread_cond_broadcast(&o->more);
	pthread_mutex_unlock(&o->lock);
	while ((n = list_pop(&unworked)) != NULL) {
		struct job *job = list_entry(n, struct job, node);

		job->unworked = true;
		answer(job);
	}
}

void
offload_free(struct offload *o)
{
	if (o == NULL)
		return;
	empty_queue(o);
	for (unsigned i = 0; i < o->n_threads; i++)
		must(pthread_join(o->threads[i], NULL) == 0);
	destroy(o);
}

/* True if no helper is left at the end of the wait; else they are on their own. */
static bool
wait_ended(struct offload *o, int64_t wait_ms)
{
	struct timespec until;
	bool all;

	must(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&o->lock);
	while (o->n_alive > 0 && pthread_cond_timedwait(&o->ended, &o->lock, &until) == 0)
		;
	all = o->n_alive == 0;
	for (unsigned i = 0; !all && i < o->n_threads; i++)
		must(pthread_detach(o->threads[i]) == 0);
	o->orphan = !all;
	pthread_mutex_unlock(&o->lock);
	return all;
}

int
offload_end(struct offload *o, int64_t wait_ms)
{
	empty_queue(o);
	if (!wait_ended(o, wait_ms))
		return -ETIMEDOUT;
	for (unsigned i = 0; i < o->n_threads; i++)
		must(pthread_join(o->threads[i], NULL) == 0);
	destroy(o);
	return 0;
}
