/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit join and adit leave. Main thread. */

#ifndef ADIT_CTL_AGENT_JOIN_H
#define ADIT_CTL_AGENT_JOIN_H

#include "ctl/agent_options.h"

/* Uses the invite of a join line and stores what comes of it. The exit status. */
int agent_join(const struct agent_options *o);
/* Forgets a server that was joined. The exit status. */
int agent_leave(const struct agent_options *o);

#endif
