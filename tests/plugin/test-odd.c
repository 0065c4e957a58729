/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What adit-plugin(3) says of plugins that block, never return, never answer or answer twice, in
 * each run mode. The plugin waits at FIFOs, so that the test knows where it is. */

#define _GNU_SOURCE 1

#include "tap.h"

#include "folder.h"
#include "post.h" /* before a global w */
#include "login.h"
#include "tunnel/server.h"

static const char *const modes[] = {"serial", "parallel", "loop"};

static struct module *
make(const char *mode)
{
	struct option_value v = {.key = "gates", .type = VALUE_STRING, .str = top};
	struct module *m = NULL;
	struct err e = {.msg = ""};
	char name[32];

	snprintf(name, sizeof(name), "auth-odd-%s", mode);
	put(name);
	if (module_create(dir, name, &v, 1, ADIT_SIDE_SERVER, NULL, 0, &m, &e) < 0)
		diag("%s", e.msg);
	must(m != NULL);
	return m;
}

static void
use(const char *mode)
{
	login_modules[0] = make(mode);
	login_setup(1);
}

/* A login from an address of its own, or of source. */
static void
say(struct login *l, const char *agent, const char *word, uint64_t source)
{
	struct auth_input in = {.method = login_modules[0]->short_name, .agent = agent,
		.peer = "192.0.2.1", .source = source, .nonce_agent = nonce_agent,
		.nonce_server = nonce_server, .data = word, .len = strlen(word)};

	memset(l, 0, sizeof(*l));
	logins_open++;
	auth_begin(w, &login_conf, &in, on_login, l, &l->req);
}

/* The session gives up. */
static void
leave(struct login *l)
{
	auth_cancel(l->req);
	logins_open--;
}

static const char *
gate_path(const char *agent)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", top, agent);
	return path;
}

static void
gate_make(const char *agent)
{
	must(mkfifo(gate_path(agent), 0600) == 0);
}

/* Comes back when the plugin stands there. */
static int
gate_meet(const char *agent)
{
	int fd = open(gate_path(agent), O_WRONLY | O_CLOEXEC);

	must(fd >= 0);
	return fd;
}

static void
gate_open(int fd, const char *agent)
{
	must(write(fd, "x", 1) == 1);
	close(fd);
	must(unlink(gate_path(agent)) == 0);
}

/* Whatever is on its way to the worker has arrived. */
static void
run_what_is_due(void)
{
	post_call(w, stop_worker, w);
	worker_run(w);
}

/* Until every login has been answered, those that were given up too. */
static void
drop(void)
{
	while (atomic_load(&login_conf.refs) > 1)
		run_what_is_due();
	module_free(login_modules[0]);
}

/* ---- Verdicts -------------------------------------------------------------------------------- */

static void
test_verdicts(const char *mode)
{
	static const struct {
		const char *word;
		enum adit_verdict v;
		const char *reason;
	} all[] = {
		{"allow", ADIT_ALLOW, ""},
		{"later", ADIT_ALLOW, ""},
		{"early", ADIT_ALLOW, ""},
		{"other", ADIT_DENY, ": denied"},
		{"both", ADIT_DENY, ": denied"},
		{"nonsense", ADIT_FAIL, ": gave a verdict that is none"},
	};
	struct login l;

	use(mode);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		say(&l, "web1", all[i].word, 1);
		login_wait();
		ok(l.verdict == all[i].v && strstr(l.reason, all[i].reason) != NULL, "%s: %s",
			mode, all[i].word);
	}
	drop();
}

static void
test_twice(const char *mode)
{
	struct login l, next[8];
	unsigned denied = 0;
	int gate;

	use(mode);
	gate_make("web1");
	gate_make("twice");
	say(&l, "web1", "twice", 1);
	login_wait();
	is_int(l.verdict, ADIT_ALLOW, "of two answers the first counts");
	for (size_t i = 0; i < ARRAY_LEN(next); i++)
		say(&next[i], "web2", "given-up", i + 2);
	gate = gate_meet("web1");
	gate_open(gate, "web1");
	gate = gate_meet("twice"); /* the second answer has been given */
	run_what_is_due();
	for (size_t i = 0; i < ARRAY_LEN(next); i++) {
		denied += next[i].verdict != 0;
		if (next[i].verdict == 0)
			leave(&next[i]);
	}
	is_int(denied, 0, "and the second meets no other login");
	gate_open(gate, "twice");
	drop();
}

