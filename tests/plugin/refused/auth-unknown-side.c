/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Is for a side that there is not. */

#include "refused.h"

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-unknown-side",
	.ops = &auth_ops,
	.sides = 8,
};
