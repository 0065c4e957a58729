/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Where the control socket of a server is, by its configuration file. */

#ifndef ADIT_CTL_CONTROL_PATH_H
#define ADIT_CTL_CONTROL_PATH_H

#define CONTROL_RUN_DIR "/run/adit"

/* When the file names none: beside it, or below /run for the one that is installed. free(). */
char *control_path_default(const char *conf_file);
/* As the file says, "" if it wants none; the default if it says nothing or cannot be read. Free
 * with free(). */
char *control_path_find(const char *conf_file);

#endif
