/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A layer that both ends begin with a greeting of six bytes; what follows has all its bits turned
 * over. It can be told by its bytes, moves between workers and says a fact about the link. */

#include <adit/transport.h>
#include <stdlib.h>
#include <string.h>

static const char greeting[6] = "FROZEN";

struct mask {
	struct adit_layer *layer;
	size_t greeted; /* bytes of the other's greeting */
	void *worker;
};

static int
open_layer(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
	void **state_r)
{
	struct mask *m = calloc(1, sizeof(*m));
	bool agent = side == ADIT_SIDE_AGENT;

	(void)inst;
	if (m == NULL)
		return adit_layer_error(layer, "out of memory");
	m->layer = layer;
	m->worker = worker;
	if ((adit_layer_host(layer) != NULL) != agent || (adit_layer_port(layer) != 0) != agent ||
		(adit_layer_upper(layer) != NULL) != agent || adit_layer_path(layer)[0] != '\0' ||
		adit_layer_down(layer, greeting, sizeof(greeting)) < 0) {
		free(m);
		return adit_layer_error(layer, "the address is not what it was");
	}
	*state_r = m;
	return 0;
}

static int
turned(int (*to)(struct adit_layer *, const void *, size_t), struct adit_layer *layer,
	const uint8_t *data, size_t n)
{
	uint8_t part[4096];

	for (size_t now; n > 0; data += now, n -= now) {
		now = n < sizeof(part) ? n : sizeof(part);
		for (size_t i = 0; i < now; i++)
			part[i] = (uint8_t)~data[i];
		if (to(layer, part, now) < 0)
			return -1;
	}
	return 0;
}

static int
greet(struct mask *m, const uint8_t *data, size_t n, size_t *used_r)
{
	size_t i = 0;

	for (; i < n && m->greeted < sizeof(greeting); i++)
		if (data[i] != (uint8_t)greeting[m->greeted++])
			return adit_layer_error(m->layer, "another greeting");
	*used_r = i;
	if (i == 0 || m->greeted < sizeof(greeting))
		return 0;
	if (adit_layer_fact(m->layer, "frozen", "yes") < 0 ||
		strcmp(adit_layer_fact_get(m->layer, "frozen"), "yes") != 0)
		return adit_layer_error(m->layer, "facts are not kept");
	adit_layer_ready(m->layer);
	return 0;
}

static int
input(void *state, const void *data, size_t n)
{
	struct mask *m = state;
	size_t used = 0;

	if (greet(m, data, n, &used) < 0)
		return -1;
	return turned(adit_layer_up, m->layer, (const uint8_t *)data + used, n - used);
}

static int
output(void *state, const void *data, size_t n)
{
	return turned(adit_layer_down, ((struct mask *)state)->layer, data, n);
}

static void
finish(void *state)
{
	(void)state;
}

static void
moved(void *state, void *worker)
{
	((struct mask *)state)->worker = worker;
}

static enum adit_probe
probe(const void *inst, const void *data, size_t n)
{
	(void)inst;
	if (memcmp(data, greeting, n < sizeof(greeting) ? n : sizeof(greeting)) != 0)
		return ADIT_PROBE_NO;
	return n < sizeof(greeting) ? ADIT_PROBE_MORE : ADIT_PROBE_YES;
}

static const struct adit_layer_ops layer = {
	.size = sizeof(layer), .open = open_layer, .input = input, .output = output,
	.finish = finish, .close = free, .moved = moved,
};

static const struct adit_transport_ops ops = {
	.size = sizeof(ops), .scheme = "frozen", .layer = &layer, .probe = probe,
};

ADIT_EXPORT const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT, .kind = ADIT_KIND_TRANSPORT, .run = ADIT_RUN_LOOP,
	.name = "transport-frozen", .version = "1", .summary = "all bits turned over, frozen",
	.ops = &ops,
};
