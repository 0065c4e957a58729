/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Tokens and their proofs: SCRAM (RFC 5802 section 3) with SHA-256, without the stretching that a
 * random secret does not need. Pure. Secrets on the stack are wiped. */

#include "token.h"

#include <adit/auth.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define PREFIX "adit_"
#define SECRET_AT (sizeof(PREFIX) - 1 + TOKEN_ID + 1)
#define SECRET_LETTERS 43
#define CHECK_AT (SECRET_AT + SECRET_LETTERS)
#define CHECK_BYTES 3

static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char hex_digits[] = "0123456789abcdef";

_Static_assert(CHECK_AT + 2 * CHECK_BYTES == TOKEN_LENGTH, "a token's parts add up");

/* ---- Text ------------------------------------------------------------------------------------ */

/* The value of a letter, by going through all of them whichever it is. -1 when it is none. */
static int
letter_value(const char *letters, size_t n, char c)
{
	int v = -1;

	for (size_t i = 0; i < n; i++) {
		int same = -(letters[i] == c); /* all bits or none */

		v = (v & ~same) | ((int)i & same);
	}
	return v;
}

static int
hex_value(char c)
{
	return letter_value(hex_digits, 16, c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c);
}

bool
token_hex_parse(const char *s, uint8_t key_r[TOKEN_KEY])
{
	uint8_t key[TOKEN_KEY];

	if (strnlen(s, 2 * TOKEN_KEY + 1) != 2 * TOKEN_KEY)
		return false;
	for (size_t i = 0; i < TOKEN_KEY; i++) {
		int hi = hex_value(s[2 * i]), lo = hex_value(s[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		key[i] = (uint8_t)(hi << 4 | lo);
	}
	memcpy(key_r, key, sizeof(key));
	return true;
}

static void
hex_write(const uint8_t *p, size_t n, char *to)
{
	for (size_t i = 0; i < n; i++) {
		*to++ = hex_digits[p[i] >> 4];
		*to++ = hex_digits[p[i] & 15];
	}
	*to = '\0';
}

void
token_hex(const uint8_t key[TOKEN_KEY], char hex_r[2 * TOKEN_KEY + 1])
{
	hex_write(key, TOKEN_KEY, hex_r);
}

/* 43 letters are 258 bits: the last two must be zero. */
static bool
secret_decode(const char *s, uint8_t secret_r[TOKEN_KEY])
{
	uint32_t bits = 0;
	unsigned n = 0;
	size_t len = 0;

	for (size_t i = 0; i < SECRET_LETTERS; i++) {
		int v = letter_value(base64url, 64, s[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		n += 6;
		if (n >= 8) {
			n -= 8;
			secret_r[len++] = (uint8_t)(bits >> n);
		}
	}
	return len == TOKEN_KEY && (bits & 3) == 0;
}

static void
secret_encode(const uint8_t secret[TOKEN_KEY], char *to)
{
	uint32_t bits = 0;
	unsigned n = 0;

	for (size_t i = 0; i < TOKEN_KEY; i++) {
		bits = bits << 8 | secret[i];
		for (n += 8; n >= 6; n -= 6)
			*to++ = base64url[bits >> (n - 6) & 63];
	}
	*to = base64url[bits << (6 - n) & 63];
}

bool
token_id_valid(const char id[TOKEN_ID])
{
	for (size_t i = 0; i < TOKEN_ID; i++)
		if (id[i] == '\0' || strchr(base32, id[i]) == NULL)
			return false;
	return true;
}

void
token_id_format(const uint8_t random[5], char id_r[TOKEN_ID + 1])
{
	uint64_t bits = 0;

	for (size_t i = 0; i < 5; i++)
		bits = bits << 8 | random[i];
	for (size_t i = 0; i < TOKEN_ID; i++)
		id_r[i] = base32[bits >> (5 * (TOKEN_ID - 1 - i)) & 31];
	id_r[TOKEN_ID] = '\0';
}

/* The digits at the end; they find copying errors, they protect nothing. */
static int
check_digits(const char *text, char digits_r[2 * CHECK_BYTES + 1])
{
	uint8_t sum[TOKEN_KEY];

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text, CHECK_AT, sum) < 0)
		return -1;
	hex_write(sum, CHECK_BYTES, digits_r);
	return 0;
}

static const char *
check_shape(const char *text)
{
	if (text[0] == '\0')
		return "is empty, but a token was expected";
	if (strncmp(text, PREFIX, sizeof(PREFIX) - 1) != 0)
		return "holds no token: a token begins with \"adit_\"";
	if (strnlen(text, TOKEN_LENGTH + 1) < TOKEN_LENGTH)
		return "holds a token that is too short: was it copied whole?";
	if (strnlen(text, TOKEN_LENGTH + 1) > TOKEN_LENGTH)
		return "holds a token that is too long: was something added to it?";
	if (!token_id_valid(text + sizeof(PREFIX) - 1) || text[SECRET_AT - 1] != '_')
		return "holds no token: behind \"adit_\" 8 of a-z and 2-7 and a \"_\" must follow";
	return NULL;
}

const char *
token_parse(const char *text, char id_r[TOKEN_ID + 1], uint8_t secret_r[TOKEN_KEY])
{
	static const char damaged[] =
		"holds a damaged token: its last digits do not fit; copy it again";
	char digits[2 * CHECK_BYTES + 1];
	const char *wrong = check_shape(text);

	if (wrong != NULL)
		return wrong;
	if (check_digits(text, digits) < 0)
		return "cannot be checked: SHA-256 is not to be had";
	for (size_t i = 0; i < 2 * CHECK_BYTES; i++)
		if (hex_value(text[CHECK_AT + i]) != hex_value(digits[i]))
			return damaged;
	if (!secret_decode(text + SECRET_AT, secret_r))
		return damaged;
	memcpy(id_r, text + sizeof(PREFIX) - 1, TOKEN_ID);
	id_r[TOKEN_ID] = '\0';
	return NULL;
}

int
token_format(const char id[TOKEN_ID], const uint8_t secret[TOKEN_KEY],
	char text_r[TOKEN_LENGTH + 1])
{
	memcpy(text_r, PREFIX, sizeof(PREFIX) - 1);
	memcpy(text_r + sizeof(PREFIX) - 1, id, TOKEN_ID);
	text_r[SECRET_AT - 1] = '_';
	secret_encode(secret, text_r + SECRET_AT);
	return check_digits(text_r, text_r + CHECK_AT);
}

/* ---- Keys and proofs ------------------------------------------------------------------------- */

static int
hmac(const uint8_t key[TOKEN_KEY], const void *p, size_t n, uint8_t mac_r[TOKEN_KEY])
{
	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, TOKEN_KEY, p, n, mac_r) < 0 ? -1 : 0;
}

int
token_derive(const uint8_t secret[TOKEN_KEY], struct token_keys *k_r)
{
	static const char client[] = "adit token client", server[] = "adit token server";

	if (hmac(secret, client, sizeof(client) - 1, k_r->client) < 0 ||
		hmac(secret, server, sizeof(server) - 1, k_r->server) < 0)
		return -1;
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, k_r->client, TOKEN_KEY, k_r->stored) < 0)
		return -1;
	return 0;
}

