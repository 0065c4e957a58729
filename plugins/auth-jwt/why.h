/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Why a token is not taken: the cause for counting, words for the server's log. Words hold nothing
 * of a signature, and of a claim or a header only what is needed to mend it. Any thread. */

#ifndef ADIT_JWT_WHY_H
#define ADIT_JWT_WHY_H

#include <adit/auth.h>

#define WHY_MAX 256

struct why {
	enum adit_cause cause;
	char text[WHY_MAX];
};

/* Always returns -1. */
int why_set(struct why *why, enum adit_cause cause, const char *fmt, ...) ADIT_PRINTF(3, 4);

#endif
