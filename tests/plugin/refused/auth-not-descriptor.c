/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Exports a number by the descriptor's name. */

extern __attribute__((visibility("default"))) const int adit_plugin;

const int adit_plugin = 1;
