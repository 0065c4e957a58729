/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The user's own folder. */

#include <config.h>

#include "ctl/user_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/compiler.h"

char *
user_dir(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg != NULL && xdg[0] == '/')
		return xasprintf("%s/adit", xdg);
	return home != NULL && home[0] == '/' ? xasprintf("%s/.config/adit", home) : NULL;
}

int
user_dir_make(const char *dir, struct err *e)
{
	char *above = xasprintf("%.*s", (int)(strrchr(dir, '/') - dir), dir);
	int rc = 0;

	if (above[0] != '\0' && mkdir(above, 0700) < 0 && errno != EEXIST)
		rc = err_set(e, "%s: %s", above, strerror(errno));
	else if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		rc = err_set(e, "%s: %s", dir, strerror(errno));
	free(above);
	return rc;
}
