/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One port after another from a first one on, for who does not ask for one of them. */

#include <adit/route.h>
#include <stdlib.h>
#include <string.h>

struct ports {
	int64_t first, n;
};

static int
create(const struct adit_conf *conf, void **inst_r)
{
	struct ports *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	p->first = adit_conf_int(conf, "first");
	p->n = adit_conf_int(conf, "number");
	*inst_r = p;
	return 0;
}

static int
claim(const void *inst, void *worker, struct adit_claim *c, uint32_t attempt)
{
	const struct ports *p = inst;
	const char *asked = adit_claim_param(c, "port"), *name = adit_claim_param_name(c, 0);

	(void)worker;
	if (adit_claim_account(c)[0] == '\0' || adit_claim_agent(c)[0] == '\0' ||
		adit_claim_tunnel(c)[0] == '\0' || adit_claim_grant(c, "no-such-grant") != NULL)
		return adit_claim_refuse(c, ADIT_REFUSE_NOT_PERMITTED, "nobody asks");
	if (name != NULL && strcmp(name, "port") != 0)
		return adit_claim_refuse(c, ADIT_REFUSE_BAD_REQUEST, "no parameter \"%s\"", name);
	if (asked != NULL && attempt == 0) {
		adit_claim_asked(c);
		return adit_claim_listen(c, "127.0.0.1", (uint16_t)atoi(asked));
	}
	if (adit_claim_reserved(c) != 0 && attempt == 0)
		return adit_claim_listen(c, "127.0.0.1", adit_claim_reserved(c));
	if (asked != NULL || (int64_t)attempt > p->n)
		return adit_claim_refuse(c, ADIT_REFUSE_NO_ADDRESS, "all are taken");
	return adit_claim_listen(c, "127.0.0.1", (uint16_t)(p->first + attempt % p->n));
}

static const struct adit_option options[] = {
	{.name = "first", .type = ADIT_OPT_INT, .required = 1, .min = 1, .max = 65535,
		.help = "the first port"},
	{.name = "number", .type = ADIT_OPT_INT, .dflt = "4", .min = 1, .max = 100,
		.help = "how many ports there are"},
	{.name = NULL},
};

static const struct adit_route_ops ops = {
	.size = sizeof(ops), .protocol = ADIT_PROTOCOL_TCP, .route = "port", .claim = claim,
};

ADIT_EXPORT const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT, .kind = ADIT_KIND_ROUTE, .run = ADIT_RUN_LOOP, .sides = ADIT_SIDE_SERVER,
	.name = "route-frozen", .version = "1", .summary = "the next port, frozen",
	.options = options, .ops = &ops, .create = create, .destroy = free,
};
