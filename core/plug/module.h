/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Makes instances of plugins: the step from a name and options in the configuration to the table of
 * functions that tunnel/ calls. Main thread only. A plugin's code, once loaded, stays for the life
 * of the process; instances come and go with configurations. */

#ifndef ADIT_PLUG_MODULE_H
#define ADIT_PLUG_MODULE_H

#include <stdio.h>

#include "plug/options.h"
#include "tunnel/conf.h"
#include "util/err.h"

/* Loads plugin_dir/name.so if it is not loaded yet, checks the options v against what it declares,
 * and makes an instance. plugin_dir: an absolute path, or NULL for the one that Adit was built
 * with. conf_file and conf_line: where the instance's group stands (NULL: the command line);
 * relative paths in options are relative to the folder of the file that names them.
 * Returns 0, or a negative errno with e set. May block. */
int module_create(const char *plugin_dir, const char *name, const struct option_value *v, size_t n,
	enum adit_side side, const char *conf_file, int conf_line, struct module **m_r,
	struct err *e);

/* Ends its helper threads and frees the instance. Workers that wait for answers must still run, and
 * modules_worker_fini() must have been called on each. Waits two seconds for a call that is under
 * way; if it does not return, the instance is left as it is, for good. NULL is harmless. */
void module_free(struct module *m);

/* Splits a path as given into an absolute folder and a name without ".so", both to be freed. 0, or
 * a negative errno with e set. */
int plugin_path(const char *path, char **dir_r, char **name_r, struct err *e);

/* Loads the plugin of one file and prints what it says of itself, as key=value lines: abi, name,
 * kind, run, version, summary, sides; what its kind has: methods and operations; scheme,
 * secure_scheme, encrypted and operations; route, protocol and operations; and
 * option.<name>.type, .default, .min, .max, .required and .help. Returns 0, or a negative errno
 * with e set; then nothing was printed. */
int plugin_info(const char *path, FILE *out, struct err *e);

#endif
