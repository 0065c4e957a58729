/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Calls a function of an Adit that does not exist yet, and is bound when that is called first: what
 * a plugin that was linked without care is like. */

#include "refused.h"

int adit_future_function(void);

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst;
	(void)worker;
	(void)req;
	return adit_future_function() ? ADIT_DENY : ADIT_FAIL;
}

static const struct adit_auth_ops ops = {.size = sizeof(ops), .check = check};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-missing",
	.ops = &ops,
};
