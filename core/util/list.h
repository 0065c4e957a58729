/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Intrusive doubly linked list. A node that is in no list points at itself, so removing it twice is
 * harmless and list_linked() can be asked. The owner of the list decides the thread. */

#ifndef ADIT_UTIL_LIST_H
#define ADIT_UTIL_LIST_H

#include <stdbool.h>

#include "util/compiler.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(l) {&(l), &(l)}

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}

/* True while the node is in a list (for a list head: while it has members). */
static inline bool
list_linked(const struct list *l)
{
	return l->next != l;
}

static inline void
list_add_between(struct list *n, struct list *prev, struct list *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

static inline void
list_push(struct list *head, struct list *n) /* at the tail */
{
	list_add_between(n, head->prev, head);
}

static inline void
list_push_front(struct list *head, struct list *n)
{
	list_add_between(n, head, head->next);
}

static inline void
list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* Takes the first node off, or returns NULL. */
static inline struct list *
list_pop(struct list *head)
{
	struct list *n = head->next;

	if (n == head)
		return NULL;
	list_remove(n);
	return n;
}

/* Moves all nodes of from to the tail of to. */
static inline void
list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(n, type, member) container_of(n, type, member)
#define list_first(head, type, member)                                                             \
	(list_empty(head) ? NULL : list_entry((head)->next, type, member))

/* The node may be removed (and freed) inside the loop; its neighbour may not. */
#define list_each(n, tmp, head)                                                                    \
	for ((n) = (head)->next, (tmp) = (n)->next; (n) != (head); (n) = (tmp), (tmp) = (n)->next)

#endif
