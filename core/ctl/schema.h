/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Keys of the configuration as tables: what a group may hold, of which type and range, and where it
 * goes. Every error says file, line, key, what was expected, and the nearest known key. Main
 * thread. */

#ifndef ADIT_CTL_SCHEMA_H
#define ADIT_CTL_SCHEMA_H

#include <libconfig.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/source.h"
#include "tunnel/limit.h"

enum schema_type {
	SCHEMA_INT,    /* int64_t */
	SCHEMA_SIZE,   /* int64_t, bytes; a string like "64KiB" */
	SCHEMA_MS,     /* int64_t; a string like "30s" */
	SCHEMA_BOOL,   /* bool */
	SCHEMA_STRING, /* const char *, borrowed from the source; not empty */
	SCHEMA_WORD,   /* int: index in words */
	SCHEMA_GROUP,  /* checked to be { … }; read by the caller */
	SCHEMA_LIST,   /* checked to be ( … ); read by the caller */
};

/* Where a key was set; file NULL: not at all. */
struct place {
	const char *file;
	int line;
};

struct schema_key {
	const char *name;
	enum schema_type type;
	size_t offset;
	int64_t min, max;         /* INT, SIZE, MS */
	const char *const *words; /* WORD: ended by NULL */
};

/* Names of the keys and of what else may stand there, for "did you mean". */
#define SCHEMA_NAMES_MAX 160

/* Reads one setting into the structure at into. keys ends with a key without a name. place has one
 * entry for each key: a key that has its place already is refused. others (may be NULL) are further
 * names to suggest. 0, or -EINVAL with e set. */
int schema_take(const struct source *src, const config_setting_t *s, const struct schema_key *keys,
	void *into, struct place *place, const char *const *others, struct err *e);

/* All settings of a group. */
int schema_group(const struct source *src, const config_setting_t *group,
	const struct schema_key *keys, void *into, struct place *place, struct err *e);

/* The group "limits". */
#define SCHEMA_LIMITS_MAX 64
struct limit_places {
	struct place place[SCHEMA_LIMITS_MAX]; /* in the order of limit_infos[] */
};
int schema_limits(const struct source *src, const config_setting_t *group, struct limits *l,
	struct limit_places *places, struct err *e);

/* limits_conflict() with the place of a key that it names. */
int schema_limits_conflict(const struct limits *l, const struct limit_places *places,
	struct err *e);

/* "a string", "an integer", "a boolean", "a group { … }" …: what a setting is. */
const char *schema_kind(const config_setting_t *s);

/* Says what is wrong with a setting: "key 'limits.sessions': …". Returns -EINVAL. */
int schema_fail(const struct source *src, const config_setting_t *s, struct err *e,
	const char *fmt, ...)
	ATTR_PRINTF(4, 5);

#endif
