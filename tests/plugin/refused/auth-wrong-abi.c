/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Was built for another ABI. */

#include "refused.h"

const struct adit_plugin adit_plugin = {
	.abi = ADIT_PLUGIN_ABI + 1,
	.size = sizeof(struct adit_plugin),
	.option_size = sizeof(struct adit_option),
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-wrong-abi",
	.ops = &auth_ops,
};
