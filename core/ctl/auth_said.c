/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* --auth NAME[,OPTION=VALUE]... taken apart. Main thread. What must hold: no text that is a secret
 * by its option's name is taken, because every user of the host could read it. */

#include <config.h>

#include "ctl/auth_said.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-"
#define KEY_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_"

static int
take_plugin(struct auth_said *a, const char *name, struct err *e)
{
	const char *kind = strncmp(name, "auth-", 5) == 0 ? "" : "auth-";
	int n = snprintf(a->plugin, sizeof(a->plugin), "%s%s", kind, name);

	if (name[0] != '\0' && n > 5 && n < (int)sizeof(a->plugin) &&
		strspn(name, NAME_CHARS) == strlen(name))
		return 0;
	return err_set(e, "--auth: expected a plugin's name, such as password or jwt, found '%s'",
		name);
}

static bool
is_secret(const char *key)
{
	static const char *const words[] = {
		"password", "passwd", "passphrase", "secret", "token", "invite"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(key, words[i]) == 0)
			return true;
	return false;
}

static int
take_option(struct auth_said *a, char *word, struct err *e)
{
	char *value = strchr(word, '=');

	if (value != NULL)
		*value++ = '\0';
	if (is_secret(word))
		return err_set(e,
			"--auth: %s= is refused: every user of this host could read it in the list "
			"of processes; write it to a file (mode 0600) and give %s_file=FILE",
			word, word);
	if (value == NULL || word[0] == '\0' || strspn(word, KEY_CHARS) != strlen(word))
		return err_set(e,
			"--auth: expected NAME,OPTION=VALUE, found '%s' (a comma in a value is "
			"written twice)", word);
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->option[i].key, word) == 0)
			return err_set(e, "--auth: %s= is given twice", word);
	if (a->n == AUTH_SAID_OPTIONS)
		return err_set(e, "--auth: more than %d options", AUTH_SAID_OPTIONS);
	a->option[a->n].key = word;
	a->option[a->n].value = value;
	a->n++;
	return 0;
}

/* Ends the word that p begins at its first single comma; returns the next one, or NULL. */
static char *
cut(char *p)
{
	char *to = p;

	for (; *p != '\0'; *to++ = *p++) {
		if (*p != ',')
			continue;
		if (p[1] != ',') {
			*to = '\0';
			return p + 1;
		}
		p++;
	}
	*to = '\0';
	return NULL;
}

int
auth_said_parse(const char *text, struct auth_said *a_r, struct err *e)
{
	struct auth_said a = {.text = xstrdup(text)};
	char *word = a.text, *next = cut(word);
	int rc = take_plugin(&a, word, e);

	while (rc == 0 && (word = next) != NULL) {
		next = cut(word);
		rc = take_option(&a, word, e);
	}
	if (rc == 0)
		*a_r = a;
	else
		auth_said_fini(&a);
	return rc;
}

void
auth_said_fini(struct auth_said *a)
{
	free(a->text);
	*a = (struct auth_said){.n = 0};
}
