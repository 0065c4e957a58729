/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Options of plugins: every type with what it takes and what it refuses, and the text of each
 * refusal; then what a plugin sees of them. */

#include <adit/plugin.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "plug/options.h"
#include "tap.h"

static const struct adit_option all_options[] = {
	{.name = "word", .type = ADIT_OPT_STRING, .dflt = "hello", .help = "a word"},
	{.name = "free", .type = ADIT_OPT_STRING},
	{.name = "count", .type = ADIT_OPT_INT, .dflt = "3", .min = 1, .max = 10},
	{.name = "any", .type = ADIT_OPT_INT},
	{.name = "on", .type = ADIT_OPT_BOOL, .dflt = "true"},
	{.name = "off", .type = ADIT_OPT_BOOL},
	{.name = "room", .type = ADIT_OPT_SIZE, .dflt = "64KiB", .min = 1024, .max = 1 << 20},
	{.name = "wait", .type = ADIT_OPT_DURATION, .dflt = "30s", .min = 100, .max = 60000},
	{.name = "patience", .type = ADIT_OPT_DURATION},
	{.name = "place", .type = ADIT_OPT_PATH, .dflt = "there"},
	{.name = "nowhere", .type = ADIT_OPT_PATH},
	{.name = "many", .type = ADIT_OPT_LIST, .dflt = "one"},
	{.name = "none", .type = ADIT_OPT_LIST},
	{.name = "files", .type = ADIT_OPT_PATHS, .dflt = "here"},
	{.name = "server_only", .type = ADIT_OPT_INT, .sides = ADIT_SIDE_SERVER},
	{.name = "needed", .type = ADIT_OPT_STRING, .sides = ADIT_SIDE_AGENT, .required = 1,
		.help = "what an agent needs"},
	{.name = NULL},
};

static const struct adit_plugin plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.name = "auth-test",
	.options = all_options,
};

static struct adit_conf *conf;
static struct err e;
static char text[1200];

static struct option_value
string(const char *key, const char *s)
{
	return (struct option_value){.key = key, .type = VALUE_STRING, .str = s,
		.file = "/etc/x/a.conf", .line = 7};
}

static struct option_value
number(const char *key, int64_t n)
{
	return (struct option_value){.key = key, .type = VALUE_INT, .num = n,
		.file = "/etc/x/a.conf", .line = 7};
}

static struct option_value
boolean(const char *key, bool on)
{
	return (struct option_value){.key = key, .type = VALUE_BOOL, .num = on,
		.file = "/etc/x/a.conf", .line = 7};
}

static int
check(enum adit_side side, const struct option_value *v, size_t n)
{
	options_free(conf);
	conf = NULL;
	memset(&e, 0, sizeof(e));
	return options_check(&plugin, v, n, side, "/etc/x/main.conf", 3, &e, &conf);
}

/* One value that is taken. */
static void
takes(struct option_value v, const char *what)
{
	ok(check(ADIT_SIDE_SERVER, &v, 1) == 0, "%s", what);
	if (e.msg[0] != '\0')
		diag("%s", err_text(&e, text, sizeof(text)));
}

/* One value that is refused with exactly this text, at its place. */
static void
refuses(struct option_value v, const char *want)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "/etc/x/a.conf:7: %s", want);
	is_int(check(ADIT_SIDE_SERVER, &v, 1), -EINVAL, want);
	is_str(err_text(&e, text, sizeof(text)), whole, "… says so");
	ok(conf == NULL, "… and gives nothing");
}

