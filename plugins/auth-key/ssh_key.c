/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* OpenSSH's forms of keys. Base64 is read strictly: one way to write each key. Buffers that have
 * held a private key are wiped. */

#include "ssh_key.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#define BLOB	   51	/* of a public key: two strings with their lengths */
#define BINARY_MAX 4096 /* of a private key's file that is read */
#define BLOCK	   8	/* the private part is padded to a multiple of it */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- Base64 ---------------------------------------------------------------------------------- */

static void
b64_format(const uint8_t *p, size_t n, bool pad, char *out)
{
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		v |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
		v |= i + 2 < n ? p[i + 2] : 0;
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		if (i + 1 < n || pad)
			*out++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		if (i + 2 < n || pad)
			*out++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*out = '\0';
}

static int
digit_value(char c)
{
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* Four characters become one to three bytes. Returns how many, or -1. */
static int
b64_four(const char *in, uint8_t *out)
{
	int pad = in[3] != '=' ? 0 : in[2] != '=' ? 1 : 2, v;
	uint32_t all = 0;

	for (int i = 0; i < 4; i++) {
		v = i < 4 - pad ? digit_value(in[i]) : 0;
		if (v < 0)
			return -1;
		all = all << 6 | (uint32_t)v;
	}
	if ((all & ((1u << 8 * pad) - 1)) != 0)
		return -1; /* bits that stand for nothing */
	for (int i = 0; i < 3 - pad; i++)
		out[i] = (uint8_t)(all >> (16 - 8 * i));
	return 3 - pad;
}

/* n characters, padded, and blanks between them if lines is true. How many bytes, or -1. */
static long
b64_parse(const char *in, size_t n, bool lines, uint8_t *out, size_t cap)
{
	size_t used = 0, have = 0;
	char four[4];
	int got = 3;

	for (size_t i = 0; i < n; i++) {
		if (lines && (in[i] == '\n' || in[i] == '\r' || in[i] == ' ' || in[i] == '\t'))
			continue;
		four[have++] = in[i];
		if (have < 4)
			continue;
		have = 0;
		if (got < 3 || cap - used < 3)
			return -1; /* behind the padding, or too much */
		got = b64_four(four, out + used);
		if (got < 0)
			return -1;
		used += (size_t)got;
	}
	gnutls_memset(four, 0, sizeof(four));
	return have == 0 ? (long)used : -1;
}

/* ---- Strings with a length in front ---------------------------------------------------------- */

struct reader {
	const uint8_t *p;
	size_t n;
};

static bool
take_u32(struct reader *r, uint32_t *v_r)
{
	if (r->n < 4)
		return false;
	*v_r = (uint32_t)r->p[0] << 24 | (uint32_t)r->p[1] << 16 | (uint32_t)r->p[2] << 8 | r->p[3];
	r->p += 4;
	r->n -= 4;
	return true;
}

static bool
take_string(struct reader *r, struct reader *s_r)
{
	uint32_t n;

	if (!take_u32(r, &n) || n > r->n)
		return false;
	*s_r = (struct reader){r->p, n};
	r->p += n;
	r->n -= n;
	return true;
}

static bool
is_text(const struct reader *s, const char *text)
{
	return s->n == strlen(text) && memcmp(s->p, text, s->n) == 0;
}

static uint8_t *
put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return p + 4;
}

static uint8_t *
put_string(uint8_t *p, const void *s, size_t n)
{
	p = put_u32(p, (uint32_t)n);
	if (n > 0)
		memcpy(p, s, n);
	return p + n;
}

static uint8_t *
put_text(uint8_t *p, const char *s)
{
	return put_string(p, s, strlen(s));
}

/* ---- Public keys ----------------------------------------------------------------------------- */

static void
blob_format(const uint8_t public[ED_PUBLIC], uint8_t blob[BLOB])
{
	put_string(put_text(blob, SSH_TYPE), public, ED_PUBLIC);
}

