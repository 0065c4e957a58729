/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins without a server: both halves of an auth plugin, or its server's half and given messages,
 * in one process, with the same code around them that a server and an agent have. On one worker of
 * its own. */

#ifndef ADIT_CTL_TRIAL_H
#define ADIT_CTL_TRIAL_H

#include <stdio.h>

#include "ctl/trial_options.h"
#include "tunnel/conf.h"

/* How a login has ended; the values are exit statuses. */
enum trial_end {
	TRIAL_ALLOWED = 0,
	TRIAL_DENIED = 1,
	TRIAL_UNDECIDED = 3,
	TRIAL_PASSED_ON = 4,
	TRIAL_NO_VERDICT = 5,
	TRIAL_AGENT_FAILED = 6,
};

struct trial_plan {
	const struct trial_options *options;
	struct module *server; /* whose check() is asked */
	const struct module *agent; /* NULL: messages are given */
	const char *method;
};

/* What came of them all. */
struct trial_sums {
	uint64_t logins, ends[TRIAL_AGENT_FAILED + 1];
	int64_t min_us, max_us, sum_us;
	enum trial_end worst;
	unsigned owed; /* logins that the plugin has still not answered */
};

/* Makes the logins of the plan; writes the last one's outcome, and with bytes all messages, to out
 * as key=value lines. 0, or a negative errno when no thread can be had or worker_init() has
 * failed. */
int trial_run(const struct trial_plan *plan, FILE *out, struct trial_sums *sums_r);

#endif