static void
test_defaults(void)
{
	is_int(check(ADIT_SIDE_SERVER, NULL, 0), 0, "nothing given: the defaults hold");
	is_str(adit_conf_string(conf, "word"), "hello", "string");
	ok(adit_conf_string(conf, "free") == NULL, "string without a default is NULL");
	is_int(adit_conf_int(conf, "count"), 3, "int");
	is_int(adit_conf_int(conf, "any"), 0, "int without a default is 0");
	ok(adit_conf_bool(conf, "on") && !adit_conf_bool(conf, "off"), "bool");
	is_int(adit_conf_int(conf, "room"), 65536, "size in bytes");
	is_int(adit_conf_int(conf, "wait"), 30000, "duration in milliseconds");
	is_str(adit_conf_string(conf, "place"), "/etc/x/there", "path beside the main file");
	ok(adit_conf_string(conf, "nowhere") == NULL, "path without a default is NULL");
	is_str(adit_conf_list(conf, "many", 0), "one", "list");
	ok(adit_conf_list(conf, "many", 1) == NULL, "list ends");
	ok(adit_conf_list(conf, "many", 9) == NULL, "far behind the end there is nothing");
	ok(adit_conf_list(conf, "none", 0) == NULL, "list without a default is empty");
	is_str(adit_conf_list(conf, "files", 0), "/etc/x/here", "list of paths");
	ok(adit_conf_list(conf, "files", 1) == NULL, "that ends");
	ok(!adit_conf_given(conf, "word"), "a default is not given");
	is_int(adit_conf_side(conf), ADIT_SIDE_SERVER, "the side is known");
	is_int(adit_conf_int(conf, "server_only"), 0, "an option of this side");
}

static void
test_values(void)
{
	static const char *const list[] = {"a", "b", "c"};
	struct option_value v;

	takes(string("word", ""), "an empty string");
	is_str(adit_conf_string(conf, "word"), "", "is what it is");
	ok(adit_conf_given(conf, "word"), "and given");
	takes(number("count", 10), "the upper end of a range");
	is_int(adit_conf_int(conf, "count"), 10, "is taken");
	takes(number("any", INT64_MIN), "any number without a range");
	is_int(adit_conf_int(conf, "any"), INT64_MIN, "is taken");
	takes(boolean("on", false), "false in place of true");
	ok(!adit_conf_bool(conf, "on"), "is taken");
	takes(string("room", "1MiB"), "a size with a unit");
	is_int(adit_conf_int(conf, "room"), 1 << 20, "is taken");
	takes(number("room", 2048), "a size without quotes");
	is_int(adit_conf_int(conf, "room"), 2048, "is taken");
	takes(string("wait", "1m"), "a duration");
	is_int(adit_conf_int(conf, "wait"), 60000, "is taken");
	takes(number("patience", 0), "no time at all needs no unit");
	takes(string("place", "sub/f"), "a relative path");
	is_str(adit_conf_string(conf, "place"), "/etc/x/sub/f", "is beside its own file");
	takes(string("place", "/f"), "an absolute path");
	is_str(adit_conf_string(conf, "place"), "/f", "stays");
	takes(string("many", "x"), "one string for a list");
	is_str(adit_conf_list(conf, "many", 0), "x", "is a list of one");

	v = (struct option_value){.key = "many", .type = VALUE_LIST, .list = list, .n_list = 3};
	takes(v, "a list");
	is_str(adit_conf_list(conf, "many", 2), "c", "is taken whole");
	ok(adit_conf_list(conf, "many", 3) == NULL, "and ends");
	v.n_list = 0;
	takes(v, "an empty list in place of the default");
	ok(adit_conf_list(conf, "many", 0) == NULL, "is empty");

	v = string("place", "f");
	v.file = NULL;
	takes(v, "a relative path on the command line");
	ok(adit_conf_string(conf, "place")[0] == '/', "is made absolute");
}

static void
test_paths(void)
{
	static const char *const list[] = {"a", "/b"}, *const nameless[] = {"a", ""};
	struct option_value v = {.key = "files", .type = VALUE_LIST, .list = list, .n_list = 2,
		.file = "/etc/x/sub/a.conf", .line = 7};

	takes(v, "a list of files");
	is_str(adit_conf_list(conf, "files", 0), "/etc/x/sub/a", "stands beside its own file");
	is_str(adit_conf_list(conf, "files", 1), "/b", "an absolute one stays");
	ok(adit_conf_list(conf, "files", 2) == NULL, "and it ends");
	takes(string("files", "f"), "one file for a list");
	is_str(adit_conf_list(conf, "files", 0), "/etc/x/f", "is a list of one");
	v.list = nameless;
	v.file = "/etc/x/a.conf";
	refuses(v, "auth-test: \"files\": expects the name of a file in quotes, or a list of such "
		   "names, but is a list");
	refuses(string("files", ""), "auth-test: \"files\": expects the name of a file in quotes, "
				     "or a list of such names, but is \"\"");
	refuses(number("files", 1), "auth-test: \"files\": expects the name of a file in quotes, "
				    "or a list of such names, but is 1");
}

