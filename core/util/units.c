/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Sizes and durations as people write them, and the nearest known word to a mistyped one. Pure:
 * any thread. A form that units_size() or units_ms() writes is read back to the same number. */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/compiler.h"
#include "util/units.h"

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit size_units[] = {
	{"", 1},
	{"B", 1},
	{"KB", 1000},
	{"MB", 1000000},
	{"GB", 1000000000},
	{"KiB", INT64_C(1) << 10},
	{"MiB", INT64_C(1) << 20},
	{"GiB", INT64_C(1) << 30},
	{NULL, 0},
};

static const struct unit time_units[] = {
	{"ms", 1},
	{"s", 1000},
	{"m", 60 * 1000},
	{"h", 3600 * 1000},
	{"d", 24 * 3600 * 1000},
	{NULL, 0},
};

static const struct unit *
unit_find(const struct unit *u, const char *name)
{
	while (u->name != NULL && strcmp(u->name, name) != 0)
		u++;
	return u->name != NULL ? u : NULL;
}

static int
parse(const char *s, const struct unit *units, int64_t *v_r)
{
	const struct unit *u;
	const char *p = s;
	bool over = false;
	int64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		over = over || __builtin_mul_overflow(v, 10, &v) ||
		       __builtin_add_overflow(v, *p - '0', &v);
	u = unit_find(units, p);
	if (p == s || u == NULL)
		return -EINVAL;
	if (over || __builtin_mul_overflow(v, u->factor, &v))
		return -ERANGE;
	*v_r = v;
	return 0;
}

int
units_parse_size(const char *s, int64_t *bytes_r)
{
	return parse(s, size_units, bytes_r);
}

int
units_parse_ms(const char *s, int64_t *ms_r)
{
	if (strcmp(s, "0") == 0) {
		*ms_r = 0;
		return 0;
	}
	return parse(s, time_units, ms_r);
}

const char *
units_size(int64_t bytes, char *buf, size_t cap)
{
	static const char *const name[] = {"", "KiB", "MiB", "GiB"};
	size_t i = 0;

	while (bytes != 0 && bytes % 1024 == 0 && i + 1 < ARRAY_LEN(name)) {
		bytes /= 1024;
		i++;
	}
	snprintf(buf, cap, "%lld%s", (long long)bytes, name[i]);
	return buf;
}

const char *
units_ms(int64_t ms, char *buf, size_t cap)
{
	const struct unit *best = time_units;

	if (ms == 0) {
		snprintf(buf, cap, "0");
		return buf;
	}
	for (const struct unit *u = time_units; u->name != NULL; u++)
		if (ms % u->factor == 0)
			best = u;
	snprintf(buf, cap, "%lld%s", (long long)(ms / best->factor), best->name);
	return buf;
}

const char *
units_size_human(uint64_t bytes, char *buf, size_t cap)
{
	static const char *const name[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	size_t i = 0;

	/* 1023.95 would be printed as 1024.0: that is the next unit's 1.0. */
	while (v >= (i == 0 ? 1024 : 1023.95) && i + 1 < ARRAY_LEN(name)) {
		v /= 1024;
		i++;
	}
	snprintf(buf, cap, "%.*f %s", i == 0 ? 0 : 1, v, name[i]);
	return buf;
}

/* "2 h 5 min", or "2 h" when there are no minutes. */
static void
two_parts(int64_t big, const char *big_name, int64_t small, const char *small_name,
	char *buf, size_t cap)
{
	if (small == 0)
		snprintf(buf, cap, "%lld %s", (long long)big, big_name);
	else
		snprintf(buf, cap, "%lld %s %lld %s", (long long)big, big_name, (long long)small,
			small_name);
}

const char *
units_ms_human(int64_t ms, char *buf, size_t cap)
{
	int64_t s = ms / 1000, min = s / 60, h = min / 60;

	must(ms >= 0);
	if (s == 0)
		snprintf(buf, cap, "%lld ms", (long long)ms);
	else if (min == 0)
		snprintf(buf, cap, "%lld.%lld s", (long long)s, (long long)(ms % 1000 / 100));
	else if (h == 0)
		two_parts(min, "min", s % 60, "s", buf, cap);
	else if (h < 24)
		two_parts(h, "h", min % 60, "min", buf, cap);
	else
		two_parts(h / 24, "d", h % 24, "h", buf, cap);
	return buf;
}

const char *
units_count(uint64_t n, const char *noun, char *buf, size_t cap)
{
	snprintf(buf, cap, "%" PRIu64 " %s%s", n, noun, n == 1 ? "" : "s");
	return buf;
}

/* Longer words are not looked for: no key or option is that long. */
#define WORD_MAX 64

/* Edit distance where swapping two neighbours is one edit (Damerau-Levenshtein, each place edited
 * once). Three rows of the table are enough: this one and the two before. */
static size_t
distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t d = up[j - 1] + (a[i - 1] != b[j - 1]);

			d = MIN(d, MIN(up[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d = MIN(d, up2[j - 2] + 1);
			row[j] = d;
		}
	}
	return rows[na % 3][nb];
}

const char *
units_nearest(const char *word, const char *const *names)
{
	size_t n = strlen(word), best_d = WORD_MAX;
	const char *best = NULL;

	if (n > WORD_MAX)
		return NULL;
	for (; *names != NULL; names++) {
		size_t len = strlen(*names), d;

		if (len > WORD_MAX)
			continue;
		d = distance(word, n, *names, len);
		if (d * 3 <= MAX(n, len) && d < best_d) {
			best = *names;
			best_d = d;
		}
	}
	return best;
}
