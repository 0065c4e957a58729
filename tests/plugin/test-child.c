/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Programs that plugins start (plugins/common/child): what they inherit, how they end, what is said
 * when they cannot be started. The program is mostly this one, called with a word. */

#define _GNU_SOURCE 1

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../plugins/common/child.h"
#include "tap.h"
#include "util/compiler.h"

extern char **environ;

static char self[PATH_MAX], dir[] = "/tmp/adit-child-XXXXXX", why[512];

/* ---- Inside the child ------------------------------------------------------------------------ */

static void
tell_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			printf("fd %s\n", e->d_name);
	if (d != NULL)
		closedir(d);
}

static void
tell_signals(void)
{
	struct sigaction sa;
	sigset_t mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int s = 1; s < 32; s++) {
		if (sigismember(&mask, s) == 1)
			printf("blocked %d\n", s);
		if (sigaction(s, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			printf("ignored %d\n", s);
	}
}

static int
be_child(char *argv[])
{
	const char *what = argv[1];

	if (strcmp(what, "tell") == 0) {
		tell_descriptors();
		tell_signals();
		for (char **e = environ; *e != NULL; e++)
			printf("env %.*s\n", (int)strcspn(*e, "="), *e);
		for (char **a = argv; *a != NULL; a++)
			printf("arg %s\n", *a);
		printf("leader %d\n", getpgrp() == getpid());
	} else if (strcmp(what, "deaf") == 0) { /* to all that can be ignored */
		signal(SIGTERM, SIG_IGN);
		printf("ready\n");
		fflush(stdout);
		for (;;)
			pause();
	} else if (strcmp(what, "stay") == 0) { /* until SIGTERM */
		printf("ready\n");
		fflush(stdout);
		for (;;)
			pause();
	} else if (strcmp(what, "parent") == 0) { /* leaves somebody behind who has its output */
		if (fork() == 0)
			for (;;)
				pause();
		printf("ready\n");
	} else if (strcmp(what, "fail") == 0) {
		fprintf(stderr, "no \033luck\nsecond line\n");
		return 3;
	} else if (strcmp(what, "flood") == 0) {
		for (int i = 0; i < 100000; i++)
			printf("0123456789\n");
	}
	return 0;
}

/* ---- Helpers --------------------------------------------------------------------------------- */

/* All that comes until the end, at most what fits. */
static char *
read_all(int fd, char *buf, size_t cap)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t n = 0;
	ssize_t got = 1;

	while (got != 0 && n + 1 < cap && poll(&p, 1, 60000) > 0) {
		got = read(fd, buf + n, cap - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	buf[n] = '\0';
	return buf;
}

static void
wait_ready(const struct child *c)
{
	struct pollfd p = {.fd = c->out, .events = POLLIN};
	char buf[16];

	must(poll(&p, 1, 60000) == 1 && read(c->out, buf, sizeof(buf)) > 0);
}

static void
start(struct child *c, const char *word)
{
	const char *const argv[] = {"the-child", word, NULL};

	why[0] = '\0';
	if (child_start(c, self, argv, why, sizeof(why)) < 0)
		diag("%s", why);
}

static int
run(const char *word, const char *input, size_t max, int timeout_ms, char **out_r, size_t *len_r)
{
	const char *const argv[] = {"the-child", word, NULL};
	struct child_run r = {.path = self, .argv = argv, .input = input,
		.n_input = strlen(input), .max = max, .timeout_ms = timeout_ms};

	return child_run(&r, out_r, len_r, why, sizeof(why));
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void
test_inherits(void)
{
	int open_one = open("/dev/null", O_RDONLY), high = fcntl(open_one, F_DUPFD, 200);
	sigset_t all, before;
	struct child c;
	char said[4096];

	must(high >= 200); /* neither is close-on-exec */
	setenv("ADIT_SECRET_TOKEN", "adit_tok_secret", 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	start(&c, "tell");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	read_all(c.out, said, sizeof(said));
	ok(strstr(said, "fd 0\n") && strstr(said, "fd 1\n") && strstr(said, "fd 2\n"),
		"a child has its three descriptors");
	ok(strstr(strstr(said, "fd 2\n") + 1, "fd ") == NULL, "and no other");
	ok(strstr(said, "blocked") == NULL, "no signal is blocked");
	ok(strstr(said, "ignored") == NULL, "none is ignored");
	ok(strstr(said, "env PATH\n") && strstr(said, "env HOME\n") && strstr(said, "env LANG\n"),
		"of the environment it has PATH, HOME and LANG");
	ok(strstr(said, "ADIT_SECRET") == NULL, "and not what else there is");
	ok(strstr(said, "arg the-child\narg tell\n") != NULL, "its arguments are as given");
	ok(strstr(said, "leader 1\n") != NULL, "it leads a process group of its own");
	ok(child_stop(&c, 60000) && WIFEXITED(c.status) && WEXITSTATUS(c.status) == 0,
		"its end is seen");
	ok(c.in == -1 && c.out == -1 && c.err == -1 && c.pid == 0, "nothing of it is left");
	signal(SIGUSR1, SIG_DFL);
	unsetenv("ADIT_SECRET_TOKEN");
	close(open_one);
	close(high);
}

/* Descriptors 0, 1 and 2 are not open: the pipes' ends must not get in each other's way. */
static void
test_no_standard_descriptors(void)
{
	int keep[3];
	struct child c;
	char said[4096];
	bool started;

	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		keep[i] = fcntl(i, F_DUPFD_CLOEXEC, 50);
		close(i);
	}
	start(&c, "tell");
	started = c.pid > 0 && c.in > 2 && c.out > 2 && c.err > 2;
	for (int i = 0; i < 3; i++)
		if (keep[i] >= 0) {
			dup2(keep[i], i);
			close(keep[i]);
		}
	ok(started, "it starts where the standard descriptors are closed");
	read_all(c.out, said, sizeof(said));
	ok(strstr(said, "fd 2\n") && strstr(strstr(said, "fd 2\n") + 1, "fd ") == NULL,
		"and it has its three, and no other");
	child_stop(&c, 60000);
}

static void
test_stop(void)
{
	char how[64];
	struct child c;

	start(&c, "stay");
	wait_ready(&c);
	ok(!child_ended(&c), "it runs");
	ok(child_stop(&c, 1) && WIFSIGNALED(c.status), "what does not end by itself is ended");
	start(&c, "deaf");
	wait_ready(&c);
	ok(child_stop(&c, 1) && WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGKILL,
		"also what is deaf to SIGTERM");
	child_how_ended(&c, how, sizeof(how));
	is_str(how, "signal 9", "how it ended has words");
	start(&c, "stay");
	wait_ready(&c);
	child_signal(&c, SIGTERM);
	ok(child_stop(&c, 60000) && WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGTERM,
		"a signal reaches it");
	ok(child_ended(&c) && child_stop(&c, 60000), "stopping twice is harmless");
	child_signal(&c, SIGKILL); /* reaches nobody, least of all us */
	ok(true, "nobody is signalled when it has ended");
}

static void
test_leftovers(void)
{
	char said[64];
	struct child c;

	start(&c, "parent");
	wait_ready(&c);
	while (!child_ended(&c))
		(void)poll(NULL, 0, 1);
	read_all(c.out, said, sizeof(said));
	ok(true, "what it has left behind is ended with it: its output has an end");
	child_stop(&c, 0);
}

/* Somebody in the process waits for everybody's children. */
static void
test_reaped_by_others(void)
{
	char how[64];
	struct child c;

	start(&c, "stay");
	wait_ready(&c);
	kill(c.pid, SIGKILL);
	must(waitpid(c.pid, NULL, 0) == c.pid);
	ok(child_ended(&c) && c.pid == 0 && c.status == -1, "an end that somebody else saw");
	child_how_ended(&c, how, sizeof(how));
	is_str(how, "an end that nobody saw", "has its words");
	child_stop(&c, 0);
}

static void
put_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	must(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, mode) == 0);
}

static void
test_start_fails(void)
{
	const char *const argv[] = {"x", NULL};
	char path[PATH_MAX];
	struct child c;

	snprintf(path, sizeof(path), "%s/absent", dir);
	ok(child_start(&c, path, argv, why, sizeof(why)) < 0 && strstr(why, path) &&
			strstr(why, "No such file"),
		"a program that is not there is an error with its name: %s", why);
	ok(c.pid == 0 && c.in == -1 && c.out == -1 && c.err == -1, "and there is no child");
	snprintf(path, sizeof(path), "%s/lost", dir);
	put_file(path, "#!/no/such/interpreter\n", 0700);
	ok(child_start(&c, path, argv, why, sizeof(why)) < 0 && strstr(why, "No such file"),
		"so is an interpreter that is not there: %s", why);
	snprintf(path, sizeof(path), "%s/noise", dir);
	put_file(path, "\001\002\003", 0700);
	ok(child_start(&c, path, argv, why, sizeof(why)) < 0 && strstr(why, "Exec format"),
		"and what is no program: %s", why);
}

static void
is_refused(const char *name, const char *what)
{
	char path[PATH_MAX] = "untouched";

	why[0] = '\0';
	ok(child_find(name, path, why, sizeof(why)) < 0 && strstr(why, what) != NULL &&
			strcmp(path, "untouched") == 0,
		"refused: %s", why);
}

static void
test_find(void)
{
	char real[PATH_MAX], got[PATH_MAX], path[PATH_MAX], sub[PATH_MAX], link_[PATH_MAX];

	ok(child_find("cat", got, why, sizeof(why)) == 0 && got[0] == '/',
		"a word is found in PATH");
	ok(child_find("/bin/cat", real, why, sizeof(why)) == 0, "so is an absolute path");
	is_refused("no-such-program-here", "no-such-program-here is not in PATH");
	is_refused("", "no name");
	is_refused("bin/cat", "must be absolute");
	is_refused("/no/such/file", "/no/such/file: No such file");
	is_refused("/etc", "/etc is not a file");

	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(path, sizeof(path), "%s/sub/prog", dir);
	snprintf(link_, sizeof(link_), "%s/link", dir);
	must(mkdir(sub, 0755) == 0 && symlink(path, link_) == 0);
	put_file(path, "#!/bin/sh\n", 0755);
	ok(child_find(path, got, why, sizeof(why)) == 0 && strcmp(got, path) == 0,
		"a program of our own: %s", why);
	ok(child_find(link_, got, why, sizeof(why)) == 0 && strcmp(got, path) == 0,
		"a link is resolved");
	must(chmod(path, 0775) == 0);
	is_refused(path, "mode 0775");
	is_refused(link_, "mode 0775");
	must(chmod(path, 0644) == 0);
	is_refused(path, "may not be run");
	must(chmod(path, 0755) == 0 && chmod(sub, 0777) == 0);
	is_refused(path, "sub has mode 0777");
	must(chmod(sub, 0755) == 0);
	if (geteuid() == 0) {
		must(chown(path, 12345, 0) == 0);
		is_refused(path, "belongs to user 12345");
	}
}

static void
test_given_up(void)
{
	const char *const argv[] = {self, "deaf", NULL};
	struct child_run r = {.path = self, .argv = argv, .input = "", .max = 1000,
		.timeout_ms = 3600000};
	char *out = NULL;
	size_t len = 0;
	int stop[2];

	must(pipe(stop) == 0 && write(stop[1], "x", 1) == 1);
	r.stop_fd = stop[0];
	ok(child_run(&r, &out, &len, why, sizeof(why)) < 0 && out == NULL &&
			strstr(why, "given up"),
		"a run can be given up: %s", why);
	close(stop[0]);
	close(stop[1]);
}

static void
test_run(void)
{
	char *big = calloc(1, 300001), *out = NULL, cat[PATH_MAX];
	const char *const argv[] = {"cat", NULL};
	struct child_run r = {.path = cat, .argv = argv, .input = big, .n_input = 300000,
		.max = 300000, .timeout_ms = 60000};
	size_t len = 0;

	must(big != NULL);
	memset(big, 'x', 300000);
	must(child_find("cat", cat, why, sizeof(why)) == 0);
	ok(child_run(&r, &out, &len, why, sizeof(why)) == 0 && len == 300000 &&
			strcmp(out, big) == 0,
		"more than a pipe holds goes through it, both ways");
	free(out);
	out = NULL;
	ok(run("none", big, 10, 60000, &out, &len) == 0 && len == 0 && out[0] == '\0',
		"input that it does not read is no error");
	free(out);
	out = NULL;
	ok(run("fail", "", 10, 60000, &out, &len) < 0 && out == NULL, "a bad end is an error");
	is_str(why, "exit status 3: no ?luck", "which says how and what it said first");
	ok(run("flood", "", 1000, 60000, &out, &len) < 0 && out == NULL &&
			strstr(why, "more than 1000 bytes"),
		"too much output is: %s", why);
	ok(run("deaf", "", 1000, 1, &out, &len) < 0 && out == NULL && strstr(why, "more than 1 ms"),
		"and too much time: %s", why);
	test_given_up();
	free(big);
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
		return be_child(argv);
	must(realpath("/proc/self/exe", self) != NULL && mkdtemp(dir) != NULL);
	setenv("LANG", "C", 1);
	setenv("HOME", "/", 1);
	before = open_descriptors();
	test_inherits();
	test_no_standard_descriptors();
	test_stop();
	test_leftovers();
	test_reaped_by_others();
	test_start_fails();
	test_find();
	test_run();
	is_int(open_descriptors(), before, "all descriptors are back");
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	must(system(command) == 0);
	return done_testing();
}
