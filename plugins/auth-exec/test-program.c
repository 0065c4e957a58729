/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The program that test-exec asks: what it does with a question is written in the user's name. It
 * takes the lines apart by hand, as a shell script would. */

#include "test-program.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The text of a member, or "". */
static const char *
member(const char *line, const char *key, char buf[256])
{
	char mark[64];
	const char *at;

	snprintf(mark, sizeof(mark), "\"%s\":\"", key);
	at = strstr(line, mark);
	snprintf(buf, 256, "%.*s", at != NULL ? (int)strcspn(at + strlen(mark), "\"") : 0,
		at != NULL ? at + strlen(mark) : "");
	return buf;
}

static char held[64][20];
static int n_held;

__attribute__((format(printf, 2, 3))) static void
say(const char *id, const char *fmt, ...)
{
	va_list ap;

	printf("{\"id\":\"%s\",", id);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("}\n");
	fflush(stdout);
}

static void
misbehave(const char *user, const char *id)
{
	if (strcmp(user, "garbage") == 0) {
		printf("hello\n");
	} else if (strcmp(user, "noid") == 0) {
		printf("{\"verdict\":\"allow\",\"account\":\"a\"}\n");
	} else if (strcmp(user, "long") == 0) {
		for (int i = 0; i < 70000; i++)
			putchar('x');
	} else if (strcmp(user, "close") == 0) {
		close(1);
		for (;;)
			pause();
	} else if (strcmp(user, "closein") == 0) {
		close(0);
		say(id, "\"verdict\":\"deny\",\"reason\":\"in is closed\"");
		for (;;)
			pause();
	} else if (strcmp(user, "exit") == 0) {
		fprintf(stderr, "these are my last words");
		exit(3);
	} else if (strcmp(user, "crash") == 0) {
		kill(getpid(), SIGKILL);
	} else if (strcmp(user, "strays") == 0) {
		for (int i = 0; i < 200; i++)
			say("no-such-id", "\"verdict\":\"allow\",\"account\":\"a\"");
	}
	fflush(stdout);
}

static void
answer_oddly(const char *user, const char *id)
{
	if (strcmp(user, "twice") == 0) {
		say(id, "\"verdict\":\"deny\",\"reason\":\"first\"");
		say(id, "\"verdict\":\"allow\",\"account\":\"second\"");
	} else if (strcmp(user, "stray") == 0) {
		say("0000000000000000", "\"verdict\":\"allow\",\"account\":\"a\"");
		say(id, "\"verdict\":\"deny\",\"reason\":\"after a stray\"");
	} else if (strcmp(user, "wrong") == 0) {
		say(id, "\"verdict\":\"allow\",\"account\":7");
	} else if (strcmp(user, "noname") == 0) {
		say(id, "\"verdict\":\"allow\",\"account\":\"no name\"");
	} else if (strcmp(user, "past") == 0) {
		say(id, "\"verdict\":\"allow\",\"account\":\"a\",\"expires\":5");
	} else if (strcmp(user, "blank") == 0) {
		printf("\n \r\n");
		say(id, "\"verdict\":\"deny\",\"reason\":\"after blank lines\"");
	} else if (strcmp(user, "noise") == 0) {
		for (int i = 0; i < 500; i++)
			fprintf(stderr, "noise\033[31m %d\n", i);
		for (int i = 0; i < 5000; i++)
			fputc('y', stderr);
		say(id, "\"verdict\":\"deny\",\"reason\":\"was noisy\"");
	} else {
		misbehave(user, id);
	}
}

static void
answer_password(const char *line, const char *user, const char *id)
{
	if (strcmp(user, "alice") == 0)
		say(id, strstr(line, "\"password\":\"correct horse \\\"battery\\\" \\\\ staple "
				     "\xc3\xa9\"") != NULL
				? "\"verdict\":\"allow\",\"account\":\"acme\",\"agent\":\"web9\","
				  "\"expires\":4000000000,\"grants\":{\"ports\":\"7-8\","
				  "\"max_tunnels\":3},\"reply\":\"Zm9v\""
				: "\"verdict\":\"deny\",\"cause\":\"wrong\",\"reason\":\"no\"");
	else if (strcmp(user, "next") == 0 || strcmp(user, "fail") == 0)
		say(id, "\"verdict\":\"%s\"", user);
	else if (strcmp(user, "more") == 0)
		say(id, "\"verdict\":\"continue\",\"challenge\":\"\"");
	else if (strcmp(user, "pid") == 0)
		say(id, "\"verdict\":\"deny\",\"reason\":\"%d\"", (int)getpid());
	else if (strcmp(user, "hold") == 0)
		snprintf(held[n_held++ % 64], sizeof(held[0]), "%.19s", id);
	else if (strcmp(user, "release") == 0) { /* the last that came is answered first */
		say(id, "\"verdict\":\"deny\",\"reason\":\"released %d\"", n_held);
		while (n_held > 0)
			say(held[--n_held], "\"verdict\":\"allow\",\"account\":\"held\"");
	} else {
		answer_oddly(user, id);
	}
}

static void
answer_line(const char *line)
{
	char id[256], user[256], method[256], login[256];

	member(line, "id", id);
	member(line, "method", method);
	if (strcmp(method, "password") == 0) {
		answer_password(line, member(line, "user", user), id);
	} else if (strcmp(method, "jwt") == 0) {
		say(id, "\"verdict\":\"deny\",\"reason\":\"%zu\"",
			strcspn(strstr(line, "\"token\":\"") + 9, "\""));
	} else if (strstr(line, "\"step\":0,") != NULL) { /* the login's id and our pid */
		say(id, "\"verdict\":\"continue\",\"challenge\":\"Zm9v\",\"reason\":\"%s %d\"",
			member(line, "login", login), (int)getpid());
	} else {
		say(id, "\"verdict\":\"%s\",\"account\":\"acme\",\"reason\":\"%s %d\"",
			strstr(line, "\"data\":\"YmFy\"") != NULL ? "allow" : "deny",
			member(line, "login", login), (int)getpid());
	}
}

int
be_program(const char *what)
{
	static char line[300000];

	if (strcmp(what, "deaf") == 0 || strcmp(what, "stubborn") == 0) {
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	while (fgets(line, sizeof(line), stdin) != NULL)
		answer_line(line);
	if (strcmp(what, "polite") == 0)
		fprintf(stderr, "good bye\n");
	return 0;
}
