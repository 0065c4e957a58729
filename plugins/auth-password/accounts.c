/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Lines of accounts and the table of them. A mistake anywhere refuses the whole text, so that a
 * damaged line is never an account that silently lost its expiry. */

#include "accounts.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/password-login.h"
#include "../common/word.h"
#include "hash.h"

#define BLANKS " \t\r"
#define KEY_CHARS "abcdefghijklmnopqrstuvwxyz0123456789._-"
#define VALUE_MAX 1024
#define DAY 86400
#define DAYS_MAX 2932896u /* 9999-12-31 */

__attribute__((format(printf, 3, 4))) static int
wrong(char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- Words ----------------------------------------------------------------------------------- */

/* Takes "key=value" or key="value" from *p on, in place: a backslash in quotes stands for the
 * letter behind it. 1 with both, 0 at the end of the words or at a comment, -1 with why. */
static int
next_word(char **p, char **key_r, char **value_r, char *why, size_t cap)
{
	char *key = *p + strspn(*p, BLANKS), *value = key + strcspn(key, "=" BLANKS), *to, *from;
	bool quoted;

	if (*key == '\0' || *key == '#')
		return 0;
	if (*value != '=')
		return wrong(why, cap, "expected KEY=VALUE, found \"%.*s\"",
			(int)strcspn(key, BLANKS) < 64 ? (int)strcspn(key, BLANKS) : 64, key);
	*value++ = '\0';
	quoted = *value == '"';
	from = to = value + (quoted ? 1 : 0);
	value = to;
	while (*from != '\0' && (quoted ? *from != '"' : strchr(BLANKS, *from) == NULL)) {
		if (quoted && *from == '\\' && from[1] != '\0')
			from++;
		*to++ = *from++;
	}
	if (quoted && *from != '"')
		return wrong(why, cap, "the quotes of %.32s= have no end", key);
	if (quoted && *++from != '\0' && strchr(BLANKS, *from) == NULL)
		return wrong(why, cap, "a blank is expected behind the quotes of %.32s=", key);
	*p = from + (*from != '\0');
	*to = '\0';
	*key_r = key;
	*value_r = value;
	return 1;
}

static int
check_key(const char *key, char *why, size_t cap)
{
	static const char *const known[] = {"account", "agent", "expires", "ports", "udp_ports",
		"hosts", "max_tunnels", "max_streams", "max_sessions"};

	if (key[0] == '\0' || strlen(key) > 32 || strspn(key, KEY_CHARS) != strlen(key))
		return wrong(why, cap,
			"\"%.64s\" cannot be a key: 1 to 32 small letters, digits, . _ -", key);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (word_nearly(key, known[i]))
			return wrong(why, cap, "key \"%s\": did you mean \"%s\"?", key, known[i]);
	return 0;
}

static int
take_grant(struct account *a, const char *key, const char *value, char *why, size_t cap)
{
	size_t k = strlen(key) + 1, v = strlen(value) + 1;
	char *grant;

	if (v == 1 || v > VALUE_MAX + 1)
		return wrong(why, cap, "%s= expects a value of 1 to %d letters", key, VALUE_MAX);
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return wrong(why, cap, "%s= has a control character in it", key);
	if (strncmp(key, "max_", 4) == 0 && strspn(value, "0123456789") != v - 1)
		return wrong(why, cap, "%s= expects a number, found \"%.64s\"", key, value);
	for (size_t i = 0; i < a->n_grants; i++)
		if (strcmp(a->grant[i], key) == 0)
			return wrong(why, cap, "%s= is given twice", key);
	if (a->n_grants == ACCOUNTS_GRANTS)
		return wrong(why, cap, "more than %d grants", ACCOUNTS_GRANTS);
	if (a->grant == NULL)
		a->grant = calloc(ACCOUNTS_GRANTS, sizeof(*a->grant));
	grant = a->grant != NULL ? malloc(k + v) : NULL;
	if (grant == NULL)
		return wrong(why, cap, "out of memory");
	memcpy(grant, key, k);
	memcpy(grant + k, value, v);
	a->grant[a->n_grants++] = grant;
	return 0;
}

static int
take_word(struct account *a, const char *key, const char *value, char *why, size_t cap)
{
	if (check_key(key, why, cap) < 0)
		return -1;
	if (strcmp(key, "account") == 0 || strcmp(key, "agent") == 0) {
		char *to = key[1] == 'c' ? a->account : a->agent;

		if (!word_is_name(value) || to[0] != '\0')
			return wrong(why, cap, "%s= expects one name of 1 to 64 letters, digits, "
					       ". _ -", key);
		snprintf(to, ACCOUNTS_NAME + 1, "%s", value);
		return 0;
	}
	if (strcmp(key, "expires") == 0) {
		if (a->expires != 0 || word_time(value, &a->expires) < 0)
			return wrong(why, cap, "expires= expects one time such as "
					       "2027-01-31T00:00:00Z, found \"%.64s\"", value);
		return 0;
	}
	return take_grant(a, key, value, why, cap);
}

static int
take_words(struct account *a, char *p, char *why, size_t cap)
{
	char *key = NULL, *value = NULL;
	int got;

	while ((got = next_word(&p, &key, &value, why, cap)) > 0)
		if (take_word(a, key, value, why, cap) < 0)
			return -1;
	return got;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* The seven fields of /etc/shadow: numbers, or nothing. */
static bool
is_shadow(const char *rest)
{
	size_t colons = 0;

	if (rest[strspn(rest, "0123456789:-")] != '\0')
		return false;
	for (const char *p = rest; *p != '\0'; p++)
		colons += *p == ':';
	return colons == 6;
}

/* Of those only the day counts on which the account expires. */
static int
take_shadow(struct account *a, const char *rest, char *why, size_t cap)
{
	const char *day = rest;
	unsigned long days;
	size_t n;

	for (int i = 0; i < 5; i++)
		day = strchr(day, ':') + 1;
	n = strcspn(day, ":");
	if (n == 0 || (n == 2 && strncmp(day, "-1", 2) == 0))
		return 0;
	days = strtoul(day, NULL, 10);
	if (n > 7 || memchr(day, '-', n) != NULL || days > DAYS_MAX)
		return wrong(why, cap, "has no day on which it expires: \"%.*s\"",
			(int)(n < 32 ? n : 32), day);
	a->expires = days > 0 ? (time_t)days * DAY : 1;
	return 0;
}

static int
take_hash(struct account *a, char *hash, char *why, size_t cap)
{
	size_t bars = strspn(hash, "!*");

	a->locked = bars > 0;
	if (a->locked && hash_check(hash + bars, why, cap) < 0)
		return 0; /* whatever it is: nobody logs in by it */
	if (!a->locked && hash_check(hash, why, cap) < 0)
		return -1;
	a->hash = strdup(hash + bars);
	return a->hash != NULL ? 0 : wrong(why, cap, "out of memory");
}

/* What a name is for people: it may have any letters. */
static const char *
shown(const char *name, char buf[PASSWORD_USER_MAX + 1])
{
	size_t n = 0;

	for (; name[n] != '\0' && n < PASSWORD_USER_MAX; n++)
		buf[n] = name[n] >= ' ' && name[n] < 0x7f ? name[n] : '?';
	buf[n] = '\0';
	return buf;
}

/* With the user's name before what is wrong. */
static int
take_fields(struct account *a, char *hash, char *rest, char *why, size_t cap)
{
	char text[400] = "";
	int rc = take_hash(a, hash, text, sizeof(text));

	if (rc == 0 && rest != NULL && is_shadow(rest))
		rc = take_shadow(a, rest, text, sizeof(text));
	else if (rc == 0 && rest != NULL)
		rc = take_words(a, rest, text, sizeof(text));
	if (rc == 0 && a->account[0] == '\0') {
		if (word_is_name(a->user))
			snprintf(a->account, sizeof(a->account), "%s", a->user);
		else
			rc = wrong(text, sizeof(text), "needs account=NAME, because an account "
						       "has no @ or + in its name");
	}
	return rc < 0 ? wrong(why, cap, "user %s: %s", a->user, text) : 0;
}

void
account_fini(struct account *a)
{
	for (size_t i = 0; i < a->n_grants; i++)
		free(a->grant[i]);
	free(a->grant);
	if (a->hash != NULL)
		gnutls_memset(a->hash, 0, strlen(a->hash));
	free(a->hash);
	free(a->user);
	gnutls_memset(a, 0, sizeof(*a));
}

int
account_line_parse(char *line, struct account *a_r, char *why, size_t cap)
{
	struct account a = {.user = NULL};
	char *user = line + strspn(line, BLANKS), *hash, *rest, name[PASSWORD_USER_MAX + 1];
	size_t n;

	for (n = strlen(user); n > 0 && strchr(BLANKS, user[n - 1]) != NULL; n--)
		user[n - 1] = '\0';
	if (*user == '\0' || *user == '#')
		return 0;
	hash = strchr(user, ':');
	if (hash == NULL)
		return wrong(why, cap, "expected USER:HASH, and there is no colon");
	*hash++ = '\0';
	if (!password_user_valid(user, strlen(user)))
		return wrong(why, cap, "\"%s\" cannot be a user: 1 to %u letters, digits, "
				       ". _ @ + -", shown(user, name), PASSWORD_USER_MAX);
	rest = strchr(hash, ':');
	if (rest != NULL)
		*rest++ = '\0';
	a.user = strdup(user);
	if (a.user == NULL)
		return wrong(why, cap, "out of memory");
	if (take_fields(&a, hash, rest, why, cap) < 0) {
		account_fini(&a);
		return -1;
	}
	*a_r = a;
	return 1;
}

/* ---- The whole text -------------------------------------------------------------------------- */

/* 64 bits of SHA-256, which nobody can guess of what he does not know. */
static int
digest(const char *text, uint64_t *d_r)
{
	uint8_t out[32];
	int rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), out);

	if (rc == 0)
		memcpy(d_r, out, sizeof(*d_r));
	gnutls_memset(out, 0, sizeof(out));
	return rc < 0 ? -1 : 0;
}

