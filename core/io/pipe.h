/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A kernel pipe through which bytes move from one socket to another without being copied
 * (splice(2)). Each worker has a pool of empty ones, which are closed when they have not been
 * needed for a second or two; one that holds bytes belongs to the stream or the link whose bytes
 * they are. Pipes are an economy, never a need: pipe_get() may have none, and then bytes are
 * copied. Owner worker only. */

#ifndef ADIT_IO_PIPE_H
#define ADIT_IO_PIPE_H

#include "io/sock.h"

struct pipe {
	struct list node;
	int fd[2];  /* read, write */
	size_t len; /* bytes in it */
};

/* An empty pipe, or NULL: the worker has PIPES_MAX in use, or the system has none to give. */
struct pipe *pipe_get(struct worker *w);

/* Back to the pool. Bytes that are still in it are thrown away with it. NULL is harmless. */
void pipe_put(struct worker *w, struct pipe *p);

/* Closes the pooled pipes; when the worker ends. */
void pipe_pool_fini(struct worker *w);

/* Moves up to n bytes of s into p. Bytes (>0), 0 at the peer's FIN, -EAGAIN (s has none now, or p
 * is full), or another negative errno. */
ssize_t pipe_fill(struct pipe *p, struct sock *s, size_t n);

/* Many are in use: whoever cannot use one now should rather copy than keep it. */
bool pipe_scarce(struct worker *w);

/* Up to n of p's bytes, copied. Bytes, or a negative errno. */
ssize_t pipe_read(struct pipe *p, void *buf, size_t n);

/* Moves up to all of p's bytes into s, which holds at least one. more: others follow at once.
 * Bytes, -EAGAIN when s is full, or another negative errno. */
ssize_t pipe_drain(struct pipe *p, struct sock *s, bool more);

#endif
