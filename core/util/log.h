/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logging that never blocks its caller: lines go into a bounded ring, one thread of its own writes
 * them to a descriptor. When the ring is full a line is dropped and counted; the count is written
 * as soon as there is room. All functions may be called from any thread.
 *
 * Before log_start() lines are written directly to stderr, so that start-up errors are seen. */

#ifndef ADIT_UTIL_LOG_H
#define ADIT_UTIL_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/compiler.h"
#include "util/mono.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* fd: where lines go, not closed. Starts the writer thread (all signals blocked in it).
 * Returns 0 or a negative errno. */
int log_start(int fd, enum log_format format, enum log_level level);

/* Writes what is in the ring, waiting at most timeout_ms for a slow reader, and stops the thread.
 * Afterwards lines are written directly again. */
void log_stop(int timeout_ms);

void log_set_level(enum log_level level);
bool log_wants(enum log_level level);
int log_level_parse(const char *name, enum log_level *level_r); /* 0 or -EINVAL */

/* Lines lost since start, because the ring was full or the descriptor failed. */
uint64_t log_dropped(void);

/* One line; fmt carries no newline. Text format: "2026-11-21T02:03:04.123Z info  message"; JSON:
 * {"time":…,"level":…,"msg":…} with everything escaped. Control characters in the message are
 * escaped in both. Longer than 1000 bytes is cut. */
void log_line(enum log_level level, const char *fmt, ...) ATTR_PRINTF(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_wants(LOG_DEBUG))                                                          \
			log_line(LOG_DEBUG, __VA_ARGS__);                                          \
	} while (0)

/* A limiter for one kind of line: at most 5 lines in 10 seconds; what was held back is said
 * with the next line that passes ("… (and 17 more like this)"). Zero-initialised is ready. */
struct log_limit {
	_Atomic int64_t window_ns;
	_Atomic uint32_t passed, held;
};

void log_limited(struct log_limit *l, enum log_level level, const char *fmt, ...)
	ATTR_PRINTF(3, 4);

/* Copies bytes of a peer so that they can be printed: printable ASCII stays, the rest becomes
 * \xNN; cut with "…" when dst is full. Always terminated; returns dst. */
const char *log_safe(char *dst, size_t cap, const void *src, size_t n);

#endif
