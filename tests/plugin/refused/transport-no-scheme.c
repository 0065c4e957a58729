/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Has no scheme. */

#include "refused.h"
#include <adit/transport.h>

static const struct adit_transport_ops ops = {.size = sizeof(ops)};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_TRANSPORT,
	.run = ADIT_RUN_LOOP,
	.name = "transport-no-scheme",
	.ops = &ops,
};
