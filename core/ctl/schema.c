/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Keys of the configuration as tables. Main thread. Nothing is converted silently: an integer is no
 * string, a size without quotation marks is no size. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/schema.h"
#include "util/compiler.h"
#include "util/units.h"

/* --- what a setting is --- */

const char *
schema_kind(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_GROUP:
		return "a group { … }";
	case CONFIG_TYPE_LIST:
		return "a list ( … )";
	case CONFIG_TYPE_ARRAY:
		return "an array [ … ]";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "an integer";
	case CONFIG_TYPE_FLOAT:
		return "a number with a fraction";
	case CONFIG_TYPE_BOOL:
		return "a boolean";
	default:
		return "a string";
	}
}

/* "limits.sessions", "tunnels[2].port". */
static void
path_of(const config_setting_t *s, char *buf, size_t cap)
{
	const config_setting_t *up = config_setting_parent(s);
	size_t n;

	buf[0] = '\0';
	if (up == NULL)
		return;
	path_of(up, buf, cap);
	n = strlen(buf);
	if (config_setting_name(s) == NULL)
		snprintf(buf + n, cap - n, "[%d]", config_setting_index(s));
	else
		snprintf(buf + n, cap - n, "%s%s", n > 0 ? "." : "", config_setting_name(s));
}

int
schema_fail(const struct source *src, const config_setting_t *s, struct err *e,
	const char *fmt, ...)
{
	char path[200], text[960];
	va_list ap;

	path_of(s, path, sizeof(path));
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_at(e, src->file, (int)config_setting_source_line(s), "key '%s': %s", path, text);
}

static int
wrong_type(const struct source *src, const config_setting_t *s, const char *expected, struct err *e)
{
	return schema_fail(src, s, e, "expected %s, found %s", expected, schema_kind(s));
}

/* --- values --- */

static void
number_text(const struct schema_key *k, int64_t v, char *buf, size_t cap)
{
	if (k->type == SCHEMA_SIZE)
		units_size(v, buf, cap);
	else if (k->type == SCHEMA_MS)
		units_ms(v, buf, cap);
	else
		snprintf(buf, cap, "%" PRId64, v);
}

static int
check_range(const struct source *src, const config_setting_t *s, const struct schema_key *k,
	int64_t v, struct err *e)
{
	char min[40], max[40], found[40];

	if (v >= k->min && v <= k->max)
		return 0;
	number_text(k, k->min, min, sizeof(min));
	number_text(k, k->max, max, sizeof(max));
	number_text(k, v, found, sizeof(found));
	return schema_fail(src, s, e, "expected %s to %s, found %s", min, max, found);
}

static int
take_int(const struct source *src, const config_setting_t *s, const struct schema_key *k,
	int64_t *v_r, struct err *e)
{
	int64_t v;

	if (config_setting_type(s) != CONFIG_TYPE_INT &&
		config_setting_type(s) != CONFIG_TYPE_INT64)
		return wrong_type(src, s, "an integer", e);
	v = config_setting_type(s) == CONFIG_TYPE_INT ? config_setting_get_int(s)
						      : config_setting_get_int64(s);
	if (check_range(src, s, k, v, e) < 0)
		return -EINVAL;
	*v_r = v;
	return 0;
}

/* A size or a duration, which are strings with a unit. */
static int
take_unit(const struct source *src, const config_setting_t *s, const struct schema_key *k,
	int64_t *v_r, struct err *e)
{
	bool size = k->type == SCHEMA_SIZE;
	const char *expected = size ? "a size as a string, like \"64KiB\""
				    : "a duration as a string, like \"30s\" or \"250ms\"";
	const char *text;
	int64_t v = 0;
	int rc;

	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return wrong_type(src, s, expected, e);
	text = config_setting_get_string(s);
	rc = size ? units_parse_size(text, &v) : units_parse_ms(text, &v);
	if (rc < 0)
		return schema_fail(src, s, e, "expected %s, found \"%.60s\"%s", expected, text,
			rc == -ERANGE ? ", which is too large" : "");
	if (check_range(src, s, k, v, e) < 0)
		return -EINVAL;
	*v_r = v;
	return 0;
}

static int
take_string(const struct source *src, const config_setting_t *s, const char **v_r, struct err *e)
{
	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return wrong_type(src, s, "a string", e);
	if (config_setting_get_string(s)[0] == '\0')
		return schema_fail(src, s, e, "is empty");
	*v_r = config_setting_get_string(s);
	return 0;
}

static int
take_word(const struct source *src, const config_setting_t *s, const struct schema_key *k, int *v_r,
	struct err *e)
{
	char expected[200] = "";
	const char *text;
	size_t n = 0;

	for (int i = 0; k->words[i] != NULL && n < sizeof(expected); i++)
		n += (size_t)snprintf(expected + n, sizeof(expected) - n, "%s\"%s\"",
			i == 0 ? "" : k->words[i + 1] != NULL ? ", " : " or ", k->words[i]);
	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return wrong_type(src, s, expected, e);
	text = config_setting_get_string(s);
	for (int i = 0; k->words[i] != NULL; i++) {
		if (strcmp(text, k->words[i]) == 0) {
			*v_r = i;
			return 0;
		}
	}
	return schema_fail(src, s, e, "expected %s, found \"%.60s\"", expected, text);
}

