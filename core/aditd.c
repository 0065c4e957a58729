/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The server program. Everything it does is in libadit, so that a program which embeds Adit has the
 * same; see core/ctl/server_main.c. */

#include "ctl/main.h"

int
main(int argc, char **argv)
{
	return adit_server_main(argc, argv);
}
