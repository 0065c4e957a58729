/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The command line of adit. Main thread. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/agent_options.h"
#include "ctl/auth_said.h"
#include "util/units.h"

const char agent_options_usage[] =
	"adit publishes services of this host through an aditd server:\n"
	"  adit tcp 22 --port 10022      one service, here port 22, at public port 10022\n"
	"  adit udp 53                   the same for UDP\n"
	"  adit run                      the tunnels of the configuration file\n"
	"  adit join 'adit://...'        first of all: join the server, by the line from there\n"
	"  adit --help                   all commands and options; also: man adit\n"
	"Join lines are printed by 'aditd init DIR' and 'aditctl invite' at the server.\n";

const char agent_options_help[] =
	"adit publishes services of this host, or of others that it reaches, through aditd.\n"
	"\n"
	"usage: adit tcp TARGET [--port N] [--name NAME] [options]\n"
	"                                publish one service: \"22\" is this host's port 22,\n"
	"                                \"db:5432\" another host's\n"
	"       adit udp TARGET [--port N] [--name NAME] [options]\n"
	"                                the same for a service that speaks UDP\n"
	"       adit run [-c FILE] [options]\n"
	"                                publish the tunnels of the configuration file\n"
	"       adit run --local HOST:PORT [--port N] [--name NAME] [options]\n"
	"                                the same as adit tcp\n"
	"       adit join LINE [--name NAME] [--force]\n"
	"                                join a server by the line that 'aditctl invite' printed\n"
	"                                there; \"-\" reads it from standard input\n"
	"       adit leave [NAME]        forget a server that was joined\n"
	"       adit keygen [--out FILE] [--comment TEXT]\n"
	"                                make a key to log in with, and print the server's line\n"
	"\n"
	"  -p, --port N            the public port to ask for; else the server picks one\n"
	"  -n, --name NAME         the tunnel's name; with join the server's, for --server\n"
	"  -s, --server SERVER     a server that was joined, or HOST:PORT, or tcp://HOST:PORT\n"
	"      --force             let join replace a server\n"
	"  -t, --token-file FILE   the token that 'aditd issue' made\n"
	"  -u, --user NAME         log in by a password, which is asked for\n"
	"      --key FILE          log in by a key, which 'adit keygen' made\n"
	"      --auth NAME[,OPTION=VALUE]...\n"
	"                          log in by another plugin, or by a password from a file:\n"
	"                          password,user=NAME,password_file=FILE\n"
	"  -c, --config FILE       default ~/.config/adit/adit.conf, then\n"
	"                          " ADIT_SYSCONFDIR "/adit/adit.conf\n"
	"      --agent NAME        this agent's name; default the host's\n"
	"      --proxy URL         go through a proxy, http://HOST:PORT or socks5://HOST:PORT;\n"
	"                          none: through none; default env: what HTTPS_PROXY, ALL_PROXY\n"
	"                          and NO_PROXY say\n"
	"      --proxy-user NAME   the user to log in to it\n"
	"      --proxy-password-file FILE\n"
	"                          the file with the password\n"
	"      --check             check the configuration and stop\n"
	"      --no-reconnect      stop when the link is lost\n"
	"      --max-attempts N    give up after N failed attempts in a row; 0 is never\n"
	"      --sessions N        open N sessions at once, 1 to 16, each with a link of its own\n"
	"      --allow-plain       allow a link that others can read\n"
	"      --plugin-dir DIR    where plugins are\n"
	"      --log-level LEVEL   error, warn, info or debug; to stderr\n"
	"      --log-format FORM   text or json\n"
	"      --log-requests N    HTTP requests that are logged in a second; 0 is none\n"
	"  -q, --quiet             print nothing on stdout\n"
	"  -h, --help              this text\n"
	"  -V, --version           the version\n"
	"\n"
	"SIGINT, SIGTERM and SIGHUP stop it, a second one at once.\n"
	"Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage, 69 server unreachable,\n"
	"77 login refused, 78 wrong configuration. See adit(1).\n";

