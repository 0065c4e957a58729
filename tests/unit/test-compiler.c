/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What compiler.h promises: must() ends the program and says where, allocation never gives NULL. */

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tap.h"
#include "util/compiler.h"

struct outer {
	int before;
	long inner;
};

/* Runs f in a child; returns its wait status and what it wrote to stderr. */
static int
in_child(void (*f)(void), char *text, size_t cap)
{
	int fd[2], status = -1;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	if (pipe(fd) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		close(fd[1]);
		f();
		_exit(0);
	}
	close(fd[1]);
	while (n + 1 < cap && (got = read(fd[0], text + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(fd[0]);
	waitpid(pid, &status, 0);
	return status;
}

static void
broken(void)
{
	signal(SIGABRT, SIG_DFL);
	must(1 + 1 == 3);
}

static void
kept(void)
{
	must(1 + 1 == 2);
}

int
main(void)
{
	struct outer o = {1, 2};
	char text[4096], *s;
	int status, n = 0;
	uint8_t *p;

	ok(container_of(&o.inner, struct outer, inner) == &o, "container_of finds the outside");
	is_int(ARRAY_LEN(((int[7]){0})), 7, "ARRAY_LEN counts elements");
	ok(MIN(2, 3) == 2 && MAX(2, 3) == 3, "MIN and MAX");

	status = in_child(broken, text, sizeof(text));
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "a broken must() aborts");
	ok(strstr(text, "1 + 1 == 3") != NULL && strstr(text, "test-compiler.c:") != NULL,
		"and says what and where");
	ok(in_child(kept, text, sizeof(text)) == 0 && text[0] == '\0', "one that holds is silent");
	must(++n == 1);
	is_int(n, 1, "must() evaluates its condition once");

	p = xcalloc(3, 5);
	is_mem(p, (uint8_t[15]){0}, 15, "xcalloc gives zeroes");
	memset(p, 7, 15);
	p = xrealloc(p, 100);
	is_mem(p, ((uint8_t[15]){7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}), 15,
		"xrealloc keeps what was there");
	free(p);
	p = xmalloc(0);
	ok(p != NULL, "xmalloc of nothing is something that can be freed");
	free(p);
	s = xstrdup("adit");
	is_str(s, "adit", "xstrdup copies");
	free(s);
	s = xasprintf("%s-%d", "a", 5);
	is_str(s, "a-5", "xasprintf prints");
	free(s);
	return done_testing();
}
