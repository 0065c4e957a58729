/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Says that its descriptor is longer than it is. */

#include "refused.h"

const struct adit_plugin adit_plugin = {
	.abi = ADIT_PLUGIN_ABI,
	.size = sizeof(struct adit_plugin) + 64,
	.option_size = sizeof(struct adit_option),
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-liar",
	.ops = &auth_ops,
};
