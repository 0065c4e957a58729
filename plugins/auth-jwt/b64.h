/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* base64url of RFC 7515 section 2, strictly: no padding, no blanks, no other characters, and the
 * bits behind the last byte are zero, so that every text has one form only. Any thread. */

#ifndef ADIT_JWT_B64_H
#define ADIT_JWT_B64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes that n characters stand for, at most. */
#define B64_BYTES(n) ((n) / 4 * 3 + 2)
/* Characters that n bytes become, without a terminator. */
#define B64_CHARS(n) (((n) * 4 + 2) / 3)

/* Decodes n characters into out_r, which has room for B64_BYTES(n). How many bytes, or -1: it
 * is not base64url. out_r may be written to all the same. */
ssize_t b64_decode(const char *text, size_t n, uint8_t *out_r);
/* Writes B64_CHARS(n) characters and a terminator; returns how many characters. */
size_t b64_encode(const void *data, size_t n, char *out_r);

#endif
