/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit: from the command line to an agent that runs until it is told to stop. The log goes to
 * stderr, what a person waits for to stdout. Main thread. */

#include <config.h>

#include <adit/version.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/agent_join.h"
#include "ctl/agent_options.h"
#include "ctl/agent_report.h"
#include "ctl/keygen.h"
#include "ctl/main.h"
#include "ctl/memory.h"
#include "ctl/plugset.h"
#include "ctl/protect.h"
#include "io/listen.h"
#include "io/proxy.h"
#include "io/signals.h"
#include "tunnel/agent.h"
#include "util/prompt.h"
#include "wire/code.h"
#include "wire/msg.h"

#define LOG_STOP_MS 2000

struct run {
	struct worker *main;
	struct agent *agent;
	struct report report;
	struct signal_watch term, intr, hup;
	struct mono started;
	bool stopping;
	int status;
};

static int
complain(const struct err *e, int status)
{
	return command_complain("adit", e, status);
}

/* Which exit status a final end has: who calls adit from a script wants to know whether trying
 * again could help. */
static int
status_of(const struct agent_event *ev)
{
	if (!ev->fatal)
		return EXIT_GOOD;
	switch (ev->code) {
	case CODE_NONE:
		return EX_CONFIG;
	case CODE_AUTH_FAILED:
		return EX_NOPERM;
	case CODE_BUSY:
	case CODE_TIMEOUT:
	case CODE_NOTHING_HEARD:
	case CODE_SHUTDOWN:
	case CODE_OVERLOAD:
	case CODE_REFUSED:
	case CODE_CONNECT_TIMEOUT:
	case CODE_UNREACHABLE:
	case CODE_NO_SUCH_HOST:
	case CODE_LINK_LOST:
		return EX_UNAVAILABLE;
	default:
		return EXIT_FAILED;
	}
}

static void
on_event(void *ctx, const struct agent_event *ev)
{
	struct run *r = ctx;

	report_event(&r->report, ev);
	if (ev->kind != AGENT_STOPPED)
		return;
	if (ev->fatal && r->report.out == NULL) {
		struct err e;

		err_set(&e, "%s", ev->text);
		complain(&e, EXIT_FAILED);
	}
	r->status = status_of(ev);
	worker_stop(r->main);
}

static void
on_stop(void *ctx, int signo)
{
	struct run *r = ctx;

	(void)signo;
	if (r->stopping) {
		worker_stop(r->main);
		return;
	}
	r->stopping = true;
	agent_stop(r->agent);
}

static void
watch_signals(struct run *r)
{
	signal_watch(&r->term, r->main, SIGTERM, on_stop, r);
	signal_watch(&r->intr, r->main, SIGINT, on_stop, r);
	signal_watch(&r->hup, r->main, SIGHUP, on_stop, r);
}

static void
unwatch_signals(struct run *r)
{
	signal_unwatch(&r->term);
	signal_unwatch(&r->intr);
	signal_unwatch(&r->hup);
}

static void
summarise(struct run *r)
{
	struct agent_totals t;

	agent_totals(r->agent, &t);
	if (t.connects == 0 || !r->report.shown)
		return; /* nothing was published: nothing but zeros */
	report_summary(&r->report, &t, mono_diff_ms(mono_now(), r->started));
}

static int
serve(const struct agent_conf *conf, bool quiet)
{
	struct run r = {.started = mono_now()};
	struct err e;

	report_init(&r.report, quiet ? NULL : stdout, conf);
	r.main = worker_new_main();
	watch_signals(&r);
	if (agent_start(r.main, conf, on_event, &r, &r.agent, &e) == 0) {
		worker_run(r.main);
		summarise(&r);
		agent_free(r.agent);
	} else {
		r.status = complain(&e, EXIT_FAILED);
	}
	unwatch_signals(&r);
	worker_join(r.main);
	report_fini(&r.report);
	return r.status;
}

static int
check(const struct agent_options *o)
{
	struct agent_conf *conf;
	char names[512];
	struct err e;

	prompt_pretend(true);
	if (agent_config_load(&o->request, &conf, NULL, &e) < 0)
		return complain(&e, EX_CONFIG);
	printf("configuration is good: agent %s, server %s%s%s, %zu %s, plugins %s\n", conf->name,
		conf->server, conf->proxy != NULL ? " through the proxy at " : "",
		conf->proxy != NULL ? conf->proxy->name : "", conf->n_tunnels,
		conf->n_tunnels == 1 ? "tunnel" : "tunnels",
		modules_names(&conf->modules, names, sizeof(names)));
	agent_config_free(conf);
	return EXIT_GOOD;
}

static int
run(const struct agent_options *o)
{
	struct agent_conf *conf;
	struct config_log log;
	struct err e;
	int status;

	if (agent_config_load(&o->request, &conf, &log, &e) < 0)
		return complain(&e, EX_CONFIG);
	if (command_log_start(&o->log, &log, &e) < 0) {
		agent_config_free(conf);
		return complain(&e, EXIT_FAILED);
	}
	fdcount_init();
	status = serve(conf, o->quiet);
	log_stop(LOG_STOP_MS);
	agent_config_free(conf);
	return status;
}

static int
dispatch(const struct agent_options *o)
{
	switch (o->action) {
	case AGENT_RUN:
		return run(o);
	case AGENT_CHECK:
		return check(o);
	case AGENT_JOIN:
		return agent_join(o);
	case AGENT_LEAVE:
		return agent_leave(o);
	case AGENT_KEYGEN:
		return keygen(o);
	case AGENT_USAGE:
		fputs(agent_options_usage, stderr);
		return EXIT_USAGE;
	case AGENT_HELP:
		fputs(agent_options_help, stdout);
		return EXIT_GOOD;
	case AGENT_VERSION:
		printf("adit " ADIT_VERSION "\n" VERSION_DETAILS, MSG_VERSION, ADIT_PLUGIN_ABI);
		return EXIT_GOOD;
	}
	return EXIT_FAILED;
}

int
adit_agent_main(int argc, char **argv)
{
	struct agent_options o;
	struct err e;
	int status;

	if (agent_options_parse(argc, argv, &o, &e) < 0) {
		complain(&e, EXIT_USAGE);
		fputs("adit: see adit --help\n", stderr);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	memory_tune();
	protect_secrets();
	if (o.log.has_level)
		log_set_level(o.log.level);
	status = dispatch(&o);
	return status == EXIT_GOOD ? command_printed("adit", status) : status;
}
