/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* auth-exec with a core of the test's own, and programs that do everything that a program should
 * not: what the manual says happens, happens. The program is this test itself, called with a word;
 * what it does with a question is written in the user's name. Nothing here waits for a time to pass
 * but where the plugin's own time limit is what is tested. */

#include <adit/auth.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "../common/jwt-login.h"
#include "../common/password-login.h"
#include "tap.h"
#include "test-core.h"
#include "test-program.h"

#define SECRET "correct horse \"battery\" \\ staple \xc3\xa9"

/* ---- Helpers --------------------------------------------------------------------------------- */

static char self[PATH_MAX], dir[] = "/tmp/adit-exec-XXXXXX";
static const struct adit_auth_ops *ops;

/* This program by the name of what it does, which is how it is called in the log. */
static const char *
program(const char *what)
{
	static char path[4][PATH_MAX];
	static int next;
	char *p = path[next++ % 4];

	snprintf(p, PATH_MAX, "%s/%s", dir, what);
	must(symlink(self, p) == 0 || errno == EEXIST);
	return p;
}

/* A whole minute is for ever here: what is late then hangs. */
#define USUAL                                                                                      \
	{                                                                                          \
		.command = {program("good"), "good"}, .processes = 1, .timeout = 60000,           \
		.in_flight = 32, .queue = 256                                              \
	}

static void *
new_instance(const struct adit_conf *conf, bool run)
{
	void *inst = NULL;

	conf_wrong[0] = '\0';
	if (adit_plugin.create(conf, &inst) < 0)
		return NULL;
	must(!run || (adit_plugin.worker_init(inst, NULL) == 0 &&
			     adit_plugin.worker_init(inst, NULL) == 0));
	return inst;
}

static struct adit_auth_req *
req_new(const char *method, const void *data, size_t n)
{
	struct adit_auth_req *req = calloc(1, sizeof(*req));

	must(req != NULL && n <= sizeof(req->data));
	req->method = method;
	req->encrypted = true;
	memcpy(req->data, data, n);
	req->n_data = n;
	return req;
}

static void
req_free(struct adit_auth_req *req)
{
	if (req->state_free != NULL)
		req->state_free(req->state);
	free(req);
}

static struct adit_auth_req *
password_req(const char *user, const char *password)
{
	uint8_t msg[PASSWORD_LOGIN_MAX];
	size_t n = password_login_build(user, password, strlen(password), msg);

	must(n > 0);
	return req_new("password", msg, n);
}

/* Begins a login that is decided late. */
static struct adit_auth_req *
begin(void *inst, const char *user)
{
	struct adit_auth_req *req = password_req(user, SECRET);

	must(ops->check(inst, NULL, req) == ADIT_LATER);
	return req;
}

/* The whole login; the reason is compared. */
static void
gives(void *inst, const char *user, enum adit_verdict v, const char *reason, const char *what)
{
	struct adit_auth_req *req = begin(inst, user);

	wait_finished(req);
	ok(req->verdict == v && strcmp(req->reason, reason) == 0 && req->finished == 1,
		"%s: verdict %d, \"%s\"", what, (int)req->verdict, req->reason);
	req_free(req);
}

/* ---- What is good ---------------------------------------------------------------------------- */

static void
test_answers(void)
{
	struct adit_conf conf = USUAL;
	void *inst = new_instance(&conf, true);
	struct adit_auth_req *req = begin(inst, "alice");

	wait_finished(req);
	ok(req->verdict == ADIT_ALLOW, "the right password is let in");
	is_str(req->account, "acme", "with its account");
	is_str(req->agent, "web9", "its agent's name");
	ok(strstr(req->grants, "ports=7-8 ") && strstr(req->grants, "max_tunnels=3 "),
		"its grants, texts and numbers: %s", req->grants);
	is_str(req->reply, "foo", "a reply");
	ok(req->expires == 4000000000, "and its end");
	is_str(req->attempt, "alice", "the name was counted before");
	req_free(req);

	req = password_req("alice", "wrong");
	must(ops->check(inst, NULL, req) == ADIT_LATER);
	wait_finished(req);
	ok(req->verdict == ADIT_DENY && req->cause == ADIT_CAUSE_WRONG, "the wrong one is not");
	is_str(req->reason, "no", "for the program's reason");
	req_free(req);

	gives(inst, "next", ADIT_NEXT, "", "next");
	gives(inst, "fail", ADIT_FAIL, "", "fail");
	gives(inst, "blank", ADIT_DENY, "after blank lines", "lines that are empty are skipped");
	gives(inst, "past", ADIT_DENY, "the program's answer: expires is past",
		"an end that is past");
	adit_plugin.destroy(inst);
}

