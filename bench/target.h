/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * The far end of every measurement: takes and gives what order.h says.
 */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

/* Listens on a port of 127.0.0.1 that the kernel chooses, prints "port N", and serves until
 * standard input ends. */
void target_run(void);

#endif