static void
test_refusals(void)
{
	static const char *const list[] = {"a"};
	struct option_value v = {.key = "word", .type = VALUE_LIST, .list = list, .n_list = 1,
		.file = "/etc/x/a.conf", .line = 7};
	struct option_value group = {.key = "word", .type = VALUE_OTHER, .str = "a group",
		.file = "/etc/x/a.conf", .line = 7};

	refuses(number("word", 5),
		"auth-test: \"word\": expects a text in quotes, but is 5");
	refuses(v, "auth-test: \"word\": expects a text in quotes, but is a list");
	refuses(group, "auth-test: \"word\": expects a text in quotes, but is a group");
	refuses(string("count", "5"),
		"auth-test: \"count\": expects a whole number, but is \"5\"");
	refuses(number("count", 11), "auth-test: \"count\": must be from 1 to 10, but is 11");
	refuses(number("count", 0), "auth-test: \"count\": must be from 1 to 10, but is 0");
	refuses(string("on", "true"), "auth-test: \"on\": expects true or false, but is \"true\"");
	refuses(number("on", 1), "auth-test: \"on\": expects true or false, but is 1");
	refuses(string("room", "64Kib"),
		"auth-test: \"room\": expects a size such as \"64KiB\", but is \"64Kib\"");
	refuses(boolean("room", true),
		"auth-test: \"room\": expects a size such as \"64KiB\", but is true");
	refuses(number("room", -1),
		"auth-test: \"room\": expects a size such as \"64KiB\", but is -1");
	refuses(string("room", "2MiB"),
		"auth-test: \"room\": must be from 1KiB to 1MiB, but is \"2MiB\"");
	refuses(number("wait", 30),
		"auth-test: \"wait\": expects a time such as \"30s\", but is 30");
	refuses(string("wait", "30"),
		"auth-test: \"wait\": expects a time such as \"30s\", but is \"30\"");
	refuses(string("wait", "2m"),
		"auth-test: \"wait\": must be from 100ms to 1m, but is \"2m\"");
	refuses(string("place", ""),
		"auth-test: \"place\": expects the name of a file in quotes, but is \"\"");
	refuses(number("many", 1),
		"auth-test: \"many\": expects a list of texts such as [ \"a\", \"b\" ], but is 1");
	refuses(string("wrod", "x"),
		"auth-test has no option \"wrod\"; did you mean \"word\"?");
	refuses(string("completely", "x"),
		"auth-test has no option \"completely\"; it has word, free, count, any, on, off, "
		"room, wait, patience, place, nowhere, many, none, files, "
		"server_only, methods");
	refuses(string("needed", "x"),
		"auth-test: \"needed\" is an option for the agent, not for the server");
}

static void
test_sets(void)
{
	struct option_value twice[] = {string("word", "a"), string("word", "b")};
	struct option_value needed = string("needed", "x");

	is_int(check(ADIT_SIDE_SERVER, twice, 2), -EINVAL, "an option that is given twice");
	is_str(e.msg, "auth-test: \"word\" is given twice", "is refused");
	is_int(check(ADIT_SIDE_AGENT, NULL, 0), -EINVAL, "a required option that is missing");
	is_str(err_text(&e, text, sizeof(text)),
		"/etc/x/main.conf:3: auth-test: \"needed\": is missing: what an agent needs",
		"is named, with the place of the group");
	is_int(check(ADIT_SIDE_AGENT, &needed, 1), 0, "and is enough");
	needed = number("server_only", 1);
	is_int(check(ADIT_SIDE_AGENT, &needed, 1), -EINVAL, "an option of the other side");
	is_str(e.msg, "auth-test: \"server_only\" is an option for the server, not for the agent",
		"is named as such");
}

