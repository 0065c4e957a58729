/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Credentials that are made: the first auth plugin that can make one does. Main thread. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/auth.h"
#include "util/compiler.h"

static int
issued(const struct module *m, int rc, struct adit_issue *issue)
{
	if (rc == 0 && issue->secret != NULL)
		return 0;
	if (issue->error[0] == '\0')
		snprintf(issue->error, sizeof(issue->error), "%s: made no credential",
			m->plugin->name);
	return -1;
}

int
auth_issue(const struct modules *modules, struct adit_issue *issue)
{
	for (size_t i = 0; i < modules->n_auth; i++) {
		const struct module *m = modules->auth[i];

		if (m->auth.issue != NULL)
			return issued(m, m->auth.issue(m->inst, issue), issue);
	}
	snprintf(issue->error, sizeof(issue->error),
		"no auth plugin of this configuration can make a credential");
	return -1;
}

int
auth_invite(const struct modules *modules, struct adit_issue *issue)
{
	must(issue->valid_for > 0);
	for (size_t i = 0; i < modules->n_auth; i++) {
		const struct module *m = modules->auth[i];

		if (m->auth.invite != NULL)
			return issued(m, m->auth.invite(m->inst, issue), issue);
	}
	snprintf(issue->error, sizeof(issue->error),
		"no auth plugin of this configuration can make an invite");
	return -1;
}

void
issue_fini(struct adit_issue *issue)
{
	if (issue->secret != NULL) {
		explicit_bzero(issue->secret, strlen(issue->secret));
		free(issue->secret);
	}
	free(issue->stored);
	issue->secret = issue->stored = NULL;
}
