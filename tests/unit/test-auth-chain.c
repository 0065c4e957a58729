/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The chain of auth plugins: who is asked about which method and in which order, why a login was
 * denied, and names that are guessed at. All on the worker, at once. */

#define _GNU_SOURCE 1

#include <semaphore.h>

#include "tap.h"
#include "tunnel/auth.h"

typedef enum adit_verdict check_fn(struct adit_auth_req *req);

static struct worker *w;
static struct server_conf conf;
static struct name_gate *names;
static struct gate *gate;
static uint8_t nonce[ADIT_NONCE_SIZE];

static struct {
	int n_fn;
	enum adit_verdict verdict;
	enum adit_cause cause;
	char account[80], reason[256], asked[80]; /* asked: the plugins, by their letters */
	int64_t retry_ms;
} seen;

/* ---- A configuration of plugins made here ---------------------------------------------------- */

#define N 4
static struct adit_plugin descs[N] = {{.name = "auth-a"}, {.name = "auth-b"}, {.name = "auth-c"},
	{.name = "auth-d"}};
static check_fn *scripts[N];
static char words[N][64];
static struct module mods[N], *list[N] = {&mods[0], &mods[1], &mods[2], &mods[3]};

static enum adit_verdict
run_script(const void *inst, void *worker, struct adit_auth_req *req)
{
	check_fn *const *script = inst;

	(void)worker;
	snprintf(seen.asked + strlen(seen.asked), sizeof(seen.asked) - strlen(seen.asked), "%c",
		(int)('a' + (script - scripts)));
	return (*script)(req);
}

/* One plugin more, for these methods. */
static void
add(const char *methods, check_fn *fn)
{
	size_t i = conf.modules.n_auth++;

	must(i < N);
	snprintf(words[i], sizeof(words[i]), "%s", methods);
	scripts[i] = fn;
	mods[i] = (struct module){.plugin = &descs[i], .inst = &scripts[i], .short_name = "x",
		.methods = words[i], .auth.check = run_script};
}

static void
begin_conf(void)
{
	memset(&conf, 0, sizeof(conf));
	atomic_init(&conf.refs, 1);
	limits_default(&conf.limits);
	conf.limits.account_fail_penalty = 600000; /* three are too many, however slow we are */
	conf.limits.account_penalty_from = 3600000;
	conf.limits.account_penalty_max = 86400000;
	conf.modules.auth = list;
}

static void
on_release(struct worker *from, struct server_conf *c)
{
	(void)from;
	server_conf_unref(c);
}

static void
on_verdict(void *owner, struct adit_auth_req *req, enum adit_verdict verdict)
{
	must(owner == &seen);
	seen.n_fn++;
	seen.verdict = verdict;
	seen.cause = req->cause;
	seen.retry_ms = req->throttled ? req->retry_ms : 0;
	snprintf(seen.account, sizeof(seen.account), "%s", req->id.account);
	snprintf(seen.reason, sizeof(seen.reason), "%s", req->reason);
}

static struct adit_auth_req *
login_from(uint64_t source, const char *method, const char *data)
{
	struct auth_input in = {.method = method, .agent = "web1", .peer = "192.0.2.1",
		.source = source, .gate = gate, .names = names, .nonce_agent = nonce,
		.nonce_server = nonce, .data = data, .len = strlen(data)};
	struct adit_auth_req *req = NULL;

	memset(&seen, 0, sizeof(seen));
	auth_begin(w, &conf, &in, on_verdict, &seen, &req);
	return req;
}

static enum adit_verdict
login(const char *method)
{
	login_from(1, method, "hello");
	return seen.verdict;
}

/* ---- Methods --------------------------------------------------------------------------------- */

static enum adit_verdict
allow(struct adit_auth_req *req)
{
	adit_auth_account(req, adit_auth_method(req));
	return ADIT_ALLOW;
}

static enum adit_verdict
pass_on(struct adit_auth_req *req)
{
	adit_auth_cause(req, ADIT_CAUSE_EXPIRED);
	adit_auth_reason(req, "is not mine");
	return ADIT_NEXT;
}

static enum adit_verdict
deny(struct adit_auth_req *req)
{
	(void)req;
	return ADIT_DENY;
}

