/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What tests judge tokens with: the keys of vectors/keys.jwks, and rules for issuer
 * https://id.example and audience adit or adit2. One thread, one for each process. */

#ifndef ADIT_JWT_TRIAL_H
#define ADIT_JWT_TRIAL_H

#include "judge.h"
#include "keys.h"

#define TRIAL_NOW INT64_C(2000000000)

struct trial {
	char folder[4096]; /* vectors/ */
	struct keys *keys;
	struct rules rules;
};

/* Reads the keys; ends the program if it cannot. NULL: vectors/ of the source tree. */
void trial_open(struct trial *t, const char *folder);
void trial_close(struct trial *t);
/* Begins anew with the rules, which have no account yet, and adds options to them: "account=ci
 * grant=ports=p". Ends the program if it cannot. words is changed. */
void trial_rules(struct trial *t, char *words);
enum adit_verdict trial_judge(struct trial *t, const char *token, size_t n,
	struct claims *claims_r, struct why *why);
/* "allow", or "deny" and so on with the cause. */
const char *trial_verdict(enum adit_verdict v, const struct why *why, char text[64]);

#endif
