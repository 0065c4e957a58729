/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The command line of aditd. Options may stand before and behind a command. Main thread. */

#include <config.h>

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/server_options.h"
#include "util/compiler.h"
#include "util/units.h"

const char server_options_help[] =
	"aditd is the server of reverse tunnels: agents (adit) publish their services here.\n"
	"\n"
	"usage: aditd [-c FILE] [options]              run the server in the foreground\n"
	"       aditd --check [-c FILE]                check the configuration and stop\n"
	"       aditd init DIR [--host NAME[:PORT]]... [--listen HOST:PORT] [--account NAME]\n"
	"                  [--transport tls|tcp] [--allow-plain]\n"
	"                                              write a ready configuration into DIR, and\n"
	"                                              print a join line for the first agent\n"
	"       aditd issue [-c FILE] --account NAME [--grant KEY=VALUE]...\n"
	"                                              make a token for an agent, print it\n"
	"       aditd --plugin-info FILE               say what a plugin is and takes\n"
	"\n"
	"  -c, --config FILE       default " ADIT_SYSCONFDIR "/adit/aditd.conf\n"
	"      --plugin-dir DIR    where plugins are, in place of plugin_dir in the file\n"
	"      --control PATH      the socket for aditctl, in place of control in the file\n"
	"      --log-level LEVEL   error, warn, info or debug\n"
	"      --log-format FORM   text or json\n"
	"  -h, --help              this text\n"
	"  -V, --version           the version\n"
	"\n"
	"SIGTERM and SIGINT drain, a second one stops at once; SIGHUP reloads.\n"
	"Exit status: 0 good, 1 failed, 2 wrong usage, 78 wrong configuration. See aditd(8).\n";

enum {
	OPT_CHECK = COMMAND_LONG,
	OPT_PLUGIN_INFO,
	OPT_PLUGIN_DIR,
	OPT_LOG_LEVEL,
	OPT_LOG_FORMAT,
	OPT_LISTEN,
	OPT_CONTROL,
	OPT_ALLOW_PLAIN,
	OPT_ACCOUNT,
	OPT_HOST,
	OPT_TRANSPORT,
	OPT_GRANT,
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, OPT_CHECK},
	{"plugin-info", required_argument, NULL, OPT_PLUGIN_INFO},
	{"plugin-dir", required_argument, NULL, OPT_PLUGIN_DIR},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"log-format", required_argument, NULL, OPT_LOG_FORMAT},
	{"control", required_argument, NULL, OPT_CONTROL},
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"allow-plain", no_argument, NULL, OPT_ALLOW_PLAIN},
	{"host", required_argument, NULL, OPT_HOST},
	{"transport", required_argument, NULL, OPT_TRANSPORT},
	{"account", required_argument, NULL, OPT_ACCOUNT},
	{"grant", required_argument, NULL, OPT_GRANT},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static int
take_grant(struct server_options *o, struct err *e)
{
	const char *eq = strchr(optarg, '=');

	if (eq == NULL || eq == optarg)
		return err_set(e, "--grant: expected KEY=VALUE, found '%s'", optarg);
	o->grant = xrealloc(o->grant, (o->n_grants + 1) * sizeof(*o->grant));
	o->grant[o->n_grants++] = optarg;
	return 0;
}

static int
take_transport(struct server_options *o, struct err *e)
{
	o->has_transport = true;
	o->tcp = strcmp(optarg, "tcp") == 0;
	if (!o->tcp && strcmp(optarg, "tls") != 0)
		return err_set(e, "--transport: expected tls or tcp, found '%s'", optarg);
	return 0;
}

