/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins that are good for a time: what a plugin says of it, and what comes of it. */

#define _GNU_SOURCE 1

#include <time.h>

#include "post.h"
#include "tap.h"
#include "tunnel/auth.h"

#define YEAR ((int64_t)366 * 86400)

static struct worker *w;
static struct server_conf conf;

/* What the plugin does, and what a test sees. */
static struct {
	int64_t first, second; /* seconds from now on; 0: not said */
	int first_rc, second_rc;
	bool next, renewal;
	enum adit_verdict verdict;
	int64_t left_ms; /* -1: for ever */
	char reason[256];
} seen;

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	const bool *other = inst;

	(void)worker;
	seen.renewal = adit_auth_renewal(req);
	must(adit_auth_account(req, "acme") == 0);
	if (*other)
		return ADIT_ALLOW;
	if (seen.first != 0)
		seen.first_rc = adit_auth_expires(req, time(NULL) + seen.first);
	if (seen.second != 0)
		seen.second_rc = adit_auth_expires(req, time(NULL) + seen.second);
	return seen.next ? ADIT_NEXT : ADIT_ALLOW;
}

static void
on_verdict(void *owner, struct adit_auth_req *req, enum adit_verdict verdict)
{
	must(owner == &seen);
	seen.verdict = verdict;
	seen.left_ms = req->expires.ns == MONO_NEVER.ns ? -1 : mono_diff_ms(req->expires, w->now);
	snprintf(seen.reason, sizeof(seen.reason), "%s", req->reason);
}

static void
login(int64_t first, int64_t second, bool next, bool renewal)
{
	static const uint8_t nonce[ADIT_NONCE_SIZE];
	const struct auth_input in = {.method = "m", .agent = "web1", .peer = "192.0.2.1",
		.renewal = renewal, .nonce_agent = nonce, .nonce_server = nonce, .data = "", .len = 0};
	struct adit_auth_req *req;

	memset(&seen, 0, sizeof(seen));
	seen.first = first;
	seen.second = second;
	seen.next = next;
	w->now = mono_now(); /* as at the begin of a turn */
	auth_begin(w, &conf, &in, on_verdict, &seen, &req);
}

static void
test_expires(void)
{
	login(0, 0, false, false);
	ok(seen.verdict == ADIT_ALLOW && seen.left_ms == -1, "a login is good for ever");
	ok(!seen.renewal, "it makes a session");
	login(1000, 0, false, true);
	ok(seen.first_rc == 0 && seen.verdict == ADIT_ALLOW, "or for a time");
	ok(seen.left_ms > 900000 && seen.left_ms <= 1000000, "in milliseconds: %lld",
		(long long)seen.left_ms);
	ok(seen.renewal, "a plugin can tell that one renews a session");
	login(1000, 5000, false, false);
	ok(seen.left_ms > 4900000, "the last word counts");
	login(5000, 200 * YEAR, false, false);
	ok(seen.second_rc == 0 && seen.left_ms == -1, "centuries are for ever");
	login(1000, INT64_MAX - time(NULL), false, false);
	ok(seen.second_rc == 0 && seen.left_ms == -1, "and so is all that there is");
	login(99 * YEAR, 0, false, false);
	ok(seen.left_ms > 98 * YEAR * 1000, "one is not");
}

static void
test_past(void)
{
	login(-1, 0, false, false);
	is_int(seen.first_rc, -1, "what is past cannot be said");
	is_int(seen.verdict, ADIT_DENY, "and whoever allows it nevertheless denies");
	ok(strstr(seen.reason, "has expired") != NULL, "the log says so: %s", seen.reason);
	login(INT64_MIN / 2, 0, false, false);
	ok(seen.first_rc == -1 && seen.verdict == ADIT_DENY, "however long ago it was");
	login(-1, 1000, false, false);
	ok(seen.second_rc == 0 && seen.verdict == ADIT_ALLOW, "the last word counts here, too");
	login(-1, 0, true, false);
	ok(seen.verdict == ADIT_ALLOW && seen.left_ms == -1, "what one plugin says is not the next's");
}

static void
on_release(struct worker *from, struct server_conf *c)
{
	(void)from;
	server_conf_unref(c);
}

int
main(void)
{
	static struct adit_plugin desc = {.name = "auth-m"};
	static const bool other[2] = {false, true};
	static struct module mods[2], *list[2] = {&mods[0], &mods[1]};

	for (size_t i = 0; i < 2; i++) {
		mods[i].plugin = &desc;
		mods[i].inst = (void *)(uintptr_t)&other[i];
		mods[i].short_name = "m";
		mods[i].methods = (char *)(uintptr_t)"m";
		mods[i].auth.check = check;
	}
	atomic_init(&conf.refs, 1);
	conf.modules.auth = list;
	conf.modules.n_auth = 2;
	auth_set_release(on_release);
	w = worker_new_main();
	must(w != NULL);
	test_expires();
	test_past();
	worker_join(w);
	return done_testing();
}
