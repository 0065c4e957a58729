/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What route-port and route-udp have in common: a range of ports on one address, out of which every
 * tunnel gets one of its own. Each plugin links its own copy. */

#ifndef ADIT_PLUGINS_PORT_RANGE_H
#define ADIT_PLUGINS_PORT_RANGE_H

#include <adit/route.h>

/* What tells the two apart. Constant texts. */
struct port_kind {
	const char *route; /* for refusals */
	const char *grant; /* the right that stands above the range: "ports" */
};

extern const struct adit_option port_range_options[];

int port_range_create(const struct adit_conf *conf, const struct port_kind *kind, void **inst_r);
void port_range_destroy(void *inst);
int port_range_claim(const void *inst, void *worker, struct adit_claim *claim, uint32_t attempt);

#endif
