/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The claims of a token whose signature was right, against the rules: RFC 7519 section 4.1,
 * and what the configuration makes of them. Pure: the time comes in. Any thread. */

#ifndef ADIT_JWT_CLAIMS_H
#define ADIT_JWT_CLAIMS_H

#include "rules.h"
#include "why.h"

/* What a token comes to. */
struct claims {
	char account[65];
	char agent[65]; /* "": the one that the agent says */
	int64_t ends;   /* seconds since 1970: exp and the leeway */
	size_t n_grants;
	struct {
		const char *key; /* the rules' */
		char *value;
	} grant[RULES_NAMES];
};

/* True if the token says that one of the rules' issuers has made it. Not yet verified. */
bool claims_issuer_is(const struct rules *r, const json_t *json);
/* now is in seconds since 1970. Returns 0; then claims_fini() is due. Or -1. */
int claims_check(const struct rules *r, const json_t *json, int64_t now, struct claims *claims_r,
	struct why *why);
void claims_fini(struct claims *c);

#endif
