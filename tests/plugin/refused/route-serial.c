/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A route may not block, so it cannot run on a helper. */

#include "refused.h"
#include <adit/route.h>

static int
claim(const void *inst, void *worker, struct adit_claim *c, uint32_t attempt)
{
	(void)inst;
	(void)worker;
	(void)attempt;
	return adit_claim_refuse(c, ADIT_REFUSE_NO_ADDRESS, "none");
}

static const struct adit_route_ops ops = {.size = sizeof(ops), .route = "serial", .claim = claim};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_ROUTE,
	.run = ADIT_RUN_SERIAL,
	.name = "route-serial",
	.ops = &ops,
};
