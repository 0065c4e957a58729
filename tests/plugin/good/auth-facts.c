/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Lets in who has shown a client certificate: the account is the first of its names, the agent is
 * called by the beginning of its fingerprint. Says what else the link has said of itself. */

#include <adit/auth.h>
#include <stdio.h>
#include <string.h>

extern const struct adit_plugin adit_plugin;

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	const char *names = adit_auth_fact(req, "tls-names"),
		   *print = adit_auth_fact(req, "tls-fingerprint");
	char account[64], agent[17];

	(void)inst, (void)worker;
	adit_log(&adit_plugin, ADIT_LOG_INFO, "alpn=%s version=%s cipher=%s exporter=%zu",
		adit_auth_fact(req, "alpn"), adit_auth_fact(req, "tls-version"),
		adit_auth_fact(req, "tls-cipher"), strlen(adit_auth_fact(req, "tls-exporter")));
	if (names == NULL || print == NULL || adit_auth_fact(req, "no-such-fact") != NULL)
		return ADIT_DENY;
	snprintf(account, sizeof(account), "%.*s", (int)strcspn(names, ","), names);
	snprintf(agent, sizeof(agent), "%s", print);
	if (adit_auth_account(req, account) < 0 || adit_auth_rename(req, agent) < 0)
		return ADIT_FAIL;
	return ADIT_ALLOW;
}

static const struct adit_auth_ops ops = {.size = sizeof(ops), .check = check};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.sides = ADIT_SIDE_SERVER,
	.name = "auth-facts",
	.version = "1",
	.summary = "lets in who shows a certificate",
	.ops = &ops,
};