static void
test_order(void)
{
	struct adit_conf conf = USUAL;
	void *inst = new_instance(&conf, true);
	struct adit_auth_req *a = begin(inst, "hold"), *b = begin(inst, "hold"),
			     *c = begin(inst, "release");

	wait_finished(c);
	wait_finished(b);
	wait_finished(a);
	is_str(c->reason, "released 2", "a process has several questions at a time");
	ok(a->verdict == ADIT_ALLOW && b->verdict == ADIT_ALLOW, "and answers in any order");
	req_free(a);
	req_free(b);
	req_free(c);
	adit_plugin.destroy(inst);
}

static void
test_jwt(void)
{
	struct adit_conf conf = USUAL;
	void *inst = new_instance(&conf, true);
	unsigned char part[ADIT_AUTH_DATA_MAX];
	char token[5001];
	struct adit_auth_req *req;

	memset(token, 't', 5000);
	token[5000] = '\0';
	req = req_new("jwt", part, jwt_login_part(token, 5000, 0, part));
	for (unsigned step = 0; step < 3; step++) {
		enum adit_verdict v;

		req->step = step;
		req->n_data = jwt_login_part(token, 5000, step, part);
		memcpy(req->data, part, req->n_data);
		v = ops->check(inst, NULL, req);
		ok(v == (step < 2 ? ADIT_CONTINUE : ADIT_LATER), "part %u of a token", step);
	}
	wait_finished(req);
	ok(req->verdict == ADIT_DENY && strcmp(req->reason, "5000") == 0,
		"the program gets it in one piece: %s", req->reason);
	req_free(req);
	adit_plugin.destroy(inst);
}

static void
test_steps(void)
{
	struct adit_conf conf = USUAL;
	struct adit_auth_req *req;
	char first[256];
	void *inst;

	conf.processes = 4;
	inst = new_instance(&conf, true);
	for (int i = 0; i < 8; i++) {
		req = req_new("mine", "foo", 3);
		must(ops->check(inst, NULL, req) == ADIT_LATER);
		wait_finished(req);
		must(req->verdict == ADIT_CONTINUE);
		snprintf(first, sizeof(first), "%s", req->reason);
		if (i == 0)
			is_str(req->challenge, "+foo", "the program asks for more");
		req->finished = 0;
		req->step = 1;
		memcpy(req->data, "bar", 3);
		must(ops->check(inst, NULL, req) == ADIT_LATER);
		wait_finished(req);
		ok(req->verdict == ADIT_ALLOW && strcmp(req->reason, first) == 0,
			"and the same process gets the answer, as the same login: %s", first);
		req_free(req);
	}
	gives(inst, "more", ADIT_FAIL, "the program's answer: this method has no further steps",
		"a method of ours has no more steps than it has");

	req = req_new("mine", "foo", 3);
	must(ops->check(inst, NULL, req) == ADIT_LATER);
	wait_finished(req);
	kill(atoi(strchr(req->reason, ' ') + 1), SIGKILL);
	ok(wait_logged("closed its output: ended (signal 9)", 1), "a process is killed");
	req->finished = 0;
	req->step = 1;
	must(ops->check(inst, NULL, req) == ADIT_LATER);
	wait_finished(req);
	ok(req->verdict == ADIT_FAIL && strcmp(req->reason, "the program does not run") == 0,
		"a login that it had begun cannot go on: %s", req->reason);
	req_free(req);
	adit_plugin.destroy(inst);
}

