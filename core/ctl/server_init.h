/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* `aditd init`: writes a configuration that works. Over TLS, which is the default, it makes key and
 * certificate and prints a join line for the first agent; over bare TCP it makes a token and the
 * agent's half of the configuration. Main thread; blocks. */

#ifndef ADIT_CTL_SERVER_INIT_H
#define ADIT_CTL_SERVER_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "util/err.h"

struct server_init {
	const char *dir;        /* is made, or must be empty */
	const char *listen;     /* NULL: port 7835, or 9000 of bare TCP; loopback without a host */
	const char *const *host; /* how agents reach it, "host[:port]": n_hosts of them */
	size_t n_hosts;
	bool tcp;               /* links are bare TCP */
	const char *account;    /* NULL: "default" */
	const char *plugin_dir; /* as the command line has it, or NULL */
	bool allow_plain;       /* bare TCP: listen may be no loopback address */
};

/* Writes the files and says on out what to do next. On failure nothing is left behind and a
 * negative errno is returned with e set. */
int server_init(const struct server_init *in, FILE *out, struct err *e);

#endif
