/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the options of transport-ws make: an instance, constant from then on. */

#ifndef ADIT_WS_CONF_H
#define ADIT_WS_CONF_H

#include <adit/plugin.h>

#include "nets.h"

struct ws_conf {
	char *path;   /* where links are */
	char *fields; /* agent: more of its request, lines with CRLF; may hold secrets */
	bool host;    /* Host is among them */
	struct nets trusted; /* server: whose X-Forwarded-For is believed */
};

extern const struct adit_option ws_options[];

/* create() and destroy() of the plugin. */
int ws_conf_create(const struct adit_conf *conf, void **inst_r);
void ws_conf_destroy(void *inst);

/* NULL, or what is wrong with a path; query: whether it may have one. */
const char *ws_path_check(const char *path, bool query);

#endif
