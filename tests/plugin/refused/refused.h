/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the plugins of this folder have in common: each is good but for one thing. */

#ifndef ADIT_TESTS_REFUSED_H
#define ADIT_TESTS_REFUSED_H

#include <adit/auth.h>

__attribute__((unused)) static enum adit_verdict
deny(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst;
	(void)worker;
	(void)req;
	return ADIT_DENY;
}

__attribute__((unused)) static const struct adit_auth_ops auth_ops = {
	.size = sizeof(auth_ops),
	.check = deny,
};

#endif
