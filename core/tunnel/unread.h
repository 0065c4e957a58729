/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The streams that have unread bytes, in the order in which those wait. Pure; each list belongs to
 * one thread.
 *
 * A stream goes to the end of the list when bytes begin to wait, and again whenever all bytes that
 * were there at its last move have been taken. So the first is the one whose bytes wait for the
 * longest time, give or take the time in which a backlog is turned over once; and nothing has to be
 * kept for each byte, and nobody walks the list. */

#ifndef ADIT_TUNNEL_UNREAD_H
#define ADIT_TUNNEL_UNREAD_H

#include <stddef.h>
#include <stdint.h>

#include "util/list.h"
#include "util/mono.h"

struct unread { /* of a stream */
	struct list node;
	struct mono since;
	uint32_t bytes;
	uint32_t mark; /* bytes that were there at since, and still are */
};

struct unread_list {
	struct list order; /* the oldest first */
	uint64_t bytes;
};

void unread_list_init(struct unread_list *l);
void unread_init(struct unread *u);

/* The stream has n unread bytes now. 0 takes it out of the list. */
void unread_set(struct unread_list *l, struct unread *u, size_t n, struct mono now);

/* NULL: nothing is unread. */
struct unread *unread_oldest(const struct unread_list *l);

#endif
