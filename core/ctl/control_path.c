/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Where the control socket is. The server and aditctl must come to the same answer from the same
 * configuration file, so both ask here. Main thread; blocks. */

#include <config.h>

#include "ctl/control_path.h"

#include <libconfig.h>
#include <string.h>

#include "ctl/source.h"
#include "util/compiler.h"
#include "util/file.h"

char *
control_path_default(const char *conf_file)
{
	if (strcmp(conf_file, ADIT_SYSCONFDIR "/adit/aditd.conf") == 0)
		return xstrdup(CONTROL_RUN_DIR "/control.sock");
	return file_beside(conf_file, "control.sock");
}

char *
control_path_find(const char *conf_file)
{
	struct source *src;
	const char *named;
	char *path = NULL;

	if (source_open(conf_file, &src, NULL) < 0)
		return control_path_default(conf_file);
	if (config_lookup_string(&src->tree, "control", &named) == CONFIG_TRUE)
		path = named[0] != '\0' ? file_beside(conf_file, named) : xstrdup("");
	source_free(src);
	return path != NULL ? path : control_path_default(conf_file);
}
