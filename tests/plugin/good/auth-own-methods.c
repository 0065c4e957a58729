/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Was written before the core had an option `methods`, and has one of its own, which means
 * something else. */

#include <adit/auth.h>
#include <stddef.h>

static int
create(const struct adit_conf *conf, void **inst_r)
{
	*inst_r = (void *)"";
	return adit_conf_int(conf, "methods") == 7 ? 0 : adit_conf_error(conf, "methods", "not 7");
}

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst, (void)worker;
	adit_auth_account(req, "own");
	return ADIT_ALLOW;
}

static const struct adit_option options[] = {
	{.name = "methods", .type = ADIT_OPT_INT, .min = 1, .max = 9, .help = "a number"},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {
	.size = offsetof(struct adit_auth_ops, methods), .check = check, .methods = "other",
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-own-methods",
	.options = options,
	.ops = &ops,
	.create = create,
};
