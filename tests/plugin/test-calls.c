/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Plugins that were loaded are called where they say: one at a time on a helper, side by side in
 * the pool, on the worker with its share; and late answers come back. */

#define _GNU_SOURCE 1

#include "tap.h"

#include "folder.h"
#include "login.h"
#include "tunnel/server.h"

static struct module *
make(const char *name, const struct option_value *v, size_t n, enum adit_side side)
{
	struct module *m = NULL;
	struct err e = {.msg = ""};

	put(name);
	if (module_create(dir, name, v, n, side, NULL, 0, &m, &e) < 0)
		diag("%s", e.msg);
	must(m != NULL);
	return m;
}

static void
use(const char *name)
{
	login_modules[0] = make(name, NULL, 0, ADIT_SIDE_SERVER);
	login_setup(1);
	must(modules_worker_init(&login_conf.modules, 0) == 0);
}

static void
drop(void)
{
	modules_worker_fini(&login_conf.modules, 0);
	module_free(login_modules[0]);
}

static void
test_serial(void)
{
	struct login l[32];
	int alone = 0, right = 0;

	use("auth-serial");
	memset(l, 0, sizeof(l));
	for (size_t i = 0; i < ARRAY_LEN(l); i++)
		login_begin(&l[i], "serial", "web1", NULL, 0);
	is_int(logins_open, ARRAY_LEN(l), "a plugin that may block does not stop the worker");
	login_wait();
	for (size_t i = 0; i < ARRAY_LEN(l); i++) {
		right += l[i].verdict == ADIT_ALLOW && strcmp(l[i].account, "serial") == 0;
		alone += l[i].reply_len == 1 && l[i].reply[0] == 1;
	}
	is_int(right, ARRAY_LEN(l), "SERIAL: all are answered");
	is_int(alone, ARRAY_LEN(l), "one at a time");
	memset(l, 0, sizeof(l));
	for (size_t i = 0; i < ARRAY_LEN(l); i++) {
		struct auth_input in = {.method = "serial", .agent = "web1", .peer = "192.0.2.9",
			.source = 99, .nonce_agent = nonce_agent, .nonce_server = nonce_server};

		logins_open++;
		auth_begin(w, &login_conf, &in, on_login, &l[i], &l[i].req);
	}
	login_wait();
	right = 0;
	for (size_t i = 0; i < ARRAY_LEN(l); i++)
		right += l[i].verdict == ADIT_FAIL;
	ok(right > 0 && right < (int)ARRAY_LEN(l), "one address cannot fill the queue (%d of %zu "
						   "refused)", right, ARRAY_LEN(l));
	drop();
}

static void
test_parallel(void)
{
	struct module *agent = make("auth-twostep", NULL, 0, ADIT_SIDE_AGENT);
	struct login a, b;
	uint8_t again[64];

	use("auth-twostep");
	ok(agent->helpers != login_modules[0]->helpers, "PARALLEL: each instance has its pool");
	login_agent(&a, agent, "web1");
	login_agent(&b, agent, "web2");
	login_wait();
	ok(a.verdict == ADIT_ALLOW && a.confirmed, "two logins meet in the plugin, the first");
	ok(b.verdict == ADIT_ALLOW && b.confirmed, "and the second");
	ok(a.challenge_len == 8 && b.challenge_len == 8 &&
			memcmp(a.challenge, b.challenge, 8) != 0,
		"each had its own challenge and state");
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	login_begin(&a, "twostep", "web1", NULL, 0);
	login_agent(&b, agent, "web2");
	while (a.verdict == 0 || b.verdict == 0 || b.verdict == ADIT_CONTINUE)
		worker_run(w);
	is_int(a.verdict, ADIT_CONTINUE, "a challenge");
	memcpy(again, a.challenge, sizeof(again));
	auth_answer(a.req, again, 8);
	login_wait();
	is_int(a.verdict, ADIT_DENY, "that is answered wrongly");
	is_str(a.reason, "auth-twostep: denied", "is denied");
	is_int(b.verdict, ADIT_ALLOW, "beside one that is answered rightly");
	drop();
	module_free(agent);
}

static void
test_later(void)
{
	struct login l[64];
	int right = 0;

	use("auth-later");
	memset(l, 0, sizeof(l));
	for (size_t i = 0; i < ARRAY_LEN(l); i++)
		login_begin(&l[i], "later", "web1", NULL, 0);
	login_wait();
	for (size_t i = 0; i < ARRAY_LEN(l); i++)
		right += l[i].verdict == ADIT_ALLOW && strcmp(l[i].account, "later") == 0;
	is_int(right, ARRAY_LEN(l), "LATER: answers from other threads come back, each once");
	drop();
}

