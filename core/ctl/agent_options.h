/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The command line of adit. Main thread. */

#ifndef ADIT_CTL_AGENT_OPTIONS_H
#define ADIT_CTL_AGENT_OPTIONS_H

#include "ctl/command.h"
#include "ctl/config.h"
#include "util/err.h"

enum agent_action {
	AGENT_RUN,
	AGENT_CHECK,
	AGENT_JOIN,
	AGENT_LEAVE,
	AGENT_KEYGEN,
	AGENT_USAGE,
	AGENT_HELP,
	AGENT_VERSION,
};

struct agent_options {
	enum agent_action action;
	struct agent_request request;
	char *line; /* join: the line, or "-"; leave: the server, or NULL */
	const char *out, *comment; /* keygen */
	bool quiet, force;
	struct command_log log;
};

/* 0, or -EINVAL with e set. The texts are argv's. */
int agent_options_parse(int argc, char **argv, struct agent_options *o_r, struct err *e);

/* For whoever types the name only; and all of it. */
extern const char agent_options_usage[], agent_options_help[];

#endif
