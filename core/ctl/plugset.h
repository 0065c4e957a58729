/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The plugins that a configuration asks for: one group "<kind>-<name>" each, with what it says.
 * Made from all files first, so that mistakes show before anything is loaded. Main thread. */

#ifndef ADIT_CTL_PLUGSET_H
#define ADIT_CTL_PLUGSET_H

#include <libconfig.h>

#include "ctl/source.h"
#include "plug/options.h"
#include "tunnel/conf.h"
#include "util/err.h"

struct plug_entry {
	char *name;       /* "auth-token" */
	int index;        /* of several instances; -1: the only one */
	const char *file; /* of its group; NULL: the command line; the source's */
	int line;
	struct option_value *value; /* texts are the sources' */
	size_t n_values;
	struct module *module; /* once created */
};

/* Zero-initialised is empty. The sources and texts that went into it must outlive it. */
struct plugset {
	struct plug_entry *entry;
	size_t n;
};

/* The key names a plugin: it begins with a kind. */
bool plugset_is_name(const char *key);

/* Adds the group of one plugin, or of an auth plugin a list of groups: several instances, in this
 * order. 0, or -EINVAL with e set: not a group, no plugin's name, twice. */
int plugset_add(struct plugset *set, const struct source *src, const config_setting_t *group,
	struct err *e);

struct plug_entry *plugset_find(const struct plugset *set, const char *name); /* or NULL */
/* How many there are of a kind ("auth-"). */
size_t plugset_count(const struct plugset *set, const char *kind);

/* Takes those of a kind ("auth-") away again, all but one of that name (or NULL). */
void plugset_drop(struct plugset *set, const char *kind, const char *but);

/* What stands in no group: a plugin; an option, in place of the file's. Both come from the command
 * line, unless the caller writes another place into what is returned (valid until the next
 * call). */
struct plug_entry *plugset_new(struct plugset *set, const char *name);
struct option_value *plugset_string(struct plug_entry *p, const char *key, const char *value);
void plugset_bool(struct plug_entry *p, const char *key, bool value);
/* A word of the command line, whatever type the option has. */
void plugset_word(struct plug_entry *p, const char *key, const char *word);

/* All plugins of the set are made: may add one more. True when it has. */
typedef bool plugset_made_fn(struct plugset *set, void *ctx);

/* Loads all and makes their instances; made (may be NULL) is asked again and again until it adds
 * none. On success they belong to *modules_r (free with
 * modules_free()), else all are freed again. dir: where plugins are, absolute, or NULL. */
int plugset_create(struct plugset *set, const char *dir, enum adit_side side,
	plugset_made_fn *made, void *ctx, struct modules *modules_r, struct err *e);
void plugset_fini(struct plugset *set);

void modules_free(struct modules *m);

/* "transport-tcp, auth-token"; returns buf. */
const char *modules_names(const struct modules *m, char *buf, size_t cap);

#endif
