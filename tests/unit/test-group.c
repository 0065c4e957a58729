/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Groups: which of several sessions gets the next client. */

#include <config.h>

#include <stdatomic.h>

#include "tap.h"
#include "tunnel/group.h"
#include "util/compiler.h"

static _Atomic uint64_t ended[4];
static struct group_session session[4];

static void
build(struct group *g, size_t n)
{
	*g = (struct group){0};
	for (size_t i = 0; i < n; i++) {
		atomic_store(&ended[i], 0);
		session[i] = (struct group_session){.id = i + 1, .worker = (uint32_t)i,
			.ended = &ended[i]};
		group_add(g, &session[i], (uint32_t)(10 + i));
	}
}

/* So many clients on worker here. */
static void
pick(struct group *g, uint32_t here, unsigned clients)
{
	while (clients-- > 0)
		group_pick(g, here, false);
}

static uint64_t
has(size_t i)
{
	return session[i].given - atomic_load(&ended[i]);
}

static void
test_members(void)
{
	const struct group_member *m;
	struct group g;

	build(&g, 0);
	ok(group_pick(&g, 0, false) == NULL, "an empty group has nobody");
	build(&g, 3);
	ok(group_has(&g, &session[2]) && !group_has(&g, &session[3]), "who is in it");
	ok(group_remove(&g, &session[0]) && !group_remove(&g, &session[0]), "leaves once");
	is_int(g.n, 2, "and the others stay");
	m = group_pick(&g, 2, false);
	ok(m->s == &session[2] && m->tunnel_id == 12, "a session comes with its own tunnel id");
	session[1].leaving = session[2].leaving = true;
	ok(group_pick(&g, 2, false) == NULL, "who leaves gets nobody");
	session[1].leaving = false;
	ok(group_pick(&g, 2, false)->s == &session[1], "while another does");
	group_fini(&g);
}

static void
test_least(void)
{
	struct group g;

	build(&g, 3);
	pick(&g, 9, 9);
	ok(has(0) == 3 && has(1) == 3 && has(2) == 3, "clients are spread evenly");
	atomic_store(&ended[1], 2);
	pick(&g, 9, 2);
	is_int(has(1), 3, "where some have ended the next ones go");
	atomic_store(&ended[0], 3);
	atomic_store(&ended[1], 5);
	atomic_store(&ended[2], 3);
	pick(&g, 9, 1);
	pick(&g, 9, 1);
	pick(&g, 9, 1);
	ok(has(0) == 1 && has(1) == 1 && has(2) == 1, "among equals each in its turn");
	group_fini(&g);
}

static void
test_here(void)
{
	struct group g;

	build(&g, 2);
	pick(&g, 1, 1);
	ok(has(0) == 0 && has(1) == 1, "among equals the one that is here");
	pick(&g, 1, 1);
	ok(has(0) == 1 && has(1) == 1, "but few are spread exactly");
	for (int i = 0; i < 1000; i++) {
		pick(&g, 1, 1);
		atomic_fetch_add(&ended[1], 1);
	}
	ok(session[0].given == 1, "one after the other they all stay here");
	pick(&g, 1, 198);
	ok(has(0) + has(1) == 200 && has(1) > 100 && has(1) <= 107,
		"of many up to an eighth more are here");
	for (int i = 0; i < 100; i++)
		group_pick(&g, 1, true);
	ok(has(1) > 200 && group_pick(&g, 2, true) == NULL, "who must stay has no choice");
	atomic_fetch_add(&ended[1], 100);
	session[1].worker = 0;
	pick(&g, 0, 100);
	ok(has(0) > 145 && has(1) > 145, "two that are here share");
	group_fini(&g);
}

static void
test_place(void)
{
	struct group g;

	build(&g, 3);
	is_int(group_place(&g, 1), 1, "a front stays where a session is");
	is_int(group_place(&g, 9), 0, "and leaves for one where none is");
	session[1].leaving = true;
	is_int(group_place(&g, 1), 0, "one that takes no clients holds no front");
	session[0].leaving = true;
	is_int(group_place(&g, 1), 2, "nor does it draw one");
	is_int(group_pick(&g, group_place(&g, 1), true)->s->worker, 2,
		"there who must stay is led to somebody");
	session[2].leaving = true;
	ok(group_place(&g, 1) == 1 && group_place(&g, 9) == 9, "when all leave it stays");
	group_fini(&g);
	is_int(group_place(&g, 9), 9, "as when there are none");
}

int
main(void)
{
	test_members();
	test_least();
	test_here();
	test_place();
	return done_testing();
}
