/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A secret from the terminal. Main thread, before there are others. What must hold: whenever the
 * process ends, stops, or goes on, the terminal is as it was found; what was typed is wiped unless
 * it is the answer. */

#include "util/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "util/compiler.h"
#include "util/file.h"

/* Those that come at any time are blocked, but while we wait. The last two are answers of the
 * terminal to what a process in the background does, which it gives only when they are not. */
static const int watched[] = {
	SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU};
#define BLOCKED 6

static volatile sig_atomic_t caught; /* the last of them; 0: none */

static struct {
	bool pretend;
} prompt;

struct asking {
	int tty;
	struct termios before;
	bool changed; /* the terminal is not as before */
	struct sigaction old[ARRAY_LEN(watched)];
	sigset_t mask; /* as it was */
	char *text;
	size_t len, max;
};

void
prompt_pretend(bool on)
{
	prompt.pretend = on;
}

static void
on_signal(int signo)
{
	caught = signo;
}

static void
watch(struct asking *a)
{
	struct sigaction sa = {.sa_handler = on_signal}; /* no SA_RESTART: it ends the wait */
	sigset_t block;

	sigemptyset(&block);
	for (size_t i = 0; i < BLOCKED; i++)
		sigaddset(&block, watched[i]);
	sigprocmask(SIG_BLOCK, &block, &a->mask);
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
		sigaction(watched[i], NULL, &a->old[i]);
		if (a->old[i].sa_handler != SIG_IGN)
			sigaction(watched[i], &sa, NULL);
	}
}

static void
unwatch(const struct asking *a)
{
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		sigaction(watched[i], &a->old[i], NULL);
	sigprocmask(SIG_SETMASK, &a->mask, NULL);
}

static void
say(const struct asking *a, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t done = write(a->tty, text, n);

		if (done <= 0)
			return; /* the question is worth nothing more */
		text += done;
		n -= (size_t)done;
	}
}

/* In the background this is answered with SIGTTOU, which stops us as it should. */
static int
echo_off(struct asking *a)
{
	struct termios quiet;

	if (tcgetattr(a->tty, &a->before) < 0)
		return -errno;
	quiet = a->before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	if (tcsetattr(a->tty, TCSAFLUSH, &quiet) < 0)
		return -errno;
	a->changed = true;
	return 0;
}

static void
echo_on(struct asking *a)
{
	if (!a->changed)
		return;
	while (tcsetattr(a->tty, TCSAFLUSH, &a->before) < 0 && errno == EINTR && caught != SIGTTOU)
		;
	a->changed = false;
	say(a, "\n"); /* the one that was typed was not shown */
}

/* One line, of which at most max + 1 bytes are kept. 0 or a negative errno; -EINTR: caught. */
static int
read_line(struct asking *a)
{
	struct pollfd in = {.fd = a->tty, .events = POLLIN};

	a->len = 0;
	for (;;) {
		char c;
		ssize_t n = ppoll(&in, 1, NULL, &a->mask) < 0 ? -1 : read(a->tty, &c, 1);

		if (n < 0)
			return -errno;
		if (n == 0 || c == '\n' || c == '\r')
			return 0;
		if (a->len <= a->max)
			a->text[a->len++] = c;
		explicit_bzero(&c, 1);
	}
}

static int
ask_once(struct asking *a, const char *question)
{
	int rc;

	caught = 0;
	watch(a);
	rc = echo_off(a);
	if (rc == 0) {
		say(a, question);
		rc = read_line(a);
	}
	echo_on(a);
	unwatch(a);
	return caught != 0 ? -EINTR : rc;
}

/* Until there is an answer: who was stopped is asked again. A signal meets what it would have met
 * without us. */
static int
ask(struct asking *a, const char *question)
{
	for (;;) {
		int rc = ask_once(a, question), signo = caught;

		if (rc != -EINTR || signo == 0)
			return rc;
		raise(signo);
		if (signo != SIGTSTP && signo != SIGTTIN && signo != SIGTTOU)
			return -EINTR; /* somebody lives with it */
	}
}

static int
answered(struct asking *a, struct err *e)
{
	if (a->len == 0) {
		err_set(e, "nothing was typed");
		return -ENODATA;
	}
	if (a->len > a->max) {
		err_set(e, "more than %zu letters were typed", a->max);
		return -EMSGSIZE;
	}
	a->text[a->len] = '\0';
	return 0;
}

int
prompt_secret(const char *question, size_t max, char **text_r, size_t *len_r, struct err *e)
{
	struct asking a = {.max = max};
	int rc;

	a.text = xcalloc(1, max + 2);
	if (prompt.pretend) {
		*text_r = strcpy(a.text, "?");
		*len_r = 1;
		return 0;
	}
	a.tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (a.tty < 0) {
		file_free(a.text, 0);
		err_set(e, "there is no terminal to ask at");
		return -ENOTTY;
	}
	rc = ask(&a, question);
	if (rc < 0)
		err_set(e, "the terminal: %s", strerror(-rc));
	else
		rc = answered(&a, e);
	close(a.tty);
	if (rc < 0) {
		file_free(a.text, max + 2);
		return rc;
	}
	*text_r = a.text;
	*len_r = a.len;
	return 0;
}
