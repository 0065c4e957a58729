/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Names to addresses, on helper threads with a bounded queue. A numeric host is answered without a
 * helper, but still later: never inside the call. */

#ifndef ADIT_IO_RESOLVE_H
#define ADIT_IO_RESOLVE_H

#include "io/worker.h"
#include "util/addr.h"

#define RESOLVE_MAX 8

struct resolve; /* one question under way */

/* n addresses in the order in which they should be tried, or n = 0 and err is an EAI_* code (text
 * by gai_strerror()). On the asking worker. r is gone afterwards. */
typedef void resolve_fn(void *owner, const struct addr *a, int n, int err);

/* Returns NULL when too many wait (the answer will not come). port goes into the addresses. A
 * worker that stops answers nobody: its owners cancel in the worker's fini. */
struct resolve *resolve_start(struct worker *w, const char *host, uint16_t port, resolve_fn *fn,
	void *owner);
void resolve_cancel(struct resolve *r); /* fn will not be called; NULL is harmless */

/* Main thread, at the end, while workers still run: waits for lookups under way; questions that
 * wait are answered with EAI_AGAIN. */
void resolve_shutdown(void);

#endif
