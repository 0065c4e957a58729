/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The table of limits in aditd.conf(5) is the table of the code. `test-limits-page print` writes the
 * lines that belong between the two marks of the page. */

#include <stdlib.h>

#include "../unit/tap.h"
#include "tunnel/limit.h"
#include "util/compiler.h"
#include "util/file.h"
#include "util/units.h"

#define BEGIN ".\\\" The table of limits begins.\n"
#define END ".\\\" The table of limits ends.\n"

static const char *
value(const struct limit_info *l, int64_t v, char *buf, size_t cap)
{
	if (l->unit == LIMIT_BYTES)
		return units_size(v, buf, cap);
	if (l->unit == LIMIT_MS)
		return units_ms(v, buf, cap);
	snprintf(buf, cap, "%" PRId64, v);
	return buf;
}

static char *
entry(const struct limit_info *l)
{
	const char *quote = l->unit == LIMIT_COUNT ? "" : "\\(dq";
	char dflt[32], min[32], max[32];

	return xasprintf(".It Cm %s\n%c%s.\nDefault\n.Ql %s%s%s ,\n%s to %s.\n", l->name,
		l->help[0] >= 'a' && l->help[0] <= 'z' ? l->help[0] - 'a' + 'A' : l->help[0],
		l->help + 1, quote, value(l, l->dflt, dflt, sizeof(dflt)), quote,
		value(l, l->min, min, sizeof(min)), value(l, l->max, max, sizeof(max)));
}

static void
print(void)
{
	fputs(BEGIN, stdout);
	for (const struct limit_info *l = limit_infos; l->name != NULL; l++) {
		char *text = entry(l);

		fputs(text, stdout);
		free(text);
	}
	fputs(END, stdout);
}

/* Each limit in its place, and nothing between them. */
static void
compare(const char *page)
{
	const char *p = strstr(page, BEGIN);

	if (!ok(p != NULL, "the page has the mark where the table begins"))
		return;
	p += strlen(BEGIN);
	for (const struct limit_info *l = limit_infos; l->name != NULL; l++) {
		char *text = entry(l);
		bool same = strncmp(p, text, strlen(text)) == 0;

		if (!ok(same, "limits.%s stands in the page as it is in the code", l->name))
			diag("make the table anew with: test-limits-page print");
		p += same ? strlen(text) : 0;
		free(text);
	}
	ok(strncmp(p, END, strlen(END)) == 0, "and the table ends behind the last");
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char *path, *page;
	size_t len;
	struct err e;

	if (argc > 1 && strcmp(argv[1], "print") == 0) {
		print();
		return 0;
	}
	path = xasprintf("%s/man/aditd.conf.5", top != NULL ? top : ".");
	if (ok(file_read(path, 1 << 20, &page, &len, &e) == 0, "the page can be read")) {
		compare(page);
		file_free(page, len);
	}
	free(path);
	return done_testing();
}