/* A place behind the last. The old table is wiped when it moves. */
static struct account *
add(struct accounts *t)
{
	struct account *more;

	if ((t->n & (t->n - 1)) == 0) { /* 0, 1, 2, 4 …: full */
		more = calloc(t->n > 0 ? 2 * t->n : 1, sizeof(*more));
		if (more == NULL)
			return NULL;
		if (t->n > 0) {
			memcpy(more, t->account, t->n * sizeof(*more));
			gnutls_memset(t->account, 0, t->n * sizeof(*more));
		}
		free(t->account);
		t->account = more;
	}
	return &t->account[t->n++];
}

static int
by_user(const void *a, const void *b)
{
	return strcmp(((const struct account *)a)->user, ((const struct account *)b)->user);
}

static int
order(struct accounts *t, int *line, char *why, size_t cap)
{
	if (t->n > 0)
		qsort(t->account, t->n, sizeof(*t->account), by_user);
	for (size_t i = 1; i < t->n; i++) {
		const struct account *a = &t->account[i - 1], *b = &t->account[i];

		if (strcmp(a->user, b->user) != 0)
			continue;
		*line = a->line > b->line ? a->line : b->line;
		return wrong(why, cap, "user %s is in line %d already", a->user,
			a->line < b->line ? a->line : b->line);
	}
	return 0;
}

