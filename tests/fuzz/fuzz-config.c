/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Texts as configuration files of both programs: our grammar, libconfig behind it, the keys. The
 * first byte says whose file it is, 'a' for the agent's. What must hold: a refusal has a line and a
 * text, and libconfig never finds a mistake in the syntax that our grammar let pass. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config.h"
#include "util/compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {.msg = ""};
	int rc;

	if (size == 0)
		return 0;
	if (data[0] != 'a')
		rc = server_config_check_text((const char *)data + 1, size - 1, &e);
	else
		rc = agent_config_check_text((const char *)data + 1, size - 1, &e);
	must(rc == 0 || (e.msg[0] != '\0' && e.line > 0));
	must(strcmp(e.msg, "syntax error") != 0);
	return 0;
}
