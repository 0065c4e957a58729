/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent program. Everything it does is in libadit; see core/ctl/agent_main.c. */

#include "ctl/main.h"

int
main(int argc, char **argv)
{
	return adit_agent_main(argc, argv);
}
