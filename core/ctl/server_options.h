/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The command line of aditd. Main thread. */

#ifndef ADIT_CTL_SERVER_OPTIONS_H
#define ADIT_CTL_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/command.h"
#include "util/err.h"

enum server_action {
	SERVER_RUN,
	SERVER_CHECK,
	SERVER_PLUGIN_INFO,
	SERVER_INIT,
	SERVER_ISSUE,
	SERVER_HELP,
	SERVER_VERSION,
};

struct server_options {
	enum server_action action;
	const char *file;       /* never NULL */
	const char *plugin_dir; /* NULL: not given */
	const char *control;    /* likewise */
	const char *info_file;
	const char *dir, *listen; /* init */
	bool allow_plain, tcp, has_transport; /* init */
	const char **host;        /* init: "name[:port]", n_hosts of them */
	size_t n_hosts;
	const char *account;      /* init, issue */
	const char **grant;       /* issue: "key=value", n_grants of them */
	size_t n_grants;
	struct command_log log;
};

/* 0, or -EINVAL with e set: what the person at the terminal did wrong. */
int server_options_parse(int argc, char **argv, struct server_options *o_r, struct err *e);
void server_options_fini(struct server_options *o);

extern const char server_options_help[];

#endif
