/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Checks of options. Main thread. What is refused is refused with the place in the file, the key,
 * what was expected and what was there; a value that passed needs no further check by its plugin.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plug/kinds.h"
#include "plug/options.h"
#include "util/file.h"
#include "util/units.h"

#define OPTIONS_MAX 256

struct adit_conf {
	const struct adit_plugin *plugin;
	enum adit_side side;
	const char *file;
	int line;
	struct err *e;
	struct setting *set;
	size_t n;
};

/* What messages call a type, and what they give as an example. */
static const struct {
	const char *name, *expected;
} types[] = {
	[ADIT_OPT_STRING] = {"string", "a text in quotes"},
	[ADIT_OPT_INT] = {"int", "a whole number"},
	[ADIT_OPT_BOOL] = {"bool", "true or false"},
	[ADIT_OPT_SIZE] = {"size", "a size such as \"64KiB\""},
	[ADIT_OPT_DURATION] = {"duration", "a time such as \"30s\""},
	[ADIT_OPT_PATH] = {"path", "the name of a file in quotes"},
	[ADIT_OPT_LIST] = {"list", "a list of texts such as [ \"a\", \"b\" ]"},
	[ADIT_OPT_PATHS] = {"paths", "the name of a file in quotes, or a list of such names"},
};

/* ---- The declarations ------------------------------------------------------------------------ */

static size_t
options_count(const struct adit_option *o)
{
	size_t n = 0;

	while (o != NULL && n < OPTIONS_MAX && o[n].name != NULL)
		n++;
	return n;
}

static bool
is_declared(const struct adit_option *own, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(own[i].name, name) == 0)
			return true;
	return false;
}

/* The plugin's options, then those of its kind; NULL behind the last. */
static const struct adit_option *
option_at(const struct adit_plugin *plugin, size_t i)
{
	const struct adit_option *own = plugin->options;
	const struct kind *kind = kind_by_number(plugin->kind);
	size_t n = options_count(own);

	if (i < n)
		return &own[i];
	i -= n;
	for (const struct adit_option *o = kind->options; o->name != NULL; o++)
		if (!(kind->own_first && is_declared(own, n, o->name)) && i-- == 0)
			return o;
	return NULL;
}

static bool
for_side(const struct adit_option *o, enum adit_side side)
{
	return o->sides == 0 || (o->sides & side) != 0;
}

/* Reads a whole number as it stands in a file. */
static int
parse_int(const char *s, int64_t *v_r)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	if (*s == '\0' || *end != '\0' || errno != 0)
		return -EINVAL;
	*v_r = v;
	return 0;
}

static int
parse_bool(const char *s, int64_t *v_r)
{
	if (strcmp(s, "true") != 0 && strcmp(s, "false") != 0)
		return -EINVAL;
	*v_r = s[0] == 't';
	return 0;
}

/* The number that a text means, by type. 0 or a negative errno. */
static int
parse_num(uint32_t type, const char *s, int64_t *v_r)
{
	switch (type) {
	case ADIT_OPT_INT: return parse_int(s, v_r);
	case ADIT_OPT_BOOL: return parse_bool(s, v_r);
	case ADIT_OPT_SIZE: return units_parse_size(s, v_r);
	case ADIT_OPT_DURATION: return units_parse_ms(s, v_r);
	default: return -EINVAL;
	}
}

static bool
is_number(uint32_t type)
{
	return type == ADIT_OPT_INT || type == ADIT_OPT_SIZE || type == ADIT_OPT_DURATION;
}

static bool
in_range(const struct adit_option *o, int64_t v)
{
	return !is_number(o->type) || (o->min == 0 && o->max == 0) ||
	       (v >= o->min && v <= o->max);
}

/* A number as it would stand in the file. */
static const char *
num_text(uint32_t type, int64_t v, char *buf, size_t cap)
{
	if (type == ADIT_OPT_SIZE)
		return units_size(v, buf, cap);
	if (type == ADIT_OPT_DURATION)
		return units_ms(v, buf, cap);
	snprintf(buf, cap, "%lld", (long long)v);
	return buf;
}