static void
test_sizes(void)
{
	struct login l = {.verdict = 0};

	use("auth-larger");
	login_begin(&l, "larger", "web1", NULL, 0);
	ok(l.verdict == ADIT_ALLOW && strcmp(l.account, "later") == 0, "a newer plugin works");
	drop();
	use("auth-smaller");
	login_begin(&l, "smaller", "web1", NULL, 0);
	ok(l.verdict == ADIT_ALLOW && strcmp(l.account, "earlier") == 0, "an older plugin works");
	drop();
}

static struct module *
make_chain(const char *name, const char *methods)
{
	struct option_value v[] = {{.key = "name", .type = VALUE_STRING, .str = name},
		{.key = "methods", .type = VALUE_STRING, .str = methods}};

	return make("auth-chain", v, methods != NULL ? 2 : 1, ADIT_SIDE_SERVER);
}

static enum adit_verdict
ask(struct login *l, const char *method, const char *agent)
{
	memset(l, 0, sizeof(*l));
	login_begin(l, method, agent, NULL, 0);
	return l->verdict;
}

/* Two instances and their methods. */
static void
test_chain(void)
{
	struct option_value own = {.key = "methods", .type = VALUE_INT, .num = 7};
	struct login l;

	login_modules[0] = make_chain("web1", NULL);
	login_modules[1] = make_chain("web2", "two");
	login_modules[2] = make_chain("web3", "*");
	login_setup(3);
	is_int(ask(&l, "one", "web1"), ADIT_ALLOW, "a plugin names its methods");
	is_str(l.account, "web1.one", "one");
	is_int(ask(&l, "two", "web1"), ADIT_ALLOW, "and the other");
	is_int(ask(&l, "chain", "web1"), ADIT_DENY, "its own name is none of them then");
	is_int(ask(&l, "two", "web2"), ADIT_ALLOW, "NEXT leads to the next instance");
	is_str(l.account, "web2.two", "whose account counts");
	is_int(ask(&l, "one", "web2"), ADIT_DENY, "which takes the method of its option alone");
	is_int(ask(&l, "three", "web3"), ADIT_ALLOW, "or any");
	is_int(ask(&l, "one", "nobody"), ADIT_DENY, "DENY");
	is_int(l.cause, ADIT_CAUSE_UNKNOWN, "with a cause");
	for (size_t i = 0; i < 3; i++)
		module_free(login_modules[i]);
	login_modules[0] = make("auth-own-methods", &own, 1, ADIT_SIDE_SERVER);
	login_setup(1);
	is_int(ask(&l, "own-methods", "web1"), ADIT_ALLOW,
		"an older plugin's own option of that name means what it meant");
	is_int(ask(&l, "other", "web1"), ADIT_DENY, "and its operations end where they ended");
	module_free(login_modules[0]);
}

static void
test_facts(void)
{
	struct module *agent = make("auth-chain", NULL, 0, ADIT_SIDE_AGENT);
	struct login l;

	login_modules[0] = make_chain("web1", "chain");
	login_setup(1);
	login_agent(&l, agent, "web1");
	is_int(l.verdict, 0, "without a fact there is no proof");
	is_str(l.error, "the link says nothing", "which is said");
	facts_set(&login_facts, "key", "value");
	login_agent(&l, agent, "web1");
	is_int(l.verdict, ADIT_ALLOW, "the agent's half sees what its link says");
	facts_fini(&login_facts);
	module_free(login_modules[0]);
	module_free(agent);
}

static void
test_workers(void)
{
	struct option_value v = {.key = "fail_worker", .type = VALUE_BOOL, .num = 1};
	struct login l = {.verdict = 0};

	use("auth-mood");
	ok(login_modules[0]->per_worker[0] != NULL && login_modules[0]->per_worker[1] == NULL,
		"a worker's share is made");
	login_begin(&l, "mood", "web1", NULL, 0);
	is_int(l.verdict, ADIT_ALLOW, "and handed to the calls on it");
	modules_worker_fini(&login_conf.modules, 0);
	ok(login_modules[0]->per_worker[0] == NULL, "and taken away");
	login_modules[1] = make("auth-mood", &v, 1, ADIT_SIDE_SERVER);
	login_setup(2);
	is_int(modules_worker_init(&login_conf.modules, 3), -1, "a share that cannot be made");
	ok(login_modules[0]->per_worker[3] == NULL, "takes away those before it");
	module_free(login_modules[0]);
	module_free(login_modules[1]);
}

int
main(void)
{
	folder_begin();
	test_serial();
	test_parallel();
	test_later();
	test_sizes();
	test_chain();
	test_facts();
	test_workers();
	login_end();
	folder_end();
	return done_testing();
}