static enum adit_verdict
forbid(struct adit_auth_req *req)
{
	adit_auth_cause(req, ADIT_CAUSE_FORBIDDEN);
	return ADIT_DENY;
}

static enum adit_verdict
outage(struct adit_auth_req *req)
{
	(void)req;
	return ADIT_FAIL;
}

static void
test_methods(void)
{
	begin_conf();
	add("token", pass_on);
	add("password jwt", pass_on);
	add("jwt", allow);
	add("password", allow);
	is_int(login("jwt"), ADIT_ALLOW, "NEXT finds the next plugin that takes the method");
	is_str(seen.asked, "bc", "the others are not asked");
	is_str(seen.account, "jwt", "adit_auth_method() is what the agent has said");
	is_int(login("password"), ADIT_ALLOW, "each method");
	is_str(seen.asked, "bd", "has its own plugins");
	is_int(login("token"), ADIT_DENY, "behind the last one is DENY");
	is_str(seen.asked, "a", "when all have been asked");
	is_str(seen.reason, "is not mine", "with the last one's words");
	is_int(seen.cause, ADIT_CAUSE_EXPIRED, "and cause");
	is_int(login("pass"), ADIT_DENY, "the beginning of a method is none");
	is_int(login("jwt2"), ADIT_DENY, "nor is more than one");
	is_int(login("word"), ADIT_DENY, "nor its end");
	is_str(seen.asked, "", "nobody is asked");
	is_str(seen.reason, "auth: no plugin for this method", "which is said");
}

static void
test_star(void)
{
	begin_conf();
	add("*", pass_on);
	add("jwt", allow);
	is_int(login("jwt"), ADIT_ALLOW, "one for all methods may pass on");
	is_str(seen.asked, "ab", "to the one of the method");
	is_int(login("token"), ADIT_DENY, "or not, when there is none");
	is_str(seen.asked, "a", "is asked about every one");
	begin_conf();
	add("*", forbid);
	add("jwt", allow);
	is_int(login("jwt"), ADIT_DENY, "it may deny");
	is_str(seen.asked, "a", "and nobody else is asked");
	is_int(seen.cause, ADIT_CAUSE_FORBIDDEN, "its cause is known");
	begin_conf();
	add("*", outage);
	add("jwt", allow);
	is_int(login("jwt"), ADIT_FAIL, "if it fails, the login is refused");
	is_str(seen.asked, "a", "and nobody else is asked: it might have denied");
	begin_conf();
	add("jwt", pass_on);
	add("jwt", deny);
	is_int(login("jwt"), ADIT_DENY, "DENY behind NEXT");
	is_int(seen.cause, ADIT_CAUSE_OTHER, "does not have the first one's cause");
	is_str(seen.reason, "auth-b: denied", "nor its words");
}

/* ---- Plugins that do not keep to their contract, in front of one that lets everybody in ------ */

static enum adit_verdict
verdict_0(struct adit_auth_req *req)
{
	(void)req;
	return (enum adit_verdict)0;
}

static enum adit_verdict
verdict_99(struct adit_auth_req *req)
{
	(void)req;
	return (enum adit_verdict)99;
}

static enum adit_verdict
allow_nobody(struct adit_auth_req *req)
{
	(void)req;
	return ADIT_ALLOW;
}

static enum adit_verdict
allow_no_name(struct adit_auth_req *req)
{
	adit_auth_account(req, "no name");
	return ADIT_ALLOW;
}

static enum adit_verdict
ask_nothing(struct adit_auth_req *req)
{
	(void)req;
	return ADIT_CONTINUE;
}

static enum adit_verdict
bad_grant(struct adit_auth_req *req)
{
	adit_auth_account(req, "acme");
	adit_auth_grant(req, "max_tunnels", "-1");
	return ADIT_ALLOW;
}

static enum adit_verdict
finish_later(struct adit_auth_req *req)
{
	adit_auth_account(req, "acme");
	adit_auth_finish(req, ADIT_LATER);
	return ADIT_LATER;
}

static enum adit_verdict
finish_fail(struct adit_auth_req *req)
{
	adit_auth_finish(req, ADIT_FAIL);
	return ADIT_LATER;
}

