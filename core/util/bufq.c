/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A queue of bytes in chunks. Runs on its owner's thread. What must hold: len is the sum of the
 * bytes in the chunks, no chunk in the list is empty, and an empty queue holds no memory. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "util/bufq.h"

/* With malloc's and the chunk's own header this stays just under four and sixteen KiB. */
#define CHUNK_SMALL (4096 - 64)
#define CHUNK_LARGE (16384 - 64)

struct chunk {
	struct list node;
	size_t from, to, cap; /* the bytes data[from .. to) are queued */
	uint8_t data[];
};

static struct chunk *
chunk_of(struct list *n)
{
	return list_entry(n, struct chunk, node);
}

/* Frees a list of chunks. */
static void
free_all(struct list *chunks)
{
	struct list *n;

	while ((n = list_pop(chunks)) != NULL)
		free(chunk_of(n));
}

void
bufq_init(struct bufq *q)
{
	list_init(&q->chunks);
	q->len = 0;
}

void
bufq_fini(struct bufq *q)
{
	free_all(&q->chunks);
	q->len = 0;
}

/* Puts as much of the n bytes into c as it has room for; returns how many. */
static size_t
chunk_fill(struct chunk *c, const uint8_t *p, size_t n)
{
	n = MIN(n, c->cap - c->to);
	memcpy(c->data + c->to, p, n);
	c->to += n;
	return n;
}

static struct chunk *
chunk_new(size_t n)
{
	size_t cap = n <= CHUNK_SMALL ? CHUNK_SMALL : CHUNK_LARGE;
	struct chunk *c = malloc(sizeof(*c) + cap);

	if (c == NULL)
		return NULL;
	c->from = c->to = 0;
	c->cap = cap;
	return c;
}

int
bufq_append(struct bufq *q, const void *p, size_t n)
{
	struct chunk *tail = list_empty(&q->chunks) ? NULL : chunk_of(q->chunks.prev);
	size_t kept = tail != NULL ? MIN(n, tail->cap - tail->to) : 0;
	struct list fresh = LIST_INIT(fresh);
	const uint8_t *b = p;

	/* The new chunks first, so that running out of memory leaves the queue as it was. */
	for (size_t done = kept; done < n;) {
		struct chunk *c = chunk_new(n - done);

		if (c == NULL) {
			free_all(&fresh);
			return -ENOMEM;
		}
		done += chunk_fill(c, b + done, n - done);
		list_push(&fresh, &c->node);
	}
	if (kept > 0)
		chunk_fill(tail, b, kept);
	list_splice(&q->chunks, &fresh);
	q->len += n;
	return 0;
}

int
bufq_peek(const struct bufq *q, struct iovec *iov, int max)
{
	int n = 0;

	for (struct list *l = q->chunks.next; l != &q->chunks && n < max; l = l->next) {
		struct chunk *c = chunk_of(l);

		iov[n++] = (struct iovec){c->data + c->from, c->to - c->from};
	}
	return n;
}

void
bufq_consume(struct bufq *q, size_t n)
{
	must(n <= q->len);
	q->len -= n;
	while (n > 0) {
		struct chunk *c = chunk_of(q->chunks.next);
		size_t part = MIN(n, c->to - c->from);

		c->from += part;
		n -= part;
		if (c->from == c->to) {
			list_remove(&c->node);
			free(c);
		}
	}
}
