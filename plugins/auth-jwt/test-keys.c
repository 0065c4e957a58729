/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Keys from texts: what three other programs have made is read alike, each is bound to one
 * algorithm, and what is not fit is left out or refused, in which words. */

#include <ctype.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "keys.h"
#include "tap.h"

static char noted[4096]; /* all notes, one to a line */
static char why[600];
static struct keys *keys;

static void
on_note(void *arg, enum adit_log_level level, const char *text)
{
	size_t n = strlen(noted);

	(void)arg;
	snprintf(noted + n, sizeof(noted) - n, "%s%s\n", level == ADIT_LOG_INFO ? "(info) " : "",
		text);
}

/* Into keys, which is NULL if they were refused. */
static void
parse_n(enum keys_from from, const char *text, size_t len)
{
	const struct keys_how how = {.from = from, .note = on_note,
		.defaults = {.rsa = JWS_RS256, .hmac = JWS_HS256}};

	keys_free(keys);
	keys = NULL;
	noted[0] = why[0] = '\0';
	if (keys_parse(&how, text, len, &keys, why, sizeof(why)) < 0)
		keys = NULL;
}

static void
parse(enum keys_from from, const char *text)
{
	parse_n(from, text, strlen(text));
}

static char *
read_file(const char *name)
{
	const char *top = getenv("top_srcdir");
	static char text[1 << 16];
	char path[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/plugins/auth-jwt/sample-keys/%s", top != NULL ? top : ".",
		name);
	f = fopen(path, "r");
	if (f == NULL)
		exit(99);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* Of the public key: the same for the same key, however it came. */
static void
fingerprint(const struct jwt_key *k, char hex[65])
{
	unsigned char id[32];
	size_t n = sizeof(id);

	hex[0] = '\0';
	if (gnutls_pubkey_get_key_id(k->pub, GNUTLS_KEYID_USE_SHA256, id, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
}

/* ---- What others have made ------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum jws_alg alg;
} made[] = {
	{"p256", JWS_ES256}, {"p384", JWS_ES384}, {"p521", JWS_ES512}, {"ed25519", JWS_EDDSA},
	{"ed448", JWS_EDDSA}, {"rsa", JWS_RS256},
};

#define N_MADE (sizeof(made) / sizeof(made[0]))

static void
test_pem_is_jwk(void)
{
	char from_jwk[N_MADE][65], hex[65], name[32];

	parse(KEYS_FROM_URL, read_file("node.jwks"));
	if (!ok(keys != NULL && keys->n == N_MADE && noted[0] == '\0', "node's set has all keys%s",
		    why))
		return;
	for (size_t i = 0; i < N_MADE; i++) {
		ok(strcmp(keys->key[i].kid, made[i].name) == 0 && keys->key[i].alg == made[i].alg,
			"%s is for %s", made[i].name, jws_alg_name(made[i].alg));
		fingerprint(&keys->key[i], from_jwk[i]);
	}
	for (size_t i = 0; i < N_MADE; i++) {
		snprintf(name, sizeof(name), "%s.pem", made[i].name);
		parse(KEYS_FROM_FILE, read_file(name));
		if (!ok(keys != NULL && keys->n == 1 && keys->key[0].kid == NULL, "%s%s", name,
			    why))
			continue;
		fingerprint(&keys->key[0], hex);
		is_str(hex, from_jwk[i], "and it is the same key");
		is_int(keys->key[0].alg, made[i].alg, "for the same algorithm");
	}
	parse(KEYS_FROM_FILE, read_file("rsa.crt"));
	ok(keys != NULL && keys->n == 1, "a certificate");
	fingerprint(&keys->key[0], hex);
	is_str(hex, from_jwk[N_MADE - 1], "has the key that was signed");
}

static void
test_jose(void)
{
	static const enum jws_alg algs[] = {JWS_ES256, JWS_ES384, JWS_ES512, JWS_RS256, JWS_RS512,
		JWS_PS384};

	parse(KEYS_FROM_URL, read_file("jose.jwks"));
	ok(keys != NULL && keys->n == 6 && noted[0] == '\0', "jose's set has all keys%s", why);
	for (size_t i = 0; keys != NULL && i < keys->n; i++)
		ok(keys->key[i].alg == algs[i] &&
				strcmp(keys->key[i].kid, jws_alg_name(algs[i])) == 0,
			"%s is bound to it", jws_alg_name(algs[i]));
	parse(KEYS_FROM_SECRET_FILE, read_file("secret.jwks"));
	ok(keys != NULL && keys->n == 2 && keys->key[0].alg == JWS_HS256 &&
			keys->key[0].n_secret == 32 && keys->key[0].secret[0] == 0xad &&
			keys->key[1].alg == JWS_HS512 && keys->key[1].n_secret == 64 &&
			keys->key[0].pub == NULL,
		"and its secrets are read%s", why);
}

/* ---- PEM ------------------------------------------------------------------------------------- */

static void
pem_refused(const char *name, const char *words)
{
	parse(KEYS_FROM_FILE, read_file(name));
	ok(keys == NULL && strstr(why, words) != NULL, "%s: %s", name, why);
}

static void
test_pem(void)
{
	char two[8192];

	pem_refused("short.pem", "line 1: the key is an RSA key of 1024 bits; 2048 are needed");
	pem_refused("three.pem", "RSA exponent");
	pem_refused("pkcs1.pem", "openssl rsa -RSAPublicKey_in -pubout");
	pem_refused("k1.pem", "line 1: this key cannot be read");
	pem_refused("x25519.pem", "type that signs no tokens");
	pem_refused("private-p256.pem", "line 1: a private key");
	pem_refused("pss.pem", "is for RSASSA-PSS only, not for RS256");
	snprintf(two, sizeof(two), "for people\n%s", read_file("p256.pem"));
	snprintf(two + strlen(two), sizeof(two) - strlen(two), "\n%s", read_file("ed25519.pem"));
	parse(KEYS_FROM_FILE, two);
	ok(keys != NULL && keys->n == 2 && keys->key[1].alg == JWS_EDDSA, "two keys, text between");
	parse(KEYS_FROM_SECRET_FILE, two);
	ok(keys == NULL && strstr(why, "is PEM"), "no PEM is taken for a secret: %s", why);
	*strstr(two, "-----END") = '\0';
	parse(KEYS_FROM_FILE, two);
	ok(keys == NULL && strstr(why, "line 2: the block \"PUBLIC KEY\" has no end"),
		"half a key: %s", why);
	snprintf(two, sizeof(two), "%s", read_file("rsa.crt"));
	snprintf(two + strlen(two), sizeof(two) - strlen(two), "%s", read_file("rsa.crt"));
	parse(KEYS_FROM_FILE, two);
	ok(keys == NULL && strstr(why, "a second certificate"), "no chains: %s", why);
	parse(KEYS_FROM_FILE, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
	ok(keys == NULL && strstr(why, "line 1: this key cannot be read"), "nonsense: %s", why);
	parse(KEYS_FROM_FILE, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
	ok(keys == NULL && strstr(why, "neither a public key nor"), "something else: %s", why);
	parse(KEYS_FROM_FILE, "-----BEGIN PUBLIC KEY\nAAAA\n");
	ok(keys == NULL && strstr(why, "no beginning"), "half a beginning: %s", why);
	parse(KEYS_FROM_FILE, "hello\n");
	ok(keys == NULL && strstr(why, "neither PEM nor a JSON Web Key"), "a text: %s", why);
	parse(KEYS_FROM_FILE, "");
	ok(keys == NULL && why[0] != '\0', "an empty file: %s", why);
}

/* Keys that their own form restricts to PSS. */
static void
test_pss(void)
{
	struct keys_how how = {.from = KEYS_FROM_FILE, .note = on_note,
		.defaults = {.rsa = JWS_PS256, .hmac = JWS_HS256}};
	const char *text = read_file("pss.pem");

	keys_free(keys);
	ok(keys_parse(&how, text, strlen(text), &keys, why, sizeof(why)) == 0 &&
			keys->key[0].alg == JWS_PS256 &&
			gnutls_pubkey_get_pk_algorithm(keys->key[0].pub, NULL) == GNUTLS_PK_RSA,
		"a key for PSS can be for PS256");
	text = read_file("pss384.pem");
	ok(keys_parse(&how, text, strlen(text), &keys, why, sizeof(why)) < 0 &&
			strstr(why, "another hash than that of PS256"),
		"one that is restricted to SHA-384 not: %s", why);
	how.defaults.rsa = JWS_PS384;
	keys_free(keys);
	keys = NULL;
	ok(keys_parse(&how, text, strlen(text), &keys, why, sizeof(why)) == 0, "but for PS384");
}

/* ---- Secrets --------------------------------------------------------------------------------- */

static void
secret_refused(const char *text, const char *words)
{
	parse(KEYS_FROM_SECRET_FILE, text);
	ok(keys == NULL && strstr(why, words) != NULL, "a secret: %s", why);
}

static void
test_secrets(void)
{
	parse(KEYS_FROM_SECRET_FILE, "0123456789abcdef0123456789abcdef\n");
	ok(keys != NULL && keys->n == 1 && keys->key[0].n_secret == 32 &&
			memcmp(keys->key[0].secret, "0123456789abcdef", 16) == 0 &&
			keys->key[0].alg == JWS_HS256 && keys->key[0].kid == NULL,
		"32 bytes are a secret for HS256, without the newline");
	parse(KEYS_FROM_SECRET_FILE, " 0123456789abcdef 0123456789abcdef \r\n");
	ok(keys != NULL && keys->key[0].n_secret == 35, "blanks belong to it");
	secret_refused(
		"0123456789abcdef0123456789abcde\n", "is a secret of 31 bytes; HS256 needs 32");
	secret_refused("a-string-secret-at-least-256-bits-long\n", "everybody's examples");
	secret_refused("abababababababababababababababababab\n", "easy to guess");
	secret_refused("", "0 bytes");
	secret_refused("{ \"a", "is not JSON");
	parse(KEYS_FROM_FILE, "0123456789abcdef0123456789abcdef\n");
	ok(keys == NULL, "in a file of public keys it is none: %s", why);
}

/* ---- One JWK, bent --------------------------------------------------------------------------- */

#define X256 "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y256 "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define XED "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define EC256 "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\""
#define ED "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" XED "\""
#define OCT "\"kty\":\"oct\",\"k\":\"" XED "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLrA\""

/* Members of a key, and what is said of it; "": it is taken. */
static const struct {
	const char *members, *words;
} bent[] = {
	{EC256, ""},
	{EC256 ",\"kid\":\"a\",\"use\":\"sig\",\"alg\":\"ES256\",\"key_ops\":[\"verify\"]", ""},
	{EC256 ",\"x5u\":\"http://x\",\"x5c\":[\"AAAA\"],\"x5t\":1,\"ext\":true,\"zz\":{}", ""},
	{ED, ""},
	{ED ",\"alg\":\"EdDSA\"", ""},
	{"\"kty\":\"ec\"", "type"},
	{"\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AAAA\"", "is for an algorithm"},
	{"\"kty\":\"AKP\",\"pub\":\"AAAA\"", "type (\"kty\") that is not known"},
	{"\"kty\":\"\"", "type"},
	{"\"kty\":7", "has no \"kty\""},
	{"\"x\":\"\"", "has no \"kty\""},
	{EC256 ",\"use\":\"enc\"", "(info) key 1 is not for signatures"},
	{EC256 ",\"use\":1", "no string"},
	{EC256 ",\"key_ops\":[\"encrypt\"]", "(info) key 1 is not for checking"},
	{EC256 ",\"key_ops\":[]", "is not for checking"},
	{EC256 ",\"key_ops\":\"verify\"", "no array"},
	{EC256 ",\"key_ops\":[\"verify\",1]", "no strings"},
	{EC256 ",\"use\":\"sig\",\"key_ops\":[\"deriveKey\"]", "is not for checking"},
	{EC256 ",\"alg\":\"none\"", "algorithm"},
	{EC256 ",\"alg\":\"es256\"", "algorithm"},
	{EC256 ",\"alg\":\"ES384\"", "for ES384, which a key of its type cannot be"},
	{EC256 ",\"alg\":\"HS256\"", "for HS256, which a key of its type cannot be"},
	{EC256 ",\"alg\":\"EdDSA\"", "cannot be"},
	{EC256 ",\"alg\":\"ECDH-ES\"", "algorithm"},
	{EC256 ",\"alg\":[\"ES256\"]", "no string"},
	{ED ",\"alg\":\"ES256\"", "cannot be"},
	{EC256 ",\"kid\":\"\"", "\"kid\" that is not 1 to 128"},
	{EC256 ",\"kid\":\"a b\"", "\"kid\" that is not"},
	{EC256 ",\"kid\":\"a\\u000a\"", "\"kid\" that is not"},
	{EC256 ",\"kid\":5", "no string"},
	{"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "\",\"y\":\"" X256 "\"",
		"not on its curve"},
	{"\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\"",
		"32 bytes in place of 48"},
	{"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "\"", "has no \"y\""},
	{"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"", "1 bytes in place of 32"},
	{"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AP" X256 "\",\"y\":\"" Y256 "\"", "has a \"x\""},
	{"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "=\",\"y\":\"" Y256 "\"", "too long"},
	{"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"+/\",\"y\":\"AA\"", "not base64url"},
	{"\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\"",
		"curve (\"crv\")"},
	{"\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"" X256 "\"", "curve (\"crv\")"},
	{"\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\"",
		"curve (\"crv\")"},
	{"\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X256 "\"", "curve (\"crv\")"},
	{"\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"", "3 bytes in place of 32"},
	{"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
	 "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "no key"},
	{"\"kty\":\"RSA\"", "has no \"n\""},
	{"\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"", "17 bits; 2048 are needed"},
	{"\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"", "\"n\" that is zero"},
	{"\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AA\"", "\"e\" that is zero"},
	{EC256 ",\"d\":\"AAAA\"", "is published with its secret part"},
	{ED ",\"d\":\"AAAA\"", "is published with its secret part"},
	{"\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"p\":\"AAAA\"", "is published with its"},
	{OCT, "is published with its secret part"},
};

static void
test_bent(void)
{
	char text[2048];

	for (size_t i = 0; i < sizeof(bent) / sizeof(bent[0]); i++) {
		const char *words = bent[i].words;

		snprintf(text, sizeof(text), "{\"keys\":[{%s}]}", bent[i].members);
		parse(KEYS_FROM_URL, text);
		ok(keys != NULL &&
				(words[0] == '\0' ? keys->n == 1 && noted[0] == '\0'
						  : keys->n == 0 && strstr(noted, words) != NULL),
			"%.60s: %s%.*s", bent[i].members, why, (int)strcspn(noted, "\n"), noted);
		if (words[0] == '\0')
			continue;
		parse(KEYS_FROM_FILE, text);
		ok(keys == NULL && why[0] != '\0', "in a file it is an error: %s", why);
	}
}

/* ---- RSA numbers ----------------------------------------------------------------------------- */

static const char *
rsa_words(const char *n_head, size_t n_chars, const char *n_tail, const char *e)
{
	static char text[4096];
	int at = snprintf(text, sizeof(text), "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"%s\",\"n\":\"%s",
		e, n_head);

	memset(text + at, 'A', n_chars);
	snprintf(text + at + n_chars, sizeof(text) - (size_t)at - n_chars, "%s\"}]}", n_tail);
	parse(KEYS_FROM_URL, text);
	return keys == NULL ? why : keys->n == 1 ? "taken" : noted;
}

static void
test_rsa(void)
{
	/* 342 characters are 256 bytes and 4 bits that are zero. */
	is_str(rsa_words("gA", 338, "AQ", "AQAB"), "taken", "2048 bits, 65537");
	is_str(rsa_words("AIA", 338, "AE", "AQAB"), "taken", "a zero in front is nothing");
	ok(strstr(rsa_words("fA", 338, "AQ", "AQAB"), "2047 bits"), "2047 bits: %s", noted);
	ok(strstr(rsa_words("gA", 338, "Ag", "AQAB"), "even"), "an even modulus: %s", noted);
	ok(strstr(rsa_words("gA", 338, "AQ", "Aw"), "exponent"), "3: %s", noted);
	ok(strstr(rsa_words("gA", 338, "AQ", "AQ"), "exponent"), "1: %s", noted);
	ok(strstr(rsa_words("gA", 338, "AQ", "AQAA"), "exponent"), "65536: %s", noted);
	ok(strstr(rsa_words("gA", 338, "AQ", "AQAAAAE"), "exponent"), "2^32 + 1: %s", noted);
	is_str(rsa_words("gA", 338, "AQ", "_____w"), "taken", "2^32 - 1");
	is_str(rsa_words("gA", 1362, "AQ", "AQAB"), "taken", "8192 bits");
	ok(strstr(rsa_words("AYA", 1363, "E", "AQAB"), "8193 bits; 8192"), "8193 bits: %s", noted);
	ok(strstr(rsa_words("gA", 2000, "", "AQAB"), "too long"), "12000 bits: %s", noted);
}

/* ---- Sets ------------------------------------------------------------------------------------ */

static void
text_refused(enum keys_from from, const char *text, const char *words)
{
	parse(from, text);
	ok(keys == NULL && strstr(why, words) != NULL, "%.50s: %s", text, why);
}

static void
test_sets(void)
{
	char *many = calloc(1, 1 << 20), *p = many;

	parse(KEYS_FROM_URL, "{\"keys\":[]}");
	ok(keys != NULL && keys->n == 0 && strstr(noted, "nobody can log in"),
		"an empty set withdraws all keys: %s", noted);
	parse(KEYS_FROM_URL, "{\"keys\":[{" EC256 ",\"kid\":\"a\"},{" ED ",\"kid\":\"a\"},{" EC256
			     ",\"kid\":\"a\"},{\"kty\":\"zz\"},5,{" EC256 "}]}");
	ok(keys != NULL && keys->n == 3, "good ones among others are taken");
	ok(strstr(noted, "key 3 (kid \"a\") has the kid and the algorithm of a key before it") &&
			strstr(noted, "key 4 is of a type") && strstr(noted, "key 5 has no"),
		"the others are named");
	parse(KEYS_FROM_FILE, "{" EC256 ",\"kid\":\"one\"}");
	ok(keys != NULL && keys->n == 1 && strcmp(keys->key[0].kid, "one") == 0,
		"one JWK in a file");
	parse(KEYS_FROM_SECRET_FILE, "{\"keys\":[{" OCT ",\"alg\":\"HS512\"},{" ED "}]}");
	ok(keys != NULL && keys->n == 2 && keys->key[0].alg == JWS_HS512, "secrets beside others");
	text_refused(KEYS_FROM_URL, "{" EC256 "}", "no JWK set");
	text_refused(KEYS_FROM_FILE, "{" OCT "}", "a file that secret_file names");
	text_refused(KEYS_FROM_FILE, "{\"keys\":[{" EC256 "},{" OCT "}]}", "key 2 is a secret");
	text_refused(KEYS_FROM_FILE, "{\"keys\":[{" EC256 ",\"d\":\"AA\"}]}", "private part");
	text_refused(KEYS_FROM_SECRET_FILE, "{" EC256 ",\"d\":\"AA\"}", "private part");
	text_refused(KEYS_FROM_SECRET_FILE, "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
		"key 1 is a secret of 3 bytes; HS256 needs 32");
	text_refused(KEYS_FROM_URL, "{\"keys\":{}}", "no array");
	text_refused(KEYS_FROM_URL, "{\"keys\":[],\"keys\":[]}", "twice");
	text_refused(KEYS_FROM_URL, "{\"keys\":[{\"kty\":\"EC\",\"kty\":\"EC\"}]}", "twice");
	text_refused(KEYS_FROM_URL, "[]", "not a JSON object");
	text_refused(KEYS_FROM_URL, "<html>", "not JSON");
	text_refused(KEYS_FROM_URL, "", "not JSON");
	text_refused(KEYS_FROM_URL, "{\"a\":[[[[[[[[]]]]]]]]}", "deep");
	text_refused(KEYS_FROM_URL, "{\"keys\":[]} x", "not JSON");
	p += sprintf(p, "{\"keys\":[");
	for (int i = 0; i < KEYS_MAX; i++)
		p += sprintf(p, "{" EC256 ",\"kid\":\"%d\"},", i);
	strcpy(p - 1, "]}");
	parse(KEYS_FROM_URL, many);
	ok(keys != NULL && keys->n == KEYS_MAX, "%d keys are taken", KEYS_MAX);
	strcpy(p - 1, ",{}]}");
	text_refused(KEYS_FROM_URL, many, "129 keys; 128 are taken");
	memset(many, ' ', KEYS_TEXT_MAX + 1);
	text_refused(KEYS_FROM_URL, many, "bytes; 262144 are taken");
	free(many);
}

/* ---- Search ---------------------------------------------------------------------------------- */

/* The place of the key that is found, or -1 with why set. */
static int
find(const char *kid, enum jws_alg alg)
{
	struct key_search s = KEY_SEARCH(kid, alg);
	const struct jwt_key *key;
	const char *reason = "";

	key_search_add(&s, keys);
	key = key_search_result(&s, &reason);
	snprintf(why, sizeof(why), "%s", reason);
	return key != NULL ? (int)(key - keys->key) : -1;
}

static void
test_search(void)
{
	parse(KEYS_FROM_URL, "{\"keys\":[{" EC256 ",\"kid\":\"a\"},{" ED ",\"kid\":\"a\"},{" ED
			     ",\"kid\":\"b\"},{" EC256 "}]}");
	if (!ok(keys != NULL && keys->n == 4, "a set of four"))
		return;
	is_int(find("a", JWS_ES256), 0, "by kid and algorithm");
	is_int(find("a", JWS_EDDSA), 1, "the same kid with another algorithm");
	is_int(find("b", JWS_ES256), -1, "the algorithm of a token does not choose");
	is_str(why, "its key is for another algorithm", "and that is said");
	is_int(find("b", JWS_HS256), -1, "no more does HS256");
	is_int(find("c", JWS_ES256), 3, "a kid that nobody has: the only key without one");
	is_int(find("c", JWS_EDDSA), -1, "if there is such a key");
	is_str(why, "no key has its kid", "or else the kid is unknown");
	is_int(find("A", JWS_EDDSA), -1, "a kid is compared exactly");
	is_int(find("a/../a", JWS_EDDSA), -1, "and is no path");
	is_int(find(NULL, JWS_ES256), -1, "no kid, and two keys fit");
	is_str(why, "it has no kid that would tell which of several keys to take", "as is said");
	is_int(find(NULL, JWS_RS256), -1, "no kid, and none fits");
	is_str(why, "no key is for its algorithm", "as is said");
	parse(KEYS_FROM_FILE, "{" ED ",\"kid\":\"a\"}");
	is_int(find(NULL, JWS_EDDSA), 0, "no kid, and one fits");
	is_int(find("b", JWS_EDDSA), -1, "a key with a kid stands for no other kid");
}

int
main(void)
{
	test_pem_is_jwk();
	test_jose();
	test_pem();
	test_pss();
	test_secrets();
	test_bent();
	test_rsa();
	test_sets();
	test_search();
	keys_free(keys);
	return done_testing();
}
