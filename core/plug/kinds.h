/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The kinds of plugins: what each must bring, and the options that the core gives every plugin of
 * the kind. A new kind is a new entry of one table. Pure; any thread. */

#ifndef ADIT_PLUG_KINDS_H
#define ADIT_PLUG_KINDS_H

#include <adit/auth.h>
#include <adit/plugin.h>
#include <adit/route.h>
#include <adit/transport.h>

#include "util/err.h"

/* The core's own copies of a plugin's operations, complete to today's size: what an older plugin
 * does not have is zero. */
struct plugin_ops {
	union {
		struct adit_auth_ops auth;
		struct adit_transport_ops transport;
		struct adit_route_ops route;
	};
	struct adit_layer_ops layer; /* transports; size 0: no layer */
};

struct kind {
	enum adit_kind kind;
	const char *name;                  /* "auth" */
	bool loop_only;                    /* must be ADIT_RUN_LOOP */
	const struct adit_option *options; /* that the core adds; ended by a NULL name */
	bool own_first; /* they came after plugins were built: one of the same name wins */
	/* Copies plugin->ops after checking that what is needed is there. -EINVAL with e set. */
	int (*take)(const struct adit_plugin *plugin, struct plugin_ops *ops_r, struct err *e);
};

/* NULL when there is no such kind. */
const struct kind *kind_by_number(uint32_t number);
/* The kind that a plugin's name begins with: "auth-token". */
const struct kind *kind_of_name(const char *plugin_name);

#endif
