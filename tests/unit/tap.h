/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The Test Anything Protocol for unit tests: a test is a program that says ok() as often as it
 * likes and ends with `return done_testing();`. The main thread only. A test that hangs is killed
 * after two minutes, which the driver reports as a failure. */

#ifndef ADIT_TESTS_TAP_H
#define ADIT_TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Under a sanitizer some resources cannot be limited. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static int tap_count, tap_failed;

__attribute__((constructor, unused)) static void
tap_begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(600); /* it hangs; under a sanitizer some take minutes */
}

/* One result; the text says what it means when it holds. Returns cond. */
__attribute__((format(printf, 4, 5), unused)) static bool
tap_ok(bool cond, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", cond ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!cond) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	return cond;
}

#define ok(cond, ...) tap_ok((cond), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((unused)) static bool
tap_is_int(intmax_t got, intmax_t want, const char *file, int line, const char *what)
{
	bool same = tap_ok(got == want, file, line, "%s", what);

	if (!same)
		printf("#  got %" PRIdMAX "\n# want %" PRIdMAX "\n", got, want);
	return same;
}

#define is_int(got, want, what)                                                                    \
	tap_is_int((intmax_t)(got), (intmax_t)(want), __FILE__, __LINE__, what)

/* NULL equals NULL only. */
__attribute__((unused)) static bool
tap_is_str(const char *got, const char *want, const char *file, int line, const char *what)
{
	bool same = got == NULL || want == NULL ? got == want : strcmp(got, want) == 0;

	tap_ok(same, file, line, "%s", what);
	if (!same)
		printf("#  got %s\n# want %s\n", got != NULL ? got : "(null)",
			want != NULL ? want : "(null)");
	return same;
}

#define is_str(got, want, what) tap_is_str(got, want, __FILE__, __LINE__, what)

/* n bytes; shows the first place where they differ. */
__attribute__((unused)) static bool
tap_is_mem(const void *got, const void *want, size_t n, const char *file, int line,
	const char *what)
{
	const unsigned char *g = got, *w = want;
	size_t i = 0;

	while (i < n && g[i] == w[i])
		i++;
	tap_ok(i == n, file, line, "%s", what);
	if (i < n)
		printf("# byte %zu: got %02x, want %02x\n", i, g[i], w[i]);
	return i == n;
}

#define is_mem(got, want, n, what) tap_is_mem(got, want, n, __FILE__, __LINE__, what)

/* Something to know when a test fails. */
#define diag(...) (printf("# "), printf(__VA_ARGS__), printf("\n"))

/* The plan and the program's result. No result at all is a failure. */
__attribute__((unused)) static int
done_testing(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed > 0 || tap_count == 0;
}

/* Leaves the program at once, well: what this machine cannot show is said. Before any ok(). */
__attribute__((unused)) static int
skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	return 0;
}

#endif
