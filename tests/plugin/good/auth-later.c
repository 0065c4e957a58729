/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Answers every login from a thread of its own. */

#include <adit/auth.h>
#include <pthread.h>

static void *
answer(void *arg)
{
	struct adit_auth_req *req = arg;

	adit_auth_account(req, "later");
	adit_auth_finish(req, ADIT_ALLOW);
	return NULL;
}

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	pthread_t t;

	(void)inst;
	(void)worker;
	if (pthread_create(&t, NULL, answer, req) != 0)
		return ADIT_FAIL;
	pthread_detach(t);
	return ADIT_LATER;
}

static const struct adit_auth_ops ops = {.size = sizeof(ops), .check = check};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-later",
	.ops = &ops,
};
