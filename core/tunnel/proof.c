/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent's half of a login. A proof belongs to the worker that began it; prove() and confirm()
 * may run on a helper meanwhile. It may be freed at any time: a helper that is at it frees it
 * then. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/auth.h"
#include "util/compiler.h"

static void
proof_destroy(struct adit_proof *proof)
{
	if (proof->state_free != NULL)
		proof->state_free(proof->state);
	auth_bytes_wipe(&proof->data);
	auth_bytes_wipe(&proof->out);
	facts_fini(&proof->facts);
	if (proof->secret != NULL) {
		explicit_bzero(proof->secret, strlen(proof->secret));
		free(proof->secret);
	}
	explicit_bzero(proof, sizeof(*proof));
	free(proof);
}

static void
proof_call(struct adit_proof *proof)
{
	const struct module *m = proof->module;

	if (proof->confirming)
		proof->err = m->auth.confirm(m->inst, proof);
	else
		proof->err = m->auth.prove(m->inst, proof);
}

static void
proof_say(struct adit_proof *proof, const char *what)
{
	snprintf(proof->error, sizeof(proof->error), "%s: %s", proof->module->plugin->name, what);
	proof->err = -1;
}

/* The plugin has answered. On the worker; fn may free the proof. */
static void
proof_done(struct adit_proof *proof)
{
	if (proof->err != 0 && proof->error[0] == '\0')
		proof_say(proof, proof->confirming ? "the server is not the right one"
						   : "no proof can be made");
	proof->err = proof->err != 0 ? -1 : 0;
	if (proof->err == 0 && !proof->confirming && proof->out.p == NULL)
		auth_bytes_set(&proof->out, NULL, 0);
	proof->fn(proof->owner, proof, proof->err);
}

static void
on_proof_work(struct job *job)
{
	proof_call(container_of(job, struct adit_proof, job));
}

static void
on_proof_done(struct job *job)
{
	struct adit_proof *proof = container_of(job, struct adit_proof, job);

	proof->busy = false;
	if (proof->owner == NULL || job->late) {
		proof_destroy(proof);
		return;
	}
	if (job->unworked)
		proof_say(proof, "its helper was stopped");
	proof_done(proof);
}

struct adit_proof *
proof_new(struct worker *w, const struct module *module, const char *agent, bool encrypted,
	const uint8_t *nonce_agent, const uint8_t *nonce_server, proof_fn *fn, void *owner)
{
	struct adit_proof *proof = xcalloc(1, sizeof(*proof));

	must(owner != NULL && name_valid(agent));
	proof->w = w;
	proof->module = module;
	proof->fn = fn;
	proof->owner = owner;
	snprintf(proof->agent, sizeof(proof->agent), "%s", agent);
	proof->encrypted = encrypted;
	memcpy(proof->nonce_agent, nonce_agent, ADIT_NONCE_SIZE);
	memcpy(proof->nonce_server, nonce_server, ADIT_NONCE_SIZE);
	proof->job.work = on_proof_work;
	proof->job.done = on_proof_done;
	return proof;
}

static void
proof_run(struct adit_proof *proof, const void *data, size_t len)
{
	const struct module *m = proof->module;

	WORKER_OWNS(proof->w);
	must(!proof->busy);
	auth_bytes_wipe(&proof->out);
	if (auth_bytes_set(&proof->data, data, len) < 0) {
		proof_say(proof, "the server's message is too long");
	} else if (m->helpers == NULL) {
		worker_note(proof->w, m->plugin->name);
		proof_call(proof);
	} else {
		proof->job.cancelled = false;
		proof->busy = offload_submit(m->helpers, proof->w, &proof->job) == 0;
		if (proof->busy)
			return;
		proof_say(proof, "too much waits for it");
	}
	proof_done(proof);
}

void
proof_step(struct adit_proof *proof, const void *data, size_t len)
{
	if (proof->begun)
		proof->step++;
	proof->begun = true;
	proof_run(proof, data, len);
}

void
proof_confirm(struct adit_proof *proof, const void *data, size_t len)
{
	proof->confirming = true;
	if (proof->module->auth.confirm != NULL)
		proof_run(proof, data, len);
	else
		proof->fn(proof->owner, proof, 0);
}

void
proof_free(struct adit_proof *proof)
{
	if (proof == NULL)
		return;
	proof->owner = NULL;
	if (!proof->busy)
		proof_destroy(proof);
}
