/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit-auth-test: loads an auth plugin, makes an instance of each half as its command line says,
 * and lets trial.c log in with them. Main thread. Memory is not guarded and nothing is caught, so
 * that debuggers, valgrind and sanitizers see what they want. */

#include <config.h>

#include <adit/version.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/command.h"
#include "ctl/main.h"
#include "ctl/trial.h"
#include "plug/module.h"
#include "util/compiler.h"

static int
complain(const struct err *e, int status)
{
	return command_complain("adit-auth-test", e, status);
}

/* An instance of the plugin in this file, for one side. */
static int
make(const char *path, const struct trial_values *values, enum adit_side side, struct module **m_r,
	struct err *e)
{
	char *dir = NULL, *name = NULL;
	int rc = plugin_path(path, &dir, &name, e);

	if (rc == 0 && strncmp(name, "auth-", 5) != 0)
		rc = err_set(e, "%s: is no auth plugin, whose file's name begins with auth-", path);
	if (rc == 0)
		rc = module_create(dir, name, values->v, values->n, side, NULL, 0, m_r, e);
	free(dir);
	free(name);
	return rc;
}

static int
make_both(const struct trial_options *o, struct module **server_r, struct module **agent_r,
	struct err *e)
{
	int rc = make(o->file, &o->server_values, ADIT_SIDE_SERVER, server_r, e);

	if (rc == 0 && o->n_messages == 0)
		rc = make(o->agent_file != NULL ? o->agent_file : o->file, &o->agent_values,
			ADIT_SIDE_AGENT, agent_r, e);
	return rc;
}

/* The method as an agent would say it: that of its plugin, or the first that the server's takes. */
static const char *
choose_method(const struct trial_options *o, const struct module *server,
	const struct module *agent, char *buf, size_t cap)
{
	if (o->method != NULL)
		return o->method;
	if (agent != NULL)
		return agent->short_name;
	if (strcmp(server->methods, "*") == 0)
		return server->short_name;
	snprintf(buf, cap, "%.*s", (int)strcspn(server->methods, " "), server->methods);
	return buf;
}

static void
print_sums(const struct trial_sums *s)
{
	static const char *const names[] = {
		[TRIAL_ALLOWED] = "allowed",
		[TRIAL_DENIED] = "denied",
		[TRIAL_UNDECIDED] = "undecided",
		[TRIAL_PASSED_ON] = "passed_on",
		[TRIAL_NO_VERDICT] = "no_verdict",
		[TRIAL_AGENT_FAILED] = "agent_failed",
	};

	printf("\nlogins=%llu\n", (unsigned long long)s->logins);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i] != NULL && s->ends[i] > 0)
			printf("%s=%llu\n", names[i], (unsigned long long)s->ends[i]);
	printf("time_min_us=%lld\ntime_mean_us=%lld\ntime_max_us=%lld\n", (long long)s->min_us,
		(long long)(s->sum_us / (int64_t)s->logins), (long long)s->max_us);
}

static int
run_with(const struct trial_options *o, struct module *server, const struct module *agent,
	bool *owed_r)
{
	char buf[256];
	struct trial_plan plan = {.options = o, .server = server, .agent = agent,
		.method = choose_method(o, server, agent, buf, sizeof(buf))};
	struct trial_sums sums;
	struct err e;

	if (!auth_takes(server, plan.method)) {
		err_set(&e, "%s takes the methods \"%s\", but not \"%s\"", server->plugin->name,
			server->methods, plan.method);
		return complain(&e, EX_CONFIG);
	}
	if (trial_run(&plan, stdout, &sums) < 0)
		return EX_CONFIG; /* the log says why */
	if (o->times > 1)
		print_sums(&sums);
	*owed_r = sums.owed > 0;
	if (*owed_r)
		fprintf(stderr, "adit-auth-test: %s still owes %u %s\n", server->plugin->name,
			sums.owed, sums.owed == 1 ? "answer" : "answers");
	return (int)MAX(sums.worst, *owed_r ? TRIAL_NO_VERDICT : TRIAL_ALLOWED);
}

static int
run(const struct trial_options *o)
{
	struct module *server = NULL, *agent = NULL;
	struct err e = {.msg = ""};
	bool owed = false;
	int status;

	if (make_both(o, &server, &agent, &e) < 0)
		status = complain(&e, EX_CONFIG);
	else
		status = run_with(o, server, agent, &owed);
	module_free(agent);
	if (!owed) /* else its instance is still in use */
		module_free(server);
	return status;
}

int
adit_auth_test_main(int argc, char **argv)
{
	struct trial_options o;
	struct err e = {.msg = ""};
	int status = EXIT_GOOD;

	if (trial_options_parse(argc, argv, &o, &e) < 0) {
		complain(&e, EXIT_USAGE);
		fputs("adit-auth-test: see adit-auth-test --help\n", stderr);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	if (o.has_level)
		log_set_level((enum log_level)o.level);
	if (o.action == TRIAL_HELP)
		fputs(trial_options_help, stdout);
	else if (o.action == TRIAL_VERSION)
		printf("adit-auth-test " ADIT_VERSION "\nplugin ABI %d\n", ADIT_PLUGIN_ABI);
	else
		status = run(&o);
	trial_options_fini(&o);
	return command_printed("adit-auth-test", status);
}
