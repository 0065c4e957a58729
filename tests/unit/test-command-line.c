/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* ctl/server_options and ctl/agent_options: what a command line means, and what is refused. */

#include <stdlib.h>

#include "ctl/agent_options.h"
#include "ctl/server_options.h"
#include "tap.h"

#define ARGS_MAX 16

/* Splits words at blanks into argv; the buffer stays until the next call. */
static int
split(const char *line, char **argv)
{
	static char buf[400];
	int argc = 0;

	snprintf(buf, sizeof(buf), "%s", line);
	for (char *w = strtok(buf, " "); w != NULL && argc < ARGS_MAX; w = strtok(NULL, " "))
		argv[argc++] = w;
	argv[argc] = NULL;
	return argc;
}

static struct server_options so;
static struct agent_options ao;

static bool
server(const char *line)
{
	char *argv[ARGS_MAX + 1];
	struct err e = {.msg = ""};
	int argc = split(line, argv);
	bool taken = server_options_parse(argc, argv, &so, &e) == 0;

	ok(taken, "%s", line);
	if (!taken)
		diag("%s", e.msg);
	return taken;
}

static void
server_refuses(const char *line, const char *why)
{
	char *argv[ARGS_MAX + 1];
	struct err e = {.msg = ""};
	int argc = split(line, argv);

	ok(server_options_parse(argc, argv, &so, &e) < 0 && strstr(e.msg, why) != NULL,
		"%s: %s", line, e.msg);
}

static bool
agent(const char *line)
{
	char *argv[ARGS_MAX + 1];
	struct err e = {.msg = ""};
	int argc = split(line, argv);
	bool taken = agent_options_parse(argc, argv, &ao, &e) == 0;

	ok(taken, "%s", line);
	if (!taken)
		diag("%s", e.msg);
	return taken;
}

static void
agent_refuses(const char *line, const char *why)
{
	char *argv[ARGS_MAX + 1];
	struct err e = {.msg = ""};
	int argc = split(line, argv);

	ok(agent_options_parse(argc, argv, &ao, &e) < 0 && strstr(e.msg, why) != NULL, "%s: %s",
		line, e.msg);
}

static void
test_server(void)
{
	server("aditd");
	is_int(so.action, SERVER_RUN, "without anything the server runs");
	ok(strstr(so.file, "/adit/aditd.conf") != NULL, "with the default file");
	server("aditd -c x.conf --log-level debug --log-format json --plugin-dir p");
	is_str(so.file, "x.conf", "the file");
	ok(so.log.has_level && so.log.level == LOG_DEBUG && so.log.has_format &&
		so.log.format == LOG_JSON, "log");
	is_str(so.plugin_dir, "p", "the folder of plugins");
	server("aditd --check --config=y.conf");
	is_int(so.action, SERVER_CHECK, "check");
	is_str(so.file, "y.conf", "of that file");
	server("aditd --plugin-info a.so");
	is_str(so.info_file, "a.so", "a plugin's file");
	server("aditd --plugin-dir p init d --listen 127.0.0.1:1 --account bob");
	is_int(so.action, SERVER_INIT, "a command behind options");
	is_str(so.dir, "d", "its folder");
	is_str(so.listen, "127.0.0.1:1", "its address");
	server("aditd issue --account bob --grant ports=1-2 --grant a=b=c");
	is_int(so.n_grants, 2, "two grants");
	is_str(so.grant[1], "a=b=c", "in their order");
	server_options_fini(&so);
	server("aditd -V");
	is_int(so.action, SERVER_VERSION, "the version");
}

static void
test_server_wrong(void)
{
	server_refuses("aditd run", "no command 'run'");
	server_refuses("aditd inti d", "did you mean 'init'");
	server_refuses("aditd init", "one folder");
	server_refuses("aditd init a b", "one folder");
	server_refuses("aditd issue", "--account");
	server_refuses("aditd issue x --account b", "unexpected 'x'");
	server_refuses("aditd issue --account b --grant x", "KEY=VALUE");
	server_refuses("aditd issue --account b --grant =x", "KEY=VALUE");
	server_refuses("aditd --grant a=b", "belongs to issue");
	server_refuses("aditd --listen 127.0.0.1:1", "belong to init");
	server_refuses("aditd --allow-plain", "belong to init");
	server_refuses("aditd --account b", "belongs to init and issue");
	server_refuses("aditd --check x", "unexpected 'x'");
	server_refuses("aditd -c", "needs a value");
	server_refuses("aditd --config", "needs a value");
	server_refuses("aditd --check=1", "takes no value");
	server_refuses("aditd --frob", "unknown option '--frob'");
	server_refuses("aditd -z", "unknown option '-z'");
	server_refuses("aditd --log-level loud", "--log-level");
	server_refuses("aditd --log-format xml", "--log-format");
}

