/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Is for the server, but cannot check. */

#include "refused.h"

static const struct adit_auth_ops no_check = {.size = sizeof(no_check)};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-no-check",
	.ops = &no_check,
};
