/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Runs a fuzz target over its corpus, so that `make check` without libFuzzer still tries every input
 * that once was worth keeping. The program fuzz-NAME reads tests/fuzz/corpus/NAME; files named on
 * the command line are run instead. A finding ends the process, which the harness reports as a
 * missing plan with the name of the last input before it. */

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count, unreadable;

/* The input is put into memory of exactly its size, so that reading behind it is noticed. */
static void
replay_file(const char *path)
{
	static uint8_t text[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	uint8_t *copy;
	size_t n;

	if (f == NULL) {
		printf("# %s: %s\n", path, strerror(errno));
		unreadable++;
		return;
	}
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	copy = malloc(n > 0 ? n : 1);
	if (copy == NULL)
		abort();
	memcpy(copy, text, n);
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	count++;
}

static int
visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
replay_folder(const char *folder)
{
	struct dirent **list;
	int n = scandir(folder, &list, visible, alphasort);

	if (n < 0) {
		printf("# %s: %s\n", folder, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		char path[4096 + 256]; /* folder and a name */

		snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
		replay_file(path);
		free(list[i]);
	}
	free(list);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	const char *name = strstr(program_invocation_short_name, "fuzz-");
	char folder[4096];

	for (int i = 1; i < argc; i++)
		replay_file(argv[i]);
	if (argc == 1 && name != NULL) {
		snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top != NULL ? top : ".",
			name + strlen("fuzz-"));
		replay_folder(folder);
	}
	printf("%sok 1 - %s: %u inputs\n1..1\n", count > 0 && unreadable == 0 ? "" : "not ",
		program_invocation_short_name, count);
	return 0;
}
