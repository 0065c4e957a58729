/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Writes JSON (RFC 8259) into memory that grows: objects, arrays, texts, whole numbers, truth. The
 * commas are its business; that what is opened is closed is the caller's. No reader: whoever needs
 * one uses a library. */

#ifndef ADIT_UTIL_JSON_H
#define ADIT_UTIL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *p; /* terminated once something is in it; zero-initialised is empty */
	size_t n, cap;
	bool follows; /* the next value needs a comma */
};

void json_fini(struct json *j);
/* The key of what comes next in an object; constant text without anything to escape. */
void json_key(struct json *j, const char *key);
void json_open(struct json *j, char bracket);  /* '{' or '[' */
void json_close(struct json *j, char bracket); /* '}' or ']' */
/* Bytes that are no UTF-8 become U+FFFD. NULL is null. */
void json_text(struct json *j, const char *s);
void json_number(struct json *j, int64_t n);
void json_bool(struct json *j, bool b);
/* Key and value at once. */
void json_put_text(struct json *j, const char *key, const char *s);
void json_put_number(struct json *j, const char *key, int64_t n);
void json_put_bool(struct json *j, const char *key, bool b);

#endif
