/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Files that plugins read again when they have changed (plugins/common/reread): every kind of
 * change is seen, a bad file changes nothing, and copies live as long as somebody holds them. */

#define _GNU_SOURCE 1

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "../../plugins/common/reread.h"
#include "tap.h"
#include "util/compiler.h"

static const struct adit_plugin plugin = {ADIT_PLUGIN_INIT, .name = "auth-test"};
static char dir[] = "/tmp/adit-reread-XXXXXX", path[64];
static atomic_int alive; /* parsed and not freed */
static int parsed;
static int log_fd[2], stderr_fd;

/* A file of one word, which must not be "bad". */
static int
parse(void *arg, const char *from, char *text, size_t len, void **data_r, char *why, size_t cap)
{
	(void)arg;
	parsed++;
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "bad") == 0 || len == 0) {
		snprintf(why, cap, "%s:1: is %s", from, len == 0 ? "empty" : "bad");
		return -1;
	}
	*data_r = xstrdup(text);
	alive++;
	return 0;
}

static void
free_data(void *data)
{
	free(data);
	alive--;
}

static const struct reread_how how = {.plugin = &plugin, .path = path, .max = 64,
	.rule = ADIT_FILE_SECRET, .parse = parse, .free_data = free_data};

/* Writes over the file, or puts a new one in its place. Long ago, so that the copy is not young,
 * at a time of its own if aged is another. */
static void
put(const char *text, int aged, bool replace)
{
	char tmp[80];
	const char *to = path;
	struct utimbuf t = {.actime = 1000000 + aged, .modtime = 1000000 + aged};
	int fd;

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	if (replace)
		to = tmp;
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	must(close(fd) == 0 && utime(to, &t) == 0);
	if (replace)
		must(rename(tmp, path) == 0);
}

static void
now_is(struct reread *r, const char *want, const char *what)
{
	const struct reread_copy *c = reread_take(r);

	is_str(reread_data(c), want, what);
	reread_release(r, c);
}

/* How many lines the log has got since the last call. */
static int
lines_logged(void)
{
	char buf[4096];
	ssize_t n = read(log_fd[0], buf, sizeof(buf));
	int lines = 0;

	for (ssize_t i = 0; i < n; i++)
		lines += buf[i] == '\n';
	return lines;
}

static void
test_changes(void)
{
	char why[REREAD_WHY_MAX] = "";
	struct reread *r;
	int before;

	put("one", 1, false);
	r = reread_open(&how, why, sizeof(why));
	if (!ok(r != NULL, "opened: %s", why))
		return;
	now_is(r, "one", "the first content");
	put("two", 1, true);
	now_is(r, "two", "another file with the same size and time");
	put("three", 1, false);
	now_is(r, "three", "another size");
	put("threx", 2, false);
	now_is(r, "threx", "another time");
	/* The file's change of state is a moment ago, so that every look reads it. */
	before = parsed;
	put("y0ung", 2, false);
	now_is(r, "y0ung", "the same size and time a moment later, in place");
	ok(parsed > before, "for young files are read at every look");
	reread_close(r);
	is_int(alive, 0, "nothing is left");
}

static void
test_bad(void)
{
	char why[REREAD_WHY_MAX] = "";
	struct reread *r;

	put("good", 1, false);
	r = reread_open(&how, why, sizeof(why));
	must(r != NULL);
	(void)lines_logged();
	put("bad", 2, false);
	now_is(r, "good", "what was read before stays when the new one is bad");
	is_int(lines_logged(), 1, "the log has a line");
	now_is(r, "good", "and stays");
	is_int(lines_logged(), 0, "which is not repeated");
	must(chmod(path, 0644) == 0);
	now_is(r, "good", "a file that others can read counts as bad");
	is_int(lines_logged(), 1, "another complaint is another line");
	must(unlink(path) == 0);
	now_is(r, "good", "so does one that is gone");
	is_int(lines_logged(), 1, "which is said");
	put("better", 3, false);
	now_is(r, "better", "until there is a good one");
	is_int(lines_logged(), 1, "which is said, too");
	reread_close(r);
	is_int(alive, 0, "nothing is left");
}

/* What is in the way of reading leaves no mark on the file, and so does its end. With files that
 * are not young, which one cannot make. */
