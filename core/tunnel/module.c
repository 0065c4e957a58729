/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The plugins' shares of a worker: made and freed on that worker's thread. Entry i of a module's
 * per_worker belongs to worker i alone, so nothing here is locked. */

#include <config.h>

#include "io/worker.h"
#include "tunnel/server.h"
#include "util/compiler.h"
#include "util/log.h"

struct kind_modules {
	struct module **m;
	size_t n;
};

/* All modules in a fixed order: number i, or NULL behind the last. */
static struct module *
module_at(const struct modules *modules, size_t i)
{
	const struct kind_modules all[] = {
		{modules->transport, modules->n_transport},
		{modules->auth, modules->n_auth},
		{modules->route, modules->n_route},
	};

	for (size_t k = 0; k < ARRAY_LEN(all); k++) {
		if (i < all[k].n)
			return all[k].m[i];
		i -= all[k].n;
	}
	return NULL;
}

static void
fini_one(struct module *m, uint32_t worker)
{
	if (m->per_worker == NULL)
		return;
	if (m->plugin->worker_fini != NULL)
		m->plugin->worker_fini(m->inst, m->per_worker[worker]);
	m->per_worker[worker] = NULL;
}

int
modules_worker_init(const struct modules *modules, uint32_t worker)
{
	struct module *m;
	size_t i;

	must(worker < WORKERS_MAX);
	for (i = 0; (m = module_at(modules, i)) != NULL; i++) {
		if (m->per_worker == NULL)
			continue;
		m->per_worker[worker] = NULL;
		if (m->plugin->worker_init(m->inst, &m->per_worker[worker]) != 0)
			break;
	}
	if (m == NULL)
		return 0;
	log_error("%s: worker_init() failed on worker %u", module_name(m), (unsigned)worker);
	m->per_worker[worker] = NULL;
	while (i-- > 0)
		fini_one(module_at(modules, i), worker);
	return -1;
}

void
modules_worker_fini(const struct modules *modules, uint32_t worker)
{
	struct module *m;

	must(worker < WORKERS_MAX);
	for (size_t i = 0; (m = module_at(modules, i)) != NULL; i++)
		fini_one(m, worker);
}
