/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins against plugins made here, the server's half: the chain, every verdict where it is due and
 * where it is not, answers from other threads early, late, twice and never wanted. Threads wait at
 * gates, so that each test knows who is where. The agent's half is in test-proof.c. */

#define _GNU_SOURCE 1

#include <sched.h>
#include <stdlib.h>

#include "post.h"
#include "tap.h"
#include "tunnel/auth.h"
#include "util/log.h"

typedef enum adit_verdict check_fn(struct adit_auth_req *req);

static struct worker *w;
static uint8_t nonce_a[ADIT_NONCE_SIZE] = "agent", nonce_s[ADIT_NONCE_SIZE] = "server";

/* What a test sees. */
static struct {
	int n_fn, n_state_freed, n_cancel, n_released;
	enum adit_verdict verdict;
	char account[80], agent[80], reason[256], ports[80];
	uint8_t reply[64];
	size_t reply_len, challenge_len;
	struct adit_auth_req *kept; /* by a plugin, for later */
	pthread_t check_thread, cancel_thread;
	unsigned step;
	bool answer_at_once; /* fn answers a challenge */
	struct worker *stop;
} seen;

static struct facts facts; /* about the link: a login has its own copy, and must free it */
static sem_t gate, at_gate;

/* ---- A configuration of plugins made here ---------------------------------------------------- */

static struct adit_plugin descs[3] = {{.name = "auth-a"}, {.name = "auth-b"}, {.name = "auth-c"}};
static check_fn *scripts[3];
static char words[][8] = {"m", "other"};
static struct module mods[3], *list[3] = {&mods[0], &mods[1], &mods[2]};
static struct server_conf conf;

static enum adit_verdict
run_script(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)worker;
	seen.check_thread = pthread_self();
	seen.step = adit_auth_step(req);
	return (*(check_fn *const *)inst)(req);
}

static void
run_cancel(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst;
	(void)worker;
	must(req == seen.kept);
	seen.cancel_thread = pthread_self();
	seen.n_cancel++;
	if (seen.stop != NULL)
		worker_stop(seen.stop);
}

static void
state_free(void *state)
{
	must(state == &seen);
	seen.n_state_freed++;
}

/* n plugins; their methods are "m", that of the third is "other". */
static void
setup(size_t n, check_fn *first, check_fn *second, check_fn *third)
{
	check_fn *const fns[] = {first, second, third};

	memset(&seen, 0, sizeof(seen));
	memset(mods, 0, sizeof(mods));
	for (size_t i = 0; i < 3; i++) {
		scripts[i] = fns[i];
		mods[i].plugin = &descs[i];
		mods[i].inst = &scripts[i];
		mods[i].short_name = i < 2 ? "m" : "other";
		mods[i].methods = i < 2 ? words[0] : words[1];
		mods[i].auth.check = run_script;
		mods[i].auth.cancel = run_cancel;
	}
	memset(&conf, 0, sizeof(conf));
	atomic_init(&conf.refs, 1);
	conf.modules.auth = list;
	conf.modules.n_auth = n;
	must(sem_init(&gate, 0, 0) == 0 && sem_init(&at_gate, 0, 0) == 0);
}

static void
on_release(struct worker *from, struct server_conf *c)
{
	(void)from;
	must(c == &conf);
	seen.n_released++;
	server_conf_unref(c);
}

static void
on_verdict(void *owner, struct adit_auth_req *req, enum adit_verdict verdict)
{
	const char *ports = identity_granted(&req->id, "ports");

	must(owner == &seen);
	seen.n_fn++;
	seen.verdict = verdict;
	snprintf(seen.account, sizeof(seen.account), "%s", req->id.account);
	snprintf(seen.agent, sizeof(seen.agent), "%s", req->id.agent);
	snprintf(seen.reason, sizeof(seen.reason), "%s", req->reason);
	snprintf(seen.ports, sizeof(seen.ports), "%s", ports != NULL ? ports : "-");
	seen.reply_len = req->reply.len;
	if (req->reply.len > 0)
		memcpy(seen.reply, req->reply.p, req->reply.len);
	seen.challenge_len = req->challenge.len;
	if (seen.stop != NULL)
		worker_stop(seen.stop);
	if (verdict == ADIT_CONTINUE && seen.answer_at_once)
		auth_answer(req, "answer", 6);
}

