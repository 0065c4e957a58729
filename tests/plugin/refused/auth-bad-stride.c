/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Says that its options are smaller than they ever were. */

#include "refused.h"

static const struct adit_option options[] = {{.name = NULL}};

const struct adit_plugin adit_plugin = {
	.abi = ADIT_PLUGIN_ABI,
	.size = sizeof(struct adit_plugin),
	.option_size = 8,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-bad-stride",
	.ops = &auth_ops,
	.options = options,
};
