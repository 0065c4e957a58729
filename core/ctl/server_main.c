/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* aditd: what the command line asks for, and the life of the server from start to drain. Main
 * thread; its worker only coordinates, so reading a configuration on it holds up no traffic. */

#include <config.h>

#include <adit/version.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/config.h"
#include "ctl/main.h"
#include "ctl/memory.h"
#include "ctl/plugset.h"
#include "ctl/protect.h"
#include "ctl/server_init.h"
#include "ctl/server_options.h"
#include "ctl/server_run.h"
#include "io/listen.h"
#include "plug/module.h"
#include "tunnel/auth.h"
#include "tunnel/server.h"
#include "util/units.h"
#include "wire/msg.h"

#define LOG_STOP_MS 2000

/* --- small actions --- */

static int
complain(const struct err *e, int status)
{
	return command_complain("aditd", e, status);
}

static size_t
modules_count(const struct modules *m)
{
	return m->n_auth + m->n_transport + m->n_route;
}

/* The configuration that the command line names; says how to come by one if there is none. */
static int
load(const struct server_options *o, struct server_conf **conf_r, struct config_log *log_r,
	struct err *e)
{
	int rc = server_config_load(o->file, o->plugin_dir, conf_r, log_r, e);

	if (rc < 0 && access(o->file, F_OK) < 0 && errno == ENOENT)
		err_set(e, "%s; 'aditd init DIR --host NAME' writes one, -c names one", e->msg);
	return rc;
}

static int
check(const struct server_options *o)
{
	struct server_conf *conf;
	char names[512];
	struct err e;

	if (load(o, &conf, NULL, &e) < 0)
		return complain(&e, EX_CONFIG);
	printf("configuration is good: %zu plugins (%s), %u %s\n", modules_count(&conf->modules),
		modules_names(&conf->modules, names, sizeof(names)), conf->workers,
		conf->workers == 1 ? "worker" : "workers");
	server_conf_unref(conf);
	return EXIT_GOOD;
}

static int
info(const struct server_options *o)
{
	struct err e;

	return plugin_info(o->info_file, stdout, &e) < 0 ? complain(&e, EXIT_FAILED) : EXIT_GOOD;
}

static int
init(const struct server_options *o)
{
	struct server_init in = {
		.dir = o->dir,
		.listen = o->listen,
		.host = o->host,
		.n_hosts = o->n_hosts,
		.account = o->account,
		.tcp = o->tcp || o->allow_plain, /* which has no other meaning */
		.plugin_dir = o->plugin_dir,
		.allow_plain = o->allow_plain,
	};
	struct err e;

	return server_init(&in, stdout, &e) < 0 ? complain(&e, EXIT_FAILED) : EXIT_GOOD;
}

static void
say_stored(const char *path)
{
	char *plain = path != NULL ? realpath(path, NULL) : NULL; /* without "conf.d/.." */

	fprintf(stderr, "aditd: stored in %s; a running aditd reads it when it gets SIGHUP\n",
		plain != NULL ? plain : path != NULL ? path : "the plugin's own place");
	free(plain);
}

/* The secret goes to stdout alone, so that it can be written to a file. */
static int
issue(const struct server_options *o)
{
	struct adit_issue issue = {
		.account = o->account,
		.grants = o->grant,
		.n_grants = o->n_grants,
	};
	struct server_conf *conf;
	int status = EXIT_GOOD;
	struct err e;

	if (load(o, &conf, NULL, &e) < 0)
		return complain(&e, EX_CONFIG);
	if (auth_issue(&conf->modules, &issue) < 0) {
		err_set(&e, "%s", issue.error);
		status = complain(&e, EXIT_FAILED);
	} else {
		printf("%s\n", issue.secret);
		say_stored(issue.stored);
	}
	issue_fini(&issue);
	server_conf_unref(conf);
	return status;
}

/* --- while it runs --- */

static void
on_drained(void *ctx)
{
	struct server_run *r = ctx;

	log_info("drained: no stream is left");
	worker_stop(r->main);
}

static void
on_stop(void *ctx, int signo)
{
	struct server_run *r = ctx;
	const char *name = signo == SIGTERM ? "SIGTERM" : "SIGINT";
	char text[40];

	if (r->draining) {
		log_warn("%s again: stopping at once", name);
		worker_stop(r->main);
		return;
	}
	r->draining = true;
	log_info("%s: draining for at most %s; a second signal stops at once", name,
		units_ms_human(r->drain_for, text, sizeof(text)));
	server_drain(r->server);
}

static void
log_err(const char *what, const struct err *e)
{
	char text[1400];

	log_error("%s: %s", what, err_text(e, text, sizeof(text)));
}

/* Level and format: the command line's stay. The format is that of the start. */
static void
apply_log(const struct server_options *o, const struct config_log *log)
{
	if (!o->log.has_level)
		log_set_level(log->level);
}

int
server_run_reload(struct server_run *r, struct err *e)
{
	struct server_conf *conf;
	struct config_log log;
	char names[512];
	int64_t drain_for;
	int rc;

	if (r->draining) {
		log_warn("not reloading, because the server is draining");
		return err_set(e, "the server is draining");
	}
	rc = server_config_load(r->options->file, r->options->plugin_dir, &conf, &log, e);
	if (rc < 0) {
		log_err("reload refused, the old configuration stays", e);
		return rc;
	}
	modules_names(&conf->modules, names, sizeof(names));
	drain_for = conf->limits.drain_for;
	rc = server_reload(r->server, conf, e);
	if (rc < 0) {
		log_err("reload failed, the old configuration stays", e);
		return rc;
	}
	r->drain_for = drain_for;
	apply_log(r->options, &log);
	log_info("configuration reloaded: %s; plugins: %s", r->options->file, names);
	return 0;
}

