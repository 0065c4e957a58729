/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Resolving of names by getaddrinfo() on helper threads of its own, so that a silent name server
 * holds up nobody but those who asked. A question belongs to the asking worker, except for what its
 * helper fills in. What must hold: the answer never comes inside resolve_start(), and after
 * resolve_cancel() never at all. */

#define _GNU_SOURCE 1

#include "io/resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/offload.h"
#include "util/compiler.h"
#include "util/map.h"

#define THREADS 4
#define MAX_QUEUE 256
#define MAX_PER_HOST 32 /* a name that does not resolve must not fill the queue */

struct resolve {
	struct job job;
	resolve_fn *fn; /* NULL: cancelled */
	void *owner;
	char host[HOST_MAX + 1];
	uint16_t port;
	struct addr a[RESOLVE_MAX];
	int n, err;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects pool */
static struct offload *pool; /* made for the first question that needs it */

/* Helper thread. */
static void
work(struct job *job)
{
	struct resolve *r = container_of(job, struct resolve, job);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *list, *ai;

	r->err = getaddrinfo(r->host, NULL, &hints, &list);
	if (r->err != 0)
		return;
	for (ai = list; ai != NULL && r->n < RESOLVE_MAX; ai = ai->ai_next) {
		struct addr *a = &r->a[r->n];

		if (ai->ai_addrlen > sizeof(a->in6))
			continue;
		memcpy(&a->sa, ai->ai_addr, ai->ai_addrlen);
		a->len = ai->ai_addrlen;
		addr_set_port(a, r->port);
		r->n++;
	}
	freeaddrinfo(list);
	if (r->n == 0)
		r->err = EAI_NONAME;
}

static void
finish(struct resolve *r, bool late)
{
	if (!late && r->fn != NULL) {
		worker_note(r->job.w, "resolver's answer");
		r->fn(r->owner, r->a, r->n, r->err);
	}
	free(r);
}

static void
done(struct job *job)
{
	finish(container_of(job, struct resolve, job), job->late);
}

/* Of a question that needed no helper. */
static void
deliver(struct mbox_msg *msg, bool late)
{
	finish(container_of(msg, struct resolve, job.msg), late);
}

static int
ask_helper(struct resolve *r, struct worker *w)
{
	int rc;

	r->err = EAI_AGAIN; /* if nobody comes to work on it */
	r->job.work = work;
	r->job.done = done;
	r->job.source = hash_bytes(r->host, strlen(r->host)) | 1;
	pthread_mutex_lock(&lock);
	if (pool == NULL)
		pool = offload_new("resolve", THREADS, MAX_QUEUE, MAX_PER_HOST);
	rc = offload_submit(pool, w, &r->job);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int
answer_self(struct resolve *r, struct worker *w)
{
	r->job.w = w;
	r->job.msg.deliver = deliver;
	return worker_post(w, &r->job.msg);
}

struct resolve *
resolve_start(struct worker *w, const char *host, uint16_t port, resolve_fn *fn, void *owner)
{
	struct resolve *r = xcalloc(1, sizeof(*r));
	int rc;

	WORKER_OWNS(w);
	r->fn = fn;
	r->owner = owner;
	r->port = port;
	if (addr_parse(host, port, &r->a[0]) == 0) {
		r->n = 1;
		rc = answer_self(r, w);
	} else if (*host == '\0' || strlen(host) > HOST_MAX) {
		r->err = EAI_NONAME;
		rc = answer_self(r, w);
	} else {
		memcpy(r->host, host, strlen(host) + 1);
		rc = ask_helper(r, w);
	}
	if (rc != 0) {
		free(r);
		return NULL;
	}
	return r;
}

void
resolve_cancel(struct resolve *r)
{
	if (r == NULL)
		return;
	WORKER_OWNS(r->job.w);
	r->fn = NULL;
}

void
resolve_shutdown(void)
{
	struct offload *o;

	pthread_mutex_lock(&lock);
	o = pool;
	pool = NULL;
	pthread_mutex_unlock(&lock);
	offload_free(o);
}
