/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The head of an HTTP/1 message (RFC 9112): where it ends, its first line, its fields. Strict: what
 * two servers might read in two ways (bare CR or LF, folded lines, blanks before a colon, control
 * characters) is an error. Pure; nothing is copied, everything points into the bytes given. */

#ifndef ADIT_HTTP_HEAD_H
#define ADIT_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX 8192 /* bytes, the empty line at the end included */

struct span {
	const char *p;
	size_t n;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

bool span_is(struct span s, const char *word); /* the same bytes */
bool span_is_nocase(struct span s, const char *word); /* whatever the case of ASCII letters */
/* The next of a list's elements (RFC 9110 section 5.6.1), without blanks; false behind the last.
 * *list is moved on. */
bool span_element(struct span *list, struct span *element_r);
/* Up to c, which is dropped; *rest is moved on. False when there is no c. */
bool span_until(struct span *rest, char c, struct span *before_r);
bool http_is_token(struct span s);

/* For log lines and errors: printable ASCII, cut to what fits; buf is returned. */
const char *span_text(struct span s, char *buf, size_t cap);

/* Looks at the bytes from *seen on of a head's first n bytes, and moves *seen on. NULL, and the
 * length of the head with its empty line, or 0 when its end is not here; or what is wrong. */
const char *http_head_end(const char *p, size_t n, size_t *seen, size_t *len_r);

/* Takes the first line of a whole head, without its end; *rest is moved on to the fields. */
struct span http_line(struct span *rest);
/* Takes the next field; false at the end of the head. Or *why_r, NULL before, says what is wrong.
 */
bool http_field(struct span *rest, struct span *name_r, struct span *value_r, const char **why_r);

#endif