enum {
	OPT_LOCAL = COMMAND_LONG,
	OPT_AGENT,
	OPT_CHECK,
	OPT_NO_RECONNECT,
	OPT_MAX_ATTEMPTS,
	OPT_SESSIONS,
	OPT_ALLOW_PLAIN,
	OPT_PLUGIN_DIR,
	OPT_PROXY,
	OPT_PROXY_USER,
	OPT_PROXY_PASSWORD_FILE,
	OPT_LOG_LEVEL,
	OPT_LOG_FORMAT,
	OPT_LOG_REQUESTS,
	OPT_TOKEN,
	OPT_FORCE,
	OPT_OUT,
	OPT_COMMENT,
	OPT_AUTH,
	OPT_PASSWORD,
	OPT_KEY,
};

static const char letters[] = ":p:n:s:t:u:c:qhV";
static const struct option long_options[] = {
	{"port", required_argument, NULL, 'p'},
	{"name", required_argument, NULL, 'n'},
	{"server", required_argument, NULL, 's'},
	{"token-file", required_argument, NULL, 't'},
	{"token", optional_argument, NULL, OPT_TOKEN},
	{"user", required_argument, NULL, 'u'},
	{"key", required_argument, NULL, OPT_KEY},
	{"auth", required_argument, NULL, OPT_AUTH},
	{"password", optional_argument, NULL, OPT_PASSWORD},
	{"config", required_argument, NULL, 'c'},
	{"local", required_argument, NULL, OPT_LOCAL},
	{"agent", required_argument, NULL, OPT_AGENT},
	{"check", no_argument, NULL, OPT_CHECK},
	{"no-reconnect", no_argument, NULL, OPT_NO_RECONNECT},
	{"max-attempts", required_argument, NULL, OPT_MAX_ATTEMPTS},
	{"sessions", required_argument, NULL, OPT_SESSIONS},
	{"allow-plain", no_argument, NULL, OPT_ALLOW_PLAIN},
	{"plugin-dir", required_argument, NULL, OPT_PLUGIN_DIR},
	{"proxy", required_argument, NULL, OPT_PROXY},
	{"proxy-user", required_argument, NULL, OPT_PROXY_USER},
	{"proxy-password-file", required_argument, NULL, OPT_PROXY_PASSWORD_FILE},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"log-format", required_argument, NULL, OPT_LOG_FORMAT},
	{"log-requests", required_argument, NULL, OPT_LOG_REQUESTS},
	{"force", no_argument, NULL, OPT_FORCE},
	{"out", required_argument, NULL, OPT_OUT},
	{"comment", required_argument, NULL, OPT_COMMENT},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static int
take_number(const char *option, int64_t *n_r, struct err *e)
{
	size_t n = strlen(optarg);

	if (n == 0 || n > 7 || strspn(optarg, "0123456789") != n)
		return err_set(e, "%s: expected a number, found '%s'", option, optarg);
	*n_r = strtol(optarg, NULL, 10);
	return 0;
}

static int
take_sessions(struct agent_request *r, struct err *e)
{
	size_t n = strlen(optarg);
	long given = strtol(optarg, NULL, 10);

	if (n == 0 || n > 3 || strspn(optarg, "0123456789") != n || given < 1 ||
		given > SESSIONS_MAX)
		return err_set(e, "--sessions: expected 1 to %d, found '%s'", SESSIONS_MAX, optarg);
	r->sessions = given;
	return 0;
}

static int
take_auth(struct agent_request *r, struct err *e)
{
	struct auth_said said;

	if (r->auth != NULL)
		return err_set(e, "--auth is given twice, but an agent logs in with one plugin");
	if (auth_said_parse(optarg, &said, e) < 0)
		return -EINVAL;
	auth_said_fini(&said);
	r->auth = optarg;
	return 0;
}

/* How to log in is said once, in whatever way. */
static int
check_auth(const struct agent_request *r, struct err *e)
{
	struct auth_said said;
	bool user = false, key = false;
	int rc = 0;

	if (r->user != NULL && r->token_file != NULL)
		return err_set(e, "--user logs in by a password, --token-file by a token: one of "
				  "them is enough");
	if (r->key != NULL && (r->user != NULL || r->token_file != NULL))
		return err_set(e, "--key logs in by a key, --user by a password, --token-file by a "
				  "token: one of them is enough");
	if (r->auth == NULL)
		return 0;
	if (auth_said_parse(r->auth, &said, e) < 0)
		return -EINVAL;
	for (size_t i = 0; i < said.n; i++) {
		user |= strcmp(said.option[i].key, "user") == 0;
		key |= strcmp(said.option[i].key, "key_file") == 0;
	}
	if (r->user != NULL && strcmp(said.plugin, "auth-password") != 0)
		rc = err_set(e, "--user is for auth-password, but --auth names %s", said.plugin);
	else if (r->user != NULL && user)
		rc = err_set(e, "--user and --auth both name the user");
	else if (r->key != NULL && strcmp(said.plugin, "auth-key") != 0)
		rc = err_set(e, "--key is for auth-key, but --auth names %s", said.plugin);
	else if (r->key != NULL && key)
		rc = err_set(e, "--key and --auth both name the key's file");
	else if (r->token_file != NULL && strcmp(said.plugin, "auth-token") != 0)
		rc = err_set(e, "--token-file is for auth-token, but --auth names %s", said.plugin);
	auth_said_fini(&said);
	return rc;
}

