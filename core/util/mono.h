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
