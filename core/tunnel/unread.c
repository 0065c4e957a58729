/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* See unread.h. Pure. What must hold: exactly the streams with unread bytes are in the list, sorted
 * by since, and bytes is the sum of theirs. */

#include <config.h>

#include "tunnel/unread.h"
#include "util/compiler.h"

void
unread_list_init(struct unread_list *l)
{
	list_init(&l->order);
	l->bytes = 0;
}

void
unread_init(struct unread *u)
{
	*u = (struct unread){.bytes = 0};
	list_init(&u->node);
}

static void
to_the_end(struct unread_list *l, struct unread *u, struct mono now)
{
	list_remove(&u->node);
	list_push(&l->order, &u->node);
	u->mark = u->bytes;
	u->since = now;
}

void
unread_set(struct unread_list *l, struct unread *u, size_t n, struct mono now)
{
	uint32_t before = u->bytes;

	must(n <= UINT32_MAX);
	if (n == before)
		return;
	l->bytes += n;
	l->bytes -= before;
	u->bytes = (uint32_t)n;
	if (n == 0) {
		list_remove(&u->node);
		return;
	}
	if (n < before)
		u->mark -= MIN(u->mark, before - u->bytes);
	if (before == 0 || u->mark == 0)
		to_the_end(l, u, now);
}

struct unread *
unread_oldest(const struct unread_list *l)
{
	return list_empty(&l->order) ? NULL : list_entry(l->order.next, struct unread, node);
}
