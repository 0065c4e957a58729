/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Monotonic time. */

#include "tap.h"
#include "util/mono.h"

int
main(void)
{
	struct mono a = mono_now(), b = mono_now(), t = {5000000000};
	int i;

	ok(a.ns > 0, "the clock runs");
	ok(!mono_before(b, a), "and never backwards");
	for (i = 0; i < 100000000 && !mono_before(a, b); i++)
		b = mono_now();
	ok(mono_before(a, b), "a later time comes");
	is_int(mono_add_ms(t, 250).ns, 5250000000, "adding milliseconds");
	is_int(mono_add_ms(t, -1000).ns, 4000000000, "taking them away");
	is_int(mono_diff_ms(mono_add_ms(t, 77), t), 77, "a difference");
	is_int(mono_diff_ms(t, mono_add_ms(t, 77)), -77, "has a sign");
	is_int(mono_diff_ms((struct mono){1999999}, (struct mono){0}), 1, "rounds towards zero");
	is_int(mono_diff_ms((struct mono){0}, (struct mono){1999999}), -1, "from both sides");
	is_int(mono_round_up((struct mono){4097}, 4096).ns, 8192, "up to the next multiple");
	is_int(mono_round_up((struct mono){8192}, 4096).ns, 8192, "which it can be itself");
	is_int(mono_round_up((struct mono){4097}, 1).ns, 4097, "without a grain nothing changes");
	is_int(mono_round_up(MONO_NEVER, 4096).ns, MONO_NEVER.ns, "never stays never");
	ok(mono_before(b, MONO_NEVER), "now is before never");
	is_int(mono_min(MONO_NEVER, t).ns, t.ns, "the earlier of two");
	is_int(mono_min(t, MONO_NEVER).ns, t.ns, "in any order");
	return done_testing();
}
