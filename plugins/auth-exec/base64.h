/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Base64 of RFC 4648 section 4, with padding: bytes inside the lines of JSON. Pure; any thread. */

#ifndef AUTH_EXEC_BASE64_H
#define AUTH_EXEC_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BASE64_SIZE(n) (((n) + 2) / 3 * 4) /* characters for n bytes */

/* Writes BASE64_SIZE(n) characters and no terminator. */
void base64_encode(const void *p, size_t n, char *text_r);

/* How many bytes the text is, which are written to p_r; or -1: there are more than max, or it is
 * not the one way in which these bytes are written. */
ssize_t base64_decode(const char *text, size_t n, uint8_t *p_r, size_t max);

#endif
