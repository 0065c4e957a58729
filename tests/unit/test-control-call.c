/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Requests at the control socket as text, and answers to them. */

#include <stdlib.h>
#include <string.h>

#include "ctl/control_call.h"
#include "tap.h"

static struct control_call *
read_line(const char *line)
{
	return control_call_new(line, strlen(line));
}

static void
bad(const char *line, size_t n, const char *says)
{
	struct control_call *call = control_call_new(line, n);

	ok(call->bad && strstr(call->out.p, says) != NULL &&
			strncmp(call->out.p, "{\"ok\":false,", 12) == 0,
		"refused: %s", says);
	control_call_free(call);
}

static void
test_requests(void)
{
	struct control_call *call = read_line("status");

	ok(!call->bad && call->n_args == 0, "a name alone");
	is_str(call->name, "status", "is the name");
	control_call_free(call);
	call = read_line("invite  host=a:1 grant=ports=1 grant=x=%20%3D%25 account= \r");
	ok(!call->bad, "words with blanks and a carriage return");
	is_int(call->n_args, 4, "are counted");
	is_str(control_get(call, "host"), "a:1", "a value");
	is_str(control_get_nth(call, "grant", 0), "ports=1", "the first of two");
	is_str(control_get_nth(call, "grant", 1), "x= =%", "the second, decoded");
	is_str(control_get_nth(call, "grant", 2), NULL, "there is no third");
	is_str(control_get(call, "account"), "", "an empty one");
	is_str(control_get(call, "agent"), NULL, "one that is not there");
	is_str(control_unknown(call, (const char *[]){"host", "account", NULL}), "grant",
		"a key that is not known");
	is_str(control_unknown(call, (const char *[]){"grant", "host", "account", NULL}), NULL,
		"all are known");
	control_call_free(call);
}

static void
test_bad(void)
{
	char many[1024] = "kick";

	bad("", 0, "begins with a name");
	bad("  ", 2, "begins with a name");
	bad("Status", 6, "begins with a name");
	bad("a=1", 3, "begins with a name");
	bad("status x", 8, "only KEY=VALUE");
	bad("status =x", 9, "only KEY=VALUE");
	bad("status a-b=x", 12, "only KEY=VALUE");
	bad("kick a=%", 8, "hexadecimal");
	bad("kick a=%2", 9, "hexadecimal");
	bad("kick a=%2x", 10, "hexadecimal");
	bad("kick a=%00", 10, "hexadecimal");
	bad("kick\0 a=b", 9, "zero byte");
	for (int i = 0; i <= CONTROL_ARGS_MAX; i++)
		strcat(many, " a=b");
	bad(many, strlen(many), "too many words");
}

static unsigned answered;

static void
on_done(void *owner, struct control_call *call)
{
	answered++;
	is_str(call->out.p, owner, "the answer");
	control_call_free(call);
}

static struct control_call *
asked(const char *answer)
{
	struct control_call *call = read_line("status");

	call->done = on_done;
	call->owner = (void *)(uintptr_t)answer;
	return call;
}

static void
test_answers(void)
{
	struct control_call *call = asked("{\"ok\":true,\"n\":1}");

	json_put_number(control_begin(call), "n", 1);
	control_answer(call);
	control_fail(asked("{\"ok\":false,\"error\":\"no \\\"x\\\"\"}"), "no \"%s\"", "x");
	is_int(answered, 2, "both came");
}

static void
test_words(void)
{
	char *word = control_word("host", "a b=%[::1]:1\xff\n"), line[128];
	struct control_call *call;

	snprintf(line, sizeof(line), "x %s", word);
	call = read_line(line);
	is_str(control_get(call, "host"), "a b=%[::1]:1\xff\n", "what is encoded is decoded");
	control_call_free(call);
	free(word);
}

int
main(void)
{
	test_requests();
	test_bad();
	test_answers();
	test_words();
	return done_testing();
}
