/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The plugins that a configuration asks for. Types and ranges of their options are the loader's
 * business, because only the plugin knows them. Main thread; creating blocks. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/plugset.h"
#include "ctl/schema.h"
#include "plug/module.h"
#include "tunnel/door.h"
#include "util/compiler.h"
#include "util/units.h"

static const char *const kinds[] = {"transport-", "auth-", "route-"};

bool
plugset_is_name(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strncmp(key, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

/* What follows the kind: lower case letters, digits and -. It becomes a file's name. */
static bool
is_well_formed(const char *name)
{
	const char *p = strchr(name, '-') + 1;

	return *p != '\0' && strlen(p) <= 40 &&
	       strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(p);
}

struct plug_entry *
plugset_find(const struct plugset *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->entry[i].name, name) == 0)
			return &set->entry[i];
	return NULL;
}

size_t
plugset_count(const struct plugset *set, const char *kind)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += strncmp(set->entry[i].name, kind, strlen(kind)) == 0;
	return n;
}

struct plug_entry *
plugset_new(struct plugset *set, const char *name)
{
	struct plug_entry *p;

	set->entry = xrealloc(set->entry, (set->n + 1) * sizeof(*set->entry));
	p = &set->entry[set->n++];
	*p = (struct plug_entry){.name = xstrdup(name), .index = -1};
	return p;
}

/* --- options --- */

/* A fresh value at the end. */
static struct option_value *
grow(struct plug_entry *p, const char *key)
{
	struct option_value *v;

	p->value = xrealloc(p->value, (p->n_values + 1) * sizeof(*p->value));
	v = &p->value[p->n_values++];
	*v = (struct option_value){.key = key};
	return v;
}

/* The value of a key, emptied, or a fresh one. */
static struct option_value *
replace(struct plug_entry *p, const char *key)
{
	for (size_t i = 0; i < p->n_values; i++) {
		struct option_value *v = &p->value[i];

		if (strcmp(v->key, key) == 0) {
			free((void *)(uintptr_t)v->list);
			*v = (struct option_value){.key = key};
			return v;
		}
	}
	return grow(p, key);
}

struct option_value *
plugset_string(struct plug_entry *p, const char *key, const char *value)
{
	struct option_value *v = replace(p, key);

	v->type = VALUE_STRING;
	v->str = value;
	return v;
}

void
plugset_bool(struct plug_entry *p, const char *key, bool value)
{
	struct option_value *v = replace(p, key);

	v->type = VALUE_BOOL;
	v->num = value;
}

void
plugset_word(struct plug_entry *p, const char *key, const char *word)
{
	struct option_value *v = replace(p, key);

	v->type = VALUE_WORD;
	v->str = word;
}

/* A list or an array of strings only. */
static void
read_list(struct option_value *v, config_setting_t *s)
{
	size_t n = (size_t)config_setting_length(s);
	const char **list = xcalloc(n + 1, sizeof(*list));

	for (size_t i = 0; i < n; i++) {
		list[i] = config_setting_get_string_elem(s, (int)i);
		if (list[i] == NULL) {
			free(list);
			v->type = VALUE_OTHER;
			v->str = "a list of other things than strings";
			return;
		}
	}
	v->type = VALUE_LIST;
	v->list = list;
	v->n_list = n;
}

static void
read_value(struct option_value *v, config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		v->type = VALUE_STRING;
		v->str = config_setting_get_string(s);
		break;
	case CONFIG_TYPE_INT:
		v->type = VALUE_INT;
		v->num = config_setting_get_int(s);
		break;
	case CONFIG_TYPE_INT64:
		v->type = VALUE_INT;
		v->num = config_setting_get_int64(s);
		break;
	case CONFIG_TYPE_BOOL:
		v->type = VALUE_BOOL;
		v->num = config_setting_get_bool(s) != 0;
		break;
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		read_list(v, s);
		break;
	default:
		v->type = VALUE_OTHER;
		v->str = schema_kind(s);
	}
}

