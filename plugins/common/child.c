/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Children by posix_spawn(). What must always hold: a pid is signalled only until it was waited
 * for, so that the signal never reaches somebody else; no way of waiting is without a bound. */

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define NAP_MAX_MS 20
#define REST_MS 1000 /* for what has been killed to be gone */

__attribute__((format(printf, 3, 4))) static int
fail(char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return -1;
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- Which program --------------------------------------------------------------------------- */

static int
check_owner(const char *path, const struct stat *st, char *why, size_t cap)
{
	bool sticky = S_ISDIR(st->st_mode) && st->st_uid == 0 && (st->st_mode & S_ISVTX) != 0;

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return fail(why, cap,
			"%s belongs to user %u; what is run must belong to root or to user %u",
			path, (unsigned)st->st_uid, (unsigned)geteuid());
	if ((st->st_mode & 022) != 0 && !sticky)
		return fail(why, cap,
			"%s has mode %04o; nobody else may write what is run (chmod go-w)", path,
			(unsigned)st->st_mode & 07777);
	return 0;
}

/* The folders above path, which is absolute and without links. */
static int
check_folders(const char *path, char *why, size_t cap)
{
	char dir[PATH_MAX], *slash;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s", path);
	while ((slash = strrchr(dir, '/')) != NULL) {
		slash[slash == dir] = '\0';
		if (stat(dir, &st) < 0)
			return fail(why, cap, "%s: %s", dir, strerror(errno));
		if (check_owner(dir, &st, why, cap) < 0)
			return -1;
		if (slash == dir)
			break;
	}
	return 0;
}

static int
check_file(const char *path, char *why, size_t cap)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fail(why, cap, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(why, cap, "%s is not a file", path);
	if (check_owner(path, &st, why, cap) < 0 || check_folders(path, why, cap) < 0)
		return -1;
	if (access(path, X_OK) < 0)
		return fail(why, cap, "%s may not be run: %s", path, strerror(errno));
	return 0;
}

static const char *
search_path(void)
{
	const char *path = getenv("PATH");

	return path != NULL && *path != '\0' ? path : PATH_DEFAULT;
}

/* The first file of this name that may be run; relative folders do not count. */
static bool
search(const char *name, char found_r[PATH_MAX])
{
	const char *at = search_path();
	struct stat st;

	while (*at != '\0') {
		size_t n = strcspn(at, ":");

		if (*at == '/' &&
			snprintf(found_r, PATH_MAX, "%.*s/%s", (int)n, at, name) < PATH_MAX &&
			stat(found_r, &st) == 0 && S_ISREG(st.st_mode) &&
			access(found_r, X_OK) == 0)
			return true;
		at += n + (at[n] == ':');
	}
	return false;
}

int
child_find(const char *name, char path_r[PATH_MAX], char *why, size_t cap)
{
	char found[PATH_MAX], real[PATH_MAX];

	if (name[0] == '\0')
		return fail(why, cap, "the program has no name");
	if (name[0] != '/' && strchr(name, '/') != NULL)
		return fail(why, cap, "%s: the path of a program must be absolute", name);
	if (name[0] != '/' && !search(name, found))
		return fail(why, cap, "%s is not in PATH (%s)", name, search_path());
	if (realpath(name[0] == '/' ? name : found, real) == NULL)
		return fail(why, cap, "%s: %s", name, strerror(errno));
	if (check_file(real, why, cap) < 0)
		return -1;
	memcpy(path_r, real, sizeof(real));
	return 0;
}

/* ---- Starting -------------------------------------------------------------------------------- */

/* Never one of 0, 1, 2, which the child's own ends are put on. */
static int
lift(int *fd)
{
	int high;

	if (*fd > 2)
		return 0;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	if (high < 0)
		return -1;
	close(*fd);
	*fd = high;
	return 0;
}

/* end[i][0]: the child's, end[i][1]: ours; -1 where there is none. */
static int
open_pipes(int end[3][2])
{
	for (int i = 0; i < 3; i++) {
		int p[2];

		if (pipe2(p, O_CLOEXEC) < 0)
			return -1;
		end[i][0] = p[i == 0 ? 0 : 1];
		end[i][1] = p[i == 0 ? 1 : 0];
		if (lift(&end[i][0]) < 0 || lift(&end[i][1]) < 0 ||
			fcntl(end[i][1], F_SETFL, O_NONBLOCK) < 0)
			return -1;
	}
	return 0;
}

static int
set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawnattr_setsigmask(attr, &none) != 0 ||
		posix_spawnattr_setsigdefault(attr, &all) != 0 ||
		posix_spawnattr_setpgroup(attr, 0) != 0)
		return -1;
	return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETPGROUP) == 0
		       ? 0
		       : -1;
}