/* Options with a text only. */
static const char **
text_of(int opt, struct agent_request *r)
{
	switch (opt) {
	case 'p':
		return &r->port;
	case 'n':
		return &r->tunnel;
	case 's':
		return &r->server;
	case 't':
		return &r->token_file;
	case 'u':
		return &r->user;
	case OPT_KEY:
		return &r->key;
	case 'c':
		return &r->file;
	case OPT_LOCAL:
		return &r->target;
	case OPT_AGENT:
		return &r->agent;
	case OPT_PLUGIN_DIR:
		return &r->plugin_dir;
	case OPT_PROXY:
		return &r->proxy;
	case OPT_PROXY_USER:
		return &r->proxy_user;
	case OPT_PROXY_PASSWORD_FILE:
		return &r->proxy_password_file;
	default:
		return NULL;
	}
}

static int
take_option(int opt, struct agent_options *o, struct err *e)
{
	const char **text = text_of(opt, &o->request);

	if (text != NULL) {
		*text = optarg;
		return 0;
	}
	switch (opt) {
	case 'h':
		o->action = AGENT_HELP;
		return 0;
	case 'V':
		o->action = AGENT_VERSION;
		return 0;
	case OPT_CHECK:
		o->action = AGENT_CHECK;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case OPT_FORCE:
		o->force = true;
		return 0;
	case OPT_OUT:
		o->out = optarg;
		return 0;
	case OPT_COMMENT:
		o->comment = optarg;
		return 0;
	case OPT_NO_RECONNECT:
		o->request.no_reconnect = true;
		return 0;
	case OPT_ALLOW_PLAIN:
		o->request.allow_plain = true;
		return 0;
	case OPT_MAX_ATTEMPTS:
		return take_number("--max-attempts", &o->request.max_attempts, e);
	case OPT_LOG_REQUESTS:
		return take_number("--log-requests", &o->request.log_requests, e);
	case OPT_SESSIONS:
		return take_sessions(&o->request, e);
	case OPT_LOG_LEVEL:
		return command_level(&o->log, optarg, e);
	case OPT_LOG_FORMAT:
		return command_format(&o->log, optarg, e);
	case OPT_AUTH:
		return take_auth(&o->request, e);
	case OPT_PASSWORD:
		return err_set(e,
			"--password is refused: every user of this host could read the password in "
			"the list of processes; --user NAME asks for it, and --auth "
			"password,user=NAME,password_file=FILE reads it from a file (mode 0600)");
	default: /* OPT_TOKEN */
		return err_set(e,
			"--token is refused: every user of this host could read the token in the "
			"list of processes; write it to a file (mode 0600) and give --token-file "
			"FILE");
	}
}

static int
take_one(int argc, char **argv, struct agent_options *o, struct err *e)
{
	bool udp = strcmp(argv[0], "udp") == 0;

	if (o->request.target != NULL)
		return err_set(e, "--local belongs to run; adit %s takes TARGET", argv[0]);
	if (argc != 2)
		return err_set(e, "%s needs one target: adit %s %s, or adit %s HOST:PORT", argv[0],
			argv[0], udp ? "53" : "22", argv[0]);
	o->request.target = argv[1];
	o->request.udp = udp;
	return 0;
}

static int
take_run(int argc, char **argv, struct agent_options *o, struct err *e)
{
	if (argc != 1)
		return err_set(e, "unexpected '%s'; a target is given by --local", argv[1]);
	if (o->request.target == NULL && o->request.port != NULL)
		return err_set(e, "--port needs --local; the tunnels of a file have their own");
	if (o->request.target == NULL && o->request.tunnel != NULL)
		return err_set(e,
			"--name needs --local; the tunnels of a file have their own (the agent's "
			"name is --agent)");
	return 0;
}

