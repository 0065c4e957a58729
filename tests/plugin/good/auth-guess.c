/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Passwords, to be guessed at: takes the method guess, whose message is a name, a zero and a
 * password; "right" is right for whom the option `user` names. Counts in the log how often it was
 * reached, and takes as long as it is told. */

#include <adit/auth.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct instance {
	char user[65];
	long ms;
	bool asks;
	char grant[4][2][65];
	size_t n_grants;
};

extern const struct adit_plugin adit_plugin;

static atomic_int reached;

static int
create(const struct adit_conf *conf, void **inst_r)
{
	struct instance *inst = calloc(1, sizeof(*inst));
	const char *grant;

	if (inst == NULL)
		return -1;
	snprintf(inst->user, sizeof(inst->user), "%s", adit_conf_string(conf, "user"));
	inst->ms = (long)adit_conf_int(conf, "takes");
	inst->asks = adit_conf_bool(conf, "asks");
	while (inst->n_grants < 4 &&
		(grant = adit_conf_list(conf, "grants", inst->n_grants)) != NULL) {
		char(*to)[65] = inst->grant[inst->n_grants++];

		snprintf(to[0], 65, "%.*s", (int)strcspn(grant, "="), grant);
		snprintf(to[1], 65, "%s", strchr(grant, '=') + 1);
	}
	*inst_r = inst;
	return 0;
}

static enum adit_verdict
welcome(const struct instance *inst, struct adit_auth_req *req)
{
	for (size_t i = 0; i < inst->n_grants; i++)
		if (adit_auth_grant(req, inst->grant[i][0], inst->grant[i][1]) < 0)
			return ADIT_FAIL;
	return adit_auth_account(req, inst->user) == 0 ? ADIT_ALLOW : ADIT_FAIL;
}

static enum adit_verdict
check(const void *p, void *worker, struct adit_auth_req *req)
{
	const struct instance *inst = p;
	struct timespec t = {inst->ms / 1000, inst->ms % 1000 * 1000000};
	size_t len;
	const char *data = adit_auth_data(req, &len);
	char name[256];

	(void)worker;
	adit_log(&adit_plugin, ADIT_LOG_INFO, "reached %d", atomic_fetch_add(&reached, 1) + 1);
	if (inst->asks && adit_auth_step(req) == 0)
		return adit_auth_challenge(req, "?", 1) == 0 ? ADIT_CONTINUE : ADIT_FAIL;
	snprintf(name, sizeof(name), "%.*s", (int)len, data);
	if (adit_auth_attempt(req, name) < 0)
		return ADIT_FAIL;
	nanosleep(&t, NULL);
	if (strcmp(name, inst->user) != 0) {
		adit_auth_cause(req, ADIT_CAUSE_UNKNOWN);
		return adit_auth_step(req) == 0 ? ADIT_NEXT : ADIT_DENY;
	}
	if (len == strlen(name) + 6 && memcmp(data + len - 5, "right", 5) == 0)
		return welcome(inst, req);
	adit_auth_cause(req, ADIT_CAUSE_WRONG);
	return ADIT_DENY;
}

static const struct adit_option options[] = {
	{.name = "user", .type = ADIT_OPT_STRING, .dflt = "bob", .help = "who there is"},
	{.name = "takes", .type = ADIT_OPT_DURATION, .dflt = "0", .help = "how long it thinks"},
	{.name = "asks", .type = ADIT_OPT_BOOL, .dflt = "false", .help = "asks a question first"},
	{.name = "grants", .type = ADIT_OPT_LIST, .help = "key=value"},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {.size = sizeof(ops), .check = check};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_PARALLEL,
	.sides = ADIT_SIDE_SERVER,
	.name = "auth-guess",
	.version = "1",
	.summary = "passwords to be guessed at",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = free,
};
