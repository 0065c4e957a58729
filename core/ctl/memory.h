/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How malloc treats the programs. */

#ifndef ADIT_CTL_MEMORY_H
#define ADIT_CTL_MEMORY_H

/* Main thread, before others are started. */
void memory_tune(void);

#endif
