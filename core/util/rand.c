/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Randomness from getrandom(2). Any thread. */

#include <errno.h>
#include <sys/random.h>

#include "util/compiler.h"
#include "util/rand.h"

void
rand_bytes(void *p, size_t n)
{
	uint8_t *b = p;

	while (n > 0) {
		ssize_t got = getrandom(b, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		must(got > 0);
		b += got;
		n -= (size_t)got;
	}
}

uint64_t
rand_u64(void)
{
	uint64_t v;

	rand_bytes(&v, sizeof(v));
	return v;
}

uint64_t
rand_below(uint64_t n)
{
	uint64_t v, skip;

	must(n > 0);
	/* 2^64 mod n: so many values at the bottom would make the small results likelier. */
	skip = -n % n;
	do {
		v = rand_u64();
	} while (v < skip);
	return v % n;
}
