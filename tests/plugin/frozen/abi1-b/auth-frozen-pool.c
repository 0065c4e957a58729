/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The smallest plugin, in the pool of helpers. */

#include <adit/auth.h>

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	if (inst != NULL || worker != NULL)
		return ADIT_FAIL;
	return adit_auth_account(req, "pool") == 0 ? ADIT_ALLOW : ADIT_FAIL;
}

static int
prove(const void *inst, struct adit_proof *proof)
{
	(void)inst;
	return adit_proof_send(proof, "", 0);
}

static const struct adit_auth_ops ops = {.size = sizeof(ops), .check = check, .prove = prove,
	.methods = "frozen-pool"};

ADIT_EXPORT const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT, .kind = ADIT_KIND_AUTH, .run = ADIT_RUN_PARALLEL,
	.name = "auth-frozen-pool", .version = "1", .summary = "lets everybody in, frozen",
	.ops = &ops,
};
