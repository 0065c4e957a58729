/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Monotonic time as a type of its own, so that it cannot be mixed with wall time. Pure code takes
 * it as an argument; only io/ and programs call mono_now(). */

#ifndef ADIT_UTIL_MONO_H
#define ADIT_UTIL_MONO_H

#include <stdbool.h>
#include <stdint.h>

struct mono {
	int64_t ns; /* since an arbitrary start; 0 means never */
};

#define MONO_NEVER ((struct mono){INT64_MAX})

struct mono mono_now(void);

static inline struct mono
mono_add_ms(struct mono t, int64_t ms)
{
	return (struct mono){t.ns + ms * 1000000};
}

/* a - b in milliseconds, rounded towards zero. */
static inline int64_t
mono_diff_ms(struct mono a, struct mono b)
{
	return (a.ns - b.ns) / 1000000;
}

/* The first multiple of grain_ns that is not before t, so that many deadlines come at the same
 * time; grain_ns is a power of two. */
static inline struct mono
mono_round_up(struct mono t, int64_t grain_ns)
{
	if (t.ns > INT64_MAX - grain_ns)
		return t;
	return (struct mono){(t.ns + grain_ns - 1) & ~(grain_ns - 1)};
}

static inline bool
mono_before(struct mono a, struct mono b)
{
	return a.ns < b.ns;
}

static inline struct mono
mono_min(struct mono a, struct mono b)
{
	return a.ns < b.ns ? a : b;
}

#endif