/* One instance. index: among several; -1: the only one. */
static int
add_one(struct plugset *set, const struct source *src, const char *name,
	const config_setting_t *group, int index, struct err *e)
{
	struct plug_entry *p;

	if (!config_setting_is_group(group))
		return schema_fail(src, group, e,
			"names a plugin, so its settings are expected in a group { … }, found %s",
			schema_kind(group));
	p = plugset_new(set, name);
	p->index = index;
	p->file = src->file;
	p->line = (int)config_setting_source_line(group);
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *s =
			config_setting_get_elem((config_setting_t *)(uintptr_t)group, (unsigned)i);
		struct option_value *v = grow(p, config_setting_name(s));

		v->file = src->file;
		v->line = (int)config_setting_source_line(s);
		read_value(v, s);
	}
	return 0;
}

/* A plugin that decides on logins can be there several times, one instance behind the other. */
static int
add_list(struct plugset *set, const struct source *src, const config_setting_t *list,
	struct err *e)
{
	const char *name = config_setting_name(list);
	int n = config_setting_length(list);

	if (n == 0)
		return schema_fail(src, list, e, "expected one group { … } at least, found none");
	for (int i = 0; i < n; i++) {
		config_setting_t *s =
			config_setting_get_elem((config_setting_t *)(uintptr_t)list, (unsigned)i);

		if (add_one(set, src, name, s, n > 1 ? i : -1, e) < 0)
			return -EINVAL;
	}
	return 0;
}

int
plugset_add(struct plugset *set, const struct source *src, const config_setting_t *group,
	struct err *e)
{
	const char *name = config_setting_name(group);
	const struct plug_entry *p = plugset_find(set, name);

	if (!is_well_formed(name))
		return schema_fail(src, group, e,
			"is no plugin's name: <kind>-<name> in lower case letters, digits and '-'");
	if (p != NULL)
		return schema_fail(src, group, e, "this plugin is enabled already in %s, line %d",
			p->file, p->line);
	if (config_setting_is_list(group) && strncmp(name, "auth-", 5) == 0)
		return add_list(set, src, group, e);
	return add_one(set, src, name, group, -1, e);
}

static void
entry_fini(struct plug_entry *p)
{
	for (size_t i = 0; i < p->n_values; i++)
		free((void *)(uintptr_t)p->value[i].list);
	free(p->value);
	free(p->name);
}

void
plugset_drop(struct plugset *set, const char *kind, const char *but)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++) {
		const char *name = set->entry[i].name;

		if (strncmp(name, kind, strlen(kind)) == 0 &&
			(but == NULL || strcmp(name, but) != 0))
			entry_fini(&set->entry[i]);
		else
			set->entry[n++] = set->entry[i];
	}
	set->n = n;
}

void
plugset_fini(struct plugset *set)
{
	for (size_t i = 0; i < set->n; i++)
		entry_fini(&set->entry[i]);
	free(set->entry);
	*set = (struct plugset){.n = 0};
}

/* --- instances --- */

/* Where a mistake in how two plugins go together is shown: at the later one. */
static int ATTR_PRINTF(3, 4)
fail_at(const struct plug_entry *p, struct err *e, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_at(e, p->file, p->line, "%s: %s", p->name, text);
}

/* The same for the option listen of one. */
static int ATTR_PRINTF(3, 4)
fail_listen(const struct plug_entry *p, struct err *e, const char *fmt, ...)
{
	const char *file = p->file;
	int line = p->line;
	char text[600];
	va_list ap;

	for (size_t i = 0; i < p->n_values; i++)
		if (strcmp(p->value[i].key, "listen") == 0) {
			file = p->value[i].file;
			line = p->value[i].line;
		}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_at(e, file, line, "%s: \"listen\": %s", p->name, text);
}

static bool
listens_on(const struct module *m, const struct addr *a)
{
	for (size_t i = 0; i < m->n_listen; i++)
		if (addr_equal(&m->listen[i], a))
			return true;
	return false;
}

/* A transport that does not encrypt stays on this machine, or inside one that does and shares its
 * address, unless it is allowed. */
static int
check_plain(const struct plugset *set, const struct plug_entry *p, struct err *e)
{
	const struct module *m = p->module;
	char text[ADDR_TEXT_MAX];

	if (m->transport.encrypted != 0 || m->allow_plain)
		return 0;
	for (size_t i = 0; i < m->n_listen; i++) {
		bool inside = false;

		for (size_t k = 0; k < set->n && m->transport.secure_scheme != NULL; k++) {
			const struct module *o = set->entry[k].module;

			inside |= o->plugin->kind == ADIT_KIND_TRANSPORT &&
				  o->transport.encrypted != 0 && listens_on(o, &m->listen[i]);
		}
		if (!inside && !addr_is_loopback(&m->listen[i]))
			return fail_listen(p, e,
				"%s does not encrypt, and \"%s\" is not a loopback address; use a "
				"transport that encrypts%s, or set allow_plain = true", p->name,
				addr_text(&m->listen[i], text, sizeof(text)),
				m->transport.secure_scheme != NULL ? ", here as well" : "");
	}
	return 0;
}