/* What is not asked at all. */
static void
test_refused(void)
{
	struct adit_conf conf = USUAL;
	void *inst = new_instance(&conf, false);
	struct adit_auth_req *req = password_req("alice", SECRET);

	req->encrypted = false;
	ok(ops->check(inst, NULL, req) == ADIT_DENY && req->cause == ADIT_CAUSE_UNENCRYPTED,
		"a password over a link that is not encrypted: %s", req->reason);
	req_free(req);
	req = req_new("jwt", "\0a.b.c", 6);
	req->encrypted = false;
	ok(ops->check(inst, NULL, req) == ADIT_DENY && req->cause == ADIT_CAUSE_UNENCRYPTED,
		"a token likewise: %s", req->reason);
	req_free(req);
	req = req_new("password", "\x05" "al", 3);
	ok(ops->check(inst, NULL, req) == ADIT_DENY && req->cause == ADIT_CAUSE_MALFORMED,
		"no message of the method: %s", req->reason);
	req_free(req);
	req = req_new("password", "\x01" "a\xff\xfe", 4);
	ok(ops->check(inst, NULL, req) == ADIT_DENY && req->cause == ADIT_CAUSE_MALFORMED,
		"no UTF-8: %s", req->reason);
	req_free(req);
	req = req_new("jwt", "\0a\0b", 4);
	ok(ops->check(inst, NULL, req) == ADIT_DENY && req->cause == ADIT_CAUSE_MALFORMED,
		"no token: %s", req->reason);
	req_free(req);
	req = password_req("alice", SECRET);
	req->throttled = true;
	ok(ops->check(inst, NULL, req) == ADIT_FAIL, "a name for which too many have failed");
	req_free(req);
	adit_plugin.destroy(inst);
}

/* ---- What is not ----------------------------------------------------------------------------- */

/* The process that is asked this is ended, and what else it was asked fails. The next one works. */
static void
is_ended(const char *user, const char *log)
{
	struct adit_conf conf = USUAL;
	void *inst = new_instance(&conf, true);
	struct adit_auth_req *held_one, *req;

	log_forget();
	held_one = begin(inst, "hold");
	req = begin(inst, user);
	wait_finished(held_one);
	ok(held_one->verdict == ADIT_FAIL && strcmp(held_one->reason, "the program has ended") == 0,
		"%s: what the process was asked before fails", user);
	wait_finished(req);
	ok(req->verdict == ADIT_FAIL && req->finished == 1, "and so does this: %s", req->reason);
	ok(wait_logged(log, 1), "the log says why: %s", log);
	req_free(held_one);
	req_free(req);
	gives(inst, "stray", ADIT_DENY, "after a stray", "it is started again");
	adit_plugin.destroy(inst);
}

static void
test_ended(void)
{
	is_ended("garbage", "good wrote what is no answer: it is no JSON from byte 5 on: ended");
	is_ended("noid", "good wrote what is no answer: there is no id that is a string: ended");
	is_ended("long", "good wrote a line of more than 65536 bytes: ended");
	is_ended("close", "good closed its output: ended (signal 9)");
	is_ended("exit", "good closed its output: ended (exit status 3), 2 questions unanswered");
	is_ended("crash", "good closed its output: ended (signal 9)");
	is_ended("strays", "good gave 101 answers that nobody had asked for: ended");
}

