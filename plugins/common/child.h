/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Programs that a plugin starts, without a shell. Each plugin links its own copy. Any thread, one
 * at a time for each child.
 *
 * A child has three pipes as its descriptors 0, 1 and 2, and no other; no signal blocked or
 * ignored; of the environment PATH, LANG and HOME; and a process group of its own, so that a signal
 * for this program's terminal is not its business and what it has started ends with it.
 *
 * Who writes to one must not be killed by SIGPIPE: aditd and adit ignore it. */

#ifndef ADIT_PLUGINS_CHILD_H
#define ADIT_PLUGINS_CHILD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;        /* 0: there is none (any more) */
	int in, out, err; /* our ends, non-blocking: its 0 (we write), its 1 and 2; -1: closed */
	int status;       /* as of waitpid(), when it has ended; -1: somebody else has asked */
};

#define CHILD_NONE ((struct child){.in = -1, .out = -1, .err = -1})

/* Finds the file of a program and checks that nobody but root and this process's user can change
 * what it is: the file and every folder above it, links resolved. name: an absolute path, or a word
 * that is looked for in PATH. Blocks. 0 and path_r, or -1 and why (a text that names the file). */
int child_find(const char *name, char path_r[PATH_MAX], char *why, size_t cap);

/* Starts it. path: of child_find(). argv is ended by NULL and begins with the program's name.
 * 0, or -1 and why: then *c is CHILD_NONE. That there is no such program or interpreter is seen
 * here. Blocks as long as starting takes. */
int child_start(struct child *c, const char *path, const char *const argv[], char *why, size_t cap);

/* True when it has ended (c->status then says how; what it has started is killed) or never ran.
 * Does not block. What it has written may still be read. */
bool child_ended(struct child *c);

/* To it and what it has started; nothing when it has ended. */
void child_signal(const struct child *c, int signo);

/* Ends it: closes its standard input, after grace_ms SIGTERM, after as long again SIGKILL. Blocks
 * at most twice grace_ms, and less if it ends by itself; 0 is SIGKILL at once. The descriptors are
 * closed. False if the system could not end it within a second more: it is then left to itself. */
bool child_stop(struct child *c, int grace_ms);

/* "exit status 3", "signal 9", with the terminator. */
void child_how_ended(const struct child *c, char *buf, size_t cap);

/* All of it at once: starts it, writes the input, reads all its output (at most max bytes) until it
 * has ended well, at most timeout_ms. Blocks. *out_r is terminated; free it. 0; or -1 and why,
 * which has the first line that it said on standard error, if any. */
struct child_run {
	const char *path;         /* of child_find() */
	const char *const *argv;
	const void *input;
	size_t n_input, max;
	int timeout_ms;
	int stop_fd; /* when it can be read all is given up; 0: there is none */
};
int child_run(const struct child_run *r, char **out_r, size_t *len_r, char *why, size_t cap);

#endif
