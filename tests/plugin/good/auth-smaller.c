/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Was built against an Adit whose descriptor ended with destroy() and whose operations ended with
 * check(). What lies behind them in memory is not theirs. */

#include <adit/auth.h>
#include <stddef.h>

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst;
	adit_auth_account(req, worker == NULL ? "earlier" : "wrong");
	return ADIT_ALLOW;
}

static const struct adit_auth_ops ops = {
	.size = offsetof(struct adit_auth_ops, cancel),
	.check = check,
	.prove = (int (*)(const void *, struct adit_proof *))(uintptr_t)8,
	.issue = (int (*)(const void *, struct adit_issue *))(uintptr_t)8,
};

const struct adit_plugin adit_plugin = {
	.abi = ADIT_PLUGIN_ABI,
	.size = offsetof(struct adit_plugin, worker_init),
	.option_size = sizeof(struct adit_option),
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-smaller",
	.ops = &ops,
	.worker_init = (int (*)(const void *, void **))(uintptr_t)8,
};
