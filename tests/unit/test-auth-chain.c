/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The chain of auth plugins: who is asked about which method and in which order, why a login was
 * denied, and names that are guessed at. All on the worker, at once. */

#define _GNU_SOURCE 1

#include "tap.h"
#include "tunnel/auth.h"

typedef enum adit_verdict check_fn(struct adit_auth_req *req);

static struct worker *w;
static struct server_conf conf;
static struct name_gate *names;
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
		.source = source, .names = names, .nonce_agent = nonce, .nonce_server = nonce,
		.data = data, .len = strlen(data)};
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
	guess(4, 100, "bob0");
	is_int(seen.verdict, ADIT_DENY, "four wrong ones, from four addresses");
	login_from(104, "password", "bob1");
	is_int(seen.verdict, ADIT_FAIL, "from anywhere else not even the right one is looked at");
	is_str(seen.reason, "auth-a: too many logins have failed for this name", "which is said");
	ok(seen.retry_ms > 14000 && seen.retry_ms <= 15000, "with the time that it takes");
	login_from(104, "password", "alice1");
	is_int(seen.verdict, ADIT_ALLOW, "another name is free");
	login_from(1, "password", "bob1");
	is_int(seen.verdict, ADIT_ALLOW, "and the owner is where he always is");
	guess(4, 100, "nobody0");
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
	guess(4, 100, "bob0");
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
	for (uint64_t i = 0; i < 4; i++)
		login_from(100 + i, "password", "carol0");
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

int
main(void)
{
	w = worker_new_main();
	must(w != NULL);
	auth_set_release(on_release);
	test_methods();
	test_star();
	test_names();
	test_deaf();
	test_left();
	worker_join(w);
	return done_testing();
}
