/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Says that its descriptor ends before the operations. */

#include "refused.h"

const struct adit_plugin adit_plugin = {
	.abi = ADIT_PLUGIN_ABI,
	.size = 16,
	.option_size = sizeof(struct adit_option),
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-short",
	.ops = &auth_ops,
};