static bool
option_name_valid(const char *name)
{
	size_t n = strnlen(name, 33);

	return n > 0 && n < 33 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static int
declared_default(const struct adit_option *o, struct err *e)
{
	int64_t v = 0;

	if (o->dflt == NULL || o->type == ADIT_OPT_STRING || o->type == ADIT_OPT_PATH ||
		o->type == ADIT_OPT_LIST || o->type == ADIT_OPT_PATHS)
		return 0;
	if (parse_num(o->type, o->dflt, &v) < 0)
		return err_set(e, "option \"%s\": the default \"%s\" is not %s", o->name, o->dflt,
			types[o->type].expected);
	if (!in_range(o, v))
		return err_set(e, "option \"%s\": the default is outside of its own range",
			o->name);
	return 0;
}

int
options_declared(const struct adit_plugin *plugin, struct err *e)
{
	const struct adit_option *o, *other;

	if (options_count(plugin->options) == OPTIONS_MAX)
		return err_set(e, "has no end of its options");
	for (size_t i = 0; (o = option_at(plugin, i)) != NULL; i++) {
		if (!option_name_valid(o->name))
			return err_set(e, "option %zu has a name that cannot be one", i);
		if (o->type < ADIT_OPT_STRING || o->type > ADIT_OPT_PATHS)
			return err_set(e, "option \"%s\" has the unknown type %u", o->name,
				(unsigned)o->type);
		if (o->min > o->max)
			return err_set(e, "option \"%s\" has an empty range", o->name);
		for (size_t j = 0; j < i && (other = option_at(plugin, j)) != NULL; j++)
			if (strcmp(other->name, o->name) == 0)
				return err_set(e, "option \"%s\" is declared twice", o->name);
		if (declared_default(o, e) < 0)
			return -EINVAL;
	}
	return 0;
}

void
options_print(const struct adit_plugin *plugin, FILE *out)
{
	const struct adit_option *o;
	char buf[32];

	for (size_t i = 0; (o = option_at(plugin, i)) != NULL; i++) {
		fprintf(out, "option.%s.type=%s\n", o->name, types[o->type].name);
		if (o->dflt != NULL)
			fprintf(out, "option.%s.default=%s\n", o->name, o->dflt);
		if (is_number(o->type) && (o->min != 0 || o->max != 0)) {
			fprintf(out, "option.%s.min=%s\n", o->name,
				num_text(o->type, o->min, buf, sizeof(buf)));
			fprintf(out, "option.%s.max=%s\n", o->name,
				num_text(o->type, o->max, buf, sizeof(buf)));
		}
		fprintf(out, "option.%s.required=%s\n", o->name, o->required != 0 ? "yes" : "no");
		if (o->sides == ADIT_SIDE_SERVER || o->sides == ADIT_SIDE_AGENT)
			fprintf(out, "option.%s.sides=%s\n", o->name,
				o->sides == ADIT_SIDE_SERVER ? "server" : "agent");
		fprintf(out, "option.%s.help=%s\n", o->name, o->help != NULL ? o->help : "");
	}
}

/* ---- The values ------------------------------------------------------------------------------ */

static struct setting *
find(const struct adit_conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n; i++)
		if (strcmp(conf->set[i].opt->name, name) == 0)
			return &conf->set[i];
	return NULL;
}

int
options_verror(const struct adit_conf *conf, const char *name, const char *fmt, va_list ap)
{
	const struct setting *s = name != NULL ? find(conf, name) : NULL;
	char text[sizeof(conf->e->msg)];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (s != NULL && s->given != NULL)
		return err_at(conf->e, s->given->file, s->given->line, "%s: \"%s\": %s",
			conf->plugin->name, name, text);
	if (name != NULL)
		return err_at(conf->e, conf->file, conf->line, "%s: \"%s\": %s",
			conf->plugin->name, name, text);
	return err_at(conf->e, conf->file, conf->line, "%s: %s", conf->plugin->name, text);
}

int
options_error(const struct adit_conf *conf, const char *name, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = options_verror(conf, name, fmt, ap);
	va_end(ap);
	return rc;
}

/* A copy that is absolute: beside the file that names it, else below the current folder. */
static char *
path_absolute(const char *file, const char *path)
{
	char *beside = file != NULL ? file_beside(file, path) : xstrdup(path), *whole, *cwd;

	if (beside[0] == '/')
		return beside;
	cwd = getcwd(NULL, 0);
	whole = xasprintf("%s/%s", cwd != NULL ? cwd : "", beside);
	free(cwd);
	free(beside);
	return whole;
}

