/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Was built against a later Adit: descriptor, options and operations are longer than ours. Its last
 * members must be left alone. */

#include <adit/auth.h>
#include <stddef.h>

struct later_option {
	struct adit_option option;
	const char *more[2];
};

static const struct later_option options[] = {
	{{.name = "first", .type = ADIT_OPT_INT, .dflt = "11"}, {"x", "y"}},
	{{.name = "second", .type = ADIT_OPT_STRING, .dflt = "two"}, {"x", "y"}},
	{{.name = NULL}, {NULL, NULL}},
};

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)worker;
	adit_auth_account(req, inst);
	return ADIT_ALLOW;
}

static int
create(const struct adit_conf *conf, void **inst_r)
{
	if (adit_conf_int(conf, "first") != 11)
		return adit_conf_error(conf, "first", "is not 11");
	*inst_r = (void *)"later";
	return 0;
}

static const struct {
	struct adit_auth_ops ops;
	void (*more[3])(void);
} ops = {
	.ops = {.size = sizeof(ops), .check = check},
	.more = {NULL, (void (*)(void))(uintptr_t)8, NULL},
};

struct later_plugin {
	struct adit_plugin plugin;
	void *more[4];
};

extern ADIT_EXPORT const struct later_plugin later_plugin __asm__("adit_plugin");

const struct later_plugin later_plugin = {
	.plugin = {
		.abi = ADIT_PLUGIN_ABI,
		.size = sizeof(struct later_plugin),
		.option_size = sizeof(struct later_option),
		.kind = ADIT_KIND_AUTH,
		.run = ADIT_RUN_LOOP,
		.name = "auth-larger",
		.version = "9",
		.summary = "from a later time",
		.options = (const struct adit_option *)options,
		.ops = &ops,
		.create = create,
	},
	.more = {(void *)8, (void *)8, (void *)8, (void *)8},
};