/* NULL, or what is wrong with it. */
static const char *
blob_parse(struct reader r, uint8_t public_r[ED_PUBLIC])
{
	struct reader type, public;

	if (!take_string(&r, &type) || !is_text(&type, SSH_TYPE))
		return "is not the key of its type";
	if (!take_string(&r, &public) || public.n != ED_PUBLIC || r.n != 0)
		return "has not the length of an Ed25519 key";
	memcpy(public_r, public.p, ED_PUBLIC);
	return NULL;
}

const char *
ssh_public_parse(const char *word, size_t n, uint8_t public_r[ED_PUBLIC])
{
	uint8_t blob[BLOB + 3], public[ED_PUBLIC];
	long got = b64_parse(word, n, false, blob, sizeof(blob));
	const char *wrong;

	if (n < SSH_WORD)
		return "is cut short";
	if (got < 0)
		return "is not base64, or longer than an Ed25519 key";
	wrong = blob_parse((struct reader){blob, (size_t)got}, public);
	if (wrong == NULL)
		wrong = ed_public_wrong(public);
	if (wrong == NULL)
		memcpy(public_r, public, ED_PUBLIC);
	return wrong;
}

void
ssh_public_format(const uint8_t public[ED_PUBLIC], char word_r[SSH_WORD + 1])
{
	uint8_t blob[BLOB];

	blob_format(public, blob);
	b64_format(blob, sizeof(blob), true, word_r);
}

int
ssh_fingerprint(const uint8_t public[ED_PUBLIC], char print_r[SSH_PRINT])
{
	uint8_t blob[BLOB], hash[32];

	blob_format(public, blob);
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, blob, sizeof(blob), hash) < 0)
		return -1;
	memcpy(print_r, "SHA256:", 7);
	b64_format(hash, sizeof(hash), false, print_r + 7);
	return 0;
}

/* ---- Private keys: reading ------------------------------------------------------------------- */

static const char magic[] = "openssh-key-v1"; /* with its zero */

/* The private part: two equal numbers, the key, a comment, and padding 1, 2, 3 ... */
static const char *
parse_inside(struct reader r, const uint8_t public[ED_PUBLIC], struct ed_key *k_r)
{
	struct reader type, half, whole, comment;
	uint32_t one, two;

	if (r.n % BLOCK != 0 || !take_u32(&r, &one) || !take_u32(&r, &two) || one != two)
		return "is damaged";
	if (!take_string(&r, &type) || !is_text(&type, SSH_TYPE))
		return "holds no Ed25519 key: ssh-keygen -t ed25519 makes one";
	if (!take_string(&r, &half) || half.n != ED_PUBLIC || !take_string(&r, &whole) ||
		whole.n != ED_SEED + ED_PUBLIC || !take_string(&r, &comment) || r.n >= BLOCK)
		return "is damaged";
	for (size_t i = 0; i < r.n; i++)
		if (r.p[i] != i + 1)
			return "is damaged";
	if (memcmp(half.p, public, ED_PUBLIC) != 0 ||
		memcmp(whole.p + ED_SEED, public, ED_PUBLIC) != 0)
		return "is damaged: its parts do not belong together";
	memcpy(k_r->seed, whole.p, ED_SEED);
	memcpy(k_r->public, public, ED_PUBLIC);
	return NULL;
}

static const char *
parse_outside(struct reader r, struct ed_key *k_r)
{
	struct reader cipher, kdf, options, blob, inside;
	uint8_t public[ED_PUBLIC];
	uint32_t keys;

	if (r.n < sizeof(magic) || memcmp(r.p, magic, sizeof(magic)) != 0)
		return "is damaged";
	r.p += sizeof(magic);
	r.n -= sizeof(magic);
	if (!take_string(&r, &cipher) || !take_string(&r, &kdf) || !take_string(&r, &options) ||
		!take_u32(&r, &keys) || keys != 1 || !take_string(&r, &blob) ||
		!take_string(&r, &inside) || r.n != 0)
		return "is damaged";
	if (!is_text(&cipher, "none") || !is_text(&kdf, "none") || options.n != 0)
		return "has a passphrase, in OpenSSH's own form, which is not read here: take it "
		       "off with ssh-keygen -p, or use openssl genpkey -algorithm ed25519 -aes256";
	if (blob_parse(blob, public) != NULL)
		return "holds no Ed25519 key: ssh-keygen -t ed25519 makes one";
	return parse_inside(inside, public, k_r);
}

