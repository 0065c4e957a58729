/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the command lines and the mains of both programs have in common: the options of the log,
 * what is said of a wrong option, exit statuses, and how a program says that it failed. Main
 * thread. */

#ifndef ADIT_CTL_COMMAND_H
#define ADIT_CTL_COMMAND_H

#include <stdbool.h>

#include "ctl/config.h"
#include "util/err.h"
#include "util/log.h"

/* Exit statuses of both programs; the others are those of sysexits.h. */
enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define COMMAND_LONG 256 /* options without a letter begin here */

/* What both say below their version: %u is MSG_VERSION, %d ADIT_PLUGIN_ABI. */
#define VERSION_DETAILS                                                                            \
	"protocol %u, plugin ABI %d\n"                                                             \
	"plugins in " ADIT_PLUGINDIR "\n"                                                          \
	"configuration in " ADIT_SYSCONFDIR "/adit\n"                                              \
	"Licence MIT; no warranty.\n"

/* How the command line wants to log: before what the file says. */
struct command_log {
	bool has_level, has_format;
	enum log_level level;
	enum log_format format;
};

/* The values of --log-level and --log-format. 0, or -EINVAL with e set. */
int command_level(struct command_log *l, const char *value, struct err *e);
int command_format(struct command_log *l, const char *value, struct err *e);

/* What getopt_long() did not like: opt is what it returned, word where it stopped. -EINVAL, e
 * set. */
int command_wrong_option(int opt, const char *word, struct err *e);

/* Says to whoever typed the command what went wrong, as "program: file:line: text"; returns
 * status. */
int command_complain(const char *program, const struct err *e, int status);

/* Starts the log on stderr. 0, or a negative errno with e set. */
int command_log_start(const struct command_log *l, const struct config_log *file, struct err *e);

/* What was printed must have arrived: a secret on a full disk is no secret. Returns status, or
 * EXIT_FAILED when it has not. */
int command_printed(const char *program, int status);

#endif
