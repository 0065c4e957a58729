/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Was built against an Adit whose layers ended with close() and whose transports ended with their
 * layer: it is not told by its bytes, never inside another and never moved with a call. What lies
 * behind its tables in memory is not theirs. */

#include <adit/transport.h>
#include <stddef.h>

static int
open_layer(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
	void **state_r)
{
	(void)inst;
	(void)worker;
	(void)side;
	*state_r = layer;
	adit_layer_ready(layer);
	return 0;
}

static int
up(void *state, const void *data, size_t n)
{
	return adit_layer_up(state, data, n);
}

static int
down(void *state, const void *data, size_t n)
{
	return adit_layer_down(state, data, n);
}

static void
close_layer(void *state)
{
	(void)state;
}

static const struct adit_layer_ops layer = {
	.size = offsetof(struct adit_layer_ops, moved),
	.open = open_layer,
	.input = up,
	.output = down,
	.close = close_layer,
	.moved = (void (*)(void *, void *))(uintptr_t)8,
};

static const struct adit_transport_ops ops = {
	.size = offsetof(struct adit_transport_ops, probe),
	.scheme = "older",
	.layer = &layer,
	.probe = (enum adit_probe (*)(const void *, const void *, size_t))(uintptr_t)8,
	.secure_scheme = (const char *)(uintptr_t)8,
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_TRANSPORT,
	.run = ADIT_RUN_LOOP,
	.name = "transport-older",
	.version = "1",
	.summary = "for tests: a transport of the first days",
	.ops = &ops,
};
