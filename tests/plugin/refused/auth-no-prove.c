/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Is for the agent, but cannot prove. */

#include "refused.h"

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-no-prove",
	.ops = &auth_ops,
	.sides = ADIT_SIDE_AGENT,
};
