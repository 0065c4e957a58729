/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What a run has shown, as TAP. One thread. */

#ifndef ADIT_TESTS_INTEGRITY_JUDGE_H
#define ADIT_TESTS_INTEGRITY_JUDGE_H

#include "end.h"

/* Connections at the target that said no good header. */
struct guests {
	unsigned clean; /* ended with FIN before the header was whole */
	unsigned reset; /* ended by an error before */
	unsigned bad;   /* another header, or a stream's second connection */
};

/* Prints results and plan; returns the exit status. */
int judge(const struct pair *pairs, size_t n, const struct guests *guests);

#endif
