/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The table of tokens in vectors/tokens.txt: each is made, signed, tampered with as its row
 * says, and judged. Then tokens that libraries of others have signed, and such that are meant
 * to take long. */

#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <time.h>

#include "b64.h"
#include "signer.h"
#include "tap.h"
#include "trial.h"

#define COLUMNS 6
#define TEXT_MAX 32768
#define LINE_MAX_LEN 16384
#ifdef SANITIZED
#define BOMB_NS 20000000
#else
#define BOMB_NS 1000000
#endif

static struct trial trial;

/* ---- Texts ----------------------------------------------------------------------------------- */

static const struct {
	const char *macro, *text;
} macros[] = {
	{"%iss", "\"iss\":\"https://id.example\""},
	{"%aud", "\"aud\":\"adit\""},
	{"%sub", "\"sub\":\"alice\""},
	{"%exp", "\"exp\":2000000600"},
	{"%s", "\"iss\":\"https://id.example\",\"aud\":\"adit\",\"sub\":\"alice\","
	       "\"exp\":2000000600"},
	{"%xff", "\xff"},
	{"%x01", "\x01"},
};

/* %(N*text) at p; returns what is behind it. */
static const char *
repeat(const char *p, char *out, size_t *n)
{
	char *text;
	unsigned long times = strtoul(p + 2, &text, 10);
	const char *end = strchr(p, ')');
	size_t len = (size_t)(end - text - 1);

	for (; times > 0 && *n + len < TEXT_MAX; times--) {
		memcpy(out + *n, text + 1, len);
		*n += len;
	}
	return end + 1;
}

static const char *
macro(const char *p, const char *kid, char *out, size_t *n)
{
	if (p[1] == '(')
		return repeat(p, out, n);
	if (p[1] == 'h') {
		*n += (size_t)sprintf(out + *n, "\"alg\":\"%s\",\"kid\":\"%s\"",
			jws_alg_name(signer_alg(kid)), kid);
		return p + 2;
	}
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
		if (strncmp(p, macros[i].macro, strlen(macros[i].macro)) == 0) {
			*n += (size_t)sprintf(out + *n, "%s", macros[i].text);
			return p + strlen(macros[i].macro);
		}
	out[(*n)++] = *p;
	return p + 1;
}

static size_t
expand(const char *p, const char *kid, char out[TEXT_MAX])
{
	size_t n = 0;

	while (*p != '\0' && n < TEXT_MAX - 256)
		if (*p == '%')
			p = macro(p, kid, out, &n);
		else
			out[n++] = *p++;
	out[n] = '\0';
	return n;
}

/* ---- Making a token -------------------------------------------------------------------------- */

struct making {
	char kid[16];
	const char *tricks; /* "+der+flip" */
	char token[2 * TEXT_MAX];
	size_t n;
	uint8_t sig[SIGNER_SIG_MAX + 512];
	size_t n_sig;
};

static bool
trick(const struct making *m, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = m->tricks; (p = strchr(p, '+')) != NULL; p++)
		if (strncmp(p + 1, name, n) == 0 && (p[1 + n] == '+' || p[1 + n] == '\0'))
			return true;
	return false;
}

static void
put(struct making *m, const char *text)
{
	m->n += (size_t)sprintf(m->token + m->n, "%s", text);
}

static void
put_b64(struct making *m, const void *data, size_t n)
{
	m->n += b64_encode(data, n, m->token + m->n);
}

/* As other base64 would have it. */
static void
to_standard(char *p)
{
	for (; *p != '\0'; p++)
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
}

static void
put_signed(struct making *m, const char *header, const char *payload)
{
	static char text[TEXT_MAX];
	size_t n = expand(header, m->kid, text), from;

	m->n = 0;
	if (!trick(m, "nohead"))
		put_b64(m, text, n);
	put(m, trick(m, "hpad") ? "==." : ".");
	from = m->n;
	n = expand(payload, m->kid, text);
	if (!trick(m, "nopay"))
		put_b64(m, text, n);
	if (trick(m, "std"))
		to_standard(m->token + from);
	if (trick(m, "ppad"))
		put(m, "==");
}

static void
make_signature(struct making *m)
{
	const char *by = strstr(m->tricks, "+by:");
	char kid[16];
	size_t n;
	char *pub;

	sscanf(by != NULL ? by + 4 : m->kid, "%15[^+]", kid);
	if (trick(m, "confused")) {
		pub = signer_file(trial.folder, "rsa.pub", &n);
		m->n_sig = signer_hmac(JWS_HS256, pub, n, m->token, m->n, m->sig);
		free(pub);
	} else if (trick(m, "emptykey")) {
		m->n_sig = signer_hmac(JWS_HS256, "", 0, m->token, m->n, m->sig);
	} else if (trick(m, "der")) {
		m->n_sig = signer_der(trial.folder, kid, m->token, m->n, m->sig);
	} else {
		m->n_sig = signer_sign(trial.folder, kid, m->token, m->n, m->sig);
	}
}

