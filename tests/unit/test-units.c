/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Sizes and durations: what is taken, what is refused, and that what is written reads back. */

#include <errno.h>

#include "tap.h"
#include "util/compiler.h"
#include "util/units.h"

#define UNTOUCHED (-77)

struct given {
	const char *text;
	int rc;
	int64_t value;
};

static const struct given sizes[] = {
	{"0", 0, 0},
	{"65536", 0, 65536},
	{"007", 0, 7},
	{"1B", 0, 1},
	{"64KiB", 0, 65536},
	{"16MiB", 0, 16777216},
	{"1GiB", 0, 1073741824},
	{"64KB", 0, 64000},
	{"3MB", 0, 3000000},
	{"2GB", 0, 2000000000},
	{"9223372036854775807", 0, INT64_MAX},
	{"9223372036854775808", -ERANGE, 0},
	{"99999999999999999999999999", -ERANGE, 0},
	{"8589934591GiB", 0, INT64_C(8589934591) << 30},
	{"8589934592GiB", -ERANGE, 0},
	{"", -EINVAL, 0},
	{"KiB", -EINVAL, 0},
	{"-1", -EINVAL, 0},
	{"+1", -EINVAL, 0},
	{" 1", -EINVAL, 0},
	{"1 ", -EINVAL, 0},
	{"1 KiB", -EINVAL, 0},
	{"1.5KiB", -EINVAL, 0},
	{"0x10", -EINVAL, 0},
	{"1kib", -EINVAL, 0},
	{"1K", -EINVAL, 0},
	{"1KiBs", -EINVAL, 0},
	{"1s", -EINVAL, 0},
	{"99999999999999999999999999x", -EINVAL, 0},
};

static const struct given times[] = {
	{"0", 0, 0},
	{"0s", 0, 0},
	{"250ms", 0, 250},
	{"30s", 0, 30000},
	{"10m", 0, 600000},
	{"12h", 0, 43200000},
	{"7d", 0, 604800000},
	{"9223372036854775807ms", 0, INT64_MAX},
	{"9223372036854775808ms", -ERANGE, 0},
	{"106751991168d", -ERANGE, 0},
	{"106751991167d", 0, INT64_C(106751991167) * 86400000},
	{"30", -EINVAL, 0},
	{"00", -EINVAL, 0},
	{"", -EINVAL, 0},
	{"s", -EINVAL, 0},
	{"-5s", -EINVAL, 0},
	{"1.5s", -EINVAL, 0},
	{"5 s", -EINVAL, 0},
	{"5S", -EINVAL, 0},
	{"5min", -EINVAL, 0},
	{"5KiB", -EINVAL, 0},
	{"1h30m", -EINVAL, 0},
};

static void
test_parse(const char *what, int (*parse)(const char *, int64_t *), const struct given *g, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int64_t v = UNTOUCHED;
		int rc = parse(g[i].text, &v);

		ok(rc == g[i].rc && v == (rc == 0 ? g[i].value : UNTOUCHED), "%s '%s' %s", what,
			g[i].text, g[i].rc == 0 ? "is read" : "is refused");
	}
}

static void
test_exact(void)
{
	char buf[40];
	int64_t v = 0;
	bool good = true;

	is_str(units_size(0, buf, sizeof(buf)), "0", "no bytes");
	is_str(units_size(65536, buf, sizeof(buf)), "64KiB", "binary units");
	is_str(units_size(65537, buf, sizeof(buf)), "65537", "only where they are exact");
	is_str(units_size(INT64_C(5) << 40, buf, sizeof(buf)), "5120GiB", "up to GiB");
	is_str(units_ms(0, buf, sizeof(buf)), "0", "no time");
	is_str(units_ms(250, buf, sizeof(buf)), "250ms", "milliseconds");
	is_str(units_ms(90000, buf, sizeof(buf)), "90s", "the largest exact unit");
	is_str(units_ms(86400000, buf, sizeof(buf)), "1d", "a day");
	for (int64_t n = 1; n > 0 && n < INT64_MAX / 3 && good; n = n * 3 - n / 2) {
		for (int shift = 0; shift <= 30; shift += 10) {
			int64_t b;

			if (__builtin_mul_overflow(n, INT64_C(1) << shift, &b))
				continue;
			good = good && units_parse_size(units_size(b, buf, sizeof(buf)), &v) == 0 &&
			       v == b;
			good = good && units_parse_ms(units_ms(b, buf, sizeof(buf)), &v) == 0 &&
			       v == b;
		}
	}
	ok(good, "what is written reads back");
	units_size(65536, buf, 4);
	is_str(buf, "64K", "keeps to its buffer");
}