static int
take_line(struct accounts *t, char *text, int line, char *why, size_t cap)
{
	struct account one, *place;
	int found = account_line_parse(text, &one, why, cap);

	if (found <= 0)
		return found;
	one.line = line;
	if (one.hash != NULL && digest(one.hash, &one.seed) < 0)
		found = wrong(why, cap, "SHA-256 is not to be had");
	place = found > 0 ? add(t) : NULL;
	if (place != NULL) {
		*place = one;
		return 0;
	}
	account_fini(&one);
	return found < 0 ? -1 : wrong(why, cap, "out of memory");
}

int
accounts_parse(const char *path, char *text, struct accounts **a_r, char *why, size_t cap)
{
	struct accounts *t = calloc(1, sizeof(*t));
	char said[480] = "out of memory";
	int line = 0, rc = t != NULL ? 0 : -1;

	while (rc == 0 && text != NULL)
		rc = take_line(t, strsep(&text, "\n"), ++line, said, sizeof(said));
	if (rc == 0)
		rc = order(t, &line, said, sizeof(said));
	if (rc < 0) {
		accounts_free(t);
		return wrong(why, cap, "%s:%d: %s", path, line, said);
	}
	*a_r = t;
	return 0;
}

void
accounts_free(struct accounts *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++)
		account_fini(&t->account[i]);
	free(t->account);
	free(t);
}

const struct account *
accounts_find(const struct accounts *t, const char *user)
{
	struct account key = {.user = (char *)(uintptr_t)user};

	return t->n > 0 ? bsearch(&key, t->account, t->n, sizeof(key), by_user) : NULL;
}

/* The finaliser of splitmix64: every bit of x counts in every bit of the result. */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* Each hash draws a number for the name, and the highest wins: so a name keeps its decoy when
 * others come and go, and when the server starts anew, as an account keeps its hash. */
const char *
accounts_decoy(const struct accounts *t, const char *user)
{
	const char *hash = hash_nobody;
	uint64_t name = 0, best = 0;

	(void)digest(user, &name);
	for (size_t i = 0; i < t->n; i++) {
		const struct account *a = &t->account[i];
		uint64_t drawn = mix(mix(a->seed ^ name) + a->seed);

		if (a->hash != NULL && drawn >= best) {
			best = drawn;
			hash = a->hash;
		}
	}
	return hash;
}