static uint8_t *
put(uint8_t *to, const void *p, size_t n)
{
	memcpy(to, p, n);
	return to + n;
}

/* What both messages begin with. The labels keep a login from being taken for a join. */
static uint8_t *
put_head(uint8_t *to, const char *label, const void *nonce_agent, const void *nonce_server,
	const char id[TOKEN_ID])
{
	to = put(to, label, strlen(label) + 1); /* with its zero */
	to = put(to, nonce_agent, ADIT_NONCE_SIZE);
	to = put(to, nonce_server, ADIT_NONCE_SIZE);
	return put(to, id, TOKEN_ID);
}

static uint8_t *
put_agent(uint8_t *to, const char *agent)
{
	*to++ = 0;
	return put(to, agent, strnlen(agent, 64));
}

size_t
token_message(const void *nonce_agent, const void *nonce_server, const char id[TOKEN_ID],
	const char *agent, uint8_t buf[TOKEN_MESSAGE_MAX])
{
	uint8_t *p = put_head(buf, "adit token 1", nonce_agent, nonce_server, id);

	return (size_t)(put_agent(p, agent) - buf);
}

size_t
token_join_message(const void *nonce_agent, const void *nonce_server, const char id[TOKEN_ID],
	const char *agent, const uint8_t stored[TOKEN_KEY], const uint8_t server[TOKEN_KEY],
	uint8_t buf[TOKEN_MESSAGE_MAX])
{
	uint8_t *p = put_head(buf, "adit join 1", nonce_agent, nonce_server, id);

	p = put(p, stored, TOKEN_KEY);
	p = put(p, server, TOKEN_KEY);
	return (size_t)(put_agent(p, agent) - buf);
}

static void
mix(uint8_t *to, const uint8_t *with)
{
	for (size_t i = 0; i < TOKEN_KEY; i++)
		to[i] ^= with[i];
}

int
token_proof(const struct token_keys *k, const uint8_t *msg, size_t n, uint8_t proof_r[TOKEN_KEY])
{
	if (hmac(k->stored, msg, n, proof_r) < 0)
		return -1;
	mix(proof_r, k->client);
	return 0;
}

int
token_server_proof(const uint8_t server_key[TOKEN_KEY], const uint8_t *msg, size_t n,
	uint8_t proof_r[TOKEN_KEY])
{
	return hmac(server_key, msg, n, proof_r);
}

int
token_verify(const uint8_t stored[TOKEN_KEY], const uint8_t *msg, size_t n,
	const uint8_t proof[TOKEN_KEY])
{
	uint8_t client[TOKEN_KEY], sum[TOKEN_KEY];
	int rc = -1;

	if (hmac(stored, msg, n, client) == 0) {
		mix(client, proof);
		if (gnutls_hash_fast(GNUTLS_DIG_SHA256, client, TOKEN_KEY, sum) == 0)
			rc = token_equal(sum, stored);
	}
	gnutls_memset(client, 0, sizeof(client));
	return rc;
}

bool
token_equal(const uint8_t a[TOKEN_KEY], const uint8_t b[TOKEN_KEY])
{
	return gnutls_memcmp(a, b, TOKEN_KEY) == 0;
}
