/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The order in which a token is looked at: form, issuer (so that nobody's but our tokens make
 * us look for keys), key, signature; nothing else in the claims counts before the signature
 * was right. Any thread. */

#include "judge.h"

#include <gnutls/gnutls.h>
#include <string.h>

#include "b64.h"
#include "glimpse.h"
#include "strict.h"

#define ISS_MAX 512

/* The claims as JSON: a new reference, or NULL. */
static json_t *
read_claims(const struct jws *jws, struct why *why)
{
	uint8_t bytes[B64_BYTES(JWS_MAX)];
	ssize_t n = b64_decode(jws->payload, jws->n_payload, bytes);
	char what[STRICT_WHY] = "is not base64url";
	json_t *json = n < 0 ? NULL : strict_parse((const char *)bytes, (size_t)n, what);

	if (json == NULL)
		why_set(why, ADIT_CAUSE_MALFORMED, "its payload %s", what);
	gnutls_memset(bytes, 0, sizeof(bytes));
	return json;
}

static enum adit_verdict
find_key(const struct judge *j, const struct jws *jws, const struct jwt_key **key_r,
	struct why *why)
{
	const char *what = "";

	switch (j->find(j->arg, jws->has_kid ? jws->kid : NULL, jws->alg, key_r, &what)) {
	case KEY_FOUND:
		return ADIT_ALLOW;
	case KEY_UNKNOWN:
		why_set(why, ADIT_CAUSE_UNKNOWN, "%s", what);
		return ADIT_NEXT;
	case KEY_UNFIT:
		why_set(why, ADIT_CAUSE_WRONG, "its alg is %s: %s",
			jws->alg != JWS_NONE ? jws_alg_name(jws->alg) : "not known here", what);
		return ADIT_DENY;
	default:
		why_set(why, ADIT_CAUSE_OTHER, "%s", what);
		return ADIT_FAIL;
	}
}

static int
check_typ(const struct rules *r, const struct jws *jws, struct why *why)
{
	bool usual = jws->typ[0] == '\0' || strcmp(jws->typ, "jwt") == 0 ||
		strcmp(jws->typ, "at+jwt") == 0;

	if (r->types.n > 0 ? names_have(&r->types, jws->typ) : usual)
		return 0;
	return why_set(why, ADIT_CAUSE_FORBIDDEN, "it is a token of another kind: its typ is %s",
		jws->typ[0] != '\0' ? jws->typ : "not there");
}

/* Of a token whose form is right. */
static enum adit_verdict
judge_claims(const struct judge *j, const struct jws *jws, const json_t *json, int64_t now,
	struct claims *claims_r, struct why *why)
{
	const struct jwt_key *key;
	enum adit_verdict v;

	if (!claims_issuer_is(j->rules, json)) {
		why_set(why, ADIT_CAUSE_UNKNOWN, "its issuer is not one of issuer");
		return ADIT_NEXT;
	}
	v = find_key(j, jws, &key, why);
	if (v != ADIT_ALLOW)
		return v;
	if (jws_verify(jws, key, why) < 0 || check_typ(j->rules, jws, why) < 0 ||
		claims_check(j->rules, json, now, claims_r, why) < 0)
		return ADIT_DENY;
	return ADIT_ALLOW;
}

enum adit_verdict
judge_token(const struct judge *j, const char *text, size_t n, int64_t now,
	struct claims *claims_r, struct why *why)
{
	enum adit_verdict v;
	struct jws jws;
	json_t *json;

	if (jws_parse(text, n, &jws, why) < 0)
		return ADIT_DENY;
	json = read_claims(&jws, why);
	v = json != NULL ? judge_claims(j, &jws, json, now, claims_r, why) : ADIT_DENY;
	json_decref(json);
	gnutls_memset(&jws, 0, sizeof(jws));
	return v;
}

/* The issuer, if it is in that part of the claims which is here. */
static bool
read_issuer(const char *text, size_t n, char *iss_r, size_t cap)
{
	const char *from = (const char *)memchr(text, '.', n) + 1, *end = text + n, *dot;
	uint8_t bytes[B64_BYTES(JWS_MAX)];
	ssize_t len;

	dot = memchr(from, '.', (size_t)(end - from));
	if (dot != NULL)
		end = dot;
	len = b64_decode(from, (size_t)(end - from) / 4 * 4, bytes);
	return len > 0 && glimpse_text((const char *)bytes, (size_t)len, "iss", iss_r, cap);
}

enum adit_verdict
judge_beginning(const struct judge *j, const char *text, size_t n, struct why *why)
{
	const struct jwt_key *key;
	enum adit_verdict v;
	char iss[ISS_MAX];
	struct jws jws;

	if (n > JWS_MAX || jws_header(text, n, &jws, why) < 0)
		return ADIT_DENY;
	if (read_issuer(text, n, iss, sizeof(iss))) {
		if (names_have(&j->rules->issuers, iss))
			return ADIT_CONTINUE;
		why_set(why, ADIT_CAUSE_UNKNOWN, "its issuer is not one of issuer");
		return ADIT_NEXT;
	}
	v = jws.has_kid ? find_key(j, &jws, &key, why) : ADIT_CONTINUE;
	return v == ADIT_NEXT ? ADIT_NEXT : ADIT_CONTINUE;
}
