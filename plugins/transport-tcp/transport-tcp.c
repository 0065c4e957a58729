/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A link as bare TCP: no layer, the core moves the bytes. It hides nothing and proves nothing about
 * the server, so the core uses it on loopback addresses only, unless allow_plain says otherwise. */

#include <adit/transport.h>

static const struct adit_transport_ops ops = {
	.size = sizeof(ops),
	.encrypted = 0,
	.scheme = "tcp",
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_TRANSPORT,
	.run = ADIT_RUN_LOOP,
	.name = "transport-tcp",
	.version = "1",
	.summary = "links over bare TCP, not encrypted",
	.ops = &ops,
};
