/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The command line's word on how the agent logs in: NAME[,OPTION=VALUE]..., where two commas stand
 * for one in a value. Which options there are is the plugin's business. Main thread. */

#ifndef ADIT_CTL_AUTH_SAID_H
#define ADIT_CTL_AUTH_SAID_H

#include <stddef.h>

#include "util/err.h"

#define AUTH_SAID_OPTIONS 16
#define AUTH_SAID_NAME 32 /* of a plugin, as the loader has it */

struct auth_said {
	char plugin[AUTH_SAID_NAME + 1]; /* "auth-password" */
	char *text;                      /* holds what is below */
	struct {
		const char *key, *value;
	} option[AUTH_SAID_OPTIONS];
	size_t n;
};

/* text is what came behind --auth; "password" and "auth-password" are the same. 0, or -EINVAL with
 * e set. */
int auth_said_parse(const char *text, struct auth_said *a_r, struct err *e);
void auth_said_fini(struct auth_said *a); /* also of a zeroed one */

#endif
