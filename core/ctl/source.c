/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One configuration file. The text is read once, checked by our own grammar and then handed to
 * libconfig, so that both see the same bytes. Main thread; blocks. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/grammar.h"
#include "ctl/source.h"
#include "util/compiler.h"
#include "util/file.h"

void
source_free(struct source *s)
{
	if (s == NULL)
		return;
	config_destroy(&s->tree);
	free(s->file);
	free(s);
}

int
source_parse(const char *file, const char *text, size_t len, struct source **s_r, struct err *e)
{
	struct source *s;
	char *line_ended;
	int good;

	if (grammar_check(file, text, len, e) < 0)
		return -EINVAL;
	s = xcalloc(1, sizeof(*s));
	s->file = xstrdup(file);
	config_init(&s->tree);
	/* libconfig knows a comment by its end of line, which the last one may not have. */
	line_ended = xasprintf("%.*s\n", (int)len, text);
	good = config_read_string(&s->tree, line_ended);
	free(line_ended);
	if (!good) {
		err_at(e, file, config_error_line(&s->tree), "%s", config_error_text(&s->tree));
		source_free(s);
		return -EINVAL;
	}
	*s_r = s;
	return 0;
}

int
source_check_mode(const char *path, const char *what, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		int rc = -errno;

		err_set(e, "%s: %s", path, strerror(-rc));
		return rc;
	}
	if (st.st_mode & 022) {
		err_set(e,
			"%s: has mode %04o, but a configuration %s must not be writable by group "
			"or others; run: chmod go-w '%s'",
			path, (unsigned)st.st_mode & 07777, what, path);
		return -EPERM;
	}
	return 0;
}

int
source_open(const char *file, struct source **s_r, struct err *e)
{
	char *text = NULL;
	size_t len;
	int rc = file_read(file, SOURCE_MAX, &text, &len, e);

	if (rc == 0)
		rc = source_check_mode(file, "file", e);
	if (rc == 0)
		rc = source_parse(file, text, len, s_r, e);
	file_free(text, text != NULL ? len : 0);
	return rc;
}