static int
take_join(int argc, char **argv, struct agent_options *o, struct err *e)
{
	bool join = argv[0][0] == 'j';
	const struct agent_request *r = &o->request;

	if (join && argc < 2)
		return err_set(e, "join needs the line that 'aditctl invite' printed: adit join "
				  "'adit://...', or adit join -");
	if (argc > 2)
		return err_set(e, "%s", join ? "join takes one line: put it in quotes"
					     : "leave takes one server");
	if (o->action == AGENT_CHECK || r->target != NULL || r->port != NULL ||
		r->server != NULL || r->token_file != NULL || r->file != NULL || r->auth != NULL ||
		r->user != NULL || r->key != NULL)
		return err_set(e, "--local, --port, --server, --token-file, --user, --key, --auth, "
				  "--config and --check do not belong to %s", argv[0]);
	o->action = join ? AGENT_JOIN : AGENT_LEAVE;
	o->line = argc == 2 ? argv[1] : NULL;
	return 0;
}

static int
take_keygen(int argc, char **argv, struct agent_options *o, struct err *e)
{
	const struct agent_request *r = &o->request;

	if (argc > 1)
		return err_set(e, "unexpected '%s'; a file is given by --out", argv[1]);
	if (o->action == AGENT_CHECK || r->target != NULL || r->port != NULL || r->tunnel != NULL ||
		r->server != NULL || r->token_file != NULL || r->file != NULL || r->auth != NULL ||
		r->user != NULL || r->key != NULL)
		return err_set(e, "of all options keygen takes --out, --comment, --plugin-dir and "
				  "--quiet only");
	o->action = AGENT_KEYGEN;
	return 0;
}

static int
take_command(int argc, char **argv, struct agent_options *o, struct err *e)
{
	static const char *const commands[] = {"tcp", "udp", "run", "join", "leave", "keygen",
		NULL};
	const char *near;

	if (argc == 0 && o->action == AGENT_CHECK)
		return err_set(e, "a command is missing: tcp, udp or run");
	if (argc == 0) {
		o->action = AGENT_USAGE;
		return 0;
	}
	if (strcmp(argv[0], "tcp") == 0 || strcmp(argv[0], "udp") == 0)
		return take_one(argc, argv, o, e);
	if (strcmp(argv[0], "run") == 0)
		return take_run(argc, argv, o, e);
	if (strcmp(argv[0], "join") == 0 || strcmp(argv[0], "leave") == 0)
		return take_join(argc, argv, o, e);
	if (strcmp(argv[0], "keygen") == 0)
		return take_keygen(argc, argv, o, e);
	near = units_nearest(argv[0], commands);
	if (near != NULL)
		return err_set(e, "no command '%s'; did you mean '%s'?", argv[0], near);
	return err_set(e, "no command '%s'; there are tcp, udp, run, join, leave and "
			  "keygen", argv[0]);
}

int
agent_options_parse(int argc, char **argv, struct agent_options *o_r, struct err *e)
{
	struct agent_options o = {.request = {.max_attempts = -1, .log_requests = -1}};
	int opt, rc = 0;

	optind = 0; /* so that a program which embeds this may call it twice */
	opterr = 0;
	while (rc == 0 && (opt = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
		if (opt == ':' || opt == '?')
			rc = command_wrong_option(opt, argv[optind - 1], e);
		else
			rc = take_option(opt, &o, e);
	}
	if (rc == 0)
		rc = check_auth(&o.request, e);
	if (rc == 0 && (o.action == AGENT_RUN || o.action == AGENT_CHECK))
		rc = take_command(argc - optind, argv + optind, &o, e);
	if (rc == 0 && o.force && o.action != AGENT_JOIN && o.action != AGENT_HELP &&
		o.action != AGENT_VERSION)
		rc = err_set(e, "--force belongs to join");
	if (rc == 0 && (o.out != NULL || o.comment != NULL) && o.action != AGENT_KEYGEN &&
		o.action != AGENT_HELP && o.action != AGENT_VERSION)
		rc = err_set(e, "--out and --comment belong to keygen");
	if (rc == 0)
		*o_r = o;
	return rc;
}
