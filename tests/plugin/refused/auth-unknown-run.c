/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Wants to run in a way that there is not. */

#include "refused.h"

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = 7,
	.name = "auth-unknown-run",
	.ops = &auth_ops,
};
