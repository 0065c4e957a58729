/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Intrusive lists. */

#include <stdlib.h>

#include "tap.h"
#include "util/list.h"

struct item {
	int n;
	struct list node;
};

/* The numbers in the list, in order, and back again: "1 2 3|3 2 1". */
static const char *
shown(const struct list *head, char *buf)
{
	char *o = buf;

	*o = '\0';
	for (struct list *l = head->next; l != head; l = l->next)
		o += sprintf(o, "%d ", list_entry(l, struct item, node)->n);
	o += sprintf(o, "|");
	for (struct list *l = head->prev; l != head; l = l->prev)
		o += sprintf(o, " %d", list_entry(l, struct item, node)->n);
	return buf;
}

int
main(void)
{
	struct list a = LIST_INIT(a), b, *l, *tmp;
	struct item it[6];
	char buf[200];

	list_init(&b);
	for (int i = 0; i < 6; i++) {
		it[i].n = i;
		list_init(&it[i].node);
	}
	ok(list_empty(&a) && list_empty(&b), "new lists are empty, made either way");
	ok(list_pop(&a) == NULL, "nothing to pop");
	ok(list_first(&a, struct item, node) == NULL, "no first one");
	ok(!list_linked(&it[0].node), "a fresh node is in no list");

	list_push(&a, &it[1].node);
	list_push(&a, &it[2].node);
	list_push_front(&a, &it[0].node);
	is_str(shown(&a, buf), "0 1 2 | 2 1 0", "push at either end");
	ok(list_linked(&it[0].node) && !list_empty(&a), "which shows");
	ok(list_first(&a, struct item, node) == &it[0], "the first one");

	list_remove(&it[1].node);
	is_str(shown(&a, buf), "0 2 | 2 0", "remove from the middle");
	list_remove(&it[1].node);
	ok(!list_linked(&it[1].node), "removing twice is harmless");
	is_str(shown(&a, buf), "0 2 | 2 0", "and changes nothing");

	list_splice(&a, &b);
	is_str(shown(&a, buf), "0 2 | 2 0", "splicing an empty list adds nothing");
	list_push(&b, &it[3].node);
	list_push(&b, &it[4].node);
	list_splice(&a, &b);
	is_str(shown(&a, buf), "0 2 3 4 | 4 3 2 0", "splice moves all to the tail");
	ok(list_empty(&b), "and leaves nothing");
	list_splice(&b, &a);
	is_str(shown(&b, buf), "0 2 3 4 | 4 3 2 0", "into an empty list as well");

	list_each (l, tmp, &b) {
		struct item *i = list_entry(l, struct item, node);

		if (i->n % 2 == 0) {
			list_remove(l);
			memset(i, 0xee, sizeof(*i));
		}
	}
	is_str(shown(&b, buf), "3 | 3", "a walk may remove and spoil where it stands");
	ok(list_pop(&b) == &it[3].node && list_empty(&b), "pop takes the first");
	ok(!list_linked(&it[3].node), "and unlinks it");
	return done_testing();
}
