/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Helper threads: order, bounds, cancelling, and every way in which a helper and a worker can end
 * before the other. Jobs wait at a gate, so that each test knows where they are. */

#define _GNU_SOURCE 1

#include <errno.h>
#include <sched.h>

#include "io/offload.h"
#include "post.h"
#include "tap.h"

struct task {
	struct job job;
	sem_t gate;    /* work() waits for it, if gated */
	sem_t at_gate; /* work() has begun */
	sem_t over;    /* done() has run, if somebody waits for that */
	bool gated, wait_over;
	int worked, done, dones_before;
	bool cancelled, late, on_worker;
	struct worker *stop; /* when done */
	struct offload *again; /* submit then in done() */
	struct task *next;
};

static struct worker *w;
static int n_done;
static atomic_int n_worked;

static void
down(sem_t *s)
{
	while (sem_wait(s) != 0)
		;
}

static void
work(struct job *job)
{
	struct task *t = container_of(job, struct task, job);

	sem_post(&t->at_gate);
	if (t->gated)
		down(&t->gate);
	t->worked = ++n_worked;
}

static void
done(struct job *job)
{
	struct task *t = container_of(job, struct task, job);

	t->done++;
	t->cancelled = job->cancelled;
	t->late = job->late;
	t->on_worker = !job->late && pthread_equal(job->w->thread, pthread_self());
	if (!job->late)
		t->dones_before = n_done++;
	if (t->again != NULL && offload_submit(t->again, job->w, &t->next->job) != 0)
		t->again = NULL;
	if (t->stop != NULL)
		worker_stop(t->stop);
	if (t->wait_over)
		sem_post(&t->over);
}

static void
task_init(struct task *t, uint64_t source, bool gated)
{
	*t = (struct task){.job = {.source = source, .work = work, .done = done}, .gated = gated};
	must(sem_init(&t->gate, 0, 0) == 0 && sem_init(&t->at_gate, 0, 0) == 0);
	must(sem_init(&t->over, 0, 0) == 0);
}

/* ---- Order ----------------------------------------------------------------------------------- */

static void
test_order(void)
{
	static struct task t[100];
	struct offload *o = offload_new("order", 1, 100, 1);
	bool order = true, once = true;

	n_done = 0;
	atomic_store(&n_worked, 0);
	for (int i = 0; i < 100; i++) {
		task_init(&t[i], 0, false);
		must(offload_submit(o, w, &t[i].job) == 0);
	}
	t[99].stop = w;
	is_int(n_done, 0, "no answer comes inside a call");
	worker_run(w);
	for (int i = 0; i < 100; i++) {
		order = order && t[i].worked == i + 1 && t[i].dones_before == i;
		once = once && t[i].done == 1 && t[i].on_worker && !t[i].cancelled;
	}
	ok(order, "one thread works, and answers, in the order of submitting");
	ok(once, "each answer comes once, on the worker");
	offload_free(o);
}

static void
test_threads(void)
{
	struct offload *o = offload_new("threads", 3, 8, 8);
	struct task t[4];
	int at = -1;

	for (int i = 0; i < 4; i++) {
		task_init(&t[i], 0, true);
		must(offload_submit(o, w, &t[i].job) == 0);
	}
	for (int i = 0; i < 3; i++)
		down(&t[i].at_gate);
	ok(true, "three threads work at the same time");
	ok(sem_getvalue(&t[3].at_gate, &at) == 0 && at == 0, "there is no fourth");
	sem_post(&t[1].gate);
	down(&t[3].at_gate);
	ok(true, "the next job goes to the thread that is free");
	t[3].stop = w;
	sem_post(&t[0].gate);
	sem_post(&t[2].gate);
	sem_post(&t[3].gate);
	worker_run(w);
	offload_free(o);
	post_call(w, stop_worker, w);
	worker_run(w);
	is_int(t[0].done + t[1].done + t[2].done + t[3].done, 4, "all are answered");
}

/* ---- Bounds ---------------------------------------------------------------------------------- */

static void
test_bounds(void)
{
	struct offload *o = offload_new("bounds", 1, 3, 9);
	struct task t[6];

	for (int i = 0; i < 6; i++)
		task_init(&t[i], 0, i == 0);
	must(offload_submit(o, w, &t[0].job) == 0);
	down(&t[0].at_gate);
	ok(offload_submit(o, w, &t[1].job) == 0 && offload_submit(o, w, &t[2].job) == 0 &&
			offload_submit(o, w, &t[3].job) == 0,
		"as many wait as there may");
	is_int(offload_submit(o, w, &t[4].job), -EBUSY, "one more is refused");
	t[3].stop = w;
	sem_post(&t[0].gate);
	worker_run(w);
	t[5].stop = w;
	is_int(offload_submit(o, w, &t[5].job), 0, "there is room again afterwards");
	worker_run(w);
	is_int(t[4].worked + t[4].done, 0, "the refused one was never touched");
	offload_free(o);
}

