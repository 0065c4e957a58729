/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Tokens for auth-jwt. The first byte says what the rest is: a token as it comes; claims; or a
 * header, a zero byte and claims. The last two are signed here, so that what is behind the
 * signature is reached. What is taken has one form, names and grants that can be such, and an
 * end; who sees only the beginning of it does not take it for another's. And the work is
 * bounded: 1 ms of processor time for each KiB. */

#include <config.h>

#include <gnutls/crypto.h>
#include <string.h>
#include <time.h>

#include "b64.h"
#include "fuzz.h"
#include "judge.h"
#include "plugins/common/jwt-login.h"
#include "util/compiler.h"

#define NOW INT64_C(2000000000)
#define INPUT_MAX 12000
#define TOKEN_MAX (4 * INPUT_MAX)
#define TRIES 5
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW 20
#elif defined(__has_feature)
#define SLOW 20 /* clang: with sanitizers or counters */
#else
#define SLOW 1
#endif

static uint8_t secret[] = "a secret of this fuzz target: 32";
static char kid[] = "k";
static const struct jwt_key key = {.kid = kid, .alg = JWS_HS256, .secret = secret, .n_secret = 32};

static enum key_found
find(void *arg, const char *want, enum jws_alg alg, const struct jwt_key **key_r,
	const char **why_r)
{
	(void)arg;
	*why_r = "no key";
	*key_r = &key;
	if (want != NULL && strcmp(want, kid) != 0)
		return KEY_UNKNOWN;
	return alg == JWS_HS256 ? KEY_FOUND : KEY_UNFIT;
}

static const struct rules *
rules(void)
{
	static struct rules r;
	char why[RULES_WHY];
	int rc = 0;

	if (r.issuers.n > 0)
		return &r;
	rc |= rules_issuer(&r, "i", why) | rules_audience(&r, "a", why);
	rc |= rules_account_claim(&r, "sub", why) | rules_agent_claim(&r, "g.n", why);
	rc |= rules_grant(&r, "ports?=p", why) | rules_grant(&r, "hosts?=/h~1/h", why);
	rc |= rules_fixed_grant(&r, "max_tunnels=3", why) | rules_require(&r, "v=1", why);
	must(rc == 0);
	r.leeway_s = 60;
	return &r;
}

static const struct judge *
judge(void)
{
	static struct judge j = {.find = find};

	j.rules = rules();
	return &j;
}

static void
check_printable(const char *text)
{
	for (; *text != '\0'; text++)
		must(*text >= ' ' && *text <= '~');
}

static void
check_part(const char *text, size_t n)
{
	uint8_t bytes[TOKEN_MAX];
	char again[TOKEN_MAX + 8];
	ssize_t len = b64_decode(text, n, bytes);

	must(len >= 0 && b64_encode(bytes, (size_t)len, again) == n && memcmp(text, again, n) == 0);
}

static void
check_claims(const struct claims *c)
{
	must(rules_name_valid(c->account) && rules_name_valid(c->agent));
	must(c->ends > NOW && c->n_grants >= 1 && c->n_grants <= 3);
	for (size_t i = 0; i < c->n_grants; i++) {
		must(c->grant[i].value[0] != '\0' && strlen(c->grant[i].value) <= RULES_VALUE_MAX);
		check_printable(c->grant[i].value);
	}
}

/* Each of its three parts, and what can be seen of it from its beginnings. */
static void
check_taken(const char *text, size_t n)
{
	const char *first = memchr(text, '.', n), *second = memchr(first + 1, '.', n);
	struct why why;

	check_part(text, (size_t)(first - text));
	check_part(first + 1, (size_t)(second - first - 1));
	check_part(second + 1, (size_t)(text + n - second - 1));
	for (size_t i = (size_t)(first - text) + 1; i < n; i += 1 + i / 16)
		must(judge_beginning(judge(), text, i, &why) == ADIT_CONTINUE);
}

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* What is slow once may have been disturbed; what always is, is slow. */
static enum adit_verdict
judge_timed(const char *text, size_t n, struct claims *c, struct why *why)
{
	int64_t bound = (int64_t)(1 + n / 1024) * 1000000 * SLOW;
	enum adit_verdict v;

	for (int i = 0; i < TRIES; i++) {
		int64_t begun = cpu_ns();

		v = judge_token(judge(), text, n, NOW, c, why);
		if (cpu_ns() - begun < bound)
			return v;
		if (v == ADIT_ALLOW)
			claims_fini(c);
	}
	must(!"it takes too long");
	return ADIT_FAIL;
}

static void
try_token(const char *text, size_t n)
{
	struct why why = {.text = ""}, early;
	enum adit_verdict v;
	struct claims c;

	v = judge_timed(text, n, &c, &why);
	must(v == ADIT_ALLOW || v == ADIT_DENY || v == ADIT_NEXT);
	must((v == ADIT_ALLOW) == (why.text[0] == '\0'));
	if (v == ADIT_ALLOW) {
		check_claims(&c);
		check_taken(text, n);
		claims_fini(&c);
	} else {
		(void)judge_beginning(judge(), text, n, &early);
	}
}

static void
sign_and_try(const char *header, size_t n_header, const char *claims, size_t n_claims)
{
	static char token[TOKEN_MAX];
	uint8_t mac[32];
	size_t n;

	n = b64_encode(header, n_header, token);
	token[n++] = '.';
	n += b64_encode(claims, n_claims, token + n);
	must(gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, 32, token, n, mac) == 0);
	token[n++] = '.';
	n += b64_encode(mac, sizeof(mac), token + n);
	try_token(token, n);
}

/* A token in messages is the same token. */
static void
try_messages(const char *text, size_t n)
{
	static struct jwt_login l;
	uint8_t message[ADIT_AUTH_DATA_MAX];
	enum jwt_login_got got = JWT_LOGIN_MORE;
	size_t part;

	l.n = 0;
	for (unsigned step = 0; (part = jwt_login_part(text, n, step, message)) > 0; step++) {
		must(got == JWT_LOGIN_MORE);
		got = jwt_login_add(&l, message, part);
		if (got == JWT_LOGIN_WRONG)
			break;
	}
	must(n == 0 || (got == JWT_LOGIN_WRONG) == (n > JWT_LOGIN_MAX));
	must(n == 0 || n > JWT_LOGIN_MAX ||
		(got == JWT_LOGIN_WHOLE && l.n == n && memcmp(l.token, text, n) == 0));
	l.n = 0;
	(void)jwt_login_add(&l, text, n);
	must(l.n <= JWT_LOGIN_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char usual[] = "{\"alg\":\"HS256\",\"kid\":\"k\"}";
	const char *text = (const char *)data + 1, *zero;

	if (n < 1 || n > INPUT_MAX)
		return 0;
	n--;
	switch (data[0] % 4) {
	case 0:
		try_token(text, n);
		break;
	case 1:
		sign_and_try(usual, sizeof(usual) - 1, text, n);
		break;
	case 2:
		zero = memchr(text, '\0', n);
		if (zero != NULL)
			sign_and_try(text, (size_t)(zero - text), zero + 1,
				n - (size_t)(zero - text) - 1);
		break;
	default:
		try_messages(text, n);
	}
	return 0;
}
