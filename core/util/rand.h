/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Randomness from the kernel. Any thread. */

#ifndef ADIT_UTIL_RAND_H
#define ADIT_UTIL_RAND_H

#include <stddef.h>
#include <stdint.h>

/* Fills p with n unpredictable bytes; aborts if the kernel has none to give. */
void rand_bytes(void *p, size_t n);
uint64_t rand_u64(void);
/* Uniform in [0, n), n > 0. */
uint64_t rand_below(uint64_t n);

#endif
