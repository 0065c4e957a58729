/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The log: how lines look, that none is lost unsaid or out of order, and that neither a caller nor
 * the stop is ever held up by a reader that does not read. stderr is a file during the test. */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <termios.h>
#include <time.h>

#include "tap.h"
#include "util/log.h"

/* "2026-11-21T02:03:04.123Z " */
#define TIME_LEN 25
#define OUT_MAX (8 << 20)

static char out[OUT_MAX];

static int
fresh_file(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	/* Threads write it at once, and only appending is atomic on a memfd. */
	must(fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) == 0);
	return fd;
}

/* What a file holds, as a text in out; the file is empty afterwards. */
static const char *
taken(int fd)
{
	ssize_t n = pread(fd, out, OUT_MAX - 1, 0);

	must(n >= 0 && ftruncate(fd, 0) == 0);
	out[n] = '\0';
	return out;
}

/* Logs one message to a file; the line is in out then, without its newline. */
#define log_one(format, ...)                                                                       \
	do {                                                                                       \
		int fd_ = fresh_file();                                                            \
		must(log_start(fd_, format, LOG_DEBUG) == 0);                                      \
		log_line(LOG_INFO, __VA_ARGS__);                                                   \
		log_stop(10000);                                                                   \
		taken(fd_);                                                                        \
		close(fd_);                                                                        \
		out[strlen(out) > 0 ? strlen(out) - 1 : 0] = '\0';                                 \
	} while (0)

static void
test_direct(int err_fd)
{
	int fd = fresh_file();

	taken(err_fd);
	log_error("before the start");
	is_str(taken(err_fd) + TIME_LEN, "error before the start\n", "before the start: to stderr");
	log_debug("not wanted");
	is_str(taken(err_fd), "", "debug is not wanted by default");
	must(log_start(fd, LOG_TEXT, LOG_INFO) == 0);
	is_int(log_start(fd, LOG_TEXT, LOG_INFO), -EALREADY, "it starts once");
	log_warn("running");
	log_stop(10000);
	is_str(taken(fd) + TIME_LEN, "warn  running\n", "running: to the descriptor");
	log_info("after the stop");
	is_str(taken(err_fd) + TIME_LEN, "info  after the stop\n", "after the stop: to stderr");
	log_stop(10000);
	ok(fcntl(fd, F_GETFD) >= 0, "a second stop does nothing, and the descriptor stays open");
	close(fd);
}

static void
test_time(void)
{
	struct tm tm = {0};
	time_t before = time(NULL), said;
	const char *rest;

	log_one(LOG_TEXT, "x");
	rest = strptime(out, "%Y-%m-%dT%H:%M:%S", &tm);
	said = timegm(&tm);
	ok(rest != NULL && rest[0] == '.' && isdigit((unsigned char)rest[1]) &&
			isdigit((unsigned char)rest[2]) && isdigit((unsigned char)rest[3]) &&
			strncmp(rest + 4, "Z ", 2) == 0,
		"the time is UTC with milliseconds: %.24s", out);
	ok(said >= before && said <= time(NULL), "and is now");
	log_one(LOG_JSON, "x");
	ok(strncmp(out, "{\"time\":\"", 9) == 0 && out[9 + 23] == 'Z', "the same in JSON");
}

