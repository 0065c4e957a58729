/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Randomness: that it is there, fills what it was given and nothing else, and keeps its bounds. */

#include "tap.h"
#include "util/rand.h"

int
main(void)
{
	static uint8_t big[70000];
	uint8_t small[34];
	unsigned seen[6] = {0}, least = 10000, distinct = 0;
	uint64_t bits = 0, both = UINT64_MAX;
	bool inside = true;

	memset(small, 0xa5, sizeof(small));
	rand_bytes(small + 1, 32);
	ok(small[0] == 0xa5 && small[33] == 0xa5, "writes only where it may");
	rand_bytes(small + 1, 0);
	rand_bytes(big, sizeof(big));
	for (size_t i = sizeof(big) - 4096; i < sizeof(big); i++)
		distinct += big[i] != 0;
	ok(distinct > 3500, "a long request is filled to its end");

	for (int i = 0; i < 128; i++) {
		uint64_t v = rand_u64();

		bits |= v;
		both &= v;
	}
	/* Each fails with probability 64 * 2^-128. */
	ok(bits == UINT64_MAX && both == 0, "every bit is one sometimes, and zero sometimes");

	for (int i = 0; i < 6000; i++) {
		uint64_t v = rand_below(6);

		inside = inside && v < 6;
		if (v < 6)
			seen[v]++;
	}
	for (int i = 0; i < 6; i++)
		least = seen[i] < least ? seen[i] : least;
	ok(inside, "rand_below(6) is below 6");
	/* 1000 are expected, with a deviation of 29: ten of them. */
	ok(least > 710, "and each face comes about as often");
	is_int(rand_below(1), 0, "below one there is only zero");
	inside = true;
	for (int i = 0; i < 1000; i++)
		inside = inside && rand_below((UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63;
	ok(inside, "the worst bound for the rejection works");
	return done_testing();
}