static void
swap_halves(uint8_t *p, size_t half)
{
	for (size_t i = 0; i < half; i++) {
		uint8_t x = p[i];

		p[i] = p[half + i];
		p[half + i] = x;
	}
}

/* Both numbers with a zero byte in front. */
static void
widen(struct making *m)
{
	size_t half = m->n_sig / 2;

	memmove(m->sig + half + 2, m->sig + half, half);
	memmove(m->sig + 1, m->sig, half);
	m->sig[0] = m->sig[half + 1] = 0;
	m->n_sig += 2;
}

static void
spoil_signature(struct making *m)
{
	size_t half = m->n_sig / 2;

	if (trick(m, "flip"))
		m->sig[half] ^= 1;
	if (trick(m, "zero"))
		memset(m->sig, 0, m->n_sig);
	if (trick(m, "ones"))
		memset(m->sig, 0xff, m->n_sig);
	if (trick(m, "zeror"))
		memset(m->sig, 0, half);
	if (trick(m, "zeros"))
		memset(m->sig + half, 0, half);
	if (trick(m, "swap"))
		swap_halves(m->sig, half);
	if (trick(m, "wide"))
		widen(m);
	if (trick(m, "short"))
		m->n_sig--;
	if (trick(m, "long"))
		m->sig[m->n_sig++] = 0;
	if (trick(m, "one"))
		m->n_sig = 1;
	if (trick(m, "huge"))
		m->n_sig = JWS_SIG_MAX + 3;
}

static void
wrap(struct making *m, const char *in_front)
{
	memmove(m->token + strlen(in_front), m->token, m->n + 1);
	memcpy(m->token, in_front, strlen(in_front));
	m->n += strlen(in_front);
}

/* What is left of the last letter's bits is set, which changes no byte. */
static void
set_last_bits(struct making *m)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char *last = &m->token[m->n - 1];

	*last = digits[(strchr(digits, *last) - digits) | 1];
}

static void
spoil_token(struct making *m)
{
	if (trick(m, "cut"))
		m->token[--m->n] = '\0';
	if (trick(m, "lastbit"))
		set_last_bits(m);
	if (trick(m, "dot"))
		put(m, ".");
	if (trick(m, "eq"))
		put(m, "=");
	if (trick(m, "nl"))
		put(m, "\n");
	if (trick(m, "jwe"))
		put(m, ".AAAA.AAAA");
	if (trick(m, "lead"))
		wrap(m, ".");
	if (trick(m, "blank"))
		wrap(m, " ");
	if (trick(m, "bearer"))
		wrap(m, "Bearer ");
	if (trick(m, "nul"))
		m->token[m->n++] = '\0';
}

static void
make(struct making *m, const char *how, const char *header, const char *payload)
{
	sscanf(how, "%15[^+]", m->kid);
	m->tricks = how + strlen(m->kid);
	if (strcmp(m->kid, "raw") == 0) {
		m->n = (size_t)sprintf(m->token, "%s", m->tricks + (*m->tricks == '+'));
		return;
	}
	put_signed(m, header, payload);
	if (trick(m, "two"))
		return;
	make_signature(m);
	spoil_signature(m);
	if (trick(m, "other"))
		put_signed(m, header, "{%iss,%aud,%exp,\"sub\":\"root\"}");
	put(m, ".");
	if (!trick(m, "nosig"))
		put_b64(m, m->sig, m->n_sig);
	spoil_token(m);
}

/* ---- One row --------------------------------------------------------------------------------- */

/* "account/agent key=value …" */
static void
claims_text(const struct claims *c, char *text, size_t cap)
{
	size_t n = (size_t)snprintf(text, cap, "%s%s%s", c->account, c->agent[0] != '\0' ? "/" : "",
		c->agent);

	for (size_t i = 0; i < c->n_grants; i++)
		n += (size_t)snprintf(text + n, cap - n, " %s=%s", c->grant[i].key,
			c->grant[i].value);
}

static bool
words_fit(enum adit_verdict v, const char *got, const char *want)
{
	if (v != ADIT_ALLOW)
		return strstr(got, want) != NULL;
	return strncmp(got, want, strlen(want)) == 0 &&
		(strlen(got) == strlen(want) || strlen(want) == 16); /* of a name that is long */
}

/* In memory of exactly its size, so that reading behind it is noticed. */
static enum adit_verdict
judge_copy(const char *token, size_t n, struct claims *c, struct why *why)
{
	char *copy = malloc(n > 0 ? n : 1);
	enum adit_verdict v;

	memcpy(copy, token, n);
	v = trial_judge(&trial, copy, n, c, why);
	free(copy);
	return v;
}