static struct adit_auth_req *
begin_on(struct worker *on, const char *method, size_t len)
{
	static uint8_t data[ADIT_AUTH_DATA_MAX + 1] = "hello";
	struct auth_input in = {.method = method, .agent = "web1", .peer = "192.0.2.1", .source = 7,
		.facts = &facts, .nonce_agent = nonce_a, .nonce_server = nonce_s, .data = data,
		.len = len};
	struct adit_auth_req *req = NULL;

	auth_begin(on, &conf, &in, on_verdict, &seen, &req);
	must(req != NULL);
	return req;
}

static struct adit_auth_req *
begin(void)
{
	return begin_on(w, "m", 5);
}

/* Runs the worker until fn or the plugin's cancel() has come. */
static void
run_until_fn(void)
{
	seen.stop = w;
	worker_run(w);
	seen.stop = NULL;
}

static void
final(enum adit_verdict v, const char *what)
{
	is_int(seen.verdict, v, what);
	is_int(seen.n_fn, 1, "… told once");
	is_int(seen.n_released, 1, "… and everything is given back");
	is_int(atomic_load(&conf.refs), 1, "… to the last reference");
}

/* ---- Verdicts at once ------------------------------------------------------------------------ */

static enum adit_verdict
allow(struct adit_auth_req *req)
{
	size_t len;
	const void *data = adit_auth_data(req, &len);

	ok(len == 5 && memcmp(data, "hello", 5) == 0, "the plugin sees the agent's message");
	is_str(adit_auth_agent(req), "web1", "the agent's name");
	is_str(adit_auth_peer(req), "192.0.2.1", "its address");
	ok(!adit_auth_encrypted(req), "whether the link is encrypted");
	ok(memcmp(adit_auth_nonce(req, ADIT_SIDE_AGENT), "agent", 5) == 0, "the agent's nonce");
	ok(memcmp(adit_auth_nonce(req, ADIT_SIDE_SERVER), "server", 6) == 0, "the server's nonce");
	is_int(adit_auth_account(req, "no good"), -1, "an account that is none is refused");
	is_int(adit_auth_account(req, "acme"), 0, "one that is one is taken");
	is_int(adit_auth_rename(req, ""), -1, "so is a name");
	is_int(adit_auth_rename(req, "web2"), 0, "in place of the agent's");
	is_int(adit_auth_grant(req, "ports", "443"), 0, "a grant");
	is_int(adit_auth_reply(req, "proof", 5), 0, "a reply");
	is_int(adit_auth_reply(req, data, ADIT_AUTH_DATA_MAX + 1), -1, "but not one too long");
	adit_auth_set_state(req, &seen, state_free);
	return ADIT_ALLOW;
}

static void
test_allow(void)
{
	setup(1, allow, NULL, NULL);
	begin();
	final(ADIT_ALLOW, "ALLOW");
	is_str(seen.account, "acme", "the account is there");
	is_str(seen.agent, "web2", "the name is corrected");
	is_str(seen.ports, "443", "the grant is there");
	ok(seen.reply_len == 5 && memcmp(seen.reply, "proof", 5) == 0, "the reply is there");
	is_int(seen.n_state_freed, 1, "the plugin's state is freed");
}

static enum adit_verdict
allow_nobody(struct adit_auth_req *req)
{
	(void)req;
	return ADIT_ALLOW;
}

static enum adit_verdict
deny(struct adit_auth_req *req)
{
	adit_auth_reason(req, "because %d", 1);
	return ADIT_DENY;
}

static enum adit_verdict
garbage(struct adit_auth_req *req)
{
	adit_auth_account(req, "acme");
	return (enum adit_verdict)99;
}

static enum adit_verdict
bad_names(struct adit_auth_req *req)
{
	is_int(adit_auth_account(req, "two words"), -1, "an account with a blank is none");
	is_int(adit_auth_grant(req, "", "1"), -1, "nor is a grant without a key");
	return ADIT_FAIL;
}

static enum adit_verdict
zero(struct adit_auth_req *req)
{
	adit_auth_account(req, "acme");
	return (enum adit_verdict)0;
}

static enum adit_verdict
continue_without(struct adit_auth_req *req)
{
	adit_auth_account(req, "acme");
	return ADIT_CONTINUE;
}