static int
take_bool(const struct source *src, const config_setting_t *s, bool *v_r, struct err *e)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		return wrong_type(src, s, "true or false", e);
	*v_r = config_setting_get_bool(s);
	return 0;
}

static int
take_value(const struct source *src, const config_setting_t *s, const struct schema_key *k,
	void *into, struct err *e)
{
	void *at = (char *)into + k->offset;

	switch (k->type) {
	case SCHEMA_INT:
		return take_int(src, s, k, at, e);
	case SCHEMA_SIZE:
	case SCHEMA_MS:
		return take_unit(src, s, k, at, e);
	case SCHEMA_BOOL:
		return take_bool(src, s, at, e);
	case SCHEMA_STRING:
		return take_string(src, s, at, e);
	case SCHEMA_WORD:
		return take_word(src, s, k, at, e);
	case SCHEMA_GROUP:
		return config_setting_is_group(s) ? 0 : wrong_type(src, s, "a group { … }", e);
	case SCHEMA_LIST:
		return config_setting_is_list(s) ? 0 : wrong_type(src, s, "a list ( … )", e);
	}
	return 0;
}

/* --- keys --- */

/* "a, b, c" of the known keys, for a word that is near to none of them. */
static void
list_names(const struct schema_key *keys, char *buf, size_t cap)
{
	size_t n = 0;

	buf[0] = '\0';
	for (; keys->name != NULL && n < cap; keys++)
		n += (size_t)snprintf(buf + n, cap - n, "%s%s", n > 0 ? ", " : "", keys->name);
}

static int
unknown(const struct source *src, const config_setting_t *s, const struct schema_key *keys,
	const char *const *others, struct err *e)
{
	const char *name[SCHEMA_NAMES_MAX + 1], *near;
	char known[896];
	size_t n = 0;

	for (const struct schema_key *k = keys; k->name != NULL && n < SCHEMA_NAMES_MAX; k++)
		name[n++] = k->name;
	for (; others != NULL && *others != NULL && n < SCHEMA_NAMES_MAX; others++)
		name[n++] = *others;
	name[n] = NULL;
	near = units_nearest(config_setting_name(s), name);
	if (near != NULL)
		return schema_fail(src, s, e, "unknown key; did you mean '%s'?", near);
	list_names(keys, known, sizeof(known));
	return schema_fail(src, s, e, "unknown key; known here: %s", known);
}

int
schema_take(const struct source *src, const config_setting_t *s, const struct schema_key *keys,
	void *into, struct place *place, const char *const *others, struct err *e)
{
	const char *name = config_setting_name(s);
	size_t i = 0;

	while (keys[i].name != NULL && strcmp(keys[i].name, name) != 0)
		i++;
	if (keys[i].name == NULL)
		return unknown(src, s, keys, others, e);
	/* Twice in one file is refused by the grammar; a group may be spread over files. */
	if (place[i].file != NULL && keys[i].type != SCHEMA_GROUP)
		return schema_fail(src, s, e, "is set already in %s, line %d", place[i].file,
			place[i].line);
	place[i] = (struct place){src->file, (int)config_setting_source_line(s)};
	return take_value(src, s, &keys[i], into, e);
}

int
schema_group(const struct source *src, const config_setting_t *group,
	const struct schema_key *keys, void *into, struct place *place, struct err *e)
{
	int n = config_setting_length(group);

	for (int i = 0; i < n; i++) {
		/* The library has no const in its names, but changes nothing here. */
		config_setting_t *s =
			config_setting_get_elem((config_setting_t *)(uintptr_t)group, (unsigned)i);

		if (schema_take(src, s, keys, into, place, NULL, e) < 0)
			return -EINVAL;
	}
	return 0;
}

/* --- limits --- */

/* The table of limits as keys. */
static void
limit_keys(struct schema_key *keys)
{
	static const enum schema_type type[] = {
		[LIMIT_COUNT] = SCHEMA_INT,
		[LIMIT_BYTES] = SCHEMA_SIZE,
		[LIMIT_MS] = SCHEMA_MS,
	};
	const struct limit_info *info;

	for (info = limit_infos; info->name != NULL; info++)
		*keys++ = (struct schema_key){info->name, type[info->unit], info->offset, info->min,
			info->max, NULL};
	*keys = (struct schema_key){.name = NULL};
}

int
schema_limits(const struct source *src, const config_setting_t *group, struct limits *l,
	struct limit_places *places, struct err *e)
{
	struct schema_key keys[SCHEMA_LIMITS_MAX + 1];

	must(sizeof(struct limits) / sizeof(int64_t) <= SCHEMA_LIMITS_MAX);
	limit_keys(keys);
	return schema_group(src, group, keys, l, places->place, e);
}

int
schema_limits_conflict(const struct limits *l, const struct limit_places *places, struct err *e)
{
	const char *conflict = limits_conflict(l);
	const struct place *at = NULL;
	size_t longest = 0;

	if (conflict == NULL)
		return 0;
	/* The text names the keys; the longest name is the one that is really there. */
	for (size_t i = 0; limit_infos[i].name != NULL; i++) {
		size_t n = strlen(limit_infos[i].name);

		if (places->place[i].file != NULL && n > longest &&
			strstr(conflict, limit_infos[i].name) != NULL) {
			at = &places->place[i];
			longest = n;
		}
	}
	return err_at(e, at != NULL ? at->file : NULL, at != NULL ? at->line : 0, "limits: %s",
		conflict);
}