static void
try_row(char *column[COLUMNS])
{
	static struct making m;
	struct why why = {.text = ""};
	char text[64], got[2048];
	struct claims c = {.n_grants = 0};
	enum adit_verdict v;

	make(&m, column[1], column[2], column[3]);
	v = judge_copy(m.token, m.n, &c, &why);
	snprintf(got, sizeof(got), "%s", why.text);
	if (v == ADIT_ALLOW) {
		claims_text(&c, got, sizeof(got));
		claims_fini(&c);
	}
	if (!ok(strcmp(trial_verdict(v, &why, text), column[4]) == 0 &&
			    words_fit(v, got, column[5]),
		    "%s", column[0]))
		diag("got %s: %s", trial_verdict(v, &why, text), got);
}

/* ---- The table ------------------------------------------------------------------------------- */

static bool
split(char *line, char *column[COLUMNS])
{
	column[0] = line;
	for (int i = 1; i < COLUMNS; i++) {
		char *p = strstr(column[i - 1], " |");

		if (p == NULL)
			return false;
		*p = '\0';
		column[i] = p + 2;
		column[i] += *column[i] == ' ';
	}
	return true;
}

static FILE *
open_vectors(const char *name)
{
	char path[8192];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", trial.folder, name);
	f = fopen(path, "r");
	if (f == NULL)
		exit(99);
	return f;
}

/* The next line that is no remark and not empty. */
static bool
next_line(FILE *f, char line[LINE_MAX_LEN])
{
	do {
		if (fgets(line, LINE_MAX_LEN, f) == NULL) {
			fclose(f);
			return false;
		}
		line[strcspn(line, "\n")] = '\0';
	} while (line[0] == '#' || line[0] == '\0');
	return true;
}

static void
try_table(void)
{
	char line[LINE_MAX_LEN], *column[COLUMNS];
	FILE *f = open_vectors("tokens.txt");
	unsigned rows = 0;

	while (next_line(f, line)) {
		if (strncmp(line, "rules ", 6) == 0) {
			trial_rules(&trial, line + 6);
		} else if (split(line, column)) {
			try_row(column);
			rows++;
		} else {
			ok(false, "a row has %d columns: %s", COLUMNS, line);
		}
	}
	ok(rows >= 250, "the table has %u rows", rows);
}

/* ---- Tokens of others ------------------------------------------------------------------------ */

/* "KID TOKEN": signed by somebody else's library for alice. */
static void
try_others(const char *name, unsigned want)
{
	char line[LINE_MAX_LEN], words[] = "account_claim=sub";
	FILE *f = open_vectors(name);
	struct why why = {.text = ""};
	struct claims c;
	unsigned n = 0;

	trial_rules(&trial, words);
	for (; next_line(f, line); n++) {
		char *token = strchr(line, ' ') + 1;
		enum adit_verdict v = judge_copy(token, strlen(token), &c, &why);

		if (ok(v == ADIT_ALLOW && strcmp(c.account, "alice") == 0, "%s: %.*s %s", name,
			    (int)(token - line - 1), line, why.text))
			claims_fini(&c);
	}
	ok(n == want, "%s has %u tokens", name, n);
}

/* ---- Bombs ----------------------------------------------------------------------------------- */

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The least processor time of several tries: what others do on this machine does not count. */
static void
try_bomb(const char *payload)
{
	int64_t least = INT64_MAX;
	static struct making m;
	struct why why;
	struct claims c;

	make(&m, "hs256", "{%h}", payload);
	for (int i = 0; i < 50; i++) {
		int64_t begun = cpu_ns();

		if (judge_copy(m.token, m.n, &c, &why) == ADIT_ALLOW)
			claims_fini(&c);
		begun = cpu_ns() - begun;
		least = begun < least ? begun : least;
	}
	ok(least < BOMB_NS, "%.40s is over in %lld us", payload, (long long)least / 1000);
}

static void
try_bombs(void)
{
	static const char *const payloads[] = {
		"{%s,\"x\":1e999999999}",
		"{%s,\"x\":1e-999999999}",
		"{%s,\"x\":[%(145*0.1111111111111111111111111e-308,)1]}",
		"{%s,\"x\":[%(145*1.7976931348623157081e+0000000308,)1]}",
		"{%s,\"x\":1%(5900*0)}",
		"{%s,\"x\":%(5900*[)}",
		"{%s,\"x\":%(1500*{\"\":)}",
		"{%s,\"x\":\"%(950*\\u0041)\"}",
		"{%s,\"x\":[%(2900*0,)0]}",
		"{%s,\"x\":\"%(2900*\\\\)\"}",
	};

	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		try_bomb(payloads[i]);
}

int
main(void)
{
	trial_open(&trial, NULL);
	ok(trial.keys->n == 14, "keys.jwks holds a key for each algorithm, and Ed448");
	try_table();
	try_others("jose.txt", 14);
	try_others("jsonwebtoken.txt", 12);
	try_bombs();
	trial_close(&trial);
	return done_testing();
}