static void
test_odd(void)
{
	struct adit_conf conf = USUAL;
	void *inst = new_instance(&conf, true);
	struct adit_auth_req *req;

	log_forget();
	gives(inst, "wrong", ADIT_FAIL, "the program's answer: account is not a string",
		"a member of a wrong type");
	gives(inst, "noname", ADIT_FAIL, "the program's answer: no name of an account",
		"an account that is no name");
	gives(inst, "twice", ADIT_DENY, "first", "of two answers the first counts");
	gives(inst, "stray", ADIT_DENY, "after a stray", "answers to nothing are ignored");
	ok(logged("ignored") >= 1, "which is logged");
	gives(inst, "noise", ADIT_DENY, "was noisy", "noise on standard error is no answer");
	ok(wait_logged("good says: noise\\x1b[31m 0\n", 1), "it is logged, escaped");
	ok(logged("good says: noise") < 100, "but not all of it: %d lines",
		logged("good says: noise"));
	ok(logged("closed") == 0 && logged("ended") == 0, "nothing of that ends it");

	gives(inst, "closein", ADIT_DENY, "in is closed", "it closes its input");
	req = begin(inst, "alice");
	wait_finished(req);
	ok(req->verdict == ADIT_FAIL && wait_logged("good does not listen: Broken pipe", 1),
		"which is seen with the next question: %s", req->reason);
	req_free(req);
	gives(inst, "stray", ADIT_DENY, "after a stray", "it is started again");

	adit_plugin.destroy(inst);
	log_forget();
	inst = new_instance(&conf, true);
	req = begin(inst, "exit");
	wait_finished(req);
	ok(wait_logged("good says: these are my last words\n", 1), "last words are logged");
	req_free(req);
	adit_plugin.destroy(inst);
}

static void
test_cancel(void)
{
	struct adit_conf conf = USUAL;
	void *inst = new_instance(&conf, true);
	struct adit_auth_req *req = begin(inst, "hold");

	log_forget();
	gives(inst, "blank", ADIT_DENY, "after blank lines", "what follows is answered");
	ops->cancel(inst, NULL, req);
	ok(req->finished == 1 && req->verdict == ADIT_FAIL,
		"a login that is cancelled has its end");
	ops->cancel(inst, NULL, req);
	is_int(req->finished, 1, "once");
	req_free(req);
	gives(inst, "release", ADIT_DENY, "released 1", "the program does not hear of that");
	ok(wait_logged("good answered when nobody waited any more", 1), "its answer is dropped");
	adit_plugin.destroy(inst);
}

/* Logins that are given up while their answers come: each has one end, and no answer is lost. */
static void
test_race(void)
{
	struct adit_conf conf = USUAL;
	struct adit_auth_req *req[400];
	int once = 0, answered = 0;
	void *inst;

	conf.processes = 3;
	conf.queue = 4096;
	inst = new_instance(&conf, true);
	for (int i = 0; i < 400; i++) {
		req[i] = begin(inst, "blank");
		if (i % 4 == 3) /* the one before has had some time */
			ops->cancel(inst, NULL, req[i - 1]);
		if (i % 8 == 7)
			ops->cancel(inst, NULL, req[i]);
	}
	for (int i = 0; i < 400; i++) {
		wait_finished(req[i]);
		answered += req[i]->verdict == ADIT_DENY;
	}
	adit_plugin.destroy(inst);
	for (int i = 0; i < 400; i++) {
		once += req[i]->finished == 1;
		req_free(req[i]);
	}
	is_int(once, 400, "each login ends once");
	ok(answered >= 250, "those that were not given up with their answers: %d", answered);
}

/* ---- Bounds ---------------------------------------------------------------------------------- */

static void
test_queue(void)
{
	struct adit_conf conf = USUAL;
	struct adit_auth_req *a, *b, *c;
	void *inst;

	conf.queue = 2;
	inst = new_instance(&conf, false); /* nobody takes anything out */
	a = begin(inst, "alice");
	b = begin(inst, "alice");
	c = password_req("alice", SECRET);
	ok(ops->check(inst, NULL, c) == ADIT_FAIL, "more than the queue holds is refused at once");
	is_str(c->reason, "too many logins wait for the program", "and told so");
	ops->cancel(inst, NULL, a);
	is_int(a->finished, 1, "one that waits can be cancelled");
	ok(ops->check(inst, NULL, c) == ADIT_LATER, "which makes room");
	ops->cancel(inst, NULL, b);
	ops->cancel(inst, NULL, c);
	ok(b->finished == 1 && c->finished == 1, "all have their end");
	req_free(a);
	req_free(b);
	req_free(c);
	adit_plugin.destroy(inst);
}

