/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The one place that reads the monotonic clock. Any thread. */

#include <time.h>

#include "util/compiler.h"
#include "util/mono.h"

struct mono
mono_now(void)
{
	struct timespec ts;

	must(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return (struct mono){(int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec};
}