static void
test_text(void)
{
	log_one(LOG_TEXT, "hello %d", 5);
	is_str(out + TIME_LEN, "info  hello 5", "a line of text");
	log_one(LOG_TEXT, "a\nb\tc\x1b[31m\x7f\"\\");
	is_str(out + TIME_LEN, "info  a\\x0ab\\x09c\\x1b[31m\\x7f\"\\",
		"control characters escaped");
	log_one(LOG_TEXT, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
	is_str(out + TIME_LEN, "info  gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		"UTF-8 passes");
	log_one(LOG_TEXT, "\xff|\xc3|\xc0\x80|\xed\xa0\x80|\xf4\x90\x80\x80|\xe2\x82");
	is_str(out + TIME_LEN,
		"info  \\xff|\\xc3|\\xc0\\x80|\\xed\\xa0\\x80|\\xf4\\x90\\x80\\x80|\\xe2\\x82",
		"what is not UTF-8 does not");
	log_one(LOG_TEXT, "\xc2\x9b" "2J");
	is_str(out + TIME_LEN, "info  \\xc2\\x9b2J", "nor do controls hidden in UTF-8");
	log_one(LOG_TEXT, "%s", "");
	is_str(out + TIME_LEN, "info  ", "an empty message");
}

static void
test_json(void)
{
	const char *at;

	log_one(LOG_JSON, "say \"hi\" \\ \n\x01\x7f gr\xc3\xbc\xc3\x9f \xff");
	at = strstr(out, ",\"level\"");
	is_str(at,
		",\"level\":\"info\",\"msg\":\"say \\\"hi\\\" \\\\ \\u000a\\u0001\\u007f "
		"gr\xc3\xbc\xc3\x9f "
		"\\\\xff\"}",
		"a line of JSON, everything escaped");
}

static void
test_cut(void)
{
	char text[3000];
	size_t n;

	memset(text, 'x', sizeof(text) - 1);
	text[1000] = '\0';
	log_one(LOG_TEXT, "%s", text);
	is_int(strlen(out + TIME_LEN + 6), 1000, "a thousand bytes are whole");
	is_str(out + TIME_LEN + 6, text, "and unchanged");
	text[1000] = 'x';
	text[1001] = '\0';
	log_one(LOG_TEXT, "%s", text);
	n = strlen(out + TIME_LEN + 6);
	ok(n == 1000 && strcmp(out + TIME_LEN + 6 + 997, "…") == 0, "one more is cut, and marked");
	memset(text, 'x', sizeof(text) - 1);
	for (size_t i = 995; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "€", 3);
	text[2000] = '\0';
	log_one(LOG_TEXT, "%s", text);
	ok(strcmp(out + TIME_LEN + 6 + 995, "…") == 0, "not inside a character");
	memset(text, 1, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_one(LOG_JSON, "%s", text);
	ok(strlen(out) > 997 * 6 && strcmp(out + strlen(out) - 11, "\\u0001…\"}") == 0,
		"the longest line there can be");
}

static void
test_levels(void)
{
	enum log_level level = LOG_WARN;
	int fd = fresh_file(), rc;

	ok(log_level_parse("debug", &level) == 0 && level == LOG_DEBUG, "debug");
	ok(log_level_parse("error", &level) == 0 && level == LOG_ERROR, "error");
	rc = log_level_parse("loud", &level);
	ok(rc == -EINVAL && level == LOG_ERROR, "loud is no level");
	is_int(log_level_parse("", &level), -EINVAL, "nor is nothing");

	must(log_start(fd, LOG_TEXT, LOG_WARN) == 0);
	ok(log_wants(LOG_ERROR) && log_wants(LOG_WARN) && !log_wants(LOG_INFO), "warn and worse");
	log_info("no");
	log_warn("one");
	log_set_level(LOG_DEBUG);
	log_debug("two");
	log_set_level(LOG_ERROR);
	log_warn("no");
	log_error("three");
	log_stop(10000);
	taken(fd);
	ok(strstr(out, "no\n") == NULL && strstr(out, "warn  one") != NULL &&
			strstr(out, "debug two") != NULL && strstr(out, "error three") != NULL,
		"the level can change while running");
	log_set_level(LOG_INFO);
	close(fd);
}

/* Reads "t<thread> <number>" lines and notices of loss from a text. */
struct count {
	uint64_t seen, missing, notices;
	bool ordered, whole;
	long last[8];
};

static struct count
count_lines(char *text)
{
	struct count c = {.ordered = true, .whole = true};
	char *save = NULL;

	memset(c.last, 0xff, sizeof(c.last));
	for (char *l = strtok_r(text, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save)) {
		unsigned long long n;
		unsigned t;
		long i;

		if (strlen(l) < TIME_LEN + 6) {
			c.whole = false;
		} else if (sscanf(l + TIME_LEN + 6, "t%u %ld", &t, &i) == 2 && t < 8) {
			c.ordered = c.ordered && i > c.last[t];
			c.last[t] = i;
			c.seen++;
		} else if (sscanf(l + TIME_LEN + 6, "%llu log lines are missing here", &n) == 1) {
			c.missing += n;
			c.notices++;
		} else {
			c.whole = false;
		}
	}
	return c;
}

#define THREADS 4
#define LINES 6000

static void *
talk(void *arg)
{
	for (int i = 0; i < LINES; i++)
		log_info("t%d %d", *(int *)arg, i);
	return NULL;
}

static void
talk_all(pthread_t th[THREADS], int number[THREADS])
{
	for (int i = 0; i < THREADS; i++) {
		number[i] = i;
		must(pthread_create(&th[i], NULL, talk, &number[i]) == 0);
	}
}

static void
test_threads(void)
{
	uint64_t before = log_dropped();
	int fd = fresh_file(), number[THREADS];
	pthread_t th[THREADS];
	struct count c;

	must(log_start(fd, LOG_TEXT, LOG_INFO) == 0);
	talk_all(th, number);
	for (int i = 0; i < THREADS; i++)
		pthread_join(th[i], NULL);
	log_stop(20000);
	taken(fd);
	c = count_lines(out);
	ok(c.whole && c.ordered, "four threads: every line whole, each thread's in order");
	ok(c.seen + (log_dropped() - before) == THREADS * LINES, "each written or counted");
	close(fd);
}

/* The stop in the middle of it: a line goes to the ring or to stderr, never between them. */
static void
test_stop_under_load(int err_fd)
{
	uint64_t before = log_dropped();
	int fd = fresh_file(), number[THREADS];
	pthread_t th[THREADS];
	struct count ringed, direct;

	taken(err_fd);
	must(log_start(fd, LOG_TEXT, LOG_INFO) == 0);
	talk_all(th, number);
	while (lseek(fd, 0, SEEK_END) < 20000)
		sched_yield();
	log_stop(20000);
	for (int i = 0; i < THREADS; i++)
		pthread_join(th[i], NULL);
	taken(fd);
	ringed = count_lines(out);
	taken(err_fd);
	direct = count_lines(out);
	diag("%ju by the thread, %ju directly", (uintmax_t)ringed.seen, (uintmax_t)direct.seen);
	ok(ringed.whole && ringed.ordered && direct.whole && direct.ordered,
		"stop under load: order");
	ok(ringed.seen + direct.seen + (log_dropped() - before) == THREADS * LINES,
		"and no line fell in between");
	close(fd);
}

struct reader {
	int fd;
	size_t n;
};

/* Reads what comes, to the end, after what out already holds. */
static void *
read_on(void *arg)
{
	struct reader *r = arg;
	ssize_t n;

	while (r->n < OUT_MAX - 1 && (n = read(r->fd, out + r->n, OUT_MAX - 1 - r->n)) > 0)
		r->n += (size_t)n;
	out[r->n] = '\0';
	return NULL;
}

/* A reader that first does not read, then does: the loss stands where it happened. */
static void
test_slow_reader(void)
{
	uint64_t before = log_dropped(), sent = 40000;
	struct reader r = {.n = 0};
	struct count c;
	pthread_t th;
	int fd[2];

	must(pipe(fd) == 0);
	r.fd = fd[0];
	must(log_start(fd[1], LOG_TEXT, LOG_INFO) == 0);
	for (uint64_t i = 0; i < sent; i++)
		log_info("t0 %ju %060d", (uintmax_t)i, 0);
	ok(log_dropped() > before, "nobody reads, nobody waits: lines are dropped");
	while (r.n < 600000) {
		ssize_t n = read(fd[0], out + r.n, 600000 - r.n);

		must(n > 0);
		r.n += (size_t)n;
	}
	log_info("t0 %ju", (uintmax_t)sent++);
	must(pthread_create(&th, NULL, read_on, &r) == 0);
	log_stop(20000);
	close(fd[1]);
	pthread_join(th, NULL);
	c = count_lines(out);
	ok(c.whole && c.ordered, "what is read is whole and in order");
	ok(c.notices == 1 && c.missing == log_dropped() - before, "the loss is said once, exactly");
	ok(c.seen + c.missing == sent, "read and lost make what was sent");
	ok(c.last[0] == (long)sent - 1, "what came after the loss is there");
	is_int(fcntl(fd[0], F_GETFL) & O_NONBLOCK, 0, "the pipe's flags are as they were");
	close(fd[0]);
}

static void
test_stop_unread(void)
{
	uint64_t before = log_dropped(), sent = 5000;
	struct reader r = {.n = 0};
	struct count c;
	struct mono start;
	int64_t took;
	int fd[2];

	must(pipe(fd) == 0);
	r.fd = fd[0];
	must(log_start(fd[1], LOG_TEXT, LOG_INFO) == 0);
	for (uint64_t i = 0; i < sent; i++)
		log_info("t0 %ju %060d", (uintmax_t)i, 0);
	start = mono_now();
	log_stop(150);
	took = mono_diff_ms(mono_now(), start);
	ok(took >= 150 && took < 10000, "a pipe nobody reads holds the stop up as long as it may");
	close(fd[1]);
	read_on(&r);
	c = count_lines(out);
	ok(c.seen > 100 && c.ordered, "what fitted the pipe is there");
	/* The pipe's end may cut the last line: part of it is there, and it counts as lost. */
	ok(c.seen + (log_dropped() - before) >= sent &&
			c.seen + (log_dropped() - before) <= sent + 1,
		"the rest is counted");
	close(fd[0]);
}

/* A limit of nothing still writes what needs no waiting. */
static void
test_stop_at_once(void)
{
	struct count c;
	int fd = fresh_file();

	must(log_start(fd, LOG_TEXT, LOG_INFO) == 0);
	for (int i = 0; i < 1000; i++)
		log_info("t0 %d", i);
	log_stop(0);
	taken(fd);
	c = count_lines(out);
	ok(c.seen == 1000 && c.ordered,
		"stop without a limit's time writes to a file all the same");
	close(fd);
}

/* A terminal that says it takes bytes and then blocks in write(2). */
static void
test_stop_hanging(int err_fd)
{
	uint64_t before;
	struct mono start;
	int64_t took;
	int master, slave, fd = fresh_file();

	if (openpty(&master, &slave, NULL, NULL, NULL) < 0) {
		diag("no terminals here: not tried");
		close(fd);
		return;
	}
	must(log_start(slave, LOG_TEXT, LOG_INFO) == 0);
	for (int i = 0; i < 2000; i++)
		log_info("t0 %d %0500d", i, 0);
	start = mono_now();
	log_stop(100);
	took = mono_diff_ms(mono_now(), start);
	ok(took >= 100 && took < 10000, "a terminal that blocks does not hold the stop up");
	taken(err_fd);
	log_info("still alive");
	is_str(taken(err_fd) + TIME_LEN, "info  still alive\n", "lines go to stderr");
	must(log_start(fd, LOG_TEXT, LOG_INFO) == 0);
	log_info("again");
	log_stop(10000);
	is_str(taken(fd) + TIME_LEN, "info  again\n", "and the log can start anew");
	/* The terminal is gone: the old thread comes back from write(2) and counts what it had. */
	before = log_dropped();
	close(master);
	while (log_dropped() - before < 100)
		sched_yield();
	ok(log_dropped() - before <= 2000, "what the terminal did not take is counted as lost");
	close(slave);
	close(fd);
}

static void
test_reader_gone(void)
{
	uint64_t before = log_dropped();
	int fd[2], spare = fresh_file();
	struct count c;

	must(pipe(fd) == 0);
	close(fd[0]);
	signal(SIGPIPE, SIG_DFL);
	must(log_start(fd[1], LOG_TEXT, LOG_INFO) == 0);
	log_info("t0 0");
	while (log_dropped() == before)
		sched_yield();
	ok(true, "a reader that went away does not kill the program");
	/* Something that can be written takes its place. */
	must(dup2(spare, fd[1]) >= 0);
	log_info("t0 1");
	log_stop(10000);
	taken(spare);
	c = count_lines(out);
	ok(c.seen == 1 && c.missing == 1,
		"the lost line is counted, and said when writing works again");
	close(fd[1]);
	close(spare);
}

/* A signal for the process must not land in the writer: its default action would end this test. */
static void
test_signals(void)
{
	sigset_t set, pending;
	int fd = fresh_file();

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(log_start(fd, LOG_TEXT, LOG_INFO) == 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	log_info("t0 0");
	log_stop(10000);
	sigpending(&pending);
	ok(sigismember(&pending, SIGUSR1) == 1, "the writer takes no signals");
	signal(SIGUSR1, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	close(fd);
}

static void
test_limited(int err_fd)
{
	static struct log_limit l;
	char text[1100];
	int lines = 0;

	taken(err_fd);
	log_set_level(LOG_INFO);
	for (int i = 0; i < 22; i++)
		log_limited(&l, LOG_WARN, "refused %d", i);
	taken(err_fd);
	for (const char *p = out; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	is_int(lines, 5, "five lines pass");
	ok(strstr(out, "refused 4\n") != NULL && strstr(out, "refused 5") == NULL,
		"the first five");
	log_limited(&l, LOG_DEBUG, "not wanted");
	is_str(taken(err_fd), "", "lines below the level are neither written nor counted");
	/* Ten seconds later. */
	atomic_fetch_sub(&l.window_ns, INT64_C(10000000000));
	log_limited(&l, LOG_WARN, "refused again");
	is_str(taken(err_fd) + TIME_LEN, "warn  refused again (and 17 more like this)\n",
		"the next one says how many were held back");
	log_limited(&l, LOG_WARN, "refused again");
	is_str(taken(err_fd) + TIME_LEN, "warn  refused again\n", "once");
	for (int i = 0; i < 5; i++)
		log_limited(&l, LOG_WARN, "more");
	atomic_fetch_sub(&l.window_ns, INT64_C(10000000000));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	taken(err_fd);
	log_limited(&l, LOG_WARN, "%s", text);
	taken(err_fd);
	ok(strlen(out) <= TIME_LEN + 6 + 1001 && strstr(out, " (and 2 more like this)\n") != NULL,
		"on a long line too");
}

static void
test_safe(void)
{
	char buf[64];

	is_str(log_safe(buf, sizeof(buf), "web1", 4), "web1", "safe: plain text");
	is_str(log_safe(buf, sizeof(buf), "a\n\0\xff~\x7f", 6), "a\\x0a\\x00\\xff~\\x7f",
		"safe: bytes");
	is_str(log_safe(buf, sizeof(buf), NULL, 0), "", "safe: nothing");
	is_str(log_safe(buf, 6, "12345", 5), "12345", "safe: what just fits is whole");
	is_str(log_safe(buf, 6, "123456", 6), "12…", "safe: what does not is cut and marked");
	is_str(log_safe(buf, 9, "1\n\n\n", 4), "1\\x0a…", "safe: no half escapes");
	is_str(log_safe(buf, 3, "1234", 4), "", "safe: no room for the mark");
	is_str(log_safe(buf, 1, "1", 1), "", "safe: no room at all");
}

int
main(void)
{
	int err_fd = fresh_file(), saved = dup(STDERR_FILENO);

	must(saved >= 0 && dup2(err_fd, STDERR_FILENO) >= 0);
	test_direct(err_fd);
	test_time();
	test_text();
	test_json();
	test_cut();
	test_levels();
	test_threads();
	test_stop_under_load(err_fd);
	test_slow_reader();
	test_stop_unread();
	test_stop_at_once();
	test_stop_hanging(err_fd);
	test_reader_gone();
	test_signals();
	test_limited(err_fd);
	test_safe();
	errno = 77;
	log_info("x");
	is_int(errno, 77, "logging leaves errno alone");
	/* Sanitizers report there. */
	dup2(saved, STDERR_FILENO);
	return done_testing();
}
