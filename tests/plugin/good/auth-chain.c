/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Takes the methods one and two. Lets in who is called like the option `name`, and passes on all
 * others; "nobody" is denied with a cause. Its agent sends what its link says under "key". */

#include <adit/auth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
create(const struct adit_conf *conf, void **inst_r)
{
	*inst_r = strdup(adit_conf_string(conf, "name"));
	return *inst_r != NULL ? 0 : -1;
}

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	char account[80];

	(void)worker;
	if (adit_auth_attempt(req, adit_auth_agent(req)) < 0)
		return ADIT_FAIL;
	if (strcmp(adit_auth_agent(req), "nobody") == 0) {
		adit_auth_cause(req, ADIT_CAUSE_UNKNOWN);
		return ADIT_DENY;
	}
	if (strcmp(adit_auth_agent(req), inst) != 0)
		return ADIT_NEXT;
	snprintf(account, sizeof(account), "%s.%s", (const char *)inst, adit_auth_method(req));
	return adit_auth_account(req, account) == 0 ? ADIT_ALLOW : ADIT_FAIL;
}

static int
prove(const void *inst, struct adit_proof *proof)
{
	const char *fact = adit_proof_fact(proof, "key");

	(void)inst;
	return fact != NULL ? adit_proof_send(proof, fact, strlen(fact))
			    : adit_proof_error(proof, "the link says nothing");
}

static const struct adit_option options[] = {
	{.name = "name", .type = ADIT_OPT_STRING, .dflt = "web1", .help = "who is let in"},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {
	.size = sizeof(ops), .check = check, .prove = prove, .methods = "one two",
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-chain",
	.version = "1",
	.summary = "lets in one name",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = free,
};
