/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The files of a configuration folder. Whoever can add a file to it decides what is loaded, so the
 * folder's mode counts like a file's. Main thread; blocks. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/confd.h"
#include "ctl/source.h"
#include "util/compiler.h"

/* "50-x.conf"; not ".x.conf", "x.conf~", "x.conf.dpkg-old" or "x.dpkg-dist.conf". */
static int
is_wanted(const struct dirent *d)
{
	const char *name = d->d_name;
	size_t n = strlen(name);

	return n > 5 && name[0] != '.' && strcmp(name + n - 5, ".conf") == 0 &&
	       strstr(name, ".dpkg-") == NULL && strchr(name, '~') == NULL;
}

/* strcmp(), because alphasort() would follow the user's language. */
static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int
confd_list(const char *dir, char ***path_r, size_t *n_r, struct err *e)
{
	struct dirent **found;
	char **path;
	int n, rc = source_check_mode(dir, "folder", e);

	if (rc < 0)
		return rc;
	n = scandir(dir, &found, is_wanted, by_bytes);
	if (n < 0) {
		rc = -errno;
		err_set(e, "%s: %s", dir, strerror(-rc));
		return rc;
	}
	path = xcalloc((size_t)n + 1, sizeof(*path));
	for (int i = 0; i < n; i++) {
		path[i] = xasprintf("%s/%s", dir, found[i]->d_name);
		free(found[i]);
	}
	free(found);
	*path_r = path;
	*n_r = (size_t)n;
	return 0;
}

void
confd_free(char **path, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(path[i]);
	free(path);
}
