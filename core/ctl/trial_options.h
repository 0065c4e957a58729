/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The command line of adit-auth-test. Main thread. */

#ifndef ADIT_CTL_TRIAL_OPTIONS_H
#define ADIT_CTL_TRIAL_OPTIONS_H

#include <stdbool.h>

#include "plug/options.h"
#include "tunnel/auth.h"
#include "util/facts.h"

#define TRIAL_AT_ONCE_MAX 64 /* what may wait for a SERIAL plugin */

enum trial_action {
	TRIAL_RUN,
	TRIAL_HELP,
	TRIAL_VERSION,
};

/* Options for one half's create(). */
struct trial_values {
	struct option_value *v;
	size_t n;
};

struct trial_options {
	enum trial_action action;
	const char *file;       /* the plugin */
	const char *agent_file; /* whose agent's half is used; NULL: the same */
	const char *agent, *peer, *method; /* method NULL: the plugin's first */
	struct trial_values server_values, agent_values;
	struct facts facts;
	bool plain, renewal, bytes;
	struct auth_bytes message[ADIT_AUTH_STEPS_MAX + 1]; /* in place of an agent's half */
	size_t n_messages;
	int64_t wait_ms, cancel_ms; /* cancel_ms -1: the agent stays */
	int64_t times, at_once;
	bool has_level;
	int level;
};

extern const char trial_options_help[];

/* 0, or -EINVAL with e set. What it gives points into argv. */
int trial_options_parse(int argc, char **argv, struct trial_options *o_r, struct err *e);
void trial_options_fini(struct trial_options *o);

#endif
