/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Has a layer that takes nothing. */

#include "refused.h"
#include <adit/transport.h>

static void
close_layer(void *state)
{
	(void)state;
}

static int
open_layer(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
	void **state_r)
{
	(void)inst;
	(void)worker;
	(void)side;
	(void)layer;
	*state_r = NULL;
	return 0;
}

static const struct adit_layer_ops half = {
	.size = sizeof(half), .open = open_layer, .close = close_layer};
static const struct adit_transport_ops ops = {
	.size = sizeof(ops), .scheme = "half", .layer = &half};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_TRANSPORT,
	.run = ADIT_RUN_LOOP,
	.name = "transport-half",
	.ops = &ops,
};
