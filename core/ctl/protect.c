/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Keeps memory from being read by others. Main thread, at the start. */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "ctl/protect.h"
#include "util/log.h"

void
protect_secrets(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) < 0)
		log_warn("core files cannot be switched off: %s", strerror(errno));
}