/* Two transports of one address must be told apart by what a link begins with. */
static int
check_shared(const struct plug_entry *a, const struct plug_entry *b, struct err *e)
{
	const struct module *ma = a->module, *mb = b->module;
	const struct plug_entry *mute = NULL;
	char text[ADDR_TEXT_MAX];

	if (ma->layer.size != 0 && ma->transport.probe == NULL)
		mute = a;
	else if (mb->layer.size != 0 && mb->transport.probe == NULL)
		mute = b;
	for (size_t i = 0; i < mb->n_listen; i++) {
		if (!listens_on(ma, &mb->listen[i]))
			continue;
		addr_text(&mb->listen[i], text, sizeof(text));
		if (mute != NULL)
			return fail_listen(b, e,
				"%s cannot be shared with %s, because links by %s are not told by "
				"their first bytes", text, a->name, mute->name);
		if (ma->layer.size == 0 && mb->layer.size == 0)
			return fail_listen(b, e,
				"%s cannot be shared with %s: links by both look the same", text,
				a->name);
	}
	return 0;
}

/* As many as there may be, struct door: all of different schemes. */
static int
check_crowd(const struct plugset *set, const struct plug_entry *p, struct err *e)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < p->module->n_listen; i++) {
		size_t n = 0;

		for (size_t k = 0; k < set->n; k++)
			n += listens_on(set->entry[k].module, &p->module->listen[i]);
		if (n > DOOR_WAYS_MAX)
			return fail_listen(p, e, "%s is shared by %zu transports, at most %d can",
				addr_text(&p->module->listen[i], text, sizeof(text)), n,
				DOOR_WAYS_MAX);
	}
	return 0;
}

/* Two listeners that the kernel would not let stand beside each other. */
static bool
addr_overlap(const struct addr *a, const struct addr *b)
{
	if (addr_port(a) == 0 || addr_port(a) != addr_port(b) || a->sa.sa_family != b->sa.sa_family)
		return false;
	return addr_equal(a, b) || addr_is_any(a) || addr_is_any(b);
}

static int
check_listen(const struct plug_entry *a, const struct plug_entry *b, struct err *e)
{
	const struct module *ma = a->module, *mb = b->module;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < ma->n_listen; i++)
		for (size_t j = a == b ? i + 1 : 0; j < mb->n_listen; j++)
			if (addr_overlap(&ma->listen[i], &mb->listen[j]) &&
				(a == b || !addr_equal(&ma->listen[i], &mb->listen[j])))
				return fail_at(b, e,
					"listens on %s, which is an address of %s already",
					addr_text(&mb->listen[j], text, sizeof(text)), a->name);
	return 0;
}

/* What must not be there twice; a is the earlier one, or b itself. */
static int
check_pair(const struct plug_entry *a, const struct plug_entry *b, struct err *e)
{
	const struct module *ma = a->module, *mb = b->module;
	uint32_t kind = mb->plugin->kind;

	if (ma->plugin->kind != kind)
		return 0;
	if (kind == ADIT_KIND_TRANSPORT && check_listen(a, b, e) < 0)
		return -EINVAL;
	if (a == b)
		return 0;
	if (kind == ADIT_KIND_TRANSPORT && check_shared(a, b, e) < 0)
		return -EINVAL;
	if (kind == ADIT_KIND_TRANSPORT && strcmp(ma->transport.scheme, mb->transport.scheme) == 0)
		return fail_at(b, e, "%s has the scheme \"%s\" already", a->name,
			mb->transport.scheme);
	if (kind == ADIT_KIND_ROUTE && strcmp(ma->route.route, mb->route.route) == 0)
		return fail_at(b, e, "%s has the route \"%s\" already", a->name, mb->route.route);
	return 0;
}

