/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Fails in create() as it is told, and keeps count of its workers' shares otherwise. */

#include <adit/auth.h>
#include <stdlib.h>

struct mood {
	bool fail_worker;
};

static int
create(const struct adit_conf *conf, void **inst_r)
{
	struct mood *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return -1;
	m->fail_worker = adit_conf_bool(conf, "fail_worker");
	if (adit_conf_given(conf, "complaint") || adit_conf_bool(conf, "silent")) {
		free(m);
		return adit_conf_bool(conf, "silent")
			? -1
			: adit_conf_error(conf, "complaint", "%s",
				  adit_conf_string(conf, "complaint"));
	}
	*inst_r = m;
	return 0;
}

static int
worker_init(const void *inst, void **worker_r)
{
	const struct mood *m = inst;

	*worker_r = m->fail_worker ? NULL : malloc(1);
	return *worker_r != NULL ? 0 : -1;
}

static void
worker_fini(const void *inst, void *worker)
{
	(void)inst;
	free(worker);
}

/* Allows who comes on a worker that has its share. */
static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst;
	adit_auth_account(req, "mood");
	return worker != NULL ? ADIT_ALLOW : ADIT_DENY;
}

static const struct adit_auth_ops ops = {.size = sizeof(ops), .check = check};

static const struct adit_option options[] = {
	{.name = "complaint", .type = ADIT_OPT_STRING, .help = "what create() complains of"},
	{.name = "silent", .type = ADIT_OPT_BOOL, .help = "create() fails without a word"},
	{.name = "fail_worker", .type = ADIT_OPT_BOOL, .help = "worker_init() fails"},
	{.name = "room", .type = ADIT_OPT_SIZE, .dflt = "64KiB", .min = 1024, .max = 1 << 20},
	{.name = NULL},
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.sides = ADIT_SIDE_SERVER,
	.name = "auth-mood",
	.version = "1.2",
	.summary = "does as it is told",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = free,
	.worker_init = worker_init,
	.worker_fini = worker_fini,
};
