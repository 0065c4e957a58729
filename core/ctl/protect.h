/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Tokens and keys are in the memory of both programs. Main thread, once, before any is read. */

#ifndef ADIT_CTL_PROTECT_H
#define ADIT_CTL_PROTECT_H

/* No core file and no other process of the same user gets them from now on. Logs a warning where
 * the system does not allow that. */
void protect_secrets(void);

#endif
