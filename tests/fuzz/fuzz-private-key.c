/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* OpenSSH's form of a private key. What must hold: a refusal has a text and changes nothing; what
 * is taken is written as a file that reads the same. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ssh_key.h"
#include "util/compiler.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ed_key k = {.seed = {0}}, again, nothing = {.seed = {0}};
	char text[SSH_PRIVATE_MAX];

	if (ssh_private_parse((const char *)data, size, &k) != NULL) {
		must(memcmp(&k, &nothing, sizeof(k)) == 0);
		return 0;
	}
	ssh_private_format(&k, "comment", (uint32_t)size, text);
	must(ssh_private_parse(text, strlen(text), &again) == NULL);
	must(memcmp(&k, &again, sizeof(k)) == 0);
	return 0;
}
