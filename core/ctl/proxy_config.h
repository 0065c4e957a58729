/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Which proxy the agent uses, from its command line, its file and the environment. Main thread;
 * reads a file. */

#ifndef ADIT_CTL_PROXY_CONFIG_H
#define ADIT_CTL_PROXY_CONFIG_H

#include "ctl/schema.h"
#include "io/proxy.h"

/* What one of the places says; NULL: nothing. Borrowed. */
struct proxy_said {
	const char *url; /* also "env" and "none" */
	const char *user, *password_file;
	const char *file; /* where it stands; NULL: the command line */
	struct place url_place, user_place, password_place; /* in file */
};

/* The proxy for a server at host and port; *proxy_r is NULL for none. The command line goes before
 * the file, and a user that the file names is never told to a proxy that the command line names.
 * Nobody says anything: as "env". 0, or -EINVAL with e set. */
int proxy_config(const struct proxy_said *line, const struct proxy_said *file, const char *host,
	uint16_t port, struct proxy **proxy_r, struct err *e);
void proxy_config_free(struct proxy *p); /* NULL is harmless */

#endif