static void
test_no(void)
{
	setup(1, deny, NULL, NULL);
	begin();
	final(ADIT_DENY, "DENY");
	is_str(seen.reason, "because 1", "the reason is for the log");
	setup(1, allow_nobody, NULL, NULL);
	begin();
	final(ADIT_FAIL, "ALLOW without an account is FAIL");
	is_str(seen.reason, "auth-a: allowed a login without an account", "which is said");
	setup(1, bad_names, NULL, NULL);
	begin();
	final(ADIT_FAIL, "a plugin can give up for that");
	is_str(seen.reason, "the plugin's account \"two words\" cannot be taken",
		"the first that was not taken is the reason if it says none");
	setup(1, garbage, NULL, NULL);
	begin();
	final(ADIT_FAIL, "a verdict that does not exist is FAIL");
	setup(1, zero, NULL, NULL);
	begin();
	final(ADIT_FAIL, "so is 0");
	setup(1, continue_without, NULL, NULL);
	begin();
	final(ADIT_FAIL, "CONTINUE without a challenge is FAIL");
	setup(1, allow, NULL, NULL);
	begin_on(w, "m", ADIT_AUTH_DATA_MAX + 1);
	final(ADIT_DENY, "a message that is too long is DENY");
	setup(1, allow, NULL, NULL);
	begin_on(w, "nothing", 5);
	final(ADIT_DENY, "a method that nobody has is DENY");
	is_str(seen.reason, "auth: no plugin for this method", "which is said");
}

/* ---- The chain ------------------------------------------------------------------------------- */

static enum adit_verdict
not_mine(struct adit_auth_req *req)
{
	adit_auth_account(req, "wrong");
	adit_auth_rename(req, "wrong");
	adit_auth_grant(req, "ports", "1-65535");
	adit_auth_reply(req, "wrong", 5);
	adit_auth_set_state(req, &seen, state_free);
	return ADIT_NEXT;
}

static enum adit_verdict
mine(struct adit_auth_req *req)
{
	is_str(adit_auth_agent(req), "web1", "the next plugin sees the agent's own name");
	ok(adit_auth_state(req) == NULL && seen.n_state_freed == 1, "and no other's state");
	adit_auth_account(req, "right");
	return ADIT_ALLOW;
}

static enum adit_verdict
mine_without_account(struct adit_auth_req *req)
{
	(void)req;
	return ADIT_ALLOW;
}

static void
test_chain(void)
{
	setup(2, not_mine, mine, NULL);
	begin();
	final(ADIT_ALLOW, "NEXT leads to the next plugin of the method");
	is_str(seen.account, "right", "whose account counts");
	is_str(seen.ports, "-", "nothing of the first is left");
	is_int(seen.reply_len, 0, "no reply either");
	setup(2, not_mine, mine_without_account, NULL);
	begin();
	final(ADIT_FAIL, "the first one's account does not count");
	setup(3, not_mine, not_mine, allow);
	begin();
	final(ADIT_DENY, "NEXT by all is DENY; another method's plugin is not asked");
	is_int(seen.n_state_freed, 2, "each state is freed");
	setup(2, deny, allow, NULL);
	begin();
	final(ADIT_DENY, "DENY ends the chain");
}

/* ---- Challenges ------------------------------------------------------------------------------ */

static enum adit_verdict
two_steps(struct adit_auth_req *req)
{
	size_t len;
	const char *data = adit_auth_data(req, &len);

	if (adit_auth_step(req) == 0) {
		adit_auth_set_state(req, &seen, state_free);
		adit_auth_challenge(req, "who?", 4);
		return ADIT_CONTINUE;
	}
	ok(adit_auth_state(req) == &seen, "the state is kept between the steps");
	if (len != 6 || memcmp(data, "answer", 6) != 0)
		return ADIT_DENY;
	adit_auth_account(req, "acme");
	return ADIT_ALLOW;
}

static enum adit_verdict
for_ever(struct adit_auth_req *req)
{
	adit_auth_challenge(req, "again", 5);
	return ADIT_CONTINUE;
}

static enum adit_verdict
next_after_challenge(struct adit_auth_req *req)
{
	if (adit_auth_step(req) > 0)
		return ADIT_NEXT;
	adit_auth_challenge(req, "x", 1);
	return ADIT_CONTINUE;
}

static enum adit_verdict
stale_challenge(struct adit_auth_req *req)
{
	if (adit_auth_step(req) == 0)
		adit_auth_challenge(req, "x", 1);
	return ADIT_CONTINUE;
}

