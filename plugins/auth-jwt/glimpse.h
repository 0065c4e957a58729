/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A look at a JSON object of which only the beginning is here: a hint, on which nothing is granted.
 * Pure, any thread. */

#ifndef ADIT_JWT_GLIMPSE_H
#define ADIT_JWT_GLIMPSE_H

#include <stdbool.h>
#include <stddef.h>

/* Finds the first member of that name (plain ASCII) in the object itself whose value is text, and
 * copies that: without what JSON escapes, but for "\/". False: it is not among these n bytes, or it
 * is not that plain, or longer than cap - 1. */
bool glimpse_text(const char *json, size_t n, const char *name, char *text_r, size_t cap);

#endif
