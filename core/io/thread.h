/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Threads as this program wants them: named, and with signals left to the main thread. */

#ifndef ADIT_IO_THREAD_H
#define ADIT_IO_THREAD_H

#include <pthread.h>

/* The name is cut to what the kernel takes (15 bytes). Only signals of the thread's own faults
 * reach it. Returns 0 or a negative errno. */
int thread_start(pthread_t *thread_r, const char *name, void *(*run)(void *arg), void *arg);

#endif
