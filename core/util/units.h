/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Sizes and durations as people write them. Any thread. */

#ifndef ADIT_UTIL_UNITS_H
#define ADIT_UTIL_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "65536", "64KiB", "16MiB", "1GiB", also KB/MB/GB (powers of 1000) and B. No sign, no fraction, no
 * spaces around. Returns 0, -EINVAL (not a size) or -ERANGE (over INT64_MAX). */
int units_parse_size(const char *s, int64_t *bytes_r);

/* "250ms", "30s", "10m", "12h", "7d"; a unit is required, except for "0". Returns as above. */
int units_parse_ms(const char *s, int64_t *ms_r);

/* The shortest exact form in binary units ("64KiB") or time units ("30s"); returns buf. */
const char *units_size(int64_t bytes, char *buf, size_t cap);
const char *units_ms(int64_t ms, char *buf, size_t cap);

/* For people: "1.4 GiB", "3.2 s", "2 h 5 min"; returns buf. */
const char *units_size_human(uint64_t bytes, char *buf, size_t cap);
const char *units_ms_human(int64_t ms, char *buf, size_t cap);

/* "1 link", "2 links"; noun is in the singular; returns buf. */
const char *units_count(uint64_t n, const char *noun, char *buf, size_t cap);

/* The entry of names (NULL-terminated) nearest to word by edit distance, or NULL when none is near
 * enough to be meant (more than a third of its letters differ). */
const char *units_nearest(const char *word, const char *const *names);

#endif
