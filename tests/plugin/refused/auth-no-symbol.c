/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Exports a descriptor, but not by its name. */

#include "refused.h"

extern ADIT_EXPORT const struct adit_plugin plugin;

const struct adit_plugin plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.name = "auth-no-symbol",
	.ops = &auth_ops,
};
