/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Is of a kind that there is not. */

#include "refused.h"

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = 99,
	.run = ADIT_RUN_LOOP,
	.name = "auth-unknown-kind",
	.ops = &auth_ops,
};
