/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The entry that libFuzzer, or replay.c, calls with one input. Returns 0. */

#ifndef ADIT_TESTS_FUZZ_H
#define ADIT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#endif
