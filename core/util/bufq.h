/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A queue of bytes in chunks. It holds memory only while it holds bytes. Appending copies; what is
 * at the front is looked at as iovecs and then consumed. The owner bounds it (a stream's queue is
 * bounded by the credit it gave). Not locked. Zero-initialised is not valid: use bufq_init(). */

#ifndef ADIT_UTIL_BUFQ_H
#define ADIT_UTIL_BUFQ_H

#include <sys/uio.h>

#include "util/list.h"

struct bufq {
	struct list chunks;
	size_t len; /* bytes in the queue */
};

void bufq_init(struct bufq *q);
void bufq_fini(struct bufq *q); /* frees what is left; q is empty and usable afterwards */

/* Copies n bytes to the end. Returns 0 or -ENOMEM (then nothing was added). */
int bufq_append(struct bufq *q, const void *p, size_t n);

/* Fills up to max iovecs with what is at the front; returns how many. */
int bufq_peek(const struct bufq *q, struct iovec *iov, int max);

/* Drops n bytes (at most q->len) from the front. */
void bufq_consume(struct bufq *q, size_t n);

#endif
