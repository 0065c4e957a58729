/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How malloc treats the programs. Main thread, at the start. Not for libadit: a program that
 * embeds it decides for itself. */

#include <config.h>

#include <malloc.h>

#include "ctl/memory.h"

/* What a thread keeps of memory that it has freed. A link with layers needs some 100 KiB in each
 * turn: records, and bytes that wait for the socket. With 128 KiB, as it comes, they go back to the
 * kernel and are fetched again in every turn, which takes 7 % of a link over TLS. */
#define KEEP (1 << 20)

void
memory_tune(void)
{
#ifdef M_TRIM_THRESHOLD
	(void)mallopt(M_TRIM_THRESHOLD, KEEP);
#endif
}