/* The n characters begin with text; leaves them behind it. */
static bool
skip_text(const char **p, size_t *n, const char *text)
{
	size_t len = strlen(text);

	if (*n < len || memcmp(*p, text, len) != 0)
		return false;
	*p += len;
	*n -= len;
	return true;
}

const char *
ssh_private_parse(const char *text, size_t n, struct ed_key *k_r)
{
	uint8_t binary[BINARY_MAX];
	const char *end, *wrong = "is damaged";
	long got;

	if (!skip_text(&text, &n, SSH_PRIVATE_BEGIN))
		return "does not begin as OpenSSH's private keys do";
	end = memchr(text, '-', n);
	if (end == NULL || (size_t)(text + n - end) < strlen(SSH_PRIVATE_END) ||
		memcmp(end, SSH_PRIVATE_END, strlen(SSH_PRIVATE_END)) != 0)
		return "has no end: it was not copied whole";
	got = b64_parse(text, (size_t)(end - text), true, binary, sizeof(binary));
	if (got >= 0)
		wrong = parse_outside((struct reader){binary, (size_t)got}, k_r);
	gnutls_memset(binary, 0, sizeof(binary));
	return wrong;
}

/* ---- Private keys: writing ------------------------------------------------------------------- */

static uint8_t *
put_inside(uint8_t *start, const struct ed_key *k, const char *comment, uint32_t check)
{
	uint8_t whole[ED_SEED + ED_PUBLIC], *p = put_u32(put_u32(start, check), check);

	memcpy(whole, k->seed, ED_SEED);
	memcpy(whole + ED_SEED, k->public, ED_PUBLIC);
	p = put_string(put_text(p, SSH_TYPE), k->public, ED_PUBLIC);
	p = put_string(p, whole, sizeof(whole));
	p = put_text(p, comment);
	gnutls_memset(whole, 0, sizeof(whole));
	for (uint8_t i = 1; (p - start) % BLOCK != 0; i++)
		*p++ = i;
	return p;
}

/* Lines of 70, as ssh-keygen writes them. */
static char *
put_lines(const char *b64, char *out)
{
	for (size_t n; (n = strlen(b64)) > 0; b64 += n) {
		n = n < 70 ? n : 70;
		memcpy(out, b64, n);
		out[n] = '\n';
		out += n + 1;
	}
	return out;
}

void
ssh_private_format(const struct ed_key *k, const char *comment, uint32_t check,
	char text_r[SSH_PRIVATE_MAX])
{
	uint8_t binary[512], inside[400], blob[BLOB], *p = binary, *end;
	char b64[sizeof(binary) / 3 * 4 + 5];

	end = put_inside(inside, k, comment, check);
	blob_format(k->public, blob);
	memcpy(p, magic, sizeof(magic));
	p = put_text(put_text(put_text(p + sizeof(magic), "none"), "none"), "");
	p = put_string(put_u32(p, 1), blob, sizeof(blob));
	p = put_string(p, inside, (size_t)(end - inside));
	b64_format(binary, (size_t)(p - binary), true, b64);
	stpcpy(put_lines(b64, stpcpy(text_r, SSH_PRIVATE_BEGIN "\n")), SSH_PRIVATE_END "\n");
	gnutls_memset(inside, 0, sizeof(inside));
	gnutls_memset(binary, 0, sizeof(binary));
	gnutls_memset(b64, 0, sizeof(b64));
}
