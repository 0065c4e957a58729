/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins that expire. The agent's message is the line in its file, read anew for each proof, and
 * both nonces, which must be those that the server has: "ACCOUNT SECONDS [WORD]...". SECONDS from
 * now on the login is good ("lease": as the option says; "ever"). Words: ask (a challenge first),
 * no (deny), busy (fail), never (no answer), agent=NAME, and KEY=VALUE as a grant. On the session's
 * worker. */

#include <adit/auth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct adit_plugin adit_plugin;

struct instance {
	int64_t lease;
	char path[1024];
};

static int
create(const struct adit_conf *conf, void **inst_r)
{
	struct instance *inst = calloc(1, sizeof(*inst));
	const char *path = adit_conf_string(conf, "credential");

	if (inst == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	inst->lease = adit_conf_int(conf, "lease") / 1000;
	snprintf(inst->path, sizeof(inst->path), "%s", path != NULL ? path : "");
	*inst_r = inst;
	return 0;
}

/* ---- Server ---------------------------------------------------------------------------------- */

static enum adit_verdict
take_time(const struct instance *inst, struct adit_auth_req *req, const char *word)
{
	int64_t seconds = strcmp(word, "lease") == 0 ? inst->lease : atoi(word);

	if (strcmp(word, "ever") == 0)
		return ADIT_ALLOW;
	return adit_auth_expires(req, time(NULL) + seconds) == 0 ? ADIT_ALLOW : ADIT_DENY;
}

static enum adit_verdict
take_word(struct adit_auth_req *req, char *word)
{
	char *value = strchr(word, '=');

	if (strcmp(word, "no") == 0)
		return ADIT_DENY;
	if (strcmp(word, "busy") == 0)
		return ADIT_FAIL;
	if (strcmp(word, "never") == 0)
		return ADIT_LATER;
	if (strcmp(word, "ask") == 0 && adit_auth_step(req) == 0)
		return adit_auth_challenge(req, "?", 1) == 0 ? ADIT_CONTINUE : ADIT_FAIL;
	if (value != NULL) {
		*value++ = '\0';
		return (strcmp(word, "agent") == 0 ? adit_auth_rename(req, value)
						   : adit_auth_grant(req, word, value)) == 0
			? ADIT_ALLOW
			: ADIT_FAIL;
	}
	return ADIT_ALLOW;
}

static enum adit_verdict
check(const void *p, void *worker, struct adit_auth_req *req)
{
	const size_t nonces = 2 * ADIT_NONCE_SIZE;
	enum adit_verdict v = ADIT_DENY;
	size_t len;
	const char *data = adit_auth_data(req, &len);
	char line[1024], *save = NULL, *word;

	(void)worker;
	if (len < nonces || len - nonces >= sizeof(line) ||
		memcmp(data + len - nonces, adit_auth_nonce(req, ADIT_SIDE_AGENT), nonces / 2) ||
		memcmp(data + len - nonces / 2, adit_auth_nonce(req, ADIT_SIDE_SERVER), nonces / 2))
		return ADIT_DENY;
	snprintf(line, sizeof(line), "%.*s", (int)(len - nonces), data);
	adit_log(&adit_plugin, ADIT_LOG_INFO, "%s of %s: %s",
		adit_auth_renewal(req) ? "renewal" : "login", adit_auth_agent(req), line);
	word = strtok_r(line, " \n", &save);
	if (word == NULL || adit_auth_account(req, word) < 0)
		return ADIT_DENY;
	word = strtok_r(NULL, " \n", &save);
	if (word != NULL)
		v = take_time(p, req, word);
	while (v == ADIT_ALLOW && (word = strtok_r(NULL, " \n", &save)) != NULL)
		v = take_word(req, word);
	return v;
}

static void
cancel(const void *p, void *worker, struct adit_auth_req *req)
{
	(void)p, (void)worker;
	adit_auth_finish(req, ADIT_FAIL);
}

/* ---- Agent ----------------------------------------------------------------------------------- */

static int
prove(const void *p, struct adit_proof *proof)
{
	const struct instance *inst = p;
	char message[1024 + 2 * ADIT_NONCE_SIZE];
	FILE *f = fopen(inst->path, "r");
	size_t n;

	if (f == NULL)
		return adit_proof_error(proof, "%s is not there", inst->path);
	n = fread(message, 1, 1023, f);
	message[n] = '\0';
	fclose(f);
	if (adit_proof_step(proof) > 0 && strstr(message, "mute") != NULL)
		return adit_proof_error(proof, "it has nothing to say");
	memcpy(message + n, adit_proof_nonce(proof, ADIT_SIDE_AGENT), ADIT_NONCE_SIZE);
	n += ADIT_NONCE_SIZE;
	memcpy(message + n, adit_proof_nonce(proof, ADIT_SIDE_SERVER), ADIT_NONCE_SIZE);
	n += ADIT_NONCE_SIZE;
	adit_log(&adit_plugin, ADIT_LOG_INFO, "proof for a %s",
		adit_proof_renewal(proof) ? "renewal" : "login");
	return adit_proof_send(proof, message, n);
}

/* ---- The plugin ------------------------------------------------------------------------------ */

static const struct adit_option options[] = {
	{
		.name = "lease",
		.type = ADIT_OPT_DURATION,
		.sides = ADIT_SIDE_SERVER,
		.dflt = "1h",
		.help = "how long a login is good that says \"lease\"",
	},
	{
		.name = "credential",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_AGENT,
		.help = "the file with the agent's line",
	},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {
	.size = sizeof(ops),
	.check = check,
	.cancel = cancel,
	.prove = prove,
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-lease",
	.version = "1",
	.summary = "logins that expire",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = free,
};
