/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Join lines. What must hold: a refusal has a text and changes nothing; what is taken has a token,
 * a host, a port and a pin within their bounds, and is written as a line that reads the same. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/join_line.h"
#include "util/compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct join_line l = {.port = 0}, again;
	struct err e = {.msg = ""};
	char *text;

	if (join_line_parse((const char *)data, size, &l, &e) < 0) {
		must(e.msg[0] != '\0' && l.port == 0);
		return 0;
	}
	must(l.token[0] != '\0' && strlen(l.token) <= JOIN_TOKEN_MAX);
	must(join_host_valid(l.host) && l.port > 0 && join_pin_wrong(l.pin) == NULL);
	text = join_line_format(&l);
	must(join_line_parse(text, strlen(text), &again, &e) == 0);
	must(memcmp(&l, &again, sizeof(l)) == 0);
	free(text);
	return 0;
}
