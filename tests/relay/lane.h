/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * One direction of a relayed connection: bytes are read from one socket, kept for the delay, and
 * written to another, in order. What is kept is bounded: a lane that is full stops reading. One
 * thread; time is nanoseconds of one monotonic clock and comes from the caller.
 */
#ifndef TESTS_LANE_H
#define TESTS_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEVER UINT64_MAX
#define LANE_QUEUE_NS 10000000ull	/* of work that a link with a rate takes ahead */

/* How bytes travel. rate: bit/s, 0 for as fast as it goes; buffer: bytes at most. */
struct path {
	uint64_t delay_ns, rate, buffer;
};

enum lane_end { LANE_OPEN, LANE_FIN, LANE_RESET };

struct mark;

struct lane {
	int from, to;
	const struct path *path;
	unsigned char *ring;
	size_t cap;			/* of the ring */
	uint64_t got, put;		/* bytes ever read and written; the difference is held */
	uint64_t most;			/* that was ever held */
	struct mark *marks;		/* when which bytes are due */
	unsigned first, n_marks;
	uint64_t free_at;		/* when a link with a rate has sent all that it has */
	uint64_t last_due;
	enum lane_end end;		/* how the sender ended */
	uint64_t end_due;
	bool full;			/* the receiving socket takes nothing now */
	bool ended;			/* the end was passed on */
};

void lane_init(struct lane *l, int from, int to, const struct path *path);
void lane_fini(struct lane *l);

/* True if lane_read() may be called: there is room, and the link is not too far behind. */
bool lane_reads(const struct lane *l, uint64_t now);
/* Reads once. The sender's end is kept in its place behind the bytes. */
void lane_read(struct lane *l, uint64_t now);
/* Writes what is due. Returns false when the receiver is broken. The end of a finished lane has been
 * passed on when ended is set; LANE_RESET is for the caller to do. */
bool lane_write(struct lane *l, uint64_t now);
/* When lane_read() or lane_write() can do something without an event of a socket; NEVER. */
uint64_t lane_due(const struct lane *l, uint64_t now);

#endif
