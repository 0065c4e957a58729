/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* In the pool of helpers: two logins meet in the first step, which shows that they run side by
 * side; then each must send back its own challenge, reversed. */

#include <adit/auth.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WORD 8

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t met = PTHREAD_COND_INITIALIZER;
static unsigned arrived;

static void
meet(void)
{
	unsigned target;

	pthread_mutex_lock(&lock);
	target = (arrived++ | 1) + 1; /* the next even number */
	while (arrived < target)
		pthread_cond_wait(&met, &lock);
	pthread_cond_broadcast(&met);
	pthread_mutex_unlock(&lock);
}

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	const char *word = adit_auth_state(req);
	char *fresh;
	size_t len;
	const char *data = adit_auth_data(req, &len);

	(void)inst;
	(void)worker;
	if (adit_auth_step(req) == 0) {
		meet();
		fresh = malloc(WORD);
		if (fresh == NULL)
			return ADIT_FAIL;
		adit_random(fresh, WORD);
		adit_auth_set_state(req, fresh, free);
		adit_auth_challenge(req, fresh, WORD);
		return ADIT_CONTINUE;
	}
	for (size_t i = 0; i < WORD; i++)
		if (len != WORD || data[i] != word[WORD - 1 - i])
			return ADIT_DENY;
	adit_auth_account(req, "twostep");
	return ADIT_ALLOW;
}

static int
prove(const void *inst, struct adit_proof *proof)
{
	char back[WORD];
	size_t len;
	const char *data = adit_proof_data(proof, &len);

	(void)inst;
	if (adit_proof_step(proof) == 0)
		return adit_proof_send(proof, NULL, 0);
	if (len != WORD)
		return adit_proof_error(proof, "a challenge of %zu bytes", len);
	for (size_t i = 0; i < WORD; i++)
		back[i] = data[WORD - 1 - i];
	return adit_proof_send(proof, back, WORD);
}

static const struct adit_auth_ops ops = {.size = sizeof(ops), .check = check, .prove = prove};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_PARALLEL,
	.name = "auth-twostep",
	.ops = &ops,
};
