/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Exports a number by the descriptor's name. The address sanitizer of clang would make it larger than
 * it is, and what is wrong with it is its size. */

#if defined(__clang__)
#define BARE __attribute__((no_sanitize("address")))
#else
#define BARE
#endif

extern __attribute__((visibility("default"))) const int adit_plugin;

BARE const int adit_plugin = 1;