static void
test_in_the_way(void)
{
	struct reread_how old = how;
	char why[REREAD_WHY_MAX] = "";
	struct rlimit before, none;
	struct reread *r;

	old.rule = ADIT_FILE_TRUSTED;
	old.max = 1 << 20;
	must(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
	r = reread_open(&old, why, sizeof(why));
	if (!ok(r != NULL, "opened: %s", why))
		return;
	must(unlink(path) == 0 && symlink("/etc/group", path) == 0);
	(void)lines_logged();
	must(getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = before;
	none.rlim_cur = 0;
	must(setrlimit(RLIMIT_NOFILE, &none) == 0);
	parsed = 0;
	reread_release(r, reread_take(r));
	reread_release(r, reread_take(r));
	is_int(parsed, 0, "with too many open files a change cannot be read");
	is_int(lines_logged(), 1, "which is said once");
	must(setrlimit(RLIMIT_NOFILE, &before) == 0);
	reread_release(r, reread_take(r));
	is_int(parsed, 1, "but it is when there are fewer, though the file is as it was");
	is_int(lines_logged(), 1, "which is said, too");
	reread_close(r);
	is_int(alive, 0, "nothing is left");
}

static void
test_refused(void)
{
	char why[REREAD_WHY_MAX] = "";

	put("bad", 1, false);
	ok(reread_open(&how, why, sizeof(why)) == NULL && strstr(why, ":1: is bad") != NULL,
		"a file that is bad at first: %s", why);
	put("0123456789012345678901234567890123456789012345678901234567890123456789", 1, false);
	ok(reread_open(&how, why, sizeof(why)) == NULL && strstr(why, "larger") != NULL,
		"one that is too large: %s", why);
	must(unlink(path) == 0);
	ok(reread_open(&how, why, sizeof(why)) == NULL && strstr(why, path) != NULL,
		"one that is not there: %s", why);
	is_int(alive, 0, "nothing is left");
}

static void
test_zero(void)
{
	char why[REREAD_WHY_MAX] = "";
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(fd >= 0 && write(fd, "a\0b", 3) == 3 && close(fd) == 0);
	ok(reread_open(&how, why, sizeof(why)) == NULL && strstr(why, "zero byte") != NULL,
		"a zero byte in it: %s", why);
}

static void
test_held(void)
{
	char why[REREAD_WHY_MAX];
	const struct reread_copy *old, *fresh;
	struct reread *r;

	put("old", 1, false);
	r = reread_open(&how, why, sizeof(why));
	must(r != NULL);
	old = reread_take(r);
	put("fresh", 1, false);
	fresh = reread_take(r);
	is_str(reread_data(old), "old", "a copy that is held stays as it is");
	is_str(reread_data(fresh), "fresh", "while others get the new one");
	is_int(alive, 2, "both live");
	reread_release(r, old);
	is_int(alive, 1, "until the last one lets go");
	reread_release(r, fresh);
	is_int(alive, 1, "the newest is kept");
	reread_close(r);
	is_int(alive, 0, "and goes at the end");
}

/* ---- From many threads ----------------------------------------------------------------------- */

#define TAKERS 4
#define WRITES 300

static struct reread *shared;
static atomic_bool over;
static atomic_int wrong;

static void *
taker(void *arg)
{
	(void)arg;
	while (!atomic_load(&over)) {
		const struct reread_copy *c = reread_take(shared);
		const char *text = reread_data(c);

		/* Files are put in place whole: a copy is never half of one. */
		if (strlen(text) != 8 || strspn(text, text[0] == 'a' ? "a" : "b") != 8)
			wrong++;
		reread_release(shared, c);
	}
	return NULL;
}

static void
test_threads(void)
{
	char why[REREAD_WHY_MAX];
	pthread_t t[TAKERS];

	put("aaaaaaaa", 1, true);
	shared = reread_open(&how, why, sizeof(why));
	must(shared != NULL);
	for (size_t i = 0; i < TAKERS; i++)
		must(pthread_create(&t[i], NULL, taker, NULL) == 0);
	for (int i = 0; i < WRITES; i++)
		put(i % 2 == 0 ? "bbbbbbbb" : "aaaaaaaa", i, true);
	put("bbbbbbbb", 1, true);
	atomic_store(&over, true);
	for (size_t i = 0; i < TAKERS; i++)
		must(pthread_join(t[i], NULL) == 0);
	is_int(wrong, 0, "nobody sees anything but whole files");
	now_is(shared, "bbbbbbbb", "the last one is what counts");
	reread_close(shared);
	is_int(alive, 0, "nothing is left");
}

int
main(void)
{
	must(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/file", dir);
	must(pipe2(log_fd, O_CLOEXEC | O_NONBLOCK) == 0);
	test_changes();
	test_refused();
	test_zero();
	test_held();
	test_threads();
	/* Lines go straight to stderr as long as nobody has started the log. */
	stderr_fd = dup(2);
	must(stderr_fd >= 0 && dup2(log_fd[1], 2) == 2);
	test_bad();
	test_in_the_way();
	must(dup2(stderr_fd, 2) == 2);
	unlink(path);
	rmdir(dir);
	return done_testing();
}