static void
test_sources(void)
{
	struct offload *o = offload_new("sources", 1, 100, 2);
	struct task t[6];

	for (int i = 0; i < 6; i++)
		task_init(&t[i], i < 4 ? 7 : i == 4 ? 8 : 0, i == 0);
	must(offload_submit(o, w, &t[0].job) == 0);
	down(&t[0].at_gate);
	is_int(offload_submit(o, w, &t[1].job), 0, "a source has one job running, one waiting");
	is_int(offload_submit(o, w, &t[2].job), -EBUSY, "a third of that source is refused");
	is_int(offload_submit(o, w, &t[4].job), 0, "another source is not hindered");
	t[0].again = o;
	t[0].next = &t[3];
	t[3].stop = w;
	sem_post(&t[0].gate);
	worker_run(w);
	ok(t[0].again != NULL && t[3].done == 1, "done() may submit the source's next");
	t[5].stop = w;
	must(offload_submit(o, w, &t[5].job) == 0);
	worker_run(w);
	is_int(t[5].done, 1, "a job without a source runs as well");
	offload_free(o);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void
test_cancel(void)
{
	struct offload *o = offload_new("cancel", 1, 10, 10);
	struct task t[2];

	task_init(&t[0], 1, true);
	task_init(&t[1], 1, false);
	must(offload_submit(o, w, &t[0].job) == 0 && offload_submit(o, w, &t[1].job) == 0);
	down(&t[0].at_gate);
	t[0].job.cancelled = true;
	t[1].stop = w;
	sem_post(&t[0].gate);
	worker_run(w);
	ok(t[0].done == 1 && t[0].cancelled && t[0].worked > 0 && !t[0].late,
		"a cancelled job is answered once, with its mark");
	ok(t[1].done == 1 && !t[1].cancelled, "the other without");
	offload_free(o);
}

static void *
free_it(void *o)
{
	offload_free(o);
	return NULL;
}

/* The first job goes on until the answer to the last one shows that the queue has been given up. */
static void
test_free_queued(void)
{
	struct offload *o = offload_new("free", 1, 10, 10);
	struct task t[3];
	pthread_t freer;

	for (int i = 0; i < 3; i++)
		task_init(&t[i], 5, true);
	for (int i = 0; i < 3; i++)
		must(offload_submit(o, w, &t[i].job) == 0);
	t[2].stop = w;
	down(&t[0].at_gate);
	must(pthread_create(&freer, NULL, free_it, o) == 0);
	worker_run(w);
	ok(t[1].done == 1 && t[1].cancelled && t[1].worked == 0 && !t[1].late,
		"freeing answers what was queued, without working on it");
	is_int(t[2].done, 1, "all of it");
	ok(t[0].done == 0, "and does not wait for what is under way");
	t[0].stop = w;
	sem_post(&t[0].gate);
	worker_run(w);
	ok(t[0].done == 1 && !t[0].cancelled && t[0].worked > 0, "which is answered as ever");
	pthread_join(freer, NULL);
	offload_free(NULL);
}

struct submission {
	struct offload *o;
	struct worker *w;
	struct task *t;
	int rc;
};

static void
submit(void *arg)
{
	struct submission *s = arg;

	s->rc = offload_submit(s->o, s->w, &s->t->job);
}

/* The worker, with its memory, is gone when the helper comes to its end. */
static void
test_worker_gone(void)
{
	struct offload *o = offload_new("gone", 1, 10, 10);
	struct submission s = {.o = o};
	struct task t;

	task_init(&t, 3, true);
	t.wait_over = true;
	s.t = &t;
	must(worker_start(0, "short-lived", NULL, NULL, NULL, &s.w) == 0);
	call_on(s.w, submit, &s);
	is_int(s.rc, 0, "a worker that will end submits a job");
	down(&t.at_gate);
	worker_stop(s.w);
	worker_join(s.w);
	is_int(t.done, 0, "it does not wait for its helpers");
	sem_post(&t.gate);
	down(&t.over);
	ok(t.done == 1 && t.late && t.cancelled, "the job is released all the same, marked as late");
	offload_free(o);
	is_int(t.done, 1, "once");
}

/* fini lets the job end and waits until its answer lies in the mailbox. */
static void
fini_with_answer(struct worker *mine)
{
	struct task *t = mine->app;
	bool there = false;

	t->job.cancelled = true;
	sem_post(&t->gate);
	while (!there) {
		pthread_mutex_lock(&mine->mbox.lock);
		there = !list_empty(&mine->mbox.queue);
		pthread_mutex_unlock(&mine->mbox.lock);
		sched_yield();
	}
}

static void
test_late_answer(void)
{
	struct offload *o = offload_new("late", 1, 10, 10);
	struct submission s = {.o = o};
	struct task t;

	task_init(&t, 3, true);
	s.t = &t;
	must(worker_start(0, "late", NULL, fini_with_answer, NULL, &s.w) == 0);
	s.w->app = &t;
	call_on(s.w, submit, &s);
	down(&t.at_gate);
	worker_stop(s.w);
	worker_join(s.w);
	ok(t.done == 1 && t.late && t.cancelled, "an answer after fini is late, and comes once");
	offload_free(o);
}

/* An end that does not wait for ever: what does not return is on its own from then on. */
static void
test_end(void)
{
	struct offload *o = offload_new("end", 2, 10, 10);
	struct task t[2];

	task_init(&t[0], 5, false);
	t[0].stop = w;
	must(offload_submit(o, w, &t[0].job) == 0);
	worker_run(w);
	is_int(offload_end(o, 60000), 0, "helpers that are idle end at once");
	o = offload_new("end", 2, 10, 10);
	for (int i = 0; i < 2; i++) {
		task_init(&t[i], 5, i == 0);
		must(offload_submit(o, w, &t[i].job) == 0);
	}
	down(&t[0].at_gate);
	down(&t[1].at_gate);
	is_int(offload_end(o, 10), -ETIMEDOUT, "one that works is not waited for for ever");
	t[0].stop = w;
	sem_post(&t[0].gate);
	worker_run(w);
	ok(t[0].done == 1 && t[0].worked > 0 && !t[0].cancelled,
		"it still answers, and frees what is left");
}

int
main(void)
{
	w = worker_new_main();
	must(w != NULL);
	test_order();
	test_threads();
	test_bounds();
	test_sources();
	test_cancel();
	test_free_queued();
	test_worker_gone();
	test_late_answer();
	test_end();
	worker_join(w);
	return done_testing();
}
