/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A second transport without a layer: its links look like those of transport-tcp. */

#include <adit/transport.h>

static const struct adit_transport_ops ops = {
	.size = sizeof(ops),
	.scheme = "bare",
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_TRANSPORT,
	.run = ADIT_RUN_LOOP,
	.name = "transport-bare",
	.version = "1",
	.summary = "for tests: one more transport without a layer",
	.ops = &ops,
};
