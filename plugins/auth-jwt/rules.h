/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the configuration asks of a token and makes of its claims. Built on one thread, constant
 * from then on. */

#ifndef ADIT_JWT_RULES_H
#define ADIT_JWT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "path.h"

#define RULES_NAMES 32  /* issuers, audiences, types, required claims, grants: of each */
#define RULES_LEEWAY 60 /* seconds, at most */
#define RULES_WHY 200
#define RULES_VALUE_MAX 1024 /* letters of a grant */

struct names {
	size_t n;
	char *name[RULES_NAMES];
};

/* A claim that must be there and hold a value. */
struct demand {
	struct path path;
	char *value;
};

/* A right, from a claim or fixed. */
struct grant_rule {
	char *key;
	struct path path;
	char *value;   /* fixed; NULL: from the claim */
	bool optional; /* the claim may be missing: then there is no such grant */
};

struct rules {
	struct names issuers, audiences;
	struct names types; /* none: JWT and at+jwt are taken, and none at all */
	int64_t leeway_s;
	char *account;             /* fixed; NULL: from account_claim */
	struct path account_claim; /* n is 0 without one, as in agent_claim */
	struct path agent_claim;
	size_t n_demands, n_grants;
	struct demand demand[RULES_NAMES];
	struct grant_rule grant[RULES_NAMES];
};

/* Each of these takes one word of the configuration: 0, or -1 with why set. r begins as zeros, and
 * ends with rules_fini(), also after an error. */
int rules_issuer(struct rules *r, const char *text, char why[RULES_WHY]);
int rules_audience(struct rules *r, const char *text, char why[RULES_WHY]);
int rules_type(struct rules *r, const char *text, char why[RULES_WHY]);
int rules_account(struct rules *r, const char *text, char why[RULES_WHY]);
int rules_account_claim(struct rules *r, const char *text, char why[RULES_WHY]);
int rules_agent_claim(struct rules *r, const char *text, char why[RULES_WHY]);
/* "claim=value". */
int rules_require(struct rules *r, const char *text, char why[RULES_WHY]);
/* "key=claim", or "key?=claim" if the claim may be missing. */
int rules_grant(struct rules *r, const char *text, char why[RULES_WHY]);
/* "key=value". */
int rules_fixed_grant(struct rules *r, const char *text, char why[RULES_WHY]);
void rules_fini(struct rules *r);

/* 1 to 64 of [A-Za-z0-9._-]: an account or an agent. */
bool rules_name_valid(const char *name);
bool names_have(const struct names *n, const char *name);

#endif
