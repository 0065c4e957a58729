/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Helper threads for work that blocks: names, files, plugins that may block. A bounded queue and 1
 * to n threads. A job is owned by whoever submitted it; work() runs on a helper, done() comes back
 * as a message on the worker that submitted it, exactly once, even when the job was cancelled.
 *
 * When that worker has stopped meanwhile, done() still comes exactly once, with late set:
 * from its mailbox, or on the helper thread when the mailbox is closed already. So with job->late
 * set done() touches nothing but the job and what the job owns. The worker's memory is kept until
 * then (worker_ref()). */

#ifndef ADIT_IO_OFFLOAD_H
#define ADIT_IO_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "io/mbox.h"
#include "util/list.h"
#include "util/mono.h"

struct worker;
struct offload;

struct job {
	struct mbox_msg msg; /* its way back */
	struct list node;
	struct worker *w;
	struct mono since; /* when it was submitted; set by offload.c */
	uint64_t source; /* whose job this is, for the per-source bound; 0: unbounded */
	/* The submitter's note to itself, on its worker; work() may have run all the same. Before
	 * done() it is also set when there is no result: work() did not run, or late. */
	bool cancelled;
	bool unworked; /* set by offload.c: work() did not run */
	bool late;     /* set by offload.c: the worker has stopped; done() may be on the helper */
	void (*work)(struct job *job); /* helper thread; touches only the job */
	void (*done)(struct job *job); /* the submitting worker; frees the job */
};

/* name: for thread names and logs. threads: 1 makes a strict order. Threads start with the first
 * job. max_queue bounds what waits, max_per_source what waits or runs for one source. */
struct offload *offload_new(const char *name, unsigned threads, unsigned max_queue,
	unsigned max_per_source);

/* Waits for jobs under way (those queued are answered without work() having run: cancelled is set
 * true and done() is posted) and frees. The workers that wait for answers should still run. Nobody
 * may submit any more. NULL is harmless. Not from a helper. */
void offload_free(struct offload *o);

/* The same, but waits for wait_ms at most. 0; or -ETIMEDOUT when a job does not return: then o
 * frees itself when the last one does, if ever, and whatever work() uses has to stay until then. */
int offload_end(struct offload *o, int64_t wait_ms);

/* Any worker, on its thread; fills in job->w and job->msg, the rest is the caller's. 0, or -EBUSY
 * when a bound is reached or no thread can be had (then done() will not come). */
int offload_submit(struct offload *o, struct worker *w, struct job *job);

#endif