static enum adit_verdict
next_after_asking(struct adit_auth_req *req)
{
	if (adit_auth_step(req) > 0)
		return ADIT_NEXT;
	adit_auth_challenge(req, "?", 1);
	return ADIT_CONTINUE;
}

static enum adit_verdict
ask_for_ever(struct adit_auth_req *req)
{
	adit_auth_challenge(req, "?", 1);
	return ADIT_CONTINUE;
}

static void
test_misbehaviour(void)
{
	static const struct {
		check_fn *fn;
		const char *what;
	} bad[] = {
		{outage, "FAIL"},
		{verdict_0, "the verdict 0"},
		{verdict_99, "a verdict that does not exist"},
		{allow_nobody, "ALLOW without an account"},
		{allow_no_name, "ALLOW with an account that is none"},
		{ask_nothing, "CONTINUE without a challenge"},
		{bad_grant, "ALLOW with a limit that is none"},
		{finish_later, "LATER as a late answer"},
		{finish_fail, "FAIL as a late answer"},
		{next_after_asking, "NEXT after a challenge"},
		{ask_for_ever, "challenges without an end"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct adit_auth_req *req;

		begin_conf();
		add("*", bad[i].fn);
		add("jwt", allow);
		req = login_from(1, "jwt", "");
		while (seen.verdict == ADIT_CONTINUE)
			auth_answer(req, "", 0);
		is_int(seen.verdict, ADIT_FAIL, bad[i].what);
		ok(strchr(seen.asked, 'b') == NULL && seen.reason[0] != '\0',
			"… ends the chain: %s", seen.reason);
		is_int(atomic_load(&conf.refs), 1, "… and everything is given back");
	}
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* The message is a name and 1 or 0: right or wrong. */
static enum adit_verdict
password(struct adit_auth_req *req)
{
	char name[64];
	size_t len;
	const char *data = adit_auth_data(req, &len);

	snprintf(name, sizeof(name), "%.*s", (int)len - 1, data);
	if (adit_auth_attempt(req, name) < 0 || adit_auth_attempt(req, name) < 0)
		return ADIT_FAIL;
	adit_auth_account(req, name);
	return data[len - 1] == '1' ? ADIT_ALLOW : ADIT_DENY;
}

static enum adit_verdict
deaf(struct adit_auth_req *req)
{
	adit_auth_attempt(req, "bob");
	adit_auth_account(req, "bob");
	return ADIT_ALLOW;
}

static enum adit_verdict
deaf_next(struct adit_auth_req *req)
{
	adit_auth_attempt(req, "bob");
	return ADIT_NEXT;
}

static enum adit_verdict
many_names(struct adit_auth_req *req)
{
	int n = 0;

	for (char name[] = "a"; name[0] <= 'z'; name[0]++)
		n += adit_auth_attempt(req, name) == 0;
	is_int(n, AUTH_NAMES_MAX, "a login may claim a few names");
	adit_auth_account(req, "bob");
	return ADIT_ALLOW;
}

static enum adit_verdict
next_wrong(struct adit_auth_req *req)
{
	return password(req) == ADIT_DENY ? ADIT_NEXT : ADIT_FAIL;
}

static void
guess(int n, uint64_t source, const char *data)
{
	for (int i = 0; i < n; i++)
		login_from(source + (uint64_t)i, "password", data);
}

static void
test_names(void)
{
	begin_conf();
	names = name_gate_new();
	add("password", password);
	login_from(1, "password", "bob1");
	is_int(seen.verdict, ADIT_ALLOW, "a right password");
	guess(3, 100, "bob0");
	is_int(seen.verdict, ADIT_DENY, "three wrong ones, from three addresses");
	login_from(104, "password", "bob1");
	is_int(seen.verdict, ADIT_FAIL, "from anywhere else not even the right one is looked at");
	is_str(seen.reason, "auth-a: too many logins have failed for this name", "which is said");
	ok(seen.retry_ms > 3600000 && seen.retry_ms <= 4200000, "with the time that it takes");
	login_from(104, "password", "alice1");
	is_int(seen.verdict, ADIT_ALLOW, "another name is free");
	login_from(1, "password", "bob1");
	is_int(seen.verdict, ADIT_ALLOW, "and the owner is where he always is");
	guess(3, 100, "nobody0");
	guess(1, 104, "nobody0");
	is_int(seen.verdict, ADIT_FAIL, "a name that is not there is treated in the same way");
	name_gate_unref(names);
	names = NULL;
}

/* Plugins that do not listen. */
static void
test_deaf(void)
{
	begin_conf();
	names = name_gate_new();
	add("password", password);
	guess(3, 100, "bob0");
	begin_conf();
	add("password", deaf);
	is_int(login("password"), ADIT_FAIL, "ALLOW all the same is FAIL");
	begin_conf();
	add("password", deaf_next);
	add("password", allow);
	is_int(login("password"), ADIT_FAIL, "NEXT all the same, too");
	is_str(seen.asked, "a", "and nobody else is asked");
	begin_conf();
	add("password", many_names);
	is_int(login("password"), ADIT_FAIL, "more names are FAIL");
	begin_conf();
	add("password", next_wrong);
	add("password", next_wrong);
	guess(3, 100, "carol0");
	is_int(seen.verdict, ADIT_DENY, "a name that is tried by two plugins");
	login_from(100, "password", "carol0");
	is_int(seen.verdict, ADIT_FAIL, "counts once in each login");
	name_gate_unref(names);
	names = NULL;
}

static enum adit_verdict
attempt_and_ask(struct adit_auth_req *req)
{
	if (adit_auth_attempt(req, "dave") < 0)
		return ADIT_FAIL;
	adit_auth_challenge(req, "?", 1);
	return ADIT_CONTINUE;
}

/* Logins that nobody ends. */
static void
test_left(void)
{
	struct adit_auth_req *req[NAME_GATE_AT_ONCE];

	begin_conf();
	names = name_gate_new();
	add("password", attempt_and_ask);
	for (uint64_t i = 0; i < NAME_GATE_AT_ONCE; i++)
		req[i] = login_from(200 + i, "password", "");
	is_int(seen.verdict, ADIT_CONTINUE, "so many are asked at once");
	login_from(300, "password", "");
	is_int(seen.verdict, ADIT_FAIL, "another one is not");
	is_int(seen.retry_ms, 1000, "and may come again soon");
	auth_cancel(req[0]);
	req[0] = login_from(300, "password", "");
	is_int(seen.verdict, ADIT_CONTINUE, "unless somebody has left");
	for (size_t i = 0; i < NAME_GATE_AT_ONCE; i++)
		auth_cancel(req[i]);
	is_int(atomic_load(&conf.refs), 1, "everything is given back");
	name_gate_unref(names);
	names = NULL;
}

/* ---- Tries of an address --------------------------------------------------------------------- */

static unsigned n_checks; /* how often the plugin was reached */

/* Asks for as many messages as the first byte says, then decides as the last one says. */
static enum adit_verdict
count_checks(struct adit_auth_req *req)
{
	size_t len;
	const char *data = adit_auth_data(req, &len);

	n_checks++;
	if (len > 0 && adit_auth_step(req) < (unsigned)(data[0] - '0')) {
		adit_auth_challenge(req, "?", 1);
		return ADIT_CONTINUE;
	}
	adit_auth_account(req, "acme");
	return len > 1 && data[1] == 'a' ? ADIT_ALLOW
	       : len > 1 && data[1] == 'f' ? ADIT_FAIL
					   : ADIT_DENY;
}

static void
begin_gate(check_fn *fn)
{
	begin_conf();
	gate = gate_new();
	add("m", fn);
	n_checks = 0;
}

static void
end_gate(void)
{
	gate_free(gate);
	gate = NULL;
	is_int(atomic_load(&conf.refs), 1, "everything is given back");
}

/* Whatever an address does, the plugin is reached 15 times. */
static void
test_tries(void)
{
	begin_gate(count_checks);
	for (int i = 0; i < 100; i++)
		login_from(1, "m", "0d");
	is_int(n_checks, 15, "a hundred wrong logins reach the plugin 15 times");
	is_int(seen.verdict, ADIT_FAIL, "the others are refused");
	is_str(seen.reason, "auth: too many failed logins from this address", "which is said");
	ok(seen.retry_ms > 590000 && seen.retry_ms <= 660000, "for ten minutes");
	login_from(2, "m", "0a");
	is_int(seen.verdict, ADIT_ALLOW, "another address logs in meanwhile");
	end_gate();
	begin_gate(count_checks);
	for (int i = 0; i < 100; i++) {
		struct adit_auth_req *req = login_from(1, "m", "8");

		for (int k = 0; k < i % 9 && seen.verdict == ADIT_CONTINUE; k++)
			auth_answer(req, "8", 1);
		if (seen.verdict == ADIT_CONTINUE)
			auth_cancel(req);
	}
	is_int(n_checks, 15, "so do challenges that are left unanswered after some steps");
	end_gate();
	begin_gate(count_checks);
	for (int i = 0; i < 100; i++) {
		struct adit_auth_req *req = login_from(1, "m", "9");

		while (seen.verdict == ADIT_CONTINUE)
			auth_answer(req, "9", 1);
	}
	is_int(n_checks, 15, "and challenges without an end");
	end_gate();
	begin_gate(count_checks);
	for (int i = 0; i < 1000; i++)
		login_from(1, "m", "0a");
	is_int(n_checks, 1000, "logins that succeed are not counted");
	for (int i = 0; i < 100; i++)
		login_from(1, "m", i % 2 == 0 ? "0d" : "0a");
	is_int(n_checks, 1000 + 15 + 14, "and do not make room for others");
	end_gate();
	begin_gate(count_checks);
	for (int i = 0; i < 100; i++)
		login_from(1, "m", "0f");
	is_int(n_checks, 15, "a plugin that fails is left in peace after 15 times");
	end_gate();
	begin_gate(count_checks);
	conf.limits.fail_penalty = 0;
	for (int i = 0; i < 100; i++)
		login_from(1, "m", "0d");
	is_int(n_checks, 100, "fail_penalty = 0 switches it off");
	end_gate();
}

/* A message that is refused before anybody looks at it does not give tries back. */
static void
test_too_long(void)
{
	static char data[ADIT_AUTH_DATA_MAX + 1];

	begin_gate(count_checks);
	for (int i = 0; i < 100; i++) {
		struct adit_auth_req *req = login_from(1, "m", "1");

		if (seen.verdict == ADIT_CONTINUE)
			auth_answer(req, data, sizeof(data));
	}
	is_int(n_checks, 15, "nor do answers that are too long");
	end_gate();
}

static sem_t let_go;

static void
hold_helper(struct job *job)
{
	(void)job;
	while (sem_wait(&let_go) != 0)
		;
}

static void
on_let_go(struct job *job)
{
	worker_stop(job->w);
}

/* That the second plugin has no time does not undo that the first one was asked. */
static void
test_passed_on(void)
{
	struct job job = {.work = hold_helper, .done = on_let_go, .source = 1};
	struct offload *o = offload_new("test", 1, 4, 1);

	must(sem_init(&let_go, 0, 0) == 0);
	begin_gate(pass_on);
	add("m", allow);
	mods[1].helpers = o;
	must(offload_submit(o, w, &job) == 0);
	for (int i = 0; i < 15; i++)
		login_from(1, "m", "");
	is_str(seen.asked, "a", "15 times the first plugin hands on to one that is busy");
	is_str(seen.reason, "auth-b: too many logins wait for it", "which is said");
	login_from(1, "m", "");
	is_str(seen.asked, "", "then it is not asked any more");
	must(sem_post(&let_go) == 0);
	worker_run(w);
	offload_free(o);
	end_gate();
	must(sem_destroy(&let_go) == 0);
}

static struct adit_auth_req *late[100];
static unsigned n_late;

static enum adit_verdict
answer_late(struct adit_auth_req *req)
{
	n_checks++;
	late[n_late++] = req;
	return ADIT_LATER;
}

/* All at once, and the plugin takes its time. */
static void
test_burst(void)
{
	struct adit_auth_req *req[100];

	begin_gate(answer_late);
	for (int i = 0; i < 100; i++)
		req[i] = login_from(1, "m", "");
	is_int(n_checks, 7, "of a hundred at once 7 reach the plugin");
	is_int(seen.n_fn, 0, "the others wait");
	for (int i = 0; i < 100; i++)
		auth_cancel(req[i]);
	for (int i = 0; i < 40; i++) {
		struct adit_auth_req *one = login_from(1, "m", "");

		if (seen.n_fn == 0)
			auth_cancel(one);
	}
	is_int(n_checks, 15, "to leave before the answer comes does not help");
	is_int(seen.verdict, ADIT_FAIL, "in the end all are refused");
	for (unsigned i = 0; i < n_late; i++)
		adit_auth_finish(late[i], ADIT_DENY);
	worker_stop(w);
	worker_run(w);
	end_gate();
}

static enum adit_verdict
answer_one(struct adit_auth_req *req)
{
	adit_auth_account(req, "acme");
	return n_late < 7 ? answer_late(req) : ADIT_ALLOW;
}

static unsigned n_in;

static void
on_crowd(void *owner, struct adit_auth_req *req, enum adit_verdict verdict)
{
	(void)owner;
	(void)req;
	n_in += verdict == ADIT_ALLOW;
	worker_stop(w);
}

/* Those that wait get their turn. */
static void
test_turns(void)
{
	struct auth_input in = {.method = "m", .agent = "web1", .peer = "192.0.2.1", .source = 1,
		.nonce_agent = nonce, .nonce_server = nonce, .data = "", .len = 0};
	struct adit_auth_req *req;

	begin_gate(answer_one);
	n_late = n_in = 0;
	in.gate = gate;
	for (int i = 0; i < 16; i++)
		auth_begin(w, &conf, &in, on_crowd, &seen, &req);
	is_int(n_checks, 7, "7 of 16 good logins are looked at");
	for (unsigned i = 0; i < n_late; i++)
		adit_auth_finish(late[i], ADIT_ALLOW);
	while (n_in < 16)
		worker_run(w);
	is_int(n_in, 16, "the others when those are in");
	end_gate();
}

/* ---- Grants that are limits ------------------------------------------------------------------ */

static enum adit_verdict
grant(struct adit_auth_req *req)
{
	size_t len;
	const char *data = adit_auth_data(req, &len);

	adit_auth_account(req, "acme");
	adit_auth_grant(req, "max_sessions", "3");
	adit_auth_grant(req, data, data + strlen(data) + 1);
	return ADIT_ALLOW;
}

static enum adit_verdict
login_granted(const char *key, const char *value)
{
	char data[100] = "";
	struct auth_input in = {.method = "m", .agent = "web1", .peer = "192.0.2.1", .source = 1,
		.nonce_agent = nonce, .nonce_server = nonce, .data = data, .len = sizeof(data)};
	struct adit_auth_req *req;

	snprintf(data, sizeof(data), "%s%c%s", key, 0, value);
	memset(&seen, 0, sizeof(seen));
	auth_begin(w, &conf, &in, on_verdict, &seen, &req);
	return seen.verdict;
}

static void
test_grants(void)
{
	begin_conf();
	add("m", grant);
	is_int(login_granted("max_streams", "10"), ADIT_ALLOW, "a grant that is a limit");
	is_int(login_granted("max_streams", "many"), ADIT_FAIL, "that cannot be read refuses");
	is_str(seen.reason, "auth-a: the grant max_streams is no number from 1 to 1000000, but "
			    "\"many\"", "and says so");
	is_int(login_granted("max_tunnels", ""), ADIT_FAIL, "so does an empty one");
	is_int(login_granted("max_sessions", "0"), ADIT_FAIL, "and one that is none");
	is_int(login_granted("max_else", "0"), ADIT_ALLOW, "others are not ours");
}

int
main(void)
{
	w = worker_new_main();
	must(w != NULL);
	auth_set_release(on_release);
	test_methods();
	test_star();
	test_misbehaviour();
	test_names();
	test_deaf();
	test_left();
	test_tries();
	test_too_long();
	test_passed_on();
	test_burst();
	test_turns();
	test_grants();
	worker_join(w);
	return done_testing();
}
