/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A plugin's options: what the plugin declares, checked against what the configuration gives. The
 * values come in a neutral form, so that this folder needs no configuration library and ctl/ needs
 * no plugin header. Main thread. */

#ifndef ADIT_PLUG_OPTIONS_H
#define ADIT_PLUG_OPTIONS_H

#include <adit/plugin.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

enum option_value_type {
	VALUE_STRING = 1, /* str */
	VALUE_INT = 2,    /* num */
	VALUE_BOOL = 3,   /* num: 0 or 1 */
	VALUE_LIST = 4,   /* list: n_list strings */
	VALUE_WORD = 6,   /* str: a word of the command line, read by the option's type */
	VALUE_OTHER = 5,  /* what no option takes; str says what it is: "a group", "a fraction" */
};

/* One "key = value" of the configuration. Everything is the caller's and only borrowed. */
struct option_value {
	const char *key;
	int type; /* enum option_value_type */
	const char *str;
	int64_t num;
	const char *const *list;
	size_t n_list;
	const char *file; /* where it stands; NULL: the command line */
	int line;
};

/* One option with the value that holds. */
struct setting {
	const struct adit_option *opt;
	const struct option_value *given; /* NULL: the default, if there is one */
	char *str;     /* STRING, PATH (absolute); NULL when there is neither value nor default */
	int64_t num;   /* INT, BOOL, SIZE, DURATION */
	char **list;   /* LIST, PATHS (absolute), ended by NULL */
};

/* The values of one instance, checked; what plugins see as struct adit_conf. */
struct adit_conf;

/* Checks v against the options of the plugin and those that the core adds to its kind. conf_file
 * and conf_line name the instance's group, for what is missing; conf_file NULL is the command line.
 * All of them and e are borrowed until options_free(); e also takes what adit_conf_error() says.
 * Returns 0 or -EINVAL with e set. */
int options_check(const struct adit_plugin *plugin, const struct option_value *v, size_t n,
	enum adit_side side, const char *conf_file, int conf_line, struct err *e,
	struct adit_conf **conf_r);
void options_free(struct adit_conf *conf); /* NULL is harmless */

/* The setting of an option. Aborts with a text when there is no such option, or when its type is
 * none of types (bits: 1 << enum adit_option_type): that is a mistake in the plugin. */
const struct setting *options_get(const struct adit_conf *conf, const char *name, unsigned types);
enum adit_side options_side(const struct adit_conf *conf);

/* Sets the error: the place is that of the option if it was given, else that of the group; name may
 * be NULL. Returns -EINVAL. */
int options_error(const struct adit_conf *conf, const char *name, const char *fmt, ...)
	ATTR_PRINTF(3, 4);
int options_verror(const struct adit_conf *conf, const char *name, const char *fmt, va_list ap)
	ATTR_PRINTF(3, 0);

/* Checks the declarations themselves: names, types, ranges, defaults. 0 or -EINVAL with e set. */
int options_declared(const struct adit_plugin *plugin, struct err *e);

/* Writes the lines option.<name>.… of plugin_info(). */
void options_print(const struct adit_plugin *plugin, FILE *out);

#endif