static void
on_hup(void *ctx, int signo)
{
	struct err e;

	(void)signo;
	(void)server_run_reload(ctx, &e); /* which has said what was wrong */
}

/* --- start and stop --- */

static void
watch_signals(struct server_run *r)
{
	signal_watch(&r->term, r->main, SIGTERM, on_stop, r);
	signal_watch(&r->intr, r->main, SIGINT, on_stop, r);
	signal_watch(&r->hup, r->main, SIGHUP, on_hup, r);
}

static void
unwatch_signals(struct server_run *r)
{
	signal_unwatch(&r->term);
	signal_unwatch(&r->intr);
	signal_unwatch(&r->hup);
}

static void
say_ready(const struct server *s, const char *names, unsigned workers)
{
	char addresses[512], count[32];

	log_info("plugins: %s", names);
	log_info("aditd " ADIT_VERSION " ready: agents at %s; %s",
		server_addresses(s, addresses, sizeof(addresses)),
		units_count(workers, "worker", count, sizeof(count)));
}

static void
say_totals(const struct server_run *r)
{
	struct server_totals t;
	char up[40], links[48], sessions[48], clients[48], streams[48], rx[40], tx[40];

	server_totals(r->server, &t);
	log_info("aditd stopped: up %s, %s, %s, %s, %s, %s from clients, %s to clients",
		units_ms_human(mono_diff_ms(mono_now(), r->started), up, sizeof(up)),
		units_count(t.links, "link", links, sizeof(links)),
		units_count(t.sessions, "session", sessions, sizeof(sessions)),
		units_count(t.clients, "public connection", clients, sizeof(clients)),
		units_count(t.streams, "stream", streams, sizeof(streams)),
		units_size_human(t.rx_bytes, rx, sizeof(rx)),
		units_size_human(t.tx_bytes, tx, sizeof(tx)));
	if (t.flows > 0)
		log_info("UDP: %s, %" PRIu64 " datagrams from clients, %" PRIu64
			 " to clients, %" PRIu64 " dropped",
			units_count(t.flows, "flow", links, sizeof(links)), t.datagrams_in,
			t.datagrams_out, t.datagrams_dropped);
	if (t.slow_turns > 0)
		log_warn("%s, the longest took %" PRIu64 " ms",
			units_count(t.slow_turns, "slow turn", links, sizeof(links)),
			t.max_turn_us / 1000);
	if (log_dropped() > 0)
		log_warn("lost: %s",
			units_count(log_dropped(), "log line", links, sizeof(links)));
}

/* Takes conf over. */
static int
serve(struct server_run *r, struct server_conf *conf)
{
	char names[512];
	unsigned workers = conf->workers;
	struct err e;
	int rc;

	modules_names(&conf->modules, names, sizeof(names));
	r->drain_for = conf->limits.drain_for;
	r->main = worker_new_main();
	watch_signals(r);
	rc = server_control_open(r, conf, &e);
	if (rc < 0)
		server_conf_unref(conf);
	else
		rc = server_start(r->main, conf, on_drained, r, &r->server, &e);
	if (rc == 0) {
		say_ready(r->server, names, workers);
		worker_run(r->main);
		say_totals(r);
		server_control_close(r);
		server_free(r->server);
	} else {
		log_err("cannot start", &e);
		server_control_close(r);
	}
	unwatch_signals(r);
	worker_join(r->main);
	return rc < 0 ? EXIT_FAILED : EXIT_GOOD;
}

static int
run(const struct server_options *o)
{
	struct server_run r = {.options = o, .started = mono_now()};
	struct server_conf *conf;
	struct config_log log;
	struct err e;
	int status;

	if (load(o, &conf, &log, &e) < 0) {
		log_err("cannot start", &e);
		return EX_CONFIG;
	}
	if (command_log_start(&o->log, &log, &e) < 0) {
		server_conf_unref(conf);
		return complain(&e, EXIT_FAILED);
	}
	fdcount_init();
	status = serve(&r, conf);
	log_stop(LOG_STOP_MS);
	return status;
}

static int
dispatch(const struct server_options *o)
{
	switch (o->action) {
	case SERVER_RUN:
		return run(o);
	case SERVER_CHECK:
		return check(o);
	case SERVER_PLUGIN_INFO:
		return info(o);
	case SERVER_INIT:
		return init(o);
	case SERVER_ISSUE:
		return issue(o);
	case SERVER_HELP:
		fputs(server_options_help, stdout);
		return EXIT_GOOD;
	case SERVER_VERSION:
		printf("aditd " ADIT_VERSION "\n" VERSION_DETAILS, MSG_VERSION, ADIT_PLUGIN_ABI);
		return EXIT_GOOD;
	}
	return EXIT_FAILED;
}

int
adit_server_main(int argc, char **argv)
{
	struct server_options o;
	struct err e;
	int status;

	if (server_options_parse(argc, argv, &o, &e) < 0) {
		complain(&e, EXIT_USAGE);
		fputs("aditd: see aditd --help\n", stderr);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* or plugins could not wait for what they start */
	memory_tune();
	protect_secrets();
	if (o.log.has_level)
		log_set_level(o.log.level);
	status = dispatch(&o);
	server_options_fini(&o);
	return command_printed("aditd", status);
}
