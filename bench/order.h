/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * What a client of the bench asks of its target, at the head of every request: how many bytes
 * follow, how many come back, and whether the target then closes the connection or stops reading.
 * So one target is sink, source and responder. Both ends run on one machine: the byte order is its
 * own.
 */
#ifndef BENCH_ORDER_H
#define BENCH_ORDER_H

#include <stdint.h>

#define ORDER_MAGIC 0x61646231u
#define ORDER_CLOSE 1u
#define ORDER_STOP 2u		/* the target reads nothing behind the head */

#define ORDER_SMALL 4u		/* the target sends with a small buffer */

/* The kernel's buffers, each way, of a stream that nobody reads: a thousand of them with what they
 * could grow to would take all the memory that it has for TCP. */
#define STOPPED_ROOM 65536

struct order {
	uint32_t magic;
	uint32_t flags;
	uint64_t take;		/* bytes that follow this head */
	uint64_t give;		/* bytes of the answer, which starts when all were taken */
};

_Static_assert(sizeof(struct order) == 24, "an order has no holes");

#endif