static void
test_in_flight(void)
{
	struct adit_conf conf = USUAL;
	struct adit_auth_req *hold[3], *req;
	void *inst;

	conf.in_flight = 4;
	inst = new_instance(&conf, true);
	for (int i = 0; i < 3; i++)
		hold[i] = begin(inst, "hold");
	gives(inst, "blank", ADIT_DENY, "after blank lines", "the fourth is asked");
	for (int i = 0; i < 3; i++) {
		ops->cancel(inst, NULL, hold[i]);
		req_free(hold[i]);
	}
	req = begin(inst, "release");
	wait_finished(req);
	is_str(req->reason, "released 3", "what is given up counts until it is answered");
	req_free(req);
	adit_plugin.destroy(inst);
}

/* One that reads nothing: every login ends in time, and the process is replaced. */
static void
test_deaf(void)
{
	struct adit_conf conf = {.command = {program("deaf"), "deaf"}, .processes = 1,
		.timeout = 100, .in_flight = 1024, .queue = 4096};
	struct adit_auth_req *req[300];
	void *inst;
	char password[1001];
	int failed = 0;

	log_forget();
	inst = new_instance(&conf, true);
	memset(password, 'p', 1000);
	password[1000] = '\0';
	for (int i = 0; i < 300; i++) {
		req[i] = password_req("alice", password);
		must(ops->check(inst, NULL, req[i]) == ADIT_LATER);
	}
	for (int i = 0; i < 300; i++) {
		wait_finished(req[i]);
		failed += req[i]->verdict == ADIT_FAIL && req[i]->finished == 1;
		req_free(req[i]);
	}
	is_int(failed, 300, "more than a pipe holds: all logins fail in time");
	/* A slow machine: none was asked before its time was over. */
	while (logged("deaf has not answered for ") == 0) {
		req[0] = begin(inst, "alice");
		wait_finished(req[0]);
		req_free(req[0]);
	}
	ok(true, "the process is ended");
	ok(wait_logged("deaf started as process", 2), "and another one started");
	adit_plugin.destroy(inst);
}

static void
test_silent(void)
{
	struct adit_conf conf = USUAL;
	struct adit_auth_req *req[2];
	void *inst;

	conf.timeout = 100;
	conf.in_flight = 2;
	log_forget();
	inst = new_instance(&conf, true);
	ok(wait_logged("good started as process", 1), "it runs");
	for (int i = 0; i < 2; i++)
		req[i] = begin(inst, "hold");
	for (int i = 0; i < 2; i++) {
		wait_finished(req[i]);
		ok(req[i]->verdict == ADIT_FAIL && strstr(req[i]->reason, "time") != NULL,
			"no answer in time: %s", req[i]->reason);
		req_free(req[i]);
	}
	while (logged(" questions unanswered") == 0) { /* one was late already when it was asked */
		req[0] = begin(inst, "hold");
		wait_finished(req[0]);
		req_free(req[0]);
	}
	ok(true, "which ends it: it owes all that it may owe");
	adit_plugin.destroy(inst);
}

/* ---- Starting and stopping ------------------------------------------------------------------- */

static void
test_absent(void)
{
	struct adit_conf conf = USUAL;
	struct adit_auth_req *req;
	char path[PATH_MAX];
	void *inst;
	FILE *f;

	snprintf(path, sizeof(path), "%s/prog", dir);
	f = fopen(path, "w");
	must(f != NULL && fputs("#!/no/such/interpreter\n", f) > 0 && fclose(f) == 0 &&
		chmod(path, 0700) == 0);
	conf.command[0] = path;
	conf.timeout = 100;
	log_forget();
	inst = new_instance(&conf, true);
	req = begin(inst, "alice");
	wait_finished(req);
	ok(req->verdict == ADIT_FAIL, "a program that cannot be started: %s", req->reason);
	req_free(req);
	ok(wait_logged("prog cannot be started: No such file or directory; tried again", 1),
		"the log says why");
	req = begin(inst, "alice");
	wait_finished(req);
	ok(req->verdict == ADIT_FAIL && logged("cannot be started") == 1, "once");
	req_free(req);
	adit_plugin.destroy(inst);

	must(chmod(path, 0777) == 0);
	ok(new_instance(&conf, false) == NULL && strstr(conf_wrong, "mode 0777"), "refused: %s",
		conf_wrong);
	conf.command[0] = "prog";
	ok(new_instance(&conf, false) == NULL && strstr(conf_wrong, "absolute path"), "refused: %s",
		conf_wrong);
	conf.command[0] = NULL;
	ok(new_instance(&conf, false) == NULL && strstr(conf_wrong, "absolute path"), "refused: %s",
		conf_wrong);
	conf.command[0] = "/no/such/program";
	ok(new_instance(&conf, false) == NULL && strstr(conf_wrong, "No such file"), "refused: %s",
		conf_wrong);
}