static void
test_agent(void)
{
	agent("adit tcp 22 --port 10022 --name ssh");
	is_int(ao.action, AGENT_RUN, "it runs");
	is_str(ao.request.target, "22", "the target");
	is_str(ao.request.port, "10022", "the port");
	is_str(ao.request.tunnel, "ssh", "the tunnel's name");
	ok(ao.request.max_attempts == -1 && ao.request.log_requests == -1,
		"what was not said is not set");
	ok(!ao.request.udp, "it is for TCP");
	agent("adit udp 53");
	ok(ao.request.udp, "or for UDP");
	is_str(ao.request.target, "53", "with its target");
	agent("adit run --server h:1 --local h:2 --token-file f -p 3 -n x --agent me");
	is_str(ao.request.server, "h:1", "the server");
	is_str(ao.request.target, "h:2", "the target");
	is_str(ao.request.token_file, "f", "the token's file");
	is_str(ao.request.agent, "me", "the agent's name");
	agent("adit --plugin-dir p run -c f --no-reconnect --max-attempts 5 --allow-plain -q");
	ok(ao.request.no_reconnect && ao.request.allow_plain && ao.quiet, "switches");
	is_int(ao.request.max_attempts, 5, "attempts");
	is_str(ao.request.file, "f", "the file");
	agent("adit run --log-requests 0");
	is_int(ao.request.log_requests, 0, "requests that are logged");
	agent("adit run --check");
	is_int(ao.action, AGENT_CHECK, "check");
	agent("adit --log-level debug");
	is_int(ao.action, AGENT_USAGE, "without a command the usual ones are shown");
	agent("adit keygen");
	ok(ao.action == AGENT_KEYGEN && ao.out == NULL && ao.comment == NULL, "a key is made");
	agent("adit keygen --out f --comment c");
	is_str(ao.out, "f", "its file");
	is_str(ao.comment, "c", "its comment");
	agent("adit --help");
	is_int(ao.action, AGENT_HELP, "help needs no command");
	agent("adit -V");
	is_int(ao.action, AGENT_VERSION, "nor does the version");
}

static void
test_agent_wrong(void)
{
	agent_refuses("adit --check", "command is missing");
	agent_refuses("adit tcp", "one target");
	agent_refuses("adit tcp 1 2", "one target");
	agent_refuses("adit udp", "adit udp 53");
	agent_refuses("adit udp 53 --local 54", "adit udp takes TARGET");
	agent_refuses("adit http 80", "no command 'http'");
	agent_refuses("adit rnu", "did you mean 'run'");
	agent_refuses("adit tcp 22 --local 23", "--local belongs to run");
	agent_refuses("adit run 22", "unexpected '22'");
	agent_refuses("adit run --port 22", "--port needs --local");
	agent_refuses("adit run --name x", "--name needs --local");
	agent("adit tcp 22 --sessions 16");
	is_int(ao.request.sessions, 16, "sessions");
	agent_refuses("adit tcp 22 --sessions 0", "expected 1 to 16");
	agent_refuses("adit tcp 22 --sessions 17", "expected 1 to 16");
	agent_refuses("adit tcp 22 --sessions 3x", "expected 1 to 16");
	agent_refuses("adit tcp 22 --max-attempts x", "expected a number");
	agent_refuses("adit tcp 22 --max-attempts -1", "expected a number");
	agent_refuses("adit tcp 22 --max-attempts 12345678", "expected a number");
	agent_refuses("adit tcp 22 --log-requests no", "--log-requests: expected a number");
	agent_refuses("adit tcp 22 --token secret", "--token is refused");
	agent_refuses("adit tcp 22 --token=secret", "--token is refused");
	agent_refuses("adit tcp 22 --quiet=1", "takes no value");
	agent_refuses("adit tcp 22 --frob", "unknown option");
	agent("adit tcp 22 --key f");
	is_str(ao.request.key, "f", "the key's file");
	agent("adit tcp 22 --key f --auth key,channel_binding=false");
	agent_refuses("adit tcp 22 --key f --user me", "one of them is enough");
	agent_refuses("adit tcp 22 --key f --token-file t", "one of them is enough");
	agent_refuses("adit tcp 22 --key f --auth password", "--key is for auth-key");
	agent_refuses("adit tcp 22 --key f --auth key,key_file=g", "both name the key's file");
	agent_refuses("adit leave --key f", "do not belong to leave");
	agent_refuses("adit keygen --key f", "takes --out, --comment");
	agent_refuses("adit keygen f", "a file is given by --out");
	agent_refuses("adit keygen --server s", "takes --out, --comment, --plugin-dir");
	agent_refuses("adit keygen --check", "takes --out, --comment, --plugin-dir");
	agent_refuses("adit tcp 22 --out f", "--out and --comment belong to keygen");
	agent_refuses("adit --comment c", "--out and --comment belong to keygen");
	agent_refuses("adit tcp 22 --log-level 9", "--log-level");
	agent_refuses("adit tcp 22 --log-format 9", "--log-format");
}

int
main(void)
{
	test_server();
	test_server_wrong();
	test_agent();
	test_agent_wrong();
	return done_testing();
}
