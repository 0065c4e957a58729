/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* When refusals are answered. A fake clock. */

#include <config.h>

#include "tap.h"
#include "tunnel/hush.h"

static struct hush h;
static struct mono asked = {INT64_C(1000000000000)};

/* After how many milliseconds one is answered that took so many microseconds. */
static int
answered(int64_t us)
{
	struct mono now = {asked.ns + us * 1000}, until = hush_until(&h, asked, now);

	ok(!mono_before(until, now), "%d us: not in the past", (int)us);
	return (int)mono_diff_ms(until, asked);
}

static void
later(int64_t ms)
{
	asked = mono_add_ms(asked, ms);
}

int
main(void)
{
	is_int(answered(0), 20, "what is decided at once waits 20 ms");
	is_int(answered(19999), 20, "so does what just fits");
	is_int(answered(20001), 40, "what does not makes the time twice as long");
	is_int(answered(0), 40, "for everybody");
	is_int(answered(100000), 160, "as often as it takes");
	is_int(answered(5000), 160, "and it stays");
	later(HUSH_PERIOD_MS + 1000);
	is_int(answered(30000), 160, "what was needed in the last ten minutes is not forgotten");
	later(HUSH_PERIOD_MS + 1000);
	is_int(answered(10000), 40, "what was not needed is");
	later(HUSH_PERIOD_MS + 1000);
	is_int(answered(0), 20, "down to the least");
	is_int(answered(5000000), 5120, "up to 5 s");
	is_int(answered(5119999), 10240, "what takes longer than that");
	is_int(answered(11000000), 15360, "is answered at multiples of it");
	is_int(answered(1), 5120, "and does not hold up others more");
	return done_testing();
}
