/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The programs' mains, exported from libadit: the programs themselves are only a call. Main thread,
 * once in a process. They take over signals and return the exit status. */

#ifndef ADIT_CTL_MAIN_H
#define ADIT_CTL_MAIN_H

#include "adit/plugin.h"

ADIT_EXPORT int adit_server_main(int argc, char **argv);
ADIT_EXPORT int adit_agent_main(int argc, char **argv);
ADIT_EXPORT int adit_auth_test_main(int argc, char **argv);

#endif
