/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Lines of tokens and the table of them. A mistake anywhere refuses the whole text, so that a
 * damaged line is never a token that silently lost its expiry. */

#include "tokens.h"

#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/word.h"

#define BLANKS " \t\r"
#define KEY_CHARS "abcdefghijklmnopqrstuvwxyz0123456789._-"

__attribute__((format(printf, 2, 3))) static int
wrong(struct tokens_error *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- Words ----------------------------------------------------------------------------------- */

void
tokens_time_text(time_t t, char text_r[24])
{
	struct tm tm = {.tm_isdst = 0};

	gmtime_r(&t, &tm);
	strftime(text_r, 24, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static int
check_key(const char *key, size_t n, struct tokens_error *why)
{
	static const char *const known[] = {"agent", "expires", "invite", "ports"};
	char copy[33];

	if (n == 0 || n > 32 || strspn(key, KEY_CHARS) < n)
		return wrong(why, "\"%.*s\" cannot be a key: 1 to 32 small letters, digits, . _ -",
			(int)(n < 64 ? n : 64), key);
	memcpy(copy, key, n);
	copy[n] = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (word_nearly(copy, known[i]))
			return wrong(why, "key \"%s\": did you mean \"%s\"?", copy, known[i]);
	return 0;
}

static bool
is_key(const char *word, size_t n, const char *key)
{
	return strlen(key) == n && strncmp(word, key, n) == 0;
}

/* A word "key=value" of a line goes into t. */
static int
take_word(struct token *t, const char *word, struct tokens_error *why)
{
	size_t n = strcspn(word, "=");
	const char *value = word + n + 1;
	char *grant;

	if (word[n] != '=')
		return wrong(why, "expected key=value, found \"%.64s\"", word);
	if (check_key(word, n, why) < 0)
		return -1;
	if (is_key(word, n, "agent")) {
		if (!word_is_name(value) || t->agent[0] != '\0')
			return wrong(why, "agent= expects one name of letters, digits, . _ -");
		snprintf(t->agent, sizeof(t->agent), "%s", value);
		return 0;
	}
	if (is_key(word, n, "expires") || is_key(word, n, "invite")) {
		time_t *at = word[0] == 'e' ? &t->expires : &t->invite;

		if (*at != 0 || word_time(value, at) < 0)
			return wrong(why, "%.*s= expects one time such as 2027-01-31T00:00:00Z, "
					  "found \"%.64s\"", (int)n, word, value);
		return 0;
	}
	if (value[0] == '\0' || strlen(value) > 1024)
		return wrong(why, "\"%.*s\" expects a value of 1 to 1024 letters", (int)n, word);
	for (size_t i = 0; i < t->n_grants; i++)
		if (is_key(word, n, t->grant[i]))
			return wrong(why, "\"%.*s\" is given twice", (int)n, word);
	if (t->n_grants == TOKENS_GRANTS)
		return wrong(why, "more than %d grants", TOKENS_GRANTS);
	grant = strdup(word);
	if (grant == NULL)
		return wrong(why, "out of memory");
	grant[n] = '\0';
	t->grant[t->n_grants++] = grant;
	return 0;
}

void
token_fini(struct token *t)
{
	for (size_t i = 0; i < t->n_grants; i++)
		free(t->grant[i]);
	free(t->grant);
	gnutls_memset(t, 0, sizeof(*t));
}

int
tokens_check_word(const char *word, struct tokens_error *why)
{
	char *slot[1] = {NULL};
	struct token t = {.grant = slot};
	int rc;

	if (word[strcspn(word, BLANKS "\n#")] != '\0')
		return wrong(why, "\"%.64s\": no blanks and no # can be in it", word);
	for (const char *p = word; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return wrong(why, "no control characters can be in a grant");
	rc = take_word(&t, word, why);
	free(slot[0]);
	return rc;
}

/* ---- The whole text -------------------------------------------------------------------------- */

static int
take_line(struct token *t, char *line, struct tokens_error *why)
{
	char *rest = line, *id = strtok_r(rest, BLANKS, &rest),
	     *account = strtok_r(NULL, BLANKS, &rest), *stored = strtok_r(NULL, BLANKS, &rest),
	     *server = strtok_r(NULL, BLANKS, &rest), *word;

	if (server == NULL)
		return wrong(why, "expected ID ACCOUNT STORED_KEY SERVER_KEY");
	if (strlen(id) != TOKEN_ID || !token_id_valid(id))
		return wrong(why, "\"%.64s\" is not an ID: 8 of a-z and 2-7", id);
	if (!word_is_name(account))
		return wrong(why, "\"%.64s\" is not an account: letters, digits, . _ -", account);
	if (!token_hex_parse(stored, t->stored) || !token_hex_parse(server, t->server))
		return wrong(why, "expected two keys of 64 hexadecimal digits behind the account");
	memcpy(t->id, id, sizeof(t->id));
	snprintf(t->account, sizeof(t->account), "%s", account);
	t->grant = calloc(TOKENS_GRANTS, sizeof(*t->grant));
	if (t->grant == NULL)
		return wrong(why, "out of memory");
	while ((word = strtok_r(NULL, BLANKS, &rest)) != NULL)
		if (take_word(t, word, why) < 0)
			return -1;
	return 0;
}

/* A place behind the last. The old table is wiped when it moves. */
static struct token *
add(struct tokens *t)
{
	struct token *more;

	if ((t->n & (t->n - 1)) == 0) { /* 0, 1, 2, 4 …: full */
		more = calloc(t->n > 0 ? 2 * t->n : 1, sizeof(*more));
		if (more == NULL)
			return NULL;
		if (t->n > 0) {
			memcpy(more, t->token, t->n * sizeof(*more));
			gnutls_memset(t->token, 0, t->n * sizeof(*more));
		}
		free(t->token);
		t->token = more;
	}
	return &t->token[t->n++];
}

static int
by_id(const void *a, const void *b)
{
	return memcmp(((const struct token *)a)->id, ((const struct token *)b)->id, TOKEN_ID);
}

static int
order(struct tokens *t, struct tokens_error *why)
{
	if (t->n > 0)
		qsort(t->token, t->n, sizeof(*t->token), by_id);
	why->line = 0;
	for (size_t i = 1; i < t->n; i++)
		if (by_id(&t->token[i - 1], &t->token[i]) == 0)
			return wrong(why, "the ID %s is there twice", t->token[i].id);
	return 0;
}

int
token_line_parse(char *line, struct token *t_r, struct tokens_error *why)
{
	struct token t = {.expires = 0};

	line[strcspn(line, "#")] = '\0';
	if (line[strspn(line, BLANKS)] == '\0')
		return 0;
	if (take_line(&t, line, why) < 0) {
		token_fini(&t);
		return -1;
	}
	*t_r = t;
	return 1;
}

static size_t
put_time(char *line, size_t n, const char *key, time_t t)
{
	char text[24];

	if (t == 0)
		return n;
	tokens_time_text(t, text);
	return n + (size_t)snprintf(line + n, TOKENS_LINE_MAX - n, " %s=%s", key, text);
}

size_t
token_line(const struct token *t, char line_r[TOKENS_LINE_MAX])
{
	char stored[2 * TOKEN_KEY + 1], server[2 * TOKEN_KEY + 1];
	size_t n;

	token_hex(t->stored, stored);
	token_hex(t->server, server);
	n = (size_t)snprintf(line_r, TOKENS_LINE_MAX, "%s %s %s %s", t->id, t->account, stored,
		server);
	if (t->agent[0] != '\0')
		n += (size_t)snprintf(line_r + n, TOKENS_LINE_MAX - n, " agent=%s", t->agent);
	n = put_time(line_r, n, "expires", t->expires);
	n = put_time(line_r, n, "invite", t->invite);
	for (size_t i = 0; i < t->n_grants; i++) /* what was parsed fits */
		n += (size_t)snprintf(line_r + n, TOKENS_LINE_MAX - n, " %s=%s", t->grant[i],
			t->grant[i] + strlen(t->grant[i]) + 1);
	return n;
}

int
tokens_parse(char *text, struct tokens *t_r, struct tokens_error *why)
{
	struct tokens t = {.n = 0};
	struct token one, *new;
	int rc = 0;

	why->line = 0;
	while (rc == 0 && text != NULL) {
		char *line = strsep(&text, "\n");
		int found;

		why->line++;
		found = token_line_parse(line, &one, why);
		rc = found < 0 ? -1 : 0;
		if (found <= 0)
			continue;
		new = add(&t);
		if (new != NULL) {
			*new = one;
		} else {
			token_fini(&one);
			rc = wrong(why, "out of memory");
		}
	}
	if (rc == 0)
		rc = order(&t, why);
	if (rc == 0)
		*t_r = t;
	else
		tokens_fini(&t);
	return rc;
}

int
tokens_put(struct tokens *t, struct token *token)
{
	struct token *old = (struct token *)tokens_find(t, token->id);

	if (old != NULL) {
		token_fini(old);
		*old = *token;
		return 0;
	}
	old = add(t);
	if (old == NULL)
		return -1;
	while (old > t->token && by_id(old - 1, token) > 0) {
		*old = old[-1];
		old--;
	}
	*old = *token;
	return 0;
}

/* In the order of by_id(). */
static uint64_t
id_number(const char *id)
{
	uint64_t n;

	memcpy(&n, id, sizeof(n));
	return be64toh(n);
}

/* As many steps for an ID that is there as for another, none of which jumps by what it finds: the
 * time does not tell which IDs there are. */
const struct token *
tokens_find(const struct tokens *t, const char *id)
{
	const struct token *at = t->token;
	uint64_t wanted = id_number(id);
	size_t half;

	if (t->n == 0)
		return NULL;
	for (size_t n = t->n; n > 1; n -= half) {
		half = n / 2;
		at += half * (id_number(at[half - 1].id) < wanted);
	}
	return id_number(at->id) == wanted ? at : NULL;
}

void
tokens_fini(struct tokens *t)
{
	for (size_t i = 0; i < t->n; i++)
		token_fini(&t->token[i]);
	free(t->token);
	t->token = NULL;
	t->n = 0;
}
