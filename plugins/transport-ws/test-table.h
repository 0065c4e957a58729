/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The tables of cases beside this file: rows of columns with " | " between, "#" begins a remark. */

#ifndef ADIT_WS_TEST_TABLE_H
#define ADIT_WS_TEST_TABLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_COLUMNS 6

struct table {
	FILE *f;
	char line[4096];
	char *column[TABLE_COLUMNS]; /* "" where the row has none */
};

static inline void
table_open(struct table *t, const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/plugins/transport-ws/%s", top != NULL ? top : ".", name);
	t->f = fopen(path, "r");
	if (t->f == NULL)
		exit(99);
}

/* The next row, or false at the end. */
static inline bool
table_row(struct table *t)
{
	do {
		if (fgets(t->line, sizeof(t->line), t->f) == NULL) {
			fclose(t->f);
			return false;
		}
	} while (t->line[0] == '#' || t->line[0] == '\n');
	t->line[strcspn(t->line, "\n")] = '\0';
	t->column[0] = t->line;
	for (int i = 1; i < TABLE_COLUMNS; i++) {
		char *p = strstr(t->column[i - 1], " |");

		t->column[i] = p != NULL ? p + 2 : strchr(t->column[i - 1], '\0');
		if (p != NULL)
			*p = '\0';
		t->column[i - 1] += t->column[i - 1][0] == ' ';
	}
	return true;
}

/* Hex digits, blanks and XX*N into out; returns how many bytes. */
static inline size_t
table_hex(const char *p, unsigned char *out, size_t cap)
{
	size_t n = 0;
	unsigned byte = 0;
	int len = 0;

	for (; *p != '\0'; p += len) {
		unsigned long times = 1;

		len = 1;
		if (*p == ' ')
			continue;
		if (sscanf(p, "%2x", &byte) != 1)
			exit(99);
		len = 2;
		if (p[2] == '*') {
			char *end;

			times = strtoul(p + 3, &end, 10);
			len = (int)(end - p);
		}
		for (; times > 0 && n < cap; times--)
			out[n++] = (unsigned char)byte;
	}
	return n;
}

/* What \r \n \t \\ and \xHH stand for, in place; returns the length. */
static inline size_t
table_unescape(char *s)
{
	char *out = s;

	for (char *p = s; *p != '\0'; p++) {
		unsigned byte = 0;

		if (*p != '\\') {
			*out++ = *p;
			continue;
		}
		switch (*++p) {
		case 'r':
			*out++ = '\r';
			break;
		case 'n':
			*out++ = '\n';
			break;
		case 't':
			*out++ = '\t';
			break;
		case '\\':
			*out++ = '\\';
			break;
		case 'x':
			sscanf(p + 1, "%2x", &byte);
			*out++ = (char)byte;
			p += 2;
			break;
		default:
			exit(99);
		}
	}
	return (size_t)(out - s);
}

#endif
