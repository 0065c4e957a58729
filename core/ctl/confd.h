/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The files of a configuration folder: those that end in ".conf", in the order of their bytes.
 * Main thread. */

#ifndef ADIT_CTL_CONFD_H
#define ADIT_CTL_CONFD_H

#include <stddef.h>

#include "util/err.h"

/* Hidden files, editors' copies and what the package manager leaves do not count. *path_r is an
 * array of n paths below dir; free with confd_free(). A folder that is not there: -ENOENT with e
 * set. The folder must not be writable by group or others. 0 or -errno with e set. */
int confd_list(const char *dir, char ***path_r, size_t *n_r, struct err *e);
void confd_free(char **path, size_t n);

#endif