static int
set_descriptors(posix_spawn_file_actions_t *actions, int end[3][2])
{
	for (int i = 0; i < 3; i++)
		if (posix_spawn_file_actions_adddup2(actions, end[i][0], i) != 0)
			return -1;
	return posix_spawn_file_actions_addclosefrom_np(actions, 3) == 0 ? 0 : -1;
}

/* The words that a child gets to see. Freed with one free(). */
static char **
environment(void)
{
	static const char *const names[] = {"LANG", "HOME"};
	size_t room = 4 * sizeof(char *) + sizeof("PATH=") + strlen(search_path()), n = 0;
	char **env, *at, *end;

	for (size_t i = 0; i < 2; i++)
		if (getenv(names[i]) != NULL)
			room += strlen(names[i]) + strlen(getenv(names[i])) + 2;
	env = calloc(1, room);
	if (env == NULL)
		return NULL;
	at = (char *)(env + 4);
	end = (char *)env + room;
	env[n++] = at;
	at += snprintf(at, (size_t)(end - at), "PATH=%s", search_path()) + 1;
	for (size_t i = 0; i < 2; i++) {
		if (getenv(names[i]) == NULL)
			continue;
		env[n++] = at;
		at += snprintf(at, (size_t)(end - at), "%s=%s", names[i], getenv(names[i])) + 1;
	}
	return env;
}

/* 0 or an errno. */
static int
spawn(pid_t *pid_r, const char *path, const char *const argv[], int end[3][2])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char **env = environment();
	int rc = ENOMEM;

	if (env == NULL || posix_spawn_file_actions_init(&actions) != 0) {
		free(env);
		return ENOMEM;
	}
	if (posix_spawnattr_init(&attr) == 0) {
		if (set_attributes(&attr) == 0 && set_descriptors(&actions, end) == 0)
			rc = posix_spawn(pid_r, path, &actions, &attr, (char *const *)argv, env);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	free(env);
	return rc;
}