static void
list_free(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static char **
list_copy(const char *const *from, size_t n)
{
	char **list = xcalloc(n + 1, sizeof(*list));

	for (size_t i = 0; i < n; i++)
		list[i] = xstrdup(from[i]);
	return list;
}

/* The files of a list, all beside the file that names them. 0 or -EINVAL: one has no name. */
static int
paths_copy(const struct option_value *v, const char *const *from, size_t n, char ***list_r)
{
	char **list;

	for (size_t i = 0; i < n; i++)
		if (from[i][0] == '\0')
			return -EINVAL;
	list = xcalloc(n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i] = path_absolute(v->file, from[i]);
	*list_r = list;
	return 0;
}

/* What a value is, for "expects …, but is …". */
static const char *
value_text(const struct option_value *v, char *buf, size_t cap)
{
	switch (v->type) {
	case VALUE_WORD:
	case VALUE_STRING: snprintf(buf, cap, "\"%.200s\"", v->str); break;
	case VALUE_INT: snprintf(buf, cap, "%lld", (long long)v->num); break;
	case VALUE_BOOL: snprintf(buf, cap, "%s", v->num != 0 ? "true" : "false"); break;
	case VALUE_LIST: snprintf(buf, cap, "a list"); break;
	default: snprintf(buf, cap, "%s", v->str != NULL ? v->str : "something else"); break;
	}
	return buf;
}

static int
wrong_type(const struct adit_conf *conf, const struct setting *s)
{
	char buf[256];

	return options_error(conf, s->opt->name, "expects %s, but is %s",
		types[s->opt->type].expected, value_text(s->given, buf, sizeof(buf)));
}

static int
check_range(const struct adit_conf *conf, const struct setting *s)
{
	const struct adit_option *o = s->opt;
	char lo[32], hi[32], is[256];

	if (in_range(o, s->num))
		return 0;
	return options_error(conf, o->name, "must be from %s to %s, but is %s",
		num_text(o->type, o->min, lo, sizeof(lo)),
		num_text(o->type, o->max, hi, sizeof(hi)), value_text(s->given, is, sizeof(is)));
}

static bool
is_text(const struct option_value *v)
{
	return v->type == VALUE_STRING || v->type == VALUE_WORD;
}

/* A number of bytes may be written without quotes; a time needs its unit, except for 0. */
static int
take_num(const struct adit_conf *conf, struct setting *s)
{
	const struct option_value *v = s->given;
	uint32_t type = s->opt->type;
	bool bare = v->type == VALUE_INT && (type == ADIT_OPT_INT || type == ADIT_OPT_SIZE ||
						    (type == ADIT_OPT_DURATION && v->num == 0));

	if (bare)
		s->num = v->num;
	else if (!is_text(v) || (type == ADIT_OPT_INT && v->type != VALUE_WORD) ||
		 parse_num(type, v->str, &s->num) < 0)
		return wrong_type(conf, s);
	if (type == ADIT_OPT_SIZE && s->num < 0)
		return wrong_type(conf, s);
	return check_range(conf, s);
}

/* A single text counts as a list of one. */
static int
take_list(const struct adit_conf *conf, struct setting *s)
{
	const struct option_value *v = s->given;
	const char *const *from = is_text(v) ? &v->str : v->list;
	size_t n = is_text(v) ? 1 : v->n_list;

	if (!is_text(v) && v->type != VALUE_LIST)
		return wrong_type(conf, s);
	if (s->opt->type == ADIT_OPT_LIST)
		s->list = list_copy(from, n);
	else if (paths_copy(v, from, n, &s->list) < 0)
		return wrong_type(conf, s);
	return 0;
}

static int
take_value(const struct adit_conf *conf, struct setting *s)
{
	const struct option_value *v = s->given;

	switch (s->opt->type) {
	case ADIT_OPT_BOOL:
		s->num = v->num;
		if (v->type != VALUE_BOOL &&
			(v->type != VALUE_WORD || parse_bool(v->str, &s->num) < 0))
			return wrong_type(conf, s);
		return 0;
	case ADIT_OPT_STRING:
		if (!is_text(v))
			return wrong_type(conf, s);
		s->str = xstrdup(v->str);
		return 0;
	case ADIT_OPT_PATH:
		if (!is_text(v) || v->str[0] == '\0')
			return wrong_type(conf, s);
		s->str = path_absolute(v->file, v->str);
		return 0;
	case ADIT_OPT_LIST:
	case ADIT_OPT_PATHS: return take_list(conf, s);
	default: return take_num(conf, s);
	}
}

static void
take_default(const struct adit_conf *conf, struct setting *s)
{
	const char *dflt = s->opt->dflt;

	if (s->opt->type == ADIT_OPT_LIST || s->opt->type == ADIT_OPT_PATHS)
		s->list = xcalloc(2, sizeof(*s->list));
	if (dflt == NULL)
		return;
	if (s->opt->type == ADIT_OPT_LIST)
		s->list[0] = xstrdup(dflt);
	else if (s->opt->type == ADIT_OPT_PATHS)
		s->list[0] = path_absolute(conf->file, dflt);
	else if (s->opt->type == ADIT_OPT_PATH)
		s->str = path_absolute(conf->file, dflt);
	else if (s->opt->type == ADIT_OPT_STRING)
		s->str = xstrdup(dflt);
	else
		must(parse_num(s->opt->type, dflt, &s->num) == 0); /* options_declared() */
}

/* The key is none of ours: says which one may have been meant. */
static int
unknown_key(const struct adit_conf *conf, const struct option_value *v)
{
	const char *names[OPTIONS_MAX * 2 + 1], *near;
	char all[512] = "";
	size_t n = 0, len = 0;

	for (size_t i = 0; i < conf->n; i++)
		if (for_side(conf->set[i].opt, conf->side))
			names[n++] = conf->set[i].opt->name;
	names[n] = NULL;
	near = units_nearest(v->key, names);
	if (near != NULL)
		return err_at(conf->e, v->file, v->line,
			"%s has no option \"%.100s\"; did you mean \"%s\"?", conf->plugin->name,
			v->key, near);
	for (size_t i = 0; i < n && len < sizeof(all); i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? ", " : "",
			names[i]);
	return err_at(conf->e, v->file, v->line, "%s has no option \"%.100s\"; it has %s",
		conf->plugin->name, v->key, n > 0 ? all : "none");
}

static int
assign(const struct adit_conf *conf, const struct option_value *v)
{
	struct setting *s = find(conf, v->key);

	if (s == NULL)
		return unknown_key(conf, v);
	if (!for_side(s->opt, conf->side))
		return err_at(conf->e, v->file, v->line,
			"%s: \"%s\" is an option for the %s, not for the %s", conf->plugin->name,
			v->key, conf->side == ADIT_SIDE_SERVER ? "agent" : "server",
			conf->side == ADIT_SIDE_SERVER ? "server" : "agent");
	if (s->given != NULL)
		return err_at(conf->e, v->file, v->line, "%s: \"%s\" is given twice",
			conf->plugin->name, v->key);
	s->given = v;
	return take_value(conf, s);
}

static int
complete(const struct adit_conf *conf)
{
	for (size_t i = 0; i < conf->n; i++) {
		struct setting *s = &conf->set[i];

		if (s->given != NULL)
			continue;
		if (s->opt->required != 0 && for_side(s->opt, conf->side))
			return options_error(conf, s->opt->name, "is missing: %s",
				s->opt->help != NULL ? s->opt->help : "it must be given");
		take_default(conf, s);
	}
	return 0;
}

int
options_check(const struct adit_plugin *plugin, const struct option_value *v, size_t n,
	enum adit_side side, const char *conf_file, int conf_line, struct err *e,
	struct adit_conf **conf_r)
{
	struct adit_conf *conf = xcalloc(1, sizeof(*conf));
	int rc = 0;

	conf->plugin = plugin;
	conf->side = side;
	conf->file = conf_file;
	conf->line = conf_line;
	conf->e = e;
	while (option_at(plugin, conf->n) != NULL)
		conf->n++;
	conf->set = xcalloc(conf->n, sizeof(*conf->set));
	for (size_t i = 0; i < conf->n; i++)
		conf->set[i].opt = option_at(plugin, i);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = assign(conf, &v[i]);
	if (rc == 0)
		rc = complete(conf);
	if (rc < 0)
		options_free(conf);
	else
		*conf_r = conf;
	return rc;
}

void
options_free(struct adit_conf *conf)
{
	if (conf == NULL)
		return;
	for (size_t i = 0; i < conf->n; i++) {
		free(conf->set[i].str);
		list_free(conf->set[i].list);
	}
	free(conf->set);
	free(conf);
}

/* A mistake in a plugin, found when it is first used: not one of the person who configures it. */
static void ATTR_NORETURN
plugin_mistake(const struct adit_conf *conf, const char *name, const char *what)
{
	fprintf(stderr, "plugin %s: its create() asks for the option \"%s\", %s\n",
		conf->plugin->name, name, what);
	abort();
}

const struct setting *
options_get(const struct adit_conf *conf, const char *name, unsigned want)
{
	const struct setting *s = find(conf, name);

	if (s == NULL)
		plugin_mistake(conf, name, "which it does not declare");
	if ((want >> s->opt->type & 1) == 0)
		plugin_mistake(conf, name, "but not by its type");
	return s;
}

enum adit_side
options_side(const struct adit_conf *conf)
{
	return conf->side;
}
