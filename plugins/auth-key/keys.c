/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The file of keys as lines, and the keys as a table. A file with one wrong line is wrong as a
 * whole: a key that is left out by mistake, or one whose restriction is, must not pass unseen. */

#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file while it is read. */
struct reading {
	const char *path, *account;
	struct keys *keys;
	size_t room;
	char *why;
	size_t cap;
};

static void
key_fini(struct key *k)
{
	from_fini(&k->from);
	for (size_t i = 0; i < k->n_grants; i++)
		free(k->grant[i].value);
}

void
keys_free(struct keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->n; i++)
		key_fini(&keys->key[i]);
	free(keys->key);
	free(keys);
}

static char *
skip_blanks(char *p)
{
	return p + strspn(p, " \t");
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* Whether a line begins with the type of a key, and not with options. */
static bool
is_type(const char *p)
{
	return strncmp(p, "ssh-", 4) == 0 || strncmp(p, "ecdsa-", 6) == 0 ||
		strncmp(p, "sk-", 3) == 0;
}

/* "ssh-ed25519 BASE64 [comment]" */
static int
take_key(char *p, struct key *k, char *why, size_t cap)
{
	size_t n = strcspn(p, " \t");
	const char *wrong;

	if (!is_type(p)) {
		snprintf(why, cap, "expected [options] " SSH_TYPE " BASE64 [comment]");
		return -1;
	}
	if (n != strlen(SSH_TYPE) || strncmp(p, SSH_TYPE, n) != 0) {
		snprintf(why, cap, "keys of type %.*s are not taken, only " SSH_TYPE,
			(int)(n < 40 ? n : 40), p);
		return -1;
	}
	p = skip_blanks(p + n);
	n = strcspn(p, " \t");
	wrong = ssh_public_parse(p, n, k->public);
	if (wrong != NULL) {
		snprintf(why, cap, "the key %s", wrong);
		return -1;
	}
	snprintf(k->note, sizeof(k->note), "%s", skip_blanks(p + n));
	return 0;
}

/* One line that is neither empty nor a comment. */
static int
take_line(char *p, const char *account, struct key *k, char *why, size_t cap)
{
	if (!is_type(p)) {
		if (key_options(&p, k, why, cap) < 0)
			return -1;
		p = skip_blanks(p);
	}
	if (take_key(p, k, why, cap) < 0)
		return -1;
	if (k->account[0] == '\0' && account == NULL) {
		snprintf(why, cap, "account=\"…\" is missing in front of the key: whose is it?");
		return -1;
	}
	if (k->account[0] == '\0')
		snprintf(k->account, sizeof(k->account), "%s", account);
	return 0;
}

static int
add(struct reading *r, const struct key *k)
{
	struct keys *keys = r->keys;
	struct key *more;

	if (keys->n == r->room) {
		r->room = r->room > 0 ? 2 * r->room : 16;
		more = realloc(keys->key, r->room * sizeof(*more));
		if (more == NULL) {
			snprintf(r->why, r->cap, "%s: out of memory", r->path);
			return -1;
		}
		keys->key = more;
	}
	keys->key[keys->n++] = *k;
	return 0;
}

static int
read_line(struct reading *r, char *line, int number)
{
	struct key k = {.line = number};
	size_t n = strlen(line);
	char why[400];

	if (n > 0 && line[n - 1] == '\r')
		line[--n] = '\0';
	line = skip_blanks(line);
	if (line[0] == '\0' || line[0] == '#')
		return 0;
	if (n > KEYS_LINE_MAX)
		snprintf(why, sizeof(why), "is longer than %d bytes", KEYS_LINE_MAX);
	else if (take_line(line, r->account, &k, why, sizeof(why)) == 0) {
		if (add(r, &k) == 0)
			return 0;
		key_fini(&k);
		return -1;
	}
	key_fini(&k);
	snprintf(r->why, r->cap, "%s:%d: %s", r->path, number, why);
	return -1;
}

/* ---- The table ------------------------------------------------------------------------------- */

static int
by_public(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int rc = memcmp(x->public, y->public, ED_PUBLIC);

	return rc != 0 ? rc : x->line - y->line;
}

/* Two lines with one key: which of their options would count? */
static int
check_twice(struct reading *r)
{
	const struct keys *keys = r->keys;

	for (size_t i = 1; i < keys->n; i++) {
		const struct key *a = &keys->key[i - 1], *b = &keys->key[i];

		if (memcmp(a->public, b->public, ED_PUBLIC) != 0)
			continue;
		snprintf(r->why, r->cap, "%s:%d: the same key stands in line %d", r->path, b->line,
			a->line);
		return -1;
	}
	return 0;
}

int
keys_parse(const char *path, char *text, const char *account, struct keys **keys_r, char *why,
	size_t cap)
{
	struct reading r = {.path = path, .account = account, .why = why, .cap = cap};
	char *line;
	int rc = 0;

	r.keys = calloc(1, sizeof(*r.keys));
	if (r.keys == NULL) {
		snprintf(why, cap, "%s: out of memory", path);
		return -1;
	}
	for (int number = 1; rc == 0 && (line = strsep(&text, "\n")) != NULL; number++)
		rc = read_line(&r, line, number);
	if (rc == 0 && r.keys->n > 1) {
		qsort(r.keys->key, r.keys->n, sizeof(*r.keys->key), by_public);
		rc = check_twice(&r);
	}
	if (rc < 0)
		keys_free(r.keys);
	else
		*keys_r = r.keys;
	return rc;
}

const struct key *
keys_find(const struct keys *keys, const uint8_t public[ED_PUBLIC])
{
	const struct key *at = keys->key;
	size_t n = keys->n;

	if (n == 0)
		return NULL;
	while (n > 1) { /* the key, if it is there, is one of the n at at */
		size_t half = n / 2;

		at = memcmp(at[half].public, public, ED_PUBLIC) <= 0 ? at + half : at;
		n -= half;
	}
	return memcmp(at->public, public, ED_PUBLIC) == 0 ? at : NULL;
}