static void
close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int
child_start(struct child *c, const char *path, const char *const argv[], char *why, size_t cap)
{
	int end[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, rc = 0;

	*c = CHILD_NONE;
	if (open_pipes(end) < 0)
		rc = errno;
	if (rc == 0)
		rc = spawn(&c->pid, path, argv, end);
	for (int i = 0; i < 3; i++) {
		close_end(&end[i][0]);
		if (rc != 0)
			close_end(&end[i][1]);
	}
	if (rc != 0) {
		*c = CHILD_NONE;
		return fail(why, cap, "%s cannot be started: %s", path, strerror(rc));
	}
	c->in = end[0][1];
	c->out = end[1][1];
	c->err = end[2][1];
	return 0;
}

/* ---- Ending ---------------------------------------------------------------------------------- */

void
child_signal(const struct child *c, int signo)
{
	if (c->pid > 0)
		(void)kill(-c->pid, signo);
}

bool
child_ended(struct child *c)
{
	siginfo_t info = {.si_pid = 0};
	int rc;

	if (c->pid <= 0)
		return true;
	do
		rc = waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	while (rc < 0 && errno == EINTR);
	if (rc == 0 && info.si_pid == 0)
		return false;
	c->status = -1;
	if (rc == 0) { /* it still has its number, and so has its group */
		child_signal(c, SIGKILL);
		(void)waitpid(c->pid, &c->status, 0);
	}
	c->pid = 0;
	return true;
}

static bool
wait_for_end(struct child *c, int ms)
{
	int64_t until = now_ms() + ms, left;
	int nap = 1;

	while (!child_ended(c)) {
		left = until - now_ms();
		if (left <= 0)
			return false;
		(void)poll(NULL, 0, left < nap ? (int)left : nap);
		nap = nap < NAP_MAX_MS ? 2 * nap : NAP_MAX_MS;
	}
	return true;
}

bool
child_stop(struct child *c, int grace_ms)
{
	bool ended;

	close_end(&c->in);
	ended = wait_for_end(c, grace_ms);
	if (!ended && grace_ms > 0) {
		child_signal(c, SIGTERM);
		ended = wait_for_end(c, grace_ms);
	}
	if (!ended) {
		child_signal(c, SIGKILL);
		ended = wait_for_end(c, REST_MS);
	}
	close_end(&c->out);
	close_end(&c->err);
	c->pid = 0;
	return ended;
}

void
child_how_ended(const struct child *c, char *buf, size_t cap)
{
	if (c->status != -1 && WIFEXITED(c->status))
		snprintf(buf, cap, "exit status %d", WEXITSTATUS(c->status));
	else if (c->status != -1 && WIFSIGNALED(c->status))
		snprintf(buf, cap, "signal %d", WTERMSIG(c->status));
	else
		snprintf(buf, cap, "an end that nobody saw");
}

/* ---- All at once ----------------------------------------------------------------------------- */

struct run {
	const struct child_run *how;
	struct child c;
	size_t written, n_out, n_err;
	char *out;     /* max + 1 bytes */
	char err[256]; /* what it said first */
};

static void
feed(struct run *r)
{
	const char *p = r->how->input;
	ssize_t n = 0;

	if (r->written < r->how->n_input)
		n = write(r->c.in, p + r->written, r->how->n_input - r->written);
	if (n > 0)
		r->written += (size_t)n;
	if (r->written == r->how->n_input || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&r->c.in); /* what it did not want it need not have */
}

/* Into p, which has room for cap bytes; what is beyond is read and dropped. Sets *fd to -1 at the
 * end. Returns how many there were, cap included those that found no place. */
static size_t
drain(int *fd, char *p, size_t n, size_t cap)
{
	char spill[1024];
	bool full = n == cap;
	ssize_t got = read(*fd, full ? spill : p + n, full ? sizeof(spill) : cap - n);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		close_end(fd);
	return got > 0 ? (size_t)got : 0;
}

static int
take_output(struct run *r, char *why, size_t cap)
{
	size_t max = r->how->max;

	r->n_out += drain(&r->c.out, r->out, r->n_out, max + 1);
	return r->n_out <= max ? 0 : fail(why, cap, "it wrote more than %zu bytes", max);
}

static void
take_error(struct run *r)
{
	size_t got = drain(&r->c.err, r->err, r->n_err, sizeof(r->err) - 1);

	if (r->n_err < sizeof(r->err) - 1)
		r->n_err += got;
}

/* Until it has closed its output and its errors. */
static int
converse(struct run *r, char *why, size_t cap)
{
	int64_t until = now_ms() + r->how->timeout_ms;
	int stop_fd = r->how->stop_fd > 0 ? r->how->stop_fd : -1;

	while (r->c.out >= 0 || r->c.err >= 0) {
		struct pollfd p[4] = {{.fd = r->c.in, .events = POLLOUT},
			{.fd = r->c.out, .events = POLLIN}, {.fd = r->c.err, .events = POLLIN},
			{.fd = stop_fd, .events = POLLIN}};
		int64_t left = until - now_ms();

		if (left <= 0)
			return fail(why, cap, "it took more than %d ms", r->how->timeout_ms);
		if (poll(p, 4, (int)left) < 0 && errno != EINTR)
			return fail(why, cap, "poll: %s", strerror(errno));
		if (p[3].revents != 0)
			return fail(why, cap, "it was given up");
		if (p[0].revents != 0)
			feed(r);
		if (p[1].revents != 0 && take_output(r, why, cap) < 0)
			return -1;
		if (p[2].revents != 0)
			take_error(r);
	}
	if (!wait_for_end(&r->c, (int)(until - now_ms())))
		return fail(why, cap, "it took more than %d ms", r->how->timeout_ms);
	return 0;
}

/* Printable, and the first line only. */
static void
tidy(char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
			*text = '?';
}

static int
judge(struct run *r, char *why, size_t cap)
{
	char how[40];

	if (r->c.status == 0)
		return 0;
	child_how_ended(&r->c, how, sizeof(how));
	tidy(r->err);
	return fail(why, cap, "%s%s%s", how, r->err[0] != '\0' ? ": " : "", r->err);
}

int
child_run(const struct child_run *how, char **out_r, size_t *len_r, char *why, size_t cap)
{
	struct run r = {.how = how, .out = calloc(1, how->max + 2)};
	int rc;

	if (r.out == NULL)
		return fail(why, cap, "out of memory");
	rc = child_start(&r.c, how->path, how->argv, why, cap);
	if (rc == 0)
		rc = converse(&r, why, cap);
	if (rc == 0)
		rc = judge(&r, why, cap);
	(void)child_stop(&r.c, 0);
	if (rc < 0) {
		free(r.out);
		return -1;
	}
	r.out[r.n_out] = '\0';
	*out_r = r.out;
	*len_r = r.n_out;
	return 0;
}
