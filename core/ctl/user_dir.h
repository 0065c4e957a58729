/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The user's own folder of adit, ~/.config/adit. Main thread; blocks. */

#ifndef ADIT_CTL_USER_DIR_H
#define ADIT_CTL_USER_DIR_H

#include "util/err.h"

/* Its name, whether it is there or not; NULL: there is no home. free(). */
char *user_dir(void);

/* Makes it, and the folder above, for the user alone. 0, or a negative errno with e set. */
int user_dir_make(const char *dir, struct err *e);

#endif
