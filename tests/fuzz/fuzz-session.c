/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Two ends of a session whose life is told by the input (tests/unit/pairops.h). Whatever happens on
 * the link, each end's sums stay right; and as long as nothing was corrupted, no byte is lost, no
 * honest end is accused and every stream can end. */

#include <config.h>

#include "fuzz.h"
#include "pairops.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	pairops_run(data, n, PAIROPS_ENDS);
	return 0;
}
