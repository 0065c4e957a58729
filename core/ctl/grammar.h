/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Whether a text is a configuration file: the whole syntax, with messages that say what is wrong,
 * and bounds that keep libconfig's quadratic and recursive parts small. What passes here is read by
 * libconfig afterwards. Pure; any thread. */

#ifndef ADIT_CTL_GRAMMAR_H
#define ADIT_CTL_GRAMMAR_H

#include <stddef.h>

#include "util/err.h"

#define GRAMMAR_DEPTH_MAX 8 /* groups and lists inside each other */
#define GRAMMAR_KEYS_MAX 512 /* settings of one group */
#define GRAMMAR_ITEMS_MAX 16384 /* elements of one list */

/* 0, or -EINVAL with e set (file and line of the first error). */
int grammar_check(const char *file, const char *text, size_t len, struct err *e);

#endif
