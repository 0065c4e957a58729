/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Reference counting of the server's configuration. Taking is done by any thread that already holds
 * a reference; the last drop happens on the main thread. */

#include <config.h>

#include "tunnel/conf.h"
#include "util/compiler.h"

struct server_conf *
server_conf_ref(struct server_conf *conf)
{
	atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
	return conf;
}

void
server_conf_unref(struct server_conf *conf)
{
	unsigned before;

	if (conf == NULL)
		return;
	before = atomic_fetch_sub_explicit(&conf->refs, 1, memory_order_acq_rel);
	must(before > 0);
	if (before == 1)
		conf->release(conf);
}

bool
agent_conf_encrypted(const struct agent_conf *conf)
{
	for (size_t i = 0; i < conf->n_stack; i++)
		if (conf->stack[i]->transport.encrypted != 0)
			return true;
	return false;
}
