/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One token against rules and keys: the whole of what the server decides. Pure but for how keys are
 * found; any thread. */

#ifndef ADIT_JWT_JUDGE_H
#define ADIT_JWT_JUDGE_H

#include "claims.h"
#include "jws.h"

enum key_found {
	KEY_FOUND,
	KEY_UNKNOWN, /* the token has a kid that no key has */
	KEY_UNFIT,   /* one has, but for another algorithm; or without a kid none or several fit */
	KEY_NONE,    /* there are no keys at the time: nothing can be decided */
};

struct judge {
	const struct rules *rules;
	/* Finds the key for a kid (NULL: the token has none) and an algorithm. It stays valid until
	 * the judgement is over. *why_r says why there is none. */
	enum key_found (*find)(void *arg, const char *kid, enum jws_alg alg,
		const struct jwt_key **key_r, const char **why_r);
	void *arg;
};

/* ADIT_ALLOW: *claims_r is set, and claims_fini() due. ADIT_DENY, ADIT_NEXT (its issuer or its kid
 * is not one of ours) or ADIT_FAIL: why is set. */
enum adit_verdict judge_token(const struct judge *j, const char *text, size_t n, int64_t now,
	struct claims *claims_r, struct why *why);
/* Of a token of which only the beginning is here: ADIT_CONTINUE; ADIT_NEXT if what can be seen is
 * another's; or ADIT_DENY if it cannot be a token. */
enum adit_verdict judge_beginning(const struct judge *j, const char *text, size_t n,
	struct why *why);

#endif
