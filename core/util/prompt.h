/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Asks a person for a secret: at the terminal of the process, whatever its standard input is, and
 * without showing what is typed. Blocks. Only where nothing else runs yet: the handlers of signals
 * are replaced meanwhile, so that the terminal is never left without echo. */

#ifndef ADIT_UTIL_PROMPT_H
#define ADIT_UTIL_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

/* Shows question, and reads a line of 1 to max bytes without its end. *text_r is terminated; free
 * it with file_free(), which wipes it. -ENOTTY: there is no terminal; or another negative errno, e
 * is set. A signal that ends the process does so, after the terminal has been put right. */
int prompt_secret(const char *question, size_t max, char **text_r, size_t *len_r, struct err *e);

/* From now on nobody is asked: each answer is "?". For looking at a configuration only. */
void prompt_pretend(bool on);

#endif
