/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* For tests that load plugins: a fresh folder that the loader trusts, and copies in it. */

#ifndef ADIT_TESTS_FOLDER_H
#define ADIT_TESTS_FOLDER_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/compiler.h"
#include "util/err.h"

static char top[] = "/tmp/adit-plugin-XXXXXX"; /* the test's own */
static char dir[64];                          /* top/p: the plugin folder */

__attribute__((unused)) static const char *
in_dir(const char *name, const char *suffix)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s%s", dir, name, suffix);
	return p;
}

__attribute__((unused)) static void
make_file(const char *path, const char *text, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	must(fd >= 0 && write(fd, text, n) == (ssize_t)n && fchmod(fd, 0644) == 0);
	close(fd);
}

/* Copies from/NAME.so to to/NAME.so. */
__attribute__((unused)) static void
copy_plugin(const char *from, const char *name, const char *to)
{
	char path[8192], *text;
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.so", from, name);
	f = fopen(path, "r");
	if (f == NULL || fstat(fileno(f), &st) < 0) {
		fprintf(stderr, "%s is missing\n", path);
		exit(99);
	}
	text = xmalloc((size_t)st.st_size);
	must(fread(text, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
	fclose(f);
	snprintf(path, sizeof(path), "%s/%s.so", to, name);
	unlink(path); /* it may be loaded: a new file, not new bytes in the old one */
	make_file(path, text, (size_t)st.st_size);
	free(text);
}

/* The plugins that were built for tests. */
__attribute__((unused)) static void
put(const char *name)
{
	const char *build = getenv("top_builddir");
	char from[4096];

	snprintf(from, sizeof(from), "%s/tests/plugin/.libs", build != NULL ? build : ".");
	copy_plugin(from, name, dir);
}

/* The plugins that belong to Adit. */
__attribute__((unused)) static void
put_real(const char *name)
{
	const char *from = getenv("plugin_dir");

	copy_plugin(from != NULL ? from : "plugins/built", name, dir);
}

__attribute__((unused)) static void
folder_begin(void)
{
	umask(022);
	must(mkdtemp(top) != NULL && chmod(top, 0755) == 0);
	snprintf(dir, sizeof(dir), "%s/p", top);
	must(mkdir(dir, 0755) == 0);
}

__attribute__((unused)) static void
folder_end(void)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	must(system(command) == 0);
}

#endif