static void
test_challenge(void)
{
	struct adit_auth_req *req;

	setup(1, two_steps, NULL, NULL);
	req = begin();
	ok(seen.n_fn == 1 && seen.verdict == ADIT_CONTINUE, "CONTINUE asks for an answer");
	is_int(seen.challenge_len, 4, "the challenge is there");
	seen.n_fn = 0;
	auth_answer(req, "answer", 6);
	final(ADIT_ALLOW, "the answer is checked");
	is_int(seen.n_state_freed, 1, "the state is freed at the end");
	setup(1, two_steps, NULL, NULL);
	req = begin();
	seen.n_fn = 0;
	auth_answer(req, "wrong", 5);
	final(ADIT_DENY, "and can be wrong");
	setup(1, two_steps, NULL, NULL);
	req = begin();
	seen.n_fn = 0;
	auth_answer(req, nonce_a, ADIT_AUTH_DATA_MAX + 1);
	final(ADIT_DENY, "or too long");
	setup(1, two_steps, NULL, NULL);
	auth_cancel(begin());
	ok(seen.n_fn == 1 && seen.n_released == 1 && seen.n_state_freed == 1,
		"cancelling while the agent answers frees at once");
	setup(1, for_ever, NULL, NULL);
	seen.answer_at_once = true;
	begin();
	is_int(seen.n_fn, ADIT_AUTH_STEPS_MAX + 1, "8 challenges are asked");
	is_int(seen.verdict, ADIT_FAIL, "the ninth is FAIL");
	setup(2, next_after_challenge, allow, NULL);
	seen.answer_at_once = true;
	begin();
	is_int(seen.verdict, ADIT_FAIL, "NEXT after a challenge is FAIL");
	setup(1, stale_challenge, NULL, NULL);
	seen.answer_at_once = true;
	begin();
	is_int(seen.verdict, ADIT_FAIL, "an old challenge does not count again");
	is_int(seen.n_released, 1, "all is given back");
}

/* ---- Late answers ---------------------------------------------------------------------------- */

static enum adit_verdict
later(struct adit_auth_req *req)
{
	seen.kept = req;
	adit_auth_set_state(req, &seen, state_free);
	return ADIT_LATER;
}

static enum adit_verdict
early(struct adit_auth_req *req)
{
	adit_auth_account(req, "acme");
	adit_auth_finish(req, ADIT_ALLOW);
	return ADIT_LATER;
}

static enum adit_verdict
both(struct adit_auth_req *req)
{
	adit_auth_account(req, "acme");
	adit_auth_finish(req, ADIT_ALLOW);
	return ADIT_DENY;
}

static enum adit_verdict
later_chain(struct adit_auth_req *req)
{
	seen.kept = req;
	return ADIT_LATER;
}

static void *
finish_allow(void *arg)
{
	adit_auth_account(arg, "acme");
	adit_auth_finish(arg, ADIT_ALLOW);
	return NULL;
}

static void *
finish_twice(void *arg)
{
	adit_auth_account(arg, "acme");
	adit_auth_finish(arg, ADIT_ALLOW);
	adit_auth_finish(arg, ADIT_DENY);
	return NULL;
}

static void *
finish_next(void *arg)
{
	adit_auth_finish(arg, ADIT_NEXT);
	return NULL;
}

static void *
finish_later(void *arg)
{
	adit_auth_account(arg, "acme");
	adit_auth_finish(arg, ADIT_LATER);
	return NULL;
}

static void
on_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	must(pthread_create(&t, NULL, fn, arg) == 0);
	must(pthread_join(t, NULL) == 0);
}

static void
test_later(void)
{
	setup(1, later, NULL, NULL);
	begin();
	is_int(seen.n_fn, 0, "LATER says nothing yet");
	on_thread(finish_allow, seen.kept);
	is_int(seen.n_fn, 0, "the answer of another thread comes through the mailbox");
	run_until_fn();
	final(ADIT_ALLOW, "and counts");
	setup(1, later, NULL, NULL);
	begin();
	finish_allow(seen.kept);
	is_int(seen.n_fn, 0, "so does one of the same thread");
	run_until_fn();
	final(ADIT_ALLOW, "and counts");
	setup(1, early, NULL, NULL);
	begin();
	final(ADIT_ALLOW, "an answer before LATER is returned counts");
	setup(2, later_chain, mine_without_account, NULL);
	begin();
	on_thread(finish_next, seen.kept);
	run_until_fn();
	final(ADIT_FAIL, "a late NEXT goes on in the chain");
	setup(1, later, NULL, NULL);
	begin();
	on_thread(finish_later, seen.kept);
	run_until_fn();
	final(ADIT_FAIL, "a late LATER is FAIL");
}

static int
log_lines(FILE *log)
{
	int n = 0, c;

	rewind(log);
	while ((c = fgetc(log)) != EOF)
		n += c == '\n';
	return n;
}

