/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins with one auth plugin, without a server. Everything it does is in libadit; see
 * core/ctl/trial_main.c. */

#include "ctl/main.h"

int
main(int argc, char **argv)
{
	return adit_auth_test_main(argc, argv);
}
