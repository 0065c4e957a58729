/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Is of a kind that its name denies. */

#include "refused.h"

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_ROUTE,
	.run = ADIT_RUN_LOOP,
	.name = "auth-wrong-kind",
	.ops = &auth_ops,
};