static void
test_twice(void)
{
	FILE *log = tmpfile();
	int err = dup(2);
	void *gone;

	must(log != NULL && dup2(fileno(log), 2) == 2);
	setup(1, later, NULL, NULL);
	begin();
	on_thread(finish_twice, seen.kept);
	run_until_fn();
	final(ADIT_ALLOW, "of two answers the first counts");
	is_int(log_lines(log), 1, "the second is logged");
	gone = seen.kept;
	on_thread(finish_next, gone);
	is_int(log_lines(log), 2, "an answer to a login that is over is logged");
	setup(1, both, NULL, NULL);
	begin();
	final(ADIT_DENY, "check()'s own verdict counts more than a call beside it");
	is_int(log_lines(log), 3, "that is logged, too");
	setup(1, two_steps, NULL, NULL);
	gone = begin();
	finish_next(gone);
	is_int(log_lines(log), 4, "an answer while the agent is asked is logged");
	is_int(seen.n_fn, 1, "and ignored");
	auth_cancel(gone);
	must(dup2(err, 2) == 2);
	close(err);
	fclose(log);
}

static void
test_cancel(void)
{
	setup(1, later, NULL, NULL);
	auth_cancel(begin());
	is_int(seen.n_cancel, 1, "cancelling while the plugin thinks tells it");
	ok(pthread_equal(seen.cancel_thread, w->thread), "on the worker");
	is_int(seen.n_released, 0, "the request lives on");
	on_thread(finish_allow, seen.kept);
	post_call(w, stop_worker, w);
	worker_run(w);
	is_int(seen.n_fn, 0, "the late answer is dropped");
	ok(seen.n_released == 1 && seen.n_state_freed == 1, "and frees the request");
	setup(1, later, NULL, NULL);
	begin();
	on_thread(finish_allow, seen.kept);
	auth_cancel(seen.kept);
	is_int(seen.n_cancel, 0, "an answer on its way is not cancelled any more");
	post_call(w, stop_worker, w);
	worker_run(w);
	ok(seen.n_fn == 0 && seen.n_released == 1, "but dropped");
}

/* ---- Helpers --------------------------------------------------------------------------------- */

static enum adit_verdict
gated_allow(struct adit_auth_req *req)
{
	adit_auth_account(req, "acme");
	sem_post(&at_gate);
	while (sem_wait(&gate) != 0)
		;
	return ADIT_ALLOW;
}

static enum adit_verdict
gated_later(struct adit_auth_req *req)
{
	seen.kept = req;
	sem_post(&at_gate);
	while (sem_wait(&gate) != 0)
		;
	return ADIT_LATER;
}

static void
down(sem_t *s)
{
	while (sem_wait(s) != 0)
		;
}

/* Runs the worker until all jobs are answered: the helper ends in between. */
static void
run_out(struct offload *o)
{
	offload_free(o);
	post_call(w, stop_worker, w);
	worker_run(w);
}

static void
test_helper(void)
{
	struct offload *o = offload_new("serial", 1, 1, 8);

	setup(1, gated_allow, NULL, NULL);
	mods[0].helpers = o;
	begin();
	down(&at_gate);
	is_int(seen.n_fn, 0, "a helper's check() does not stop the worker");
	sem_post(&gate);
	run_until_fn();
	final(ADIT_ALLOW, "its verdict comes back");
	ok(!pthread_equal(seen.check_thread, w->thread), "it ran elsewhere");

	setup(1, gated_allow, NULL, NULL);
	mods[0].helpers = o;
	begin();
	down(&at_gate);
	auth_cancel(begin());
	begin();
	is_int(seen.verdict, ADIT_FAIL, "a full queue is FAIL at once");
	is_str(seen.reason, "auth-a: too many logins wait for it", "which is said");
	seen.n_fn = 0;
	sem_post(&gate);
	run_until_fn();
	is_int(seen.verdict, ADIT_ALLOW, "the one under way is not touched");
	run_out(o);
	is_int(sem_trywait(&at_gate), -1, "one that was cancelled in the queue is not checked");
	is_int(seen.n_released, 3, "all is given back");
}

