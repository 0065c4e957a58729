/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Searches for public addresses: which are let, and what is said of the others. */

#include "tap.h"
#include "tunnel/walk.h"
#include "wire/code.h"

static const char one[1], other[1]; /* two routes */

int
main(void)
{
	struct walk w = {0};
	struct mono t = {5000000000};

	ok(walk_begin(&w, one, 2, t), "a first search");
	walk_end(&w, 10000);
	walk_barren(&w, one, CODE_NO_ADDRESS, "no port of 1-2 is free", t);
	ok(!walk_begin(&w, one, 2, mono_add_ms(t, 999)), "found nothing: not again in this second");
	is_int(w.code, CODE_NO_ADDRESS, "the code is the same");
	is_str(w.text, "no port of 1-2 is free", "and the text");
	ok(walk_begin(&w, other, 2, mono_add_ms(t, 999)), "another route is looked through");
	walk_end(&w, 10000);
	t = mono_add_ms(t, 1000);
	ok(walk_begin(&w, one, 2, t), "a second later there may be something");
	walk_end(&w, WALK_RATE - 1);
	ok(walk_begin(&w, one, 2, t), "many that find something are let");
	walk_end(&w, 1);
	ok(!walk_begin(&w, one, 2, mono_add_ms(t, 999)), "up to a number of candidates in a second");
	is_int(w.code, CODE_LIMIT, "that is a limit");
	ok(strstr(w.text, "again in a second") != NULL, "and said");
	ok(walk_begin(&w, one, 5, t), "but the first walks are let in any case");
	ok(!walk_begin(&w, one, 5, t), "and no more");
	ok(walk_begin(&w, one, 2, mono_add_ms(t, 1000)), "the next second begins with nothing");
	return done_testing();
}
