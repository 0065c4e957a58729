/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Words of files of credentials. Pure. */

#include "word.h"

#include <string.h>

bool
word_is_name(const char *name)
{
	size_t n = strnlen(name, WORD_NAME_MAX + 1);

	return n > 0 && n <= WORD_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       n;
}

bool
word_nearly(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), i = 0;

	while (a[i] != '\0' && a[i] == b[i])
		i++;
	if (na == nb)
		return na > 0 && a[i] != '\0' && strcmp(a + i + 1, b + i + 1) == 0;
	if (na == nb + 1)
		return strcmp(a + i + 1, b + i) == 0;
	return nb == na + 1 && strcmp(a + i, b + i + 1) == 0;
}

int
word_time(const char *s, time_t *t_r)
{
	struct tm tm = {.tm_isdst = 0}, given;
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t t;

	if (end == NULL || *end != '\0' || strlen(s) != 20)
		return -1;
	given = tm;
	t = timegm(&tm);
	if (t <= 0 || tm.tm_mday != given.tm_mday || tm.tm_hour != given.tm_hour ||
		tm.tm_sec != given.tm_sec)
		return -1;
	*t_r = t;
	return 0;
}
