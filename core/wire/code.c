/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Names and texts of codes. Constant; any thread. */

#include <config.h>

#include <errno.h>
#include <stddef.h>

#include "util/compiler.h"
#include "wire/code.h"

static const struct {
	uint16_t number;
	const char *name, *text;
} codes[] = {
#define X(number, id, name, text) {number, name, text},
	CODE_TABLE(X)
#undef X
};

const char *
code_name(uint16_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].number == code)
			return codes[i].name;
	return code_name(CODE_INTERNAL);
}

const char *
code_text(uint16_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].number == code)
			return codes[i].text;
	return code_text(CODE_INTERNAL);
}

uint16_t
code_of_dial(int err)
{
	switch (err) {
	case ECONNREFUSED:
		return CODE_REFUSED;
	case ETIMEDOUT:
		return CODE_CONNECT_TIMEOUT;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EADDRNOTAVAIL:
		return CODE_OVERLOAD;
	case ECONNRESET:
		return CODE_TARGET_RESET;
	default:
		return CODE_UNREACHABLE;
	}
}
