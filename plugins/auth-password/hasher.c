/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Callers put a job into the line and wait; threads take the oldest. They are started by callers,
 * which have all signals blocked already, as helper threads of the core have. */

#include "hasher.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "hash.h"

#define YIELDING_NICE 15

struct job {
	const char *password, *hash;
	size_t len;
	int right;
	bool done;
	struct job *next;
};

struct hasher {
	pthread_mutex_t lock; /* protects all below */
	pthread_cond_t more;  /* a job, or stop */
	pthread_cond_t done;  /* a job is done */
	struct job *first, **last;
	unsigned n_threads, n_idle, max;
	bool stop;
	pthread_t thread[HASHER_MAX];
};

static void
yield_to_others(void)
{
	const struct sched_param none = {.sched_priority = 0};

	(void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
	if (getpriority(PRIO_PROCESS, 0) < YIELDING_NICE) /* of this thread alone, in Linux */
		(void)setpriority(PRIO_PROCESS, 0, YIELDING_NICE);
}

static void *
work(void *arg)
{
	struct hasher *h = arg;
	struct job *job;

	yield_to_others();
	pthread_mutex_lock(&h->lock);
	while (!h->stop) {
		job = h->first;
		if (job == NULL) {
			h->n_idle++;
			pthread_cond_wait(&h->more, &h->lock);
			h->n_idle--;
			continue;
		}
		h->first = job->next;
		if (h->first == NULL)
			h->last = &h->first;
		pthread_mutex_unlock(&h->lock);
		job->right = hash_verify(job->password, job->len, job->hash);
		pthread_mutex_lock(&h->lock);
		job->done = true;
		pthread_cond_broadcast(&h->done);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

struct hasher *
hasher_new(unsigned threads)
{
	struct hasher *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	pthread_cond_init(&h->done, NULL);
	h->last = &h->first;
	h->max = threads < HASHER_MAX ? threads : HASHER_MAX;
	return h;
}

void
hasher_free(struct hasher *h)
{
	if (h == NULL)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
	for (unsigned i = 0; i < h->n_threads; i++)
		pthread_join(h->thread[i], NULL);
	pthread_cond_destroy(&h->done);
	pthread_cond_destroy(&h->more);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* Under the lock. False: there is no thread to do it. */
static bool
add_thread(struct hasher *h)
{
	if (h->n_idle == 0 && h->n_threads < h->max &&
		pthread_create(&h->thread[h->n_threads], NULL, work, h) == 0) {
		(void)pthread_setname_np(h->thread[h->n_threads], "password-hash");
		h->n_threads++;
	}
	return h->n_threads > 0;
}

int
hasher_verify(struct hasher *h, const char *password, size_t len, const char *hash)
{
	struct job job = {.password = password, .hash = hash, .len = len, .right = -1};

	pthread_mutex_lock(&h->lock);
	if (add_thread(h)) {
		*h->last = &job;
		h->last = &job.next;
		pthread_cond_signal(&h->more);
		while (!job.done)
			pthread_cond_wait(&h->done, &h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return job.right;
}
