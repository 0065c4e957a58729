/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* For tests of auth plugins: whole logins, both halves, on the main worker. */

#ifndef ADIT_TESTS_LOGIN_H
#define ADIT_TESTS_LOGIN_H

#include <stdio.h>
#include <string.h>

#include "plug/module.h"
#include "tunnel/auth.h"
#include "util/compiler.h"

static struct worker *w;
static struct server_conf login_conf;
static struct module *login_modules[4];
static bool login_encrypted;
static struct facts login_facts; /* what the agent's link says */
static struct facts login_server_facts; /* what the same link says at the server */
static const char *login_peer = "192.0.2.1";
static uint8_t nonce_agent[ADIT_NONCE_SIZE] = "0123456789abcdefghijklmnopqrstu";
static uint8_t nonce_server[ADIT_NONCE_SIZE] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ01234";

/* One login and how it went. */
struct login {
	struct adit_auth_req *req;
	struct adit_proof *proof; /* NULL: the test answers itself */
	enum adit_verdict verdict; /* 0: not yet */
	enum adit_cause cause;
	int64_t expires_ms; /* for how long it is good from now; -1: for ever */
	bool confirmed;
	char secret[80]; /* that the agent got */
	char account[65], agent[65], ports[64], reason[256], error[256];
	uint8_t reply[64], challenge[64];
	size_t reply_len, challenge_len;
};

static unsigned logins_open;

static void
login_over(struct login *l)
{
	proof_free(l->proof);
	l->proof = NULL;
	logins_open--;
	worker_stop(w);
}

static void
on_login(void *owner, struct adit_auth_req *req, enum adit_verdict verdict)
{
	struct login *l = owner;
	const char *ports = identity_granted(&req->id, "ports");

	l->verdict = verdict;
	l->cause = req->cause;
	l->expires_ms = req->expires.ns == MONO_NEVER.ns ? -1
				: mono_diff_ms(req->expires, mono_now());
	snprintf(l->account, sizeof(l->account), "%s", req->id.account);
	snprintf(l->agent, sizeof(l->agent), "%s", req->id.agent);
	snprintf(l->reason, sizeof(l->reason), "%s", req->reason);
	snprintf(l->ports, sizeof(l->ports), "%s", ports != NULL ? ports : "");
	l->reply_len = MIN(req->reply.len, sizeof(l->reply));
	if (l->reply_len > 0)
		memcpy(l->reply, req->reply.p, l->reply_len);
	if (verdict == ADIT_CONTINUE) {
		l->challenge_len = MIN(req->challenge.len, sizeof(l->challenge));
		memcpy(l->challenge, req->challenge.p, l->challenge_len);
	}
	if (verdict == ADIT_CONTINUE && l->proof != NULL)
		proof_step(l->proof, l->challenge, l->challenge_len);
	else if (verdict == ADIT_ALLOW && l->proof != NULL)
		proof_confirm(l->proof, l->reply, l->reply_len);
	else if (verdict != ADIT_CONTINUE)
		login_over(l);
	else
		worker_stop(w);
}

static void
login_begin(struct login *l, const char *method, const char *agent, const void *data, size_t len)
{
	static uint64_t source;
	struct auth_input in = {.method = method, .agent = agent, .peer = login_peer,
		.facts = &login_server_facts, .source = ++source, .nonce_agent = nonce_agent,
		.nonce_server = nonce_server, .encrypted = login_encrypted, .data = data, .len = len};

	logins_open++;
	auth_begin(w, &login_conf, &in, on_login, l, &l->req);
}

/* The agent's half has made a message, or has looked at the server's proof. */
static void
on_proof(void *owner, struct adit_proof *proof, int err)
{
	struct login *l = owner;

	snprintf(l->error, sizeof(l->error), "%s", proof->error);
	if (proof->confirming) {
		l->confirmed = err == 0;
		snprintf(l->secret, sizeof(l->secret), "%s",
			proof->secret != NULL ? proof->secret : "");
		login_over(l);
	} else if (err < 0) {
		if (l->req != NULL)
			auth_cancel(l->req);
		login_over(l);
	} else if (l->req != NULL) {
		auth_answer(l->req, proof->out.p, proof->out.len);
	} else {
		login_begin(l, proof->module->short_name, proof->agent, proof->out.p,
			proof->out.len);
		logins_open--; /* counted by login_agent() */
	}
}

/* A login by the agent's half of m. */
__attribute__((unused)) static void
login_agent(struct login *l, const struct module *m, const char *agent)
{
	memset(l, 0, sizeof(*l));
	logins_open++;
	l->proof = proof_new(w, m, agent, login_encrypted, nonce_agent, nonce_server, on_proof, l);
	facts_copy(&login_facts, &l->proof->facts);
	proof_step(l->proof, NULL, 0);
}

/* Until all logins are over. */
__attribute__((unused)) static void
login_wait(void)
{
	while (logins_open > 0)
		worker_run(w);
}

static void
on_release(struct worker *from, struct server_conf *conf)
{
	(void)from;
	server_conf_unref(conf);
}

/* The server's plugins are login_modules[0, n). */
static void
login_setup(size_t n)
{
	if (w == NULL) {
		w = worker_new_main();
		must(w != NULL);
		w->index = 0; /* it plays a server's first worker, which has a share of plugins */
		auth_set_release(on_release);
		atomic_init(&login_conf.refs, 1);
	}
	must(atomic_load(&login_conf.refs) == 1);
	login_conf.modules.auth = login_modules;
	login_conf.modules.n_auth = n;
}

static void
login_end(void)
{
	w->index = WORKER_MAIN;
	worker_join(w);
}

#endif
