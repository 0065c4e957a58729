/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/tunnel/unread.c: whose bytes wait for the longest time. A fake clock. */

#include <config.h>

#include "tap.h"
#include "tunnel/unread.h"
#include "util/compiler.h"

static struct unread_list list;
static struct unread u[3];

static void
set(int i, size_t n, int64_t now)
{
	unread_set(&list, &u[i], n, (struct mono){now});
}

/* "012": the list, the oldest first. */
static const char *
order(void)
{
	static char buf[8];
	struct unread_list rest;
	size_t n = 0, i[3];
	uint64_t bytes = 0;

	unread_list_init(&rest);
	for (struct unread *x; (x = unread_oldest(&list)) != NULL; n++) {
		i[n] = (size_t)(x - u);
		must(n == 0 || !mono_before(x->since, u[i[n - 1]].since));
		bytes += x->bytes;
		buf[n] = (char)('0' + i[n]);
		list_remove(&x->node);
		list_push(&rest.order, &x->node);
	}
	buf[n] = '\0';
	list_splice(&list.order, &rest.order);
	must(bytes == list.bytes);
	return buf;
}

static void
begin(void)
{
	unread_list_init(&list);
	for (size_t i = 0; i < ARRAY_LEN(u); i++)
		unread_init(&u[i]);
}

static void
test_order(void)
{
	begin();
	ok(unread_oldest(&list) == NULL, "at first nothing is unread");
	set(2, 100, 1);
	set(0, 100, 2);
	set(1, 100, 3);
	is_str(order(), "201", "who began to wait first is the oldest");
	set(2, 5000, 4);
	is_str(order(), "201", "however much comes behind");
	set(2, 4901, 5);
	is_str(order(), "201", "as long as the first of its bytes are there");
	set(2, 4900, 6);
	is_str(order(), "012", "when they are taken, others are older");
	is_int(u[2].since.ns, 6, "its time begins anew");
	set(2, 1, 7);
	is_str(order(), "012", "with all that was there then");
	set(0, 0, 8);
	is_str(order(), "12", "who has nothing unread is not in the list");
	set(0, 7, 9);
	is_str(order(), "120", "and comes back at its end");
	is_int(list.bytes, 108, "all bytes together");
	for (int i = 0; i < 3; i++)
		set(i, 0, 10);
	ok(unread_oldest(&list) == NULL && list.bytes == 0, "in the end nothing is unread");
}

/* A reader that is behind but reads is never taken for one that stands still. */
static void
test_steady_reader(void)
{
	bool first = true;

	begin();
	set(0, 1000, 1);
	set(1, 1000, 2);
	for (int64_t t = 3; t < 1000; t++) {
		set(0, 1000 - 100, t);
		set(0, 1000, t);
		first = first && (t < 12 || unread_oldest(&list) == &u[1]);
		must(t < 30 || t - u[0].since.ns <= 10);
	}
	ok(first, "a backlog that is turned over all the time does not grow old");
}

int
main(void)
{
	test_order();
	test_steady_reader();
	return done_testing();
}
