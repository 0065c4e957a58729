/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What plugins made here do for an agent, its half of a login, and for the command line, issuing. The
 * server's half is in test-auth.c. */

#define _GNU_SOURCE 1

#include <stdlib.h>

#include "post.h"
#include "tap.h"
#include "tunnel/auth.h"

static struct worker *w;
static struct adit_plugin descs[2] = {{.name = "auth-a"}, {.name = "auth-b"}};
static struct module mods[2] = {{.plugin = &descs[0]}, {.plugin = &descs[1]}};

/* What a test sees. */
static struct {
	int n, err, n_state_freed;
	char error[256], out[64];
	size_t out_len;
	struct worker *stop;
} shown;

static void
state_free(void *state)
{
	must(state == &shown);
	shown.n_state_freed++;
}

static int
prove(const void *inst, struct adit_proof *proof)
{
	size_t len;
	const char *data = adit_proof_data(proof, &len);

	(void)inst;
	if (adit_proof_step(proof) == 2)
		return adit_proof_error(proof, "step %u is one too many", adit_proof_step(proof));
	if (adit_proof_step(proof) == 3)
		return -1;
	if (adit_proof_step(proof) == 4)
		return 0;
	if (adit_proof_step(proof) == 0)
		adit_proof_set_state(proof, &shown, state_free);
	must(adit_proof_state(proof) == &shown && data != NULL);
	must(strcmp(adit_proof_agent(proof), "web1") == 0 && adit_proof_encrypted(proof));
	must(memcmp(adit_proof_nonce(proof, ADIT_SIDE_SERVER), "server", 6) == 0);
	return adit_proof_send(proof, len > 0 ? data : "first", len > 0 ? len : 5);
}

static int
confirm(const void *inst, struct adit_proof *proof)
{
	size_t len;
	const void *data = adit_proof_data(proof, &len);

	(void)inst;
	return len == 2 && memcmp(data, "ok", 2) == 0 ? 0 : -1;
}

static void
on_proof(void *owner, struct adit_proof *proof, int err)
{
	must(owner == &shown);
	shown.n++;
	shown.err = err;
	snprintf(shown.error, sizeof(shown.error), "%s", proof->error);
	shown.out_len = proof->out.len;
	if (proof->out.len > 0)
		memcpy(shown.out, proof->out.p, proof->out.len);
	if (shown.stop != NULL)
		worker_stop(shown.stop);
}

static struct adit_proof *
new_proof(struct offload *helpers)
{
	static uint8_t nonce_a[ADIT_NONCE_SIZE] = "agent", nonce_s[ADIT_NONCE_SIZE] = "server";

	memset(&shown, 0, sizeof(shown));
	mods[0].auth.prove = prove;
	mods[0].auth.confirm = confirm;
	mods[0].helpers = helpers;
	return proof_new(w, &mods[0], "web1", true, nonce_a, nonce_s, on_proof, &shown);
}

static void
test_proof(void)
{
	struct adit_proof *proof = new_proof(NULL);
	uint8_t long_one[ADIT_AUTH_DATA_MAX + 1] = {0};

	proof_step(proof, NULL, 0);
	ok(shown.n == 1 && shown.err == 0 && shown.out_len == 5, "the first message");
	proof_step(proof, "challenge", 9);
	ok(shown.err == 0 && shown.out_len == 9, "the answer to a challenge");
	proof_step(proof, "x", 1);
	is_int(shown.err, -1, "a plugin's refusal");
	is_str(shown.error, "step 2 is one too many", "with its text");
	proof->error[0] = '\0';
	proof_step(proof, "x", 1);
	is_str(shown.error, "auth-a: no proof can be made", "or with ours");
	proof->error[0] = '\0';
	proof_step(proof, "x", 1);
	ok(shown.err == 0 && shown.out_len == 0, "an empty message is one");
	proof_confirm(proof, "ok", 2);
	is_int(shown.err, 0, "the right server");
	proof_confirm(proof, "no", 2);
	is_int(shown.err, -1, "the wrong server");
	is_str(shown.error, "auth-a: the server is not the right one", "is said");
	proof_free(proof);
	is_int(shown.n_state_freed, 1, "the state is freed");
	proof_free(NULL);
	proof = new_proof(NULL);
	proof_step(proof, long_one, sizeof(long_one));
	is_str(shown.error, "auth-a: the server's message is too long", "a message too long");
	mods[0].auth.confirm = NULL;
	proof_confirm(proof, "x", 1);
	is_int(shown.err, 0, "no confirm(): every server is right");
	proof_free(proof);
}

static void
test_proof_helper(void)
{
	struct offload *o = offload_new("agent", 1, 4, 4);
	struct adit_proof *proof = new_proof(o);

	proof_step(proof, NULL, 0);
	is_int(shown.n, 0, "a helper's proof comes later");
	shown.stop = w;
	worker_run(w);
	shown.stop = NULL;
	ok(shown.n == 1 && shown.err == 0 && shown.out_len == 5, "and comes");
	proof_step(proof, "x", 1);
	proof_free(proof);
	offload_free(o); /* the helper ends, then its answer comes */
	post_call(w, stop_worker, w);
	worker_run(w);
	is_int(shown.n, 1, "freed while a helper is at it: no call");
	is_int(shown.n_state_freed, 1, "and nothing is left");
}

/* ---- Issuing --------------------------------------------------------------------------------- */

static int
issue_good(const void *inst, struct adit_issue *issue)
{
	(void)inst;
	must(strcmp(adit_issue_grant(issue, 0), "a=b") == 0 && adit_issue_grant(issue, 1) == NULL);
	adit_issue_secret(issue, adit_issue_account(issue));
	adit_issue_stored(issue, "/file");
	return 0;
}

static int
issue_bad(const void *inst, struct adit_issue *issue)
{
	(void)inst;
	return adit_issue_error(issue, "no");
}

static int
issue_nothing(const void *inst, struct adit_issue *issue)
{
	(void)inst;
	(void)issue;
	return 0;
}

static void
test_issue(void)
{
	const char *grants[] = {"a=b"};
	struct adit_issue issue = {.account = "acme", .grants = grants, .n_grants = 1};
	struct module *list[] = {&mods[0], &mods[1]};
	struct modules modules = {.auth = list, .n_auth = 2};

	is_int(auth_issue(&modules, &issue), -1, "nobody can issue");
	is_str(issue.error, "no auth plugin of this configuration can make a credential",
		"is said");
	mods[1].auth.issue = issue_good;
	is_int(auth_issue(&modules, &issue), 0, "the first that can does");
	is_str(issue.secret, "acme", "and hands out the secret");
	is_str(issue.stored, "/file", "and where it is kept");
	issue_fini(&issue);
	ok(issue.secret == NULL && issue.stored == NULL, "which is taken away");
	mods[1].auth.issue = issue_bad;
	is_int(auth_issue(&modules, &issue), -1, "it can fail");
	is_str(issue.error, "no", "with its text");
	issue.error[0] = '\0';
	mods[1].auth.issue = issue_nothing;
	is_int(auth_issue(&modules, &issue), -1, "no secret is no success");
	is_str(issue.error, "auth-b: made no credential", "which is said");
}

int
main(void)
{
	w = worker_new_main();
	must(w != NULL);
	test_proof();
	test_proof_helper();
	test_issue();
	worker_join(w);
	return done_testing();
}