static int
take_option(int opt, struct server_options *o, struct err *e)
{
	switch (opt) {
	case 'c':
		o->file = optarg;
		break;
	case 'h':
		o->action = SERVER_HELP;
		break;
	case 'V':
		o->action = SERVER_VERSION;
		break;
	case OPT_CHECK:
		o->action = SERVER_CHECK;
		break;
	case OPT_PLUGIN_INFO:
		o->action = SERVER_PLUGIN_INFO;
		o->info_file = optarg;
		break;
	case OPT_PLUGIN_DIR:
		o->plugin_dir = optarg;
		break;
	case OPT_CONTROL:
		o->control = optarg;
		break;
	case OPT_LISTEN:
		o->listen = optarg;
		break;
	case OPT_ALLOW_PLAIN:
		o->allow_plain = true;
		break;
	case OPT_ACCOUNT:
		o->account = optarg;
		break;
	case OPT_LOG_LEVEL:
		return command_level(&o->log, optarg, e);
	case OPT_LOG_FORMAT:
		return command_format(&o->log, optarg, e);
	case OPT_HOST:
		o->host = xrealloc(o->host, (o->n_hosts + 1) * sizeof(*o->host));
		o->host[o->n_hosts++] = optarg;
		break;
	case OPT_TRANSPORT:
		return take_transport(o, e);
	case OPT_GRANT:
		return take_grant(o, e);
	}
	return 0;
}

/* "init DIR" or "issue": what is left when the options are gone. */
static int
take_command(int argc, char **argv, struct server_options *o, struct err *e)
{
	static const char *const commands[] = {"init", "issue", NULL};
	const char *near;

	if (argc == 0 || o->action != SERVER_RUN)
		return argc == 0 ? 0 : err_set(e, "unexpected '%s'", argv[0]);
	if (strcmp(argv[0], "init") == 0) {
		if (argc != 2)
			return err_set(e, "init needs one folder: aditd init DIR");
		o->action = SERVER_INIT;
		o->dir = argv[1];
		return 0;
	}
	if (strcmp(argv[0], "issue") == 0) {
		o->action = SERVER_ISSUE;
		return argc == 1 ? 0 : err_set(e, "unexpected '%s'", argv[1]);
	}
	near = units_nearest(argv[0], commands);
	if (near != NULL)
		return err_set(e, "no command '%s'; did you mean '%s'?", argv[0], near);
	return err_set(e, "no command '%s'; there are init and issue", argv[0]);
}

static int
check_combination(const struct server_options *o, struct err *e)
{
	bool init = o->action == SERVER_INIT, issue = o->action == SERVER_ISSUE;

	if ((o->listen != NULL || o->allow_plain) && !init)
		return err_set(e, "--listen and --allow-plain belong to init");
	if ((o->n_hosts > 0 || o->has_transport) && !init)
		return err_set(e, "--host and --transport belong to init");
	if (o->allow_plain && o->has_transport && !o->tcp)
		return err_set(e, "--allow-plain is for --transport tcp");
	if (o->account != NULL && !init && !issue)
		return err_set(e, "--account belongs to init and issue");
	if (o->n_grants > 0 && !issue)
		return err_set(e, "--grant belongs to issue");
	if (issue && o->account == NULL)
		return err_set(e, "issue needs --account NAME");
	return 0;
}

int
server_options_parse(int argc, char **argv, struct server_options *o_r, struct err *e)
{
	struct server_options o = {.file = ADIT_SYSCONFDIR "/adit/aditd.conf"};
	int opt, rc = 0;

	optind = 0; /* so that a program which embeds this may call it twice */
	opterr = 0;
	while (rc == 0 && (opt = getopt_long(argc, argv, ":c:hV", long_options, NULL)) != -1) {
		if (opt == ':' || opt == '?')
			rc = command_wrong_option(opt, argv[optind - 1], e);
		else
			rc = take_option(opt, &o, e);
	}
	if (rc == 0 && o.action != SERVER_HELP && o.action != SERVER_VERSION)
		rc = take_command(argc - optind, argv + optind, &o, e);
	if (rc == 0)
		rc = check_combination(&o, e);
	if (rc < 0)
		server_options_fini(&o);
	else
		*o_r = o;
	return rc;
}

void
server_options_fini(struct server_options *o)
{
	free(o->grant);
	free(o->host);
	o->grant = o->host = NULL;
}
