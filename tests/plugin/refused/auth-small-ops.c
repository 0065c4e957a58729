/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Says that its operations end before check(). */

#include "refused.h"

static const struct adit_auth_ops small = {.size = 4, .check = deny};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-small-ops",
	.ops = &small,
};
