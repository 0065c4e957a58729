/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Has two spaces between its methods. */

#include "refused.h"

static const struct adit_auth_ops bad_ops = {
	.size = sizeof(bad_ops), .check = deny, .methods = "one  two",
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT, .kind = ADIT_KIND_AUTH, .name = "auth-bad-methods", .ops = &bad_ops,
};
