/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A line of JSON that is being written: one object. It holds passwords, so it is made in one piece
 * of memory that never moves and is wiped at the end; no library has copies of it. Any thread. */

#ifndef AUTH_EXEC_LINE_H
#define AUTH_EXEC_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest that there is: a token or a password of which every byte is escaped, all facts that
 * there can be, escaped likewise, and names. */
#define LINE_MAX_OUT (256u * 1024)

struct line {
	char *p;
	size_t n, cap;
	bool bad; /* something did not fit, was no UTF-8, or there was no memory: of no use */
};

/* room: bytes that are enough; more is bad and nothing worse. */
void line_begin(struct line *l, size_t room);
void line_string(struct line *l, const char *key, const char *value);
void line_text(struct line *l, const char *key, const char *value, size_t n);
void line_base64(struct line *l, const char *key, const void *value, size_t n);
void line_number(struct line *l, const char *key, int64_t value);
void line_bool(struct line *l, const char *key, bool value);
/* Opens an object inside; line_close() for each. */
void line_object(struct line *l, const char *key);
void line_close(struct line *l);
/* Ends the line with its newline. False: it is bad, and freed. */
bool line_end(struct line *l);
void line_wipe(struct line *l);

/* How many bytes a text takes at most. */
#define LINE_TEXT(n) (6 * (size_t)(n) + 3)

/* UTF-8 without detours, surrogates and what is beyond Unicode. */
bool utf8_valid(const char *p, size_t n);

#endif
