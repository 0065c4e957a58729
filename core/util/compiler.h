/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Small things the compiler should have had: container_of, sizes, attributes, and must(), the
 * assertion that stays in release builds. Knows nothing of Adit. Any thread. */

#ifndef ADIT_UTIL_COMPILER_H
#define ADIT_UTIL_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define ATTR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ATTR_NORETURN __attribute__((noreturn))
#define ATTR_UNUSED __attribute__((unused))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Reports and aborts; never returns. */
void must_failed(const char *expr, const char *file, int line) ATTR_NORETURN;

/* Our own invariants, never bytes from outside. Compiled in always. */
#define must(cond) (LIKELY(cond) ? (void)0 : must_failed(#cond, __FILE__, __LINE__))

/* Allocation of small control objects: aborts when memory is gone. Free with free(). */
void *xcalloc(size_t n, size_t size);
void *xmalloc(size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) ATTR_PRINTF(1, 2);

#endif
