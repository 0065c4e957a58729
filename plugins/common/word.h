/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What files of credentials have in their lines: names, times, and words that were misspelt. Pure;
 * any thread. Each plugin links its own copy. */

#ifndef ADIT_PLUGINS_WORD_H
#define ADIT_PLUGINS_WORD_H

#include <stdbool.h>
#include <time.h>

#define WORD_NAME_MAX 64 /* bytes of an account's or an agent's name */

/* 1 to 64 of A-Za-z0-9._- */
bool word_is_name(const char *name);

/* True if one letter more, less or different makes b of a. */
bool word_nearly(const char *a, const char *b);

/* "2027-01-31T00:00:00Z", and nothing that timegm() has to put right, such as February 30. 0 or
 * -1. */
int word_time(const char *s, time_t *t_r);

#endif
