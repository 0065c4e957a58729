/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One table of algorithms. Constant, any thread. */

#include "alg.h"

#include <string.h>

static const struct {
	const char *name;
	enum jws_family family;
	unsigned bits;
} algs[JWS_ALGS] = {
	[JWS_NONE] = {"none", JWS_FAMILY_NONE, 0},
	[JWS_HS256] = {"HS256", JWS_FAMILY_HMAC, 256},
	[JWS_HS384] = {"HS384", JWS_FAMILY_HMAC, 384},
	[JWS_HS512] = {"HS512", JWS_FAMILY_HMAC, 512},
	[JWS_RS256] = {"RS256", JWS_FAMILY_RSA, 256},
	[JWS_RS384] = {"RS384", JWS_FAMILY_RSA, 384},
	[JWS_RS512] = {"RS512", JWS_FAMILY_RSA, 512},
	[JWS_PS256] = {"PS256", JWS_FAMILY_RSA, 256},
	[JWS_PS384] = {"PS384", JWS_FAMILY_RSA, 384},
	[JWS_PS512] = {"PS512", JWS_FAMILY_RSA, 512},
	[JWS_ES256] = {"ES256", JWS_FAMILY_EC, 256},
	[JWS_ES384] = {"ES384", JWS_FAMILY_EC, 384},
	[JWS_ES512] = {"ES512", JWS_FAMILY_EC, 512},
	[JWS_EDDSA] = {"EdDSA", JWS_FAMILY_ED, 0},
};

enum jws_alg
jws_alg_parse(const char *text)
{
	for (unsigned i = JWS_NONE + 1; i < JWS_ALGS; i++)
		if (strcmp(algs[i].name, text) == 0)
			return (enum jws_alg)i;
	return JWS_NONE;
}

const char *
jws_alg_name(enum jws_alg alg)
{
	return algs[alg < JWS_ALGS ? alg : JWS_NONE].name;
}

enum jws_family
jws_alg_family(enum jws_alg alg)
{
	return algs[alg < JWS_ALGS ? alg : JWS_NONE].family;
}

unsigned
jws_alg_bits(enum jws_alg alg)
{
	return algs[alg < JWS_ALGS ? alg : JWS_NONE].bits;
}
