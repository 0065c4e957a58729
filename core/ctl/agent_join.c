/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit join: logs in once with the invite of the line, over TLS to the server that has the line's
 * pin, and stores server, pin and the token that the login has brought. First everything is tried
 * that may fail on this side, because an invite that was used is gone. Main thread. */

#include <config.h>

#include "ctl/agent_join.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/joined.h"
#include "io/listen.h"
#include "io/signals.h"
#include "tunnel/agent.h"
#include "util/log.h"
#include "util/prompt.h"
#include "wire/code.h"

#define LOG_STOP_MS 2000

struct join {
	struct worker *main;
	struct agent *agent;
	struct signal_watch term, intr, hup;
	char *token; /* once we have it */
	int status;
	struct err e; /* why we have not */
};

static int
complain(const struct err *e, int status)
{
	return command_complain("adit", e, status);
}

/* ---- The line -------------------------------------------------------------------------------- */

static int
read_stdin(char *buf, size_t cap, size_t *n_r, struct err *e)
{
	size_t n = 0;

	if (isatty(STDIN_FILENO))
		fputs("adit: paste the join line and press Enter\n", stderr);
	while (n < cap && memchr(buf, '\n', n) == NULL) {
		ssize_t got = read(STDIN_FILENO, buf + n, cap - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(e, "cannot read the join line: %s", strerror(errno));
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*n_r = n;
	return 0;
}

static int
take_line(const struct agent_options *o, struct join_line *l_r, struct err *e)
{
	char buf[JOIN_LINE_MAX + 2];
	size_t n = 0;
	int rc;

	if (strcmp(o->line, "-") == 0) {
		rc = read_stdin(buf, sizeof(buf), &n, e);
		if (rc == 0)
			rc = join_line_parse(buf, n, l_r, e);
		explicit_bzero(buf, sizeof(buf));
		return rc;
	}
	rc = join_line_parse(o->line, strlen(o->line), l_r, e);
	explicit_bzero(o->line, strlen(o->line)); /* in the list of processes, too */
	if (rc == 0)
		fputs("adit: other users of this host may have seen the line in the list of "
		      "processes; 'adit join -' reads it from standard input\n", stderr);
	return rc;
}

/* ---- The login ------------------------------------------------------------------------------- */

static void
on_stopped(struct join *j, const struct agent_event *ev)
{
	char text[400];

	if (j->token == NULL && j->status == EXIT_GOOD)
		j->status = EXIT_FAILED; /* by a signal */
	if (ev->fatal && ev->code == CODE_AUTH_FAILED &&
		strcmp(ev->text, code_text(CODE_AUTH_FAILED)) == 0)
		err_set(&j->e, "the server refuses the invite: it was used, its time is over, or "
			       "it never was one; ask for another");
	else if (ev->fatal)
		err_set(&j->e, "%s", log_safe(text, sizeof(text), ev->text, strlen(ev->text)));
	else
		err_set(&j->e, "not joined");
	if (ev->fatal)
		j->status = ev->code == CODE_AUTH_FAILED ? EX_NOPERM
			    : ev->code == CODE_NONE	 ? EX_CONFIG
							 : EX_UNAVAILABLE;
	worker_stop(j->main);
}

static void
on_event(void *ctx, const struct agent_event *ev)
{
	struct join *j = ctx;

	if (ev->kind == AGENT_CONNECTED) {
		j->token = agent_credential(j->agent);
		agent_stop(j->agent);
	} else if (ev->kind == AGENT_STOPPED) {
		on_stopped(j, ev);
	}
}

static void
on_stop(void *ctx, int signo)
{
	struct join *j = ctx;

	(void)signo;
	agent_stop(j->agent);
}

static void
exchange(struct join *j, const struct agent_conf *conf)
{
	j->main = worker_new_main();
	signal_watch(&j->term, j->main, SIGTERM, on_stop, j);
	signal_watch(&j->intr, j->main, SIGINT, on_stop, j);
	signal_watch(&j->hup, j->main, SIGHUP, on_stop, j);
	if (agent_start(j->main, conf, on_event, j, &j->agent, &j->e) == 0) {
		worker_run(j->main);
		agent_free(j->agent);
	} else {
		j->status = EXIT_FAILED;
	}
	signal_unwatch(&j->term);
	signal_unwatch(&j->intr);
	signal_unwatch(&j->hup);
	worker_join(j->main);
}

/* The token of the line for one of our own: j->token, or j->status and j->e. */
static void
log_in(struct join *j, const struct agent_options *o, const struct join_line *l)
{
	struct agent_request request = o->request;
	struct agent_conf *conf;
	struct config_log log;

	request.join = l;
	request.no_reconnect = true;
	request.sessions = 1;
	if (agent_config_load(&request, &conf, &log, &j->e) < 0) {
		j->status = EX_CONFIG;
		return;
	}
	if (!o->log.has_level)
		log.level = LOG_ERROR; /* what matters is said at the end */
	if (command_log_start(&o->log, &log, &j->e) == 0) {
		fdcount_init();
		exchange(j, conf);
		log_stop(LOG_STOP_MS);
	} else {
		j->status = EXIT_FAILED;
	}
	agent_config_free(conf);
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* The user's own adit.conf may name a server, which goes before those that were joined. */
static void
say_joined(const struct agent_options *o, const char *name, const struct join_line *l)
{
	const struct agent_request request = {.plugin_dir = o->request.plugin_dir,
		.target = "22", .max_attempts = -1, .log_requests = -1};
	struct agent_conf *conf;
	bool it = false;

	prompt_pretend(true);
	if (agent_config_load(&request, &conf, NULL, NULL) == 0) {
		it = strcmp(conf->server_host, l->host) == 0 && conf->server_port == l->port;
		agent_config_free(conf);
	}
	printf("Joined %s:%u as server \"%s\". Now: adit tcp 22%s%s\n", l->host, l->port, name,
		it ? "" : " --server ", it ? "" : name);
}

static int
join_and_store(const struct agent_options *o, const struct join_line *l, const char *name)
{
	struct join j = {.status = EXIT_GOOD};
	struct joining where;
	struct err e;
	int status;

	if (joining_begin(&where, name, o->force, &e) < 0) {
		joining_fini(&where);
		return complain(&e, EXIT_FAILED);
	}
	log_in(&j, o, l);
	if (j.token == NULL)
		status = complain(&j.e, j.status);
	else if (joining_store(&where, l, j.token, &e) < 0)
		status = complain(&e, EXIT_FAILED);
	else
		status = EXIT_GOOD;
	if (j.token != NULL)
		explicit_bzero(j.token, strlen(j.token));
	free(j.token);
	joining_fini(&where);
	if (status == EXIT_GOOD)
		say_joined(o, name, l);
	return status;
}

int
agent_join(const struct agent_options *o)
{
	const char *name = o->request.tunnel != NULL ? o->request.tunnel : JOINED_DEFAULT;
	struct join_line l;
	struct err e;
	int status;

	if (take_line(o, &l, &e) < 0)
		return complain(&e, EXIT_USAGE);
	status = join_and_store(o, &l, name);
	join_line_wipe(&l);
	return status;
}

int
agent_leave(const struct agent_options *o)
{
	const char *name = o->line != NULL ? o->line : JOINED_DEFAULT;
	struct err e;

	if (joined_remove(name, &e) < 0)
		return complain(&e, EXIT_FAILED);
	printf("Server \"%s\" is forgotten here; its operator can remove the token there.\n", name);
	return EXIT_GOOD;
}
