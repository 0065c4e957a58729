/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Small files, in a folder of the test's own: what is refused as a secret and how it is said, and
 * that replacing is whole or not at all. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>

#include "tap.h"
#include "util/file.h"

static char dir[] = "/tmp/adit-test-file-XXXXXX";

/* A path in the folder; few at a time. */
static const char *
in(const char *name)
{
	static char path[4][256];
	static int turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void
put(const char *path, mode_t mode, const char *text)
{
	int fd;

	/* Not opened if it is there: its mode may forbid that. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	must(fchmod(fd, mode) == 0 && close(fd) == 0);
}

static bool
holds(const char *path, const char *want)
{
	char buf[256] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, buf, sizeof(buf) - 1) : -1;

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(want) && strcmp(buf, want) == 0;
}

static bool
missing(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 && errno == ENOENT;
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

/* Reading fails with rc, sets nothing, and the message names the path and says why. */
static void
refused(const char *path, bool secret, size_t max, int want, const char *why)
{
	char mark[1], *text = mark;
	struct err e = {.msg = ""};
	size_t len = 77;
	int rc = secret ? file_read_secret(path, max, &text, &len, &e)
			: file_read(path, max, &text, &len, &e);

	is_int(rc, want, why);
	ok(text == mark && len == 77, "nothing is handed out");
	ok(strstr(e.msg, path) != NULL && strstr(e.msg, why) != NULL, "said: %s", e.msg);
}

static void
test_read(void)
{
	const char *path = in("plain");
	struct err e;
	char *text;
	size_t len;

	put(path, 0644, "ten bytes!");
	if (ok(file_read(path, 10, &text, &len, &e) == 0, "a file of just the size is read")) {
		ok(len == 10 && strcmp(text, "ten bytes!") == 0, "whole and terminated");
		file_free(text, len);
	}
	refused(path, false, 9, -EFBIG, "larger than 9 bytes");
	put(path, 0644, "");
	if (ok(file_read(path, 10, &text, &len, &e) == 0, "an empty file is read")) {
		ok(len == 0 && text[0] == '\0', "as an empty text");
		file_free(text, len);
	}
	refused(in("none"), false, 10, -ENOENT, "No such file");
	refused(dir, false, 10, -EISDIR, "not a regular file");
	must(mkfifo(in("fifo"), 0600) == 0);
	refused(in("fifo"), false, 10, -EINVAL, "not a regular file");
	is_int(file_read(in("none"), 10, &text, &len, NULL), -ENOENT,
		"nobody need want to know why");
	file_free(NULL, 0);
}

/* Files whose size is not known beforehand, and lengths around the buffer's growth. */
static void
test_read_sizes(void)
{
	const char *path = in("sizes");
	bool good = true;
	char *text, *big;
	size_t len;
	int fd;

	if (ok(file_read("/proc/self/status", 65536, &text, &len, NULL) == 0, "a file in /proc")) {
		ok(len > 100 && strlen(text) == len, "is read whole, though it says it is empty");
		file_free(text, len);
	}
	refused("/proc/self/status", false, 20, -EFBIG, "larger than 20 bytes");
	/* Nothing is mapped at address zero. */
	refused("/proc/self/mem", false, 20, -EIO, "Input/output error");
	big = calloc(1, 70000);
	memset(big, 'z', 69999);
	for (size_t n = 65534; n <= 65538; n++) {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		must(write(fd, big, n) == (ssize_t)n && close(fd) == 0);
		good = good && file_read(path, 100000, &text, &len, NULL) == 0 && len == n &&
		       strlen(text) == n;
		if (good)
			file_free(text, len);
	}
	ok(good, "lengths around 65536");
	free(big);
}

static void
test_secret(void)
{
	const char *path = in("secret");
	char *text, cmd[600];
	struct err e;
	size_t len;

	put(path, 0600, "hunter2");
	if (ok(file_read_secret(path, 100, &text, &len, &e) == 0, "mode 0600 is fine")) {
		ok(len == 7 && strcmp(text, "hunter2") == 0, "and is read");
		file_free(text, len);
	}
	put(path, 0400, "hunter2");
	if (ok(file_read_secret(path, 100, &text, &len, &e) == 0, "so is 0400"))
		file_free(text, len);
	put(path, 0644, "hunter2");
	refused(path, true, 100, -EPERM, "mode 0644");
	put(path, 0604, "hunter2");
	refused(path, true, 100, -EPERM, "mode 0604");
	put(path, 0640, "hunter2");
	refused(path, true, 100, -EPERM, "mode 0640");
	put(path, 0602, "hunter2");
	refused(path, true, 100, -EPERM, "chmod 600");
	ok(file_read(path, 100, &text, &len, &e) == 0,
		"where nothing secret is asked for, it is read");
	file_free(text, len);

	file_read_secret(path, 100, &text, &len, &e);
	snprintf(cmd, sizeof(cmd), "%s", strstr(e.msg, "run: ") + 5);
	ok(system(cmd) == 0 && file_read_secret(path, 100, &text, &len, &e) == 0,
		"the command in the message heals it: %s", cmd);
	file_free(text, len);

	must(symlink("secret", in("link")) == 0);
	if (ok(file_read_secret(in("link"), 100, &text, &len, &e) == 0, "a link is followed"))
		file_free(text, len);
	put(path, 0644, "hunter2");
	refused(in("link"), true, 100, -EPERM, "mode 0644");
	refused(in("none"), true, 100, -ENOENT, "No such file");
}

static void
test_trusted(void)
{
	const char *path = in("trusted");
	char *text = NULL;
	struct err e = {.msg = ""};
	size_t len;

	put(path, 0644, "public");
	if (ok(file_read_trusted(path, 100, &text, &len, &e) == 0, "others may read it"))
		file_free(text, len);
	put(path, 0664, "public");
	text = NULL;
	is_int(file_read_trusted(path, 100, &text, &len, &e), -EPERM, "the group may not write it");
	ok(text == NULL && strstr(e.msg, "writable") != NULL && strstr(e.msg, "chmod go-w") != NULL,
		"said: %s", e.msg);
	put(path, 0646, "public");
	is_int(file_read_trusted(path, 100, &text, &len, &e), -EPERM, "nor may others");
}

/* Only root can give a file away. */
static void
test_secret_owner(void)
{
	const char *path = in("foreign");
	char *text;
	size_t len;

	put(path, 0600, "hunter2");
	if (chown(path, 4242, (gid_t)-1) < 0) {
		diag("owners are not tested without root");
		return;
	}
	refused(path, true, 100, -EPERM, "user 4242");
	refused(path, true, 100, -EPERM, "chown 0 ");
	must(seteuid(4242) == 0);
	/* The folder is closed to this user: opened from inside, as a service finds its own. */
	is_int(file_read_secret(path, 100, &text, &len, NULL), -EACCES, "a folder that is closed");
	must(seteuid(0) == 0 && chmod(dir, 0711) == 0 && seteuid(4242) == 0);
	if (ok(file_read_secret(path, 100, &text, &len, NULL) == 0, "the owner may read it"))
		file_free(text, len);
	must(seteuid(0) == 0 && chmod(dir, 0700) == 0);
}

static void
test_replace(void)
{
	const char *path = in("state");
	mode_t old = umask(077);
	struct err e = {.msg = ""};
	char tmp[300];
	struct stat was, is;

	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	is_int(file_replace(path, 0640, "one", 3, &e), 0, "replace makes a file");
	ok(holds(path, "one") && mode_of(path) == 0640, "with the mode asked for, not the umask's");
	stat(path, &was);
	put(tmp, 0400, "left by a crash");
	is_int(file_replace(path, 0600, "three", 5, &e), 0, "and replaces one");
	ok(holds(path, "three") && mode_of(path) == 0600, "contents and mode");
	stat(path, &is);
	ok(was.st_ino != is.st_ino, "by a new file, never in place");
	ok(missing(tmp), "nothing is left beside it");
	is_int(file_replace(path, 0600, "", 0, &e), 0, "by an empty one");
	ok(holds(path, ""), "too");
	umask(old);

	must(symlink(in("none"), tmp) == 0);
	is_int(file_replace(path, 0600, "four", 4, &e), 0, "a link in the way of the copy");
	ok(holds(path, "four") && missing(in("none")), "is not written through");
	is_int(file_replace(in("no/such"), 0600, "x", 1, &e), -ENOENT, "no folder");
	ok(strstr(e.msg, "no/such.tmp") != NULL, "said: %s", e.msg);
	must(mkdir(in("folder"), 0700) == 0);
	is_int(file_replace(in("folder"), 0600, "x", 1, &e), -EISDIR, "onto a folder");
	ok(missing(in("folder.tmp")), "the copy is taken away");
}

/* A full disk, played by a limit on the size of files. */
static void
test_full(void)
{
	const char *path = in("full");
	static char big[20000];
	struct rlimit old, tight;
	struct err e = {.msg = ""};

	put(path, 0600, "before");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	tight = old;
	tight.rlim_cur = 10000;
	/* The test's own output may be a longer file: nothing is said under the limit. */
	setrlimit(RLIMIT_FSIZE, &tight);
	int replaced = file_replace(path, 0600, big, sizeof(big), &e);
	int created = file_create(in("full2"), 0600, big, sizeof(big), NULL);
	setrlimit(RLIMIT_FSIZE, &old);
	is_int(replaced, -EFBIG, "writing fails half way");
	ok(holds(path, "before"), "the old file stays");
	ok(missing(in("full.tmp")), "and nothing beside it");
	is_int(created, -EFBIG, "creating fails half way");
	ok(missing(in("full2")), "no half file is left");
}

static void
test_create(void)
{
	const char *path = in("new");
	struct err e = {.msg = ""};

	is_int(file_create(path, 0644, "first", 5, &e), 0, "create");
	ok(holds(path, "first") && mode_of(path) == 0644, "contents and mode");
	is_int(file_create(path, 0600, "second", 6, &e), -EEXIST, "not twice");
	ok(holds(path, "first") && mode_of(path) == 0644, "the first stays as it is");
	ok(strstr(e.msg, path) != NULL, "said: %s", e.msg);
	must(symlink("nowhere", in("dangling")) == 0);
	is_int(file_create(in("dangling"), 0600, "x", 1, &e), -EEXIST, "not through a link either");
	ok(missing(in("nowhere")), "to wherever it leads");
}

static void
test_append(void)
{
	const char *path = in("lines");
	struct err e = {.msg = ""};

	is_int(file_append(path, 0600, "a\n", 2, &e), 0, "append creates");
	is_int(mode_of(path), 0600, "with the mode");
	is_int(file_append(path, 0644, "b\n", 2, &e), 0, "and appends");
	ok(holds(path, "a\nb\n") && mode_of(path) == 0600, "leaving the mode alone");
	is_int(file_append(in("no/such"), 0600, "x", 1, &e), -ENOENT, "no folder");
	ok(strstr(e.msg, "no/such") != NULL, "said: %s", e.msg);
	is_int(file_append(in("dangling"), 0600, "x", 1, &e), -ENOENT, "a link to nowhere");
	is_int(file_append(dir, 0600, "x", 1, &e), -EISDIR, "a folder");
}

static void
test_beside(void)
{
	static const char *const given[][3] = {
		{"/etc/adit/aditd.conf", "token", "/etc/adit/token"},
		{"/etc/adit/aditd.conf", "/run/token", "/run/token"},
		{"/etc/adit/aditd.conf", "keys/token", "/etc/adit/keys/token"},
		{"aditd.conf", "token", "token"},
		{"conf/aditd.conf", "token", "conf/token"},
		{"/aditd.conf", "token", "/token"},
		{"/etc/adit/", "token", "/etc/adit/token"},
	};

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		char *got = file_beside(given[i][0], given[i][1]);

		ok(strcmp(got, given[i][2]) == 0, "%s beside %s is %s", given[i][1], given[i][0],
			got);
		free(got);
	}
}

static int
fds_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int
main(void)
{
	int before = fds_open();
	char cmd[64];

	must(mkdtemp(dir) != NULL);
	test_read();
	test_read_sizes();
	test_secret();
	test_trusted();
	test_secret_owner();
	test_replace();
	test_full();
	test_create();
	test_append();
	test_beside();
	is_int(fds_open(), before, "all descriptors are closed");
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ok(system(cmd) == 0, "clean up");
	return done_testing();
}
