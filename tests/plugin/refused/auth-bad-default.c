/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Has an option whose default is none. */

#include "refused.h"

static const struct adit_option options[] = {
	{.name = "wait", .type = ADIT_OPT_DURATION, .dflt = "soon"},
	{.name = NULL},
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-bad-default",
	.ops = &auth_ops,
	.options = options,
};
