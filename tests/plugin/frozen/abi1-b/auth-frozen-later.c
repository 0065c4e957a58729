/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Late answers: the worker starts a thread for each login, which answers for it. Every second time
 * it asks the agent once more before. */

#include <adit/auth.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct share {
	unsigned n; /* logins of this worker */
};

static int
worker_init(const void *inst, void **worker_r)
{
	(void)inst;
	*worker_r = calloc(1, sizeof(struct share));
	return *worker_r != NULL ? 0 : -1;
}

static void
worker_fini(const void *inst, void *worker)
{
	(void)inst;
	free(worker);
}

static void *
answer(void *arg)
{
	struct adit_auth_req *req = arg;
	size_t len;
	const char *data = adit_auth_data(req, &len);
	bool first = adit_auth_step(req) == 0;

	if (first && adit_auth_state(req) != NULL && adit_auth_challenge(req, "again", 5) == 0)
		adit_auth_finish(req, ADIT_CONTINUE);
	else if (len != 4 || memcmp(data, first ? "open" : "more", 4) != 0)
		adit_auth_finish(req, ADIT_DENY);
	else
		adit_auth_finish(req,
			adit_auth_account(req, "later") == 0 ? ADIT_ALLOW : ADIT_FAIL);
	return NULL;
}

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	struct share *s = worker;
	pthread_attr_t detached;
	pthread_t t;
	int rc;

	(void)inst;
	if (adit_auth_step(req) == 0 && s->n++ % 2 == 0)
		adit_auth_set_state(req, malloc(1), free);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&t, &detached, answer, req);
	pthread_attr_destroy(&detached);
	return rc == 0 ? ADIT_LATER : ADIT_FAIL;
}

static void
cancel(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst, (void)worker;
	adit_auth_reason(req, "nobody waits any more");
}

static int
prove(const void *inst, struct adit_proof *proof)
{
	(void)inst;
	return adit_proof_send(proof, adit_proof_step(proof) == 0 ? "open" : "more", 4);
}

static const struct adit_auth_ops ops = {
	.size = sizeof(ops), .check = check, .cancel = cancel, .prove = prove,
};

ADIT_EXPORT const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT, .kind = ADIT_KIND_AUTH, .run = ADIT_RUN_LOOP,
	.name = "auth-frozen-later", .version = "1", .summary = "late answers, frozen", .ops = &ops,
	.worker_init = worker_init, .worker_fini = worker_fini,
};
