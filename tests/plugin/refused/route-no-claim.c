/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Has no claim(). */

#include "refused.h"
#include <adit/route.h>

static const struct adit_route_ops ops = {.size = sizeof(ops), .route = "no-claim"};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_ROUTE,
	.run = ADIT_RUN_LOOP,
	.name = "route-no-claim",
	.ops = &ops,
};
