/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Blocks, as ADIT_RUN_SERIAL allows, and replies with how many calls of it there were at once. */

#include <adit/auth.h>
#include <sched.h>
#include <stdatomic.h>

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	static atomic_int inside;
	uint8_t n = (uint8_t)(atomic_fetch_add(&inside, 1) + 1);

	(void)inst;
	/* Gives another call every chance to come in. */
	for (int i = 0; i < 200; i++)
		sched_yield();
	atomic_fetch_sub(&inside, 1);
	if (worker != NULL)
		return ADIT_FAIL;
	adit_auth_account(req, "serial");
	adit_auth_reply(req, &n, 1);
	return ADIT_ALLOW;
}

static const struct adit_auth_ops ops = {.size = sizeof(ops), .check = check};

/* The run mode is left out: zero is ADIT_RUN_SERIAL. */
const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.name = "auth-serial",
	.ops = &ops,
};