static int
check_together(const struct plugset *set, struct err *e)
{
	for (size_t b = 0; b < set->n; b++)
		for (size_t a = 0; a <= b; a++)
			if (check_pair(&set->entry[a], &set->entry[b], e) < 0)
				return -EINVAL;
	for (size_t i = 0; i < set->n; i++) {
		const struct plug_entry *p = &set->entry[i];

		if (p->module->plugin->kind == ADIT_KIND_TRANSPORT &&
			(check_plain(set, p, e) < 0 || check_crowd(set, p, e) < 0))
			return -EINVAL;
	}
	return 0;
}

static void
append(struct module ***array, size_t *n, struct module *m)
{
	*array = xrealloc(*array, (*n + 1) * sizeof(**array));
	(*array)[(*n)++] = m;
}

static void
modules_add(struct modules *to, struct module *m)
{
	switch (m->plugin->kind) {
	case ADIT_KIND_AUTH:
		append(&to->auth, &to->n_auth, m);
		break;
	case ADIT_KIND_TRANSPORT:
		append(&to->transport, &to->n_transport, m);
		break;
	default:
		append(&to->route, &to->n_route, m);
	}
}

/* --- a plugin that is not there --- */

static int
is_plugin_file(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 3 && strcmp(d->d_name + n - 3, ".so") == 0 && plugset_is_name(d->d_name);
}

static bool
is_there(const char *name, const char *dir)
{
	char *path = xasprintf("%s/%s.so", dir, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* Adds to the loader's error which plugin may have been meant, if there is none of that name. */
static void
suggest_plugin(const char *name, const char *dir, struct err *e)
{
	const char *names[SCHEMA_NAMES_MAX + 1], *near;
	struct dirent **found;
	size_t count = 0, len = strlen(e->msg);
	int n = is_there(name, dir) ? -1 : scandir(dir, &found, is_plugin_file, alphasort);

	if (n < 0)
		return;
	for (int i = 0; i < n && count < SCHEMA_NAMES_MAX; i++) {
		*strrchr(found[i]->d_name, '.') = '\0';
		names[count++] = found[i]->d_name;
	}
	names[count] = NULL;
	near = units_nearest(name, names);
	if (near != NULL)
		snprintf(e->msg + len, sizeof(e->msg) - len, "; did you mean '%s'?", near);
	for (int i = 0; i < n; i++)
		free(found[i]);
	free(found);
}

static int
create_one(struct plug_entry *p, const char *dir, enum adit_side side, struct modules *to,
	struct err *e)
{
	int rc = module_create(dir, p->name, p->value, p->n_values, side, p->file, p->line,
		&p->module, e);

	if (rc == 0 && p->index >= 0)
		p->module->name = xasprintf("%s[%d]", p->name, p->index);
	if (rc == 0)
		modules_add(to, p->module);
	else
		suggest_plugin(p->name, dir != NULL ? dir : ADIT_PLUGINDIR, e);
	return rc;
}

int
plugset_create(struct plugset *set, const char *dir, enum adit_side side, plugset_made_fn *made,
	void *ctx, struct modules *modules_r, struct err *e)
{
	struct modules all = {.n_auth = 0};
	size_t i = 0;
	int rc = 0;

	do {
		for (; i < set->n && rc == 0; i++)
			rc = create_one(&set->entry[i], dir, side, &all, e);
	} while (rc == 0 && made != NULL && made(set, ctx));
	if (rc == 0)
		rc = check_together(set, e);
	if (rc < 0)
		modules_free(&all);
	else
		*modules_r = all;
	return rc;
}

static void
free_each(struct module **array, size_t n)
{
	for (size_t i = 0; i < n; i++)
		module_free(array[i]);
	free(array);
}

void
modules_free(struct modules *m)
{
	free_each(m->transport, m->n_transport);
	free_each(m->auth, m->n_auth);
	free_each(m->route, m->n_route);
	*m = (struct modules){.n_auth = 0};
}

static size_t
print_each(struct module *const *array, size_t n, char *buf, size_t cap, size_t at)
{
	for (size_t i = 0; i < n && at < cap; i++)
		at += (size_t)snprintf(buf + at, cap - at, "%s%s", at > 0 ? ", " : "",
			module_name(array[i]));
	return at;
}

const char *
modules_names(const struct modules *m, char *buf, size_t cap)
{
	size_t at;

	buf[0] = '\0';
	at = print_each(m->transport, m->n_transport, buf, cap, 0);
	at = print_each(m->auth, m->n_auth, buf, cap, at);
	print_each(m->route, m->n_route, buf, cap, at);
	return buf;
}
