/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Exports a function by the descriptor's name. */

__attribute__((visibility("default"))) int adit_plugin(void);

int
adit_plugin(void)
{
	return 1;
}
