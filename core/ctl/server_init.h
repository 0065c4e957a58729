/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* `aditd init`: writes a configuration that works, with a token of its own and the agent's half of
 * it. Main thread; blocks. */

#ifndef ADIT_CTL_SERVER_INIT_H
#define ADIT_CTL_SERVER_INIT_H

#include <stdio.h>

#include "util/err.h"

struct server_init {
	const char *dir;        /* is made, or must be empty */
	const char *listen;     /* NULL: 127.0.0.1:9000 */
	const char *account;    /* NULL: "default" */
	const char *plugin_dir; /* as the command line has it, or NULL */
	bool allow_plain;       /* listen may be no loopback address */
};

/* Writes the files and says on out what to do next. On failure nothing is left behind and a
 * negative errno is returned with e set. */
int server_init(const struct server_init *in, FILE *out, struct err *e);

#endif
