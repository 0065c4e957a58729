/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit keygen: a key to log in with. Main thread; blocks. */

#ifndef ADIT_CTL_KEYGEN_H
#define ADIT_CTL_KEYGEN_H

#include "ctl/agent_options.h"

/* Lets auth-key make a key, writes the private half for the user alone and prints what the server
 * is to be given. Returns the exit status. */
int keygen(const struct agent_options *o);

#endif
