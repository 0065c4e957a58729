/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A file whose newest good content counts: it is parsed into a constant copy, and read again when
 * it has changed. A bad one changes nothing: the last good copy stays, and one line in the log says
 * what is wrong. For plugins whose calls may block. Each plugin links its own. */

#ifndef ADIT_PLUGINS_REREAD_H
#define ADIT_PLUGINS_REREAD_H

#include <adit/plugin.h>

#define REREAD_WHY_MAX 512 /* room that parse() has for its words */

struct reread;
struct reread_copy;

struct reread_how {
	const struct adit_plugin *plugin; /* whose log it is */
	const char *path;                 /* absolute; copied */
	size_t max;                       /* bytes */
	uint32_t rule;                    /* enum adit_file_rule */
	/* Makes a copy of a whole file, which is terminated, has no other NUL in it, may be
	 * changed, and is wiped afterwards. Returns 0, or -1 with why set, which names path and
	 * line. Never two calls at once; any thread. */
	int (*parse)(void *arg, const char *path, char *text, size_t len, void **data_r,
		char *why, size_t cap);
	void (*free_data)(void *data); /* any thread */
	void *arg;
};

/* Reads the file for the first time; blocks. NULL: why says what is wrong. */
struct reread *reread_open(const struct reread_how *how, char *why, size_t cap);
/* No copy may be held any more. NULL is harmless. */
void reread_close(struct reread *r);

/* The newest good copy, after a look at the file; valid until it is released. Any thread that may
 * block. Only one thread at a time reads a file that has changed: others get the copy before. */
const struct reread_copy *reread_take(struct reread *r);
const void *reread_data(const struct reread_copy *c);
void reread_release(struct reread *r, const struct reread_copy *c);

#endif
