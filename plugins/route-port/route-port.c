/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Public addresses by TCP port: every tunnel gets a port of its own on one address of the server,
 * the one that it asks for or the first that is free. */

#include "../common/port-range.h"

static const struct port_kind kind = {.route = "port", .grant = "ports"};

static int
route_create(const struct adit_conf *conf, void **inst_r)
{
	return port_range_create(conf, &kind, inst_r);
}

static const struct adit_route_ops ops = {
	.size = sizeof(ops),
	.protocol = ADIT_PROTOCOL_TCP,
	.route = "port",
	.claim = port_range_claim,
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_ROUTE,
	.run = ADIT_RUN_LOOP,
	.sides = ADIT_SIDE_SERVER,
	.name = "route-port",
	.version = "1",
	.summary = "a TCP port of the server for each tunnel",
	.options = port_range_options,
	.ops = &ops,
	.create = route_create,
	.destroy = port_range_destroy,
};
