/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Paths to claims. Any thread. */

#include "path.h"

#include <stdlib.h>
#include <string.h>

/* ~1 is a slash and ~0 a tilde; anything else behind a tilde is nothing. 0 or -1. */
static int
unescape(char *name)
{
	char *out = name;

	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '~' && p[1] != '0' && p[1] != '1')
			return -1;
		*out++ = *p == '~' ? (*++p == '1' ? '/' : '~') : *p;
	}
	*out = '\0';
	return 0;
}

static int
split(struct path *p)
{
	const char *between = p->text[0] == '/' ? "/" : ".";
	char *rest = p->copy + (*between == '/'), *name;

	while ((name = strsep(&rest, between)) != NULL) {
		if (p->n == PATH_NAMES || name[0] == '\0' ||
			(*between == '/' && unescape(name) < 0))
			return -1;
		p->name[p->n++] = name;
	}
	return 0;
}

int
path_init(struct path *p, const char *text)
{
	*p = (struct path){.text = strdup(text), .copy = strdup(text)};
	if (p->text != NULL && p->copy != NULL && split(p) == 0)
		return 0;
	path_fini(p);
	return -1;
}

void
path_fini(struct path *p)
{
	free(p->text);
	free(p->copy);
	*p = (struct path){.n = 0};
}

const json_t *
path_find(const struct path *p, const json_t *claims)
{
	for (size_t i = 0; i < p->n; i++)
		claims = json_object_get(claims, p->name[i]); /* NULL in what is no object */
	return json_is_null(claims) ? NULL : claims;
}
