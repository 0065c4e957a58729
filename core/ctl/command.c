/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The common part of both programs' command lines and mains. Main thread. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

int
command_level(struct command_log *l, const char *value, struct err *e)
{
	l->has_level = true;
	if (log_level_parse(value, &l->level) < 0)
		return err_set(e, "--log-level: expected error, warn, info or debug, found '%s'",
			value);
	return 0;
}

int
command_format(struct command_log *l, const char *value, struct err *e)
{
	l->has_format = true;
	if (strcmp(value, "text") == 0)
		l->format = LOG_TEXT;
	else if (strcmp(value, "json") == 0)
		l->format = LOG_JSON;
	else
		return err_set(e, "--log-format: expected text or json, found '%s'", value);
	return 0;
}

int
command_wrong_option(int opt, const char *word, struct err *e)
{
	if (opt == ':')
		return err_set(e, "%s needs a value", word);
	if (optopt >= COMMAND_LONG || (optopt != 0 && strncmp(word, "--", 2) == 0))
		return err_set(e, "%s: takes no value", word);
	if (optopt != 0)
		return err_set(e, "unknown option '-%c'", optopt);
	return err_set(e, "unknown option '%s'", word);
}

int
command_complain(const char *program, const struct err *e, int status)
{
	char text[1400];

	fprintf(stderr, "%s: %s\n", program, err_text(e, text, sizeof(text)));
	return status;
}

int
command_log_start(const struct command_log *l, const struct config_log *file, struct err *e)
{
	int rc = log_start(2, l->has_format ? l->format : file->format,
		l->has_level ? l->level : file->level);

	if (rc < 0)
		err_set(e, "the log: %s", strerror(-rc));
	return rc;
}

int
command_printed(const char *program, int status)
{
	struct err e;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	err_set(&e, "cannot write the output: %s", strerror(errno));
	return command_complain(program, &e, EXIT_FAILED);
}
