/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Strict JSON. The first pass does not judge what jansson judges; it only knows where strings are,
 * how deep it is, and how long a number. Any thread. */

#include "strict.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Behind a string whose quotation mark is at i - 1. */
static size_t
skip_string(const char *text, size_t n, size_t i)
{
	while (i < n && text[i] != '"')
		i += text[i] == '\\' ? 2 : 1;
	return i + 1;
}

static bool
in_number(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* What is too much in the text, or NULL. */
static const char *
excess(const char *text, size_t n)
{
	unsigned depth = 0;
	size_t number = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		number = in_number(c) ? number + 1 : 0;
		if (number > STRICT_NUMBER)
			return "has a number that is too long";
		if (c == '"')
			i = skip_string(text, n, i + 1) - 1;
		else if ((c == '{' || c == '[') && ++depth > STRICT_DEPTH)
			return "is nested too deeply";
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return NULL;
}

json_t *
strict_parse(const char *text, size_t n, char why[STRICT_WHY])
{
	const char *much = excess(text, n);
	json_error_t error;
	json_t *json;

	if (much != NULL) {
		snprintf(why, STRICT_WHY, "%s", much);
		return NULL;
	}
	json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL && json_error_code(&error) == json_error_duplicate_key)
		snprintf(why, STRICT_WHY, "has a name twice (at byte %d)", error.position);
	else if (json == NULL)
		snprintf(why, STRICT_WHY, "is not JSON (at byte %d)", error.position);
	if (json != NULL && !json_is_object(json)) {
		json_decref(json);
		snprintf(why, STRICT_WHY, "is not a JSON object");
		return NULL;
	}
	return json;
}