/* ---- Queues ---------------------------------------------------------------------------------- */

#define SERIAL_QUEUE 64
#define SERIAL_PER_SOURCE 4
#define POOL_QUEUE 256
#define POOL_PER_SOURCE 8
#define POOL_THREADS 4
#define OWED 1024

static struct login all[OWED + 16];

/* How many of n logins, each of its own source or all of one, are refused at once. */
static unsigned
queue(size_t from, size_t n, uint64_t source)
{
	unsigned refused = 0;

	for (size_t i = from; i < from + n; i++) {
		say(&all[i], "web1", "allow", source != 0 ? source : i + 1000);
		refused += all[i].verdict == ADIT_FAIL &&
			   strstr(all[i].reason, ": too many logins wait for it") != NULL;
	}
	return refused;
}

static unsigned
allowed(size_t n)
{
	unsigned count = 0;

	for (size_t i = 0; i < n; i++)
		count += all[i].verdict == ADIT_ALLOW;
	return count;
}

static void
test_queue(const char *mode, size_t threads, size_t room, size_t per_source)
{
	struct login held[POOL_THREADS];
	int gate[POOL_THREADS];
	char name[32];
	size_t n = per_source;

	use(mode);
	for (size_t i = 0; i < threads; i++) {
		snprintf(name, sizeof(name), "held%zu", i);
		gate_make(name);
		say(&held[i], name, "block", i + 1);
		gate[i] = gate_meet(name);
	}
	ok(true, "%s: calls block, and the worker goes on", mode);
	is_int(queue(0, n, 500), 0, "one address may have a few logins in the queue");
	is_int(queue(n, 1, 500), 1, "and no more: the next is refused at once, as busy");
	is_int(queue(n, room - n, 0), 0, "others have the rest of the queue");
	is_int(queue(room, 3, 0), 3, "when that is full everybody is refused");
	for (size_t i = 0; i < threads; i++) {
		snprintf(name, sizeof(name), "held%zu", i);
		gate_open(gate[i], name);
	}
	login_wait();
	for (size_t i = 0; i < threads; i++)
		n += held[i].verdict == ADIT_ALLOW;
	is_int((intmax_t)n, (intmax_t)(per_source + threads), "who blocked is allowed when the call returns");
	is_int(allowed(room), (int)room, "who waited is answered when the calls return");
	drop();
}

static void
test_owed(void)
{
	unsigned open = 0;

	use("loop");
	for (size_t i = 0; i < OWED; i++) {
		say(&all[i], "web1", "given-up", i + 1);
		open += all[i].verdict == 0;
	}
	is_int(open, OWED, "logins can wait for late answers");
	say(&all[OWED], "web1", "allow", 1);
	ok(all[OWED].verdict == ADIT_FAIL &&
			strstr(all[OWED].reason, "too many logins wait for its answers") != NULL,
		"but no more than there may: the next is refused at once, as busy");
	for (size_t i = 0; i < OWED; i++)
		leave(&all[i]);
	say(&all[0], "web1", "allow", 1);
	login_wait();
	is_int(all[0].verdict, ADIT_ALLOW, "answers that come make room");
	drop();
}

/* ---- Calls that never return ----------------------------------------------------------------- */

static void
test_never(void)
{
	struct module *stuck;
	struct login l, other;
	int gate;

	use("serial");
	gate_make("web1");
	say(&l, "web1", "never", 1);
	gate = gate_meet("web1");
	gate_open(gate, "web1");
	say(&other, "web2", "allow", 2);
	leave(&l);
	leave(&other);
	stuck = login_modules[0];
	login_modules[0] = make("serial"); /* as a reload does */
	say(&other, "web2", "allow", 2);
	login_wait();
	is_int(other.verdict, ADIT_ALLOW, "a call that never returns holds up no new instance");
	module_free(login_modules[0]);
	module_free(stuck);
	ok(true, "nor does it hold up the end of its own");
	run_what_is_due();
	is_int(atomic_load(&login_conf.refs), 2, "its login keeps its configuration");
}

int
main(void)
{
	folder_begin();
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		test_verdicts(modes[i]);
		test_twice(modes[i]);
	}
	test_queue("serial", 1, SERIAL_QUEUE, SERIAL_PER_SOURCE);
	test_queue("parallel", POOL_THREADS, POOL_QUEUE, POOL_PER_SOURCE);
	test_owed();
	test_never();
	login_end();
	folder_end();
	return done_testing();
}
