/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The smallest plugin there can be: lets every agent in, as the account "guest". For tests. */

#include <adit/auth.h>

static enum adit_verdict
allow_check(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst, (void)worker;
	return adit_auth_account(req, "guest") == 0 ? ADIT_ALLOW : ADIT_FAIL;
}

static const struct adit_auth_ops ops = {.size = sizeof(ops), .check = allow_check};

ADIT_EXPORT const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH, .run = ADIT_RUN_LOOP, .sides = ADIT_SIDE_SERVER,
	.name = "auth-allow", .version = "1", .summary = "lets everybody in", .ops = &ops,
};