/* Who waits too long is not begun: the agent is about to leave. */
static void
test_helper_late(void)
{
	struct offload *o = offload_new("serial", 1, 4, 8);
	struct mono begun;

	setup(1, gated_allow, NULL, NULL);
	mods[0].helpers = o;
	begin();
	down(&at_gate);
	conf.limits.handshake_timeout = 2;
	begin();
	begun = mono_now();
	while (mono_diff_ms(mono_now(), begun) < 2)
		sched_yield(); /* it is the clock that is waited for */
	sem_post(&gate);
	while (seen.n_fn < 2)
		run_until_fn();
	is_int(seen.verdict, ADIT_FAIL, "one that has waited for half of its time is FAIL");
	is_str(seen.reason, "auth-a: this login has waited too long for it", "which is said");
	run_out(o);
	is_int(sem_trywait(&at_gate), -1, "without check()");
	is_int(seen.n_released, 2, "all is given back");
}

static void
test_helper_cancel(void)
{
	struct offload *o = offload_new("serial", 1, 4, 8);

	setup(1, gated_later, NULL, NULL);
	mods[0].helpers = o;
	begin();
	down(&at_gate);
	auth_cancel(seen.kept);
	sem_post(&gate);
	run_until_fn(); /* run_cancel() ends it, too */
	is_int(seen.n_cancel, 1, "cancelled during check(), which then says LATER");
	ok(!pthread_equal(seen.cancel_thread, w->thread), "tells the plugin, on its helper");
	is_int(seen.n_released, 0, "the answer is still owed");
	on_thread(finish_allow, seen.kept);
	run_out(o);
	ok(seen.n_fn == 0 && seen.n_released == 1, "and ends it");

	o = offload_new("serial", 1, 4, 8);
	setup(1, gated_later, NULL, NULL);
	mods[0].helpers = o;
	begin();
	down(&at_gate);
	sem_post(&gate);
	offload_free(o); /* check() has said LATER, which is on its way to the worker */
	mods[0].helpers = o = offload_new("serial", 1, 4, 8);
	post_call(w, stop_worker, w);
	worker_run(w);
	seen.stop = w; /* run_cancel() may come at once */
	auth_cancel(seen.kept);
	worker_run(w);
	seen.stop = NULL;
	is_int(seen.n_cancel, 1, "cancelled after LATER");
	ok(!pthread_equal(seen.cancel_thread, w->thread), "tells the plugin, on its helper");
	on_thread(finish_allow, seen.kept);
	run_out(o);
	ok(seen.n_fn == 0 && seen.n_released == 1, "and the answer ends it");

	o = offload_new("serial", 1, 1, 8);
	setup(1, gated_allow, NULL, NULL);
	mods[0].helpers = o;
	begin();
	down(&at_gate);
	begin();
	sem_post(&gate);
	sem_post(&gate);
	run_out(o);
	is_int(seen.n_fn, 2, "helpers that end answer what still waits");
	is_int(seen.n_released, 2, "and all is given back");
}

/* ---- A worker that stops --------------------------------------------------------------------- */

static struct adit_auth_req *left;
static struct worker *second;

static void
begin_left(void *arg)
{
	left = begin_on(arg, "m", 5);
}

static void
cancel_left(struct worker *on)
{
	(void)on;
	auth_cancel(left);
}

static void
cancel_and_answer_left(struct worker *on)
{
	cancel_left(on);
	on_thread(finish_allow, left);
}

static void
test_stopped(void)
{
	setup(1, later, NULL, NULL);
	must(worker_start(0, "second", NULL, cancel_left, NULL, &second) == 0);
	call_on(second, begin_left, second);
	worker_stop(second);
	worker_join(second);
	is_int(seen.n_cancel, 1, "a worker that stops cancels");
	on_thread(finish_allow, left);
	ok(seen.n_fn == 0 && seen.n_state_freed == 1, "an answer after its end frees the request");
	is_int(atomic_load(&conf.refs), 2, "its configuration stays: the plugin still runs");

	setup(1, later, NULL, NULL);
	must(worker_start(0, "second", NULL, cancel_and_answer_left, NULL, &second) == 0);
	call_on(second, begin_left, second);
	worker_stop(second);
	worker_join(second);
	is_int(seen.n_released, 1, "an answer in the mailbox of a worker that stops frees it");
}

int
main(void)
{
	w = worker_new_main();
	must(w != NULL);
	auth_set_release(on_release);
	must(facts_set(&facts, "alpn", "adit/1") == 0);
	test_allow();
	test_no();
	test_chain();
	test_challenge();
	test_later();
	test_twice();
	test_cancel();
	test_helper();
	test_helper_late();
	test_helper_cancel();
	test_stopped();
	facts_fini(&facts);
	worker_join(w);
	return done_testing();
}
