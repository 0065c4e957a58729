/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The smallest plugin that there can be, both halves of it: it lets every agent in, as the account
 * "guest". To copy from; adit-plugin(3) shows the same text. */

#include <adit/auth.h>

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst, (void)worker;
	return adit_auth_account(req, "guest") == 0 ? ADIT_ALLOW : ADIT_FAIL;
}

static int
prove(const void *inst, struct adit_proof *proof)
{
	(void)inst;
	return adit_proof_send(proof, "", 0);
}

static const struct adit_auth_ops ops = {
	.size = sizeof(ops), .check = check, .prove = prove,
};

ADIT_EXPORT const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT, .kind = ADIT_KIND_AUTH, .name = "auth-allow",
	.version = "1", .summary = "lets everybody in", .ops = &ops,
};
