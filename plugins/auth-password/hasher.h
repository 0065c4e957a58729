/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The threads that work out hashes: as many as there may be at the same time, and behind all others
 * in line for a processor. They do nothing else and hold no lock that anybody but their callers
 * waits for: a thread that is made to wait for a processor must not keep a worker waiting. */

#ifndef AUTH_PASSWORD_HASHER_H
#define AUTH_PASSWORD_HASHER_H

#include <stddef.h>

#define HASHER_MAX 4

struct hasher;

/* NULL: out of memory. Threads start when they are needed. */
struct hasher *hasher_new(unsigned threads);
/* No call is under way. NULL is harmless. */
void hasher_free(struct hasher *h);

/* hash_verify() on one of the threads; waits for it. Any thread that may block. */
int hasher_verify(struct hasher *h, const char *password, size_t len, const char *hash);

#endif