static void
test_human(void)
{
	char buf[40];

	is_str(units_size_human(0, buf, sizeof(buf)), "0 B", "bytes");
	is_str(units_size_human(1023, buf, sizeof(buf)), "1023 B", "up to 1023");
	is_str(units_size_human(1024, buf, sizeof(buf)), "1.0 KiB", "then KiB");
	is_str(units_size_human(1503238554, buf, sizeof(buf)), "1.4 GiB", "one place");
	is_str(units_size_human(1048575, buf, sizeof(buf)), "1.0 MiB", "never 1024.0 KiB");
	is_str(units_size_human(UINT64_MAX, buf, sizeof(buf)), "16.0 EiB", "to the end");
	is_str(units_ms_human(0, buf, sizeof(buf)), "0 ms", "milliseconds");
	is_str(units_ms_human(999, buf, sizeof(buf)), "999 ms", "below a second");
	is_str(units_ms_human(3250, buf, sizeof(buf)), "3.2 s", "seconds");
	is_str(units_ms_human(59999, buf, sizeof(buf)), "59.9 s", "never 60.0 s");
	is_str(units_ms_human(63000, buf, sizeof(buf)), "1 min 3 s", "minutes and seconds");
	is_str(units_ms_human(7500000, buf, sizeof(buf)), "2 h 5 min", "hours and minutes");
	is_str(units_ms_human(7200000, buf, sizeof(buf)), "2 h", "no empty second part");
	is_str(units_ms_human(273600000, buf, sizeof(buf)), "3 d 4 h", "days and hours");
}

static void
test_count(void)
{
	char buf[40];

	is_str(units_count(0, "link", buf, sizeof(buf)), "0 links", "none");
	is_str(units_count(1, "link", buf, sizeof(buf)), "1 link", "one is no plural");
	is_str(units_count(2, "link", buf, sizeof(buf)), "2 links", "two");
}

static void
test_nearest(void)
{
	static const char *const names[] = {
		"port", "bind_address", "workers", "max_streams", "token", "on", NULL};
	char long_word[200];

	is_str(units_nearest("port", names), "port", "the word itself");
	is_str(units_nearest("prot", names), "port", "two letters swapped are one mistake");
	is_str(units_nearest("por", names), "port", "one missing");
	is_str(units_nearest("portt", names), "port", "one too many");
	is_str(units_nearest("worksers", names), "workers", "in the middle");
	is_str(units_nearest("bindadress", names), "bind_address", "two of twelve");
	is_str(units_nearest("max-stream", names), "max_streams", "another two");
	is_str(units_nearest("tokne", names), "token", "the nearest, not the first");
	ok(units_nearest("xyzzy", names) == NULL, "nothing is meant by xyzzy");
	ok(units_nearest("no", names) == NULL, "half of a short word is too much");
	ok(units_nearest("", names) == NULL, "nor by nothing");
	memset(long_word, 'p', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	ok(units_nearest(long_word, names) == NULL, "nor by a word without end");
	is_str(units_nearest("prt", (const char *const[]){long_word, "port", NULL}), "port",
		"a name without end is passed over");
	ok(units_nearest("port", (const char *const[]){NULL}) == NULL, "no names");
}

int
main(void)
{
	test_parse("size", units_parse_size, sizes, ARRAY_LEN(sizes));
	test_parse("time", units_parse_ms, times, ARRAY_LEN(times));
	test_exact();
	test_human();
	test_count();
	test_nearest();
	return done_testing();
}
