/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Frames as one line of text and back, in the form of the vectors of doc/protocol.md section 12:
 * `NAME id=1 field=value …`. Written from that page alone and sharing no code with core/wire/msg.c,
 * so that each judges the other. Pure; any thread. */

#ifndef ADIT_TESTS_FRAMETEXT_H
#define ADIT_TESTS_FRAMETEXT_H

#include <stddef.h>
#include <stdint.h>

#include "wire/frame.h"

#define FRAMETEXT_MAX 20000

/* Returns 0, or -1 when the payload is not made of its type's fields. */
int frametext_print(char *out, size_t cap, const struct frame *f, const uint8_t *payload);

/* Fields that are not named are 0 or empty (HELLO: magic, lowest sizes, versions 1 and 1). Makes header
 * and payload; returns how many bytes, or 0 and writes what is wrong into err (at least 200 bytes). */
size_t frametext_parse(uint8_t *out, size_t cap, const char *text, char *err);

/* Hexadecimal digits up to a blank or the end; returns the number of bytes. */
size_t frametext_hex(uint8_t *out, size_t cap, const char *hex);

#endif