static pid_t
started_pid(const char *name)
{
	char mark[64];

	snprintf(mark, sizeof(mark), "%s started as process ", name);
	must(wait_logged(mark, 1));
	return log_number(mark);
}

static void
test_stop(void)
{
	struct adit_conf conf = {.command = {program("stubborn"), "stubborn"}, .processes = 1,
		.timeout = 60000, .in_flight = 1, .queue = 1};
	void *inst;
	pid_t pid;

	log_forget();
	inst = new_instance(&conf, true);
	pid = started_pid("stubborn");
	must(pid > 0 && kill(pid, 0) == 0);
	adit_plugin.destroy(inst);
	ok(kill(pid, 0) < 0 && errno == ESRCH, "one that does not want to end is ended");

	log_forget();
	conf.command[0] = program("polite");
	conf.command[1] = "polite";
	inst = new_instance(&conf, true);
	pid = started_pid("polite");
	adit_plugin.destroy(inst);
	ok(kill(pid, 0) < 0 && errno == ESRCH, "one that does ends by itself");
	is_int(logged("polite says: good bye"), 1, "and can say so");
	ok(logged("ended") == 0, "without a warning");

	inst = new_instance(&conf, false);
	adit_plugin.destroy(inst);
	ok(true, "one that was never started has nothing to end");
}

static void
test_several(void)
{
	struct adit_conf conf = USUAL;
	struct adit_auth_req *hold[3], *req;
	void *inst;

	log_forget();
	conf.processes = 3;
	inst = new_instance(&conf, true);
	ok(wait_logged("started as process", 3), "three processes");
	for (int i = 0; i < 3; i++) {
		hold[i] = begin(inst, "hold");
	}
	req = begin(inst, "release"); /* to any of them: each has one */
	wait_finished(req);
	is_str(req->reason, "released 1", "questions go to the one with the least to do");
	req_free(req);
	for (int i = 0; i < 3; i++) {
		ops->cancel(inst, NULL, hold[i]);
		must(hold[i]->finished == 1);
		req_free(hold[i]);
	}
	adit_plugin.destroy(inst);
}

/* ---- Secrets --------------------------------------------------------------------------------- */

static void
test_log(void)
{
	struct adit_conf conf = USUAL;
	void *inst;

	log_forget();
	inst = new_instance(&conf, true);
	gives(inst, "garbage", ADIT_FAIL, "the program has ended", "garbage");
	adit_plugin.destroy(inst);
	is_int(logged("horse"), 0, "no password is in the log");
}

static int
open_descriptors(void)
{
	int n = 0;

	for (int i = 0; i < 1024; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

int
main(int argc, char *argv[])
{
	char command[64];
	int before;

	if (argc > 1)
		return be_program(argv[1]);
	must(realpath("/proc/self/exe", self) != NULL && mkdtemp(dir) != NULL);
	signal(SIGPIPE, SIG_DFL); /* nothing may depend on who has this thread */
	ops = adit_plugin.ops;
	before = open_descriptors();
	test_answers();
	test_order();
	test_jwt();
	test_steps();
	test_refused();
	test_ended();
	test_odd();
	test_cancel();
	test_race();
	test_queue();
	test_in_flight();
	test_deaf();
	test_silent();
	test_absent();
	test_stop();
	test_several();
	test_log();
	is_int(open_descriptors(), before, "all descriptors are back");
	log_free();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	must(system(command) == 0);
	return done_testing();
}