static void
test_errors(void)
{
	struct option_value v = string("word", "x");

	check(ADIT_SIDE_SERVER, &v, 1);
	is_int(adit_conf_error(conf, "word", "is %d", 1), -1, "a plugin's own refusal");
	is_str(err_text(&e, text, sizeof(text)), "/etc/x/a.conf:7: auth-test: \"word\": is 1",
		"has the option's place");
	adit_conf_error(conf, "count", "bad");
	is_str(err_text(&e, text, sizeof(text)), "/etc/x/main.conf:3: auth-test: \"count\": bad",
		"or the group's, if it was not given");
	adit_conf_error(conf, NULL, "all bad");
	is_str(err_text(&e, text, sizeof(text)), "/etc/x/main.conf:3: auth-test: all bad",
		"or none");
}

/* How a child ends that asks for an option in a wrong way. */
static int
signal_of(void (*wrong)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) != NULL)
			wrong();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
ask_unknown(void)
{
	adit_conf_string(conf, "unknown");
}

static void
ask_wrong_type(void)
{
	adit_conf_int(conf, "word");
}

static void
test_mistakes(void)
{
	check(ADIT_SIDE_SERVER, NULL, 0);
	is_int(signal_of(ask_unknown), SIGABRT, "asking for what was not declared aborts");
	is_int(signal_of(ask_wrong_type), SIGABRT, "asking by a wrong type aborts");
}

/* A plugin whose only option is this. */
static void
undeclarable(struct adit_option o, const char *want)
{
	struct adit_option two[] = {o, {.name = NULL}};
	struct adit_plugin p = plugin;

	p.options = two;
	is_int(options_declared(&p, &e), -EINVAL, want);
	is_str(e.msg, want, "… says so");
}

static void
test_declarations(void)
{
	static const struct adit_option twice[] = {{.name = "a", .type = ADIT_OPT_INT},
		{.name = "a", .type = ADIT_OPT_BOOL}, {.name = NULL}};
	struct adit_plugin p = plugin;

	is_int(options_declared(&plugin, &e), 0, "good declarations");
	undeclarable((struct adit_option){.name = "A", .type = ADIT_OPT_INT},
		"option 0 has a name that cannot be one");
	undeclarable((struct adit_option){.name = "a", .type = 9},
		"option \"a\" has the unknown type 9");
	undeclarable((struct adit_option){.name = "a", .type = ADIT_OPT_INT, .min = 2, .max = 1},
		"option \"a\" has an empty range");
	undeclarable((struct adit_option){.name = "a", .type = ADIT_OPT_DURATION, .dflt = "30"},
		"option \"a\": the default \"30\" is not a time such as \"30s\"");
	undeclarable((struct adit_option){.name = "a", .type = ADIT_OPT_INT, .dflt = "5", .max = 4},
		"option \"a\": the default is outside of its own range");
	undeclarable((struct adit_option){.name = "a", .type = ADIT_OPT_BOOL, .dflt = "yes"},
		"option \"a\": the default \"yes\" is not true or false");
	p.options = twice;
	is_int(options_declared(&p, &e), -EINVAL, "a name that is declared twice");
	is_str(e.msg, "option \"a\" is declared twice", "is refused");
	p.options = NULL;
	is_int(options_declared(&p, &e), 0, "no options at all");
}

static void
test_transport(void)
{
	struct adit_plugin p = plugin;
	static const struct adit_option own[] = {
		{.name = "listen", .type = ADIT_OPT_INT}, {.name = NULL}};

	p.kind = ADIT_KIND_TRANSPORT;
	p.options = own;
	is_int(options_declared(&p, &e), -EINVAL, "a transport's own \"listen\"");
	is_str(e.msg, "option \"listen\" is declared twice", "is in the way of the core's");
	p.options = NULL;
	options_free(conf);
	conf = NULL;
	is_int(options_check(&p, NULL, 0, ADIT_SIDE_SERVER, NULL, 0, &e, &conf), -EINVAL,
		"a transport of the server needs addresses");
	is_int(options_check(&p, NULL, 0, ADIT_SIDE_AGENT, NULL, 0, &e, &conf), 0,
		"one of the agent does not");
	ok(!adit_conf_bool(conf, "allow_plain"), "allow_plain is off");
}

int
main(void)
{
	test_defaults();
	test_values();
	test_paths();
	test_refusals();
	test_sets();
	test_errors();
	test_mistakes();
	test_declarations();
	test_transport();
	options_free(conf);
	return done_testing();
}
