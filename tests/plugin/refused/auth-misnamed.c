/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Its name is not that of its file. */

#include "refused.h"

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-else",
	.ops = &auth_ops,
};
