/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The server's configuration: aditd.conf and the files of conf.d become one struct server_conf. All
 * files are read and checked first, then plugins are loaded, then the whole is looked at. Main
 * thread; blocks. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/confd.h"
#include "ctl/config.h"
#include "ctl/invite.h"
#include "ctl/plugset.h"
#include "ctl/schema.h"
#include "ctl/source.h"
#include "tunnel/door.h"
#include "util/compiler.h"
#include "util/cpus.h"
#include "util/file.h"

/* What is not a plugin's; the order of these is that of keys[]. */
struct basics {
	int64_t workers;
	bool splice;
	int log_level, log_format;
	const char *conf_dir, *plugin_dir, *control, *public_address;
};

static const char *const level_words[] = {"error", "warn", "info", "debug", NULL};
static const char *const format_words[] = {"text", "json", NULL};

enum {
	KEY_WORKERS,
	KEY_SPLICE,
	KEY_LOG_LEVEL,
	KEY_LOG_FORMAT,
	KEY_CONF_DIR,
	KEY_PLUGIN_DIR,
	KEY_CONTROL,
	KEY_PUBLIC_ADDRESS,
	KEY_LIMITS,
	N_KEYS
};

static const struct schema_key keys[N_KEYS + 1] = {
	{"workers", SCHEMA_INT, offsetof(struct basics, workers), 0, WORKERS_MAX, NULL},
	{"splice", SCHEMA_BOOL, offsetof(struct basics, splice), 0, 0, NULL},
	{"log_level", SCHEMA_WORD, offsetof(struct basics, log_level), 0, 0, level_words},
	{"log_format", SCHEMA_WORD, offsetof(struct basics, log_format), 0, 0, format_words},
	{"conf_dir", SCHEMA_STRING, offsetof(struct basics, conf_dir), 0, 0, NULL},
	{"plugin_dir", SCHEMA_STRING, offsetof(struct basics, plugin_dir), 0, 0, NULL},
	{"control", SCHEMA_STRING, offsetof(struct basics, control), 0, 0, NULL},
	{"public_address", SCHEMA_STRING, offsetof(struct basics, public_address), 0, 0, NULL},
	{"limits", SCHEMA_GROUP, 0, 0, 0, NULL},
	{NULL, SCHEMA_INT, 0, 0, 0, NULL},
};

/* For "did you mean", besides the keys. */
static const char *const usual_plugins[] = {"transport-tcp", "auth-token", "route-port",
	"route-udp", NULL};

/* One configuration while it is read. */
struct load {
	struct basics basics;
	struct limits limits;
	struct limit_places limit_places;
	struct place place[N_KEYS];
	struct plugset plugins;
	struct source **source; /* everything borrows its texts */
	size_t n_sources;
	char *conf_dir, *plugin_dir; /* as they are used */
	struct err *e;
};

static void
load_init(struct load *l, struct err *e)
{
	*l = (struct load){.e = e};
	l->basics.splice = true;
	l->basics.log_level = LOG_INFO;
	l->basics.log_format = LOG_TEXT;
	limits_default(&l->limits);
}

static void
load_fini(struct load *l)
{
	plugset_fini(&l->plugins);
	for (size_t i = 0; i < l->n_sources; i++)
		source_free(l->source[i]);
	free(l->source);
	free(l->conf_dir);
	free(l->plugin_dir);
}

/* --- reading --- */

static int
read_setting(struct load *l, const struct source *src, config_setting_t *s)
{
	const char *name = config_setting_name(s);

	if (plugset_is_name(name))
		return plugset_add(&l->plugins, src, s, l->e);
	if (schema_take(src, s, keys, &l->basics, l->place, usual_plugins, l->e) < 0)
		return -EINVAL;
	if ((strcmp(name, keys[KEY_CONF_DIR].name) == 0 ||
		    strcmp(name, keys[KEY_CONTROL].name) == 0) && l->n_sources > 1)
		return schema_fail(src, s, l->e, "can only stand in the main file, %s",
			l->source[0]->file);
	if (strcmp(name, keys[KEY_LIMITS].name) == 0)
		return schema_limits(src, s, &l->limits, &l->limit_places, l->e);
	return 0;
}

/* Takes src over. */
static int
read_source(struct load *l, struct source *src)
{
	config_setting_t *root = config_root_setting(&src->tree);

	l->source = xrealloc(l->source, (l->n_sources + 1) * sizeof(struct source *));
	l->source[l->n_sources++] = src;
	for (int i = 0; i < config_setting_length(root); i++)
		if (read_setting(l, src, config_setting_get_elem(root, (unsigned)i)) < 0)
			return -EINVAL;
	return 0;
}

static int
read_file(struct load *l, const char *file)
{
	struct source *src;
	int rc = source_open(file, &src, l->e);

	return rc < 0 ? rc : read_source(l, src);
}

/* The default folder need not be there; one that was named must. */
static int
read_conf_dir(struct load *l, const char *file)
{
	const struct place *named = &l->place[KEY_CONF_DIR];
	char **path;
	size_t n;
	int rc;

	l->conf_dir = file_beside(file, named->file != NULL ? l->basics.conf_dir : "conf.d");
	rc = confd_list(l->conf_dir, &path, &n, l->e);
	if (rc == -ENOENT && named->file == NULL)
		return 0;
	if (rc < 0 && named->file != NULL) {
		struct err why = *l->e;

		err_at(l->e, named->file, named->line, "key 'conf_dir': %s", why.msg);
	}
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = read_file(l, path[i]);
	confd_free(path, n);
	return rc;
}

/* --- the whole --- */

/* There must be one plugin of each kind, or nobody could ever use the server. */
static int
check_kind(const struct load *l, const char *kind, const char *example)
{
	if (plugset_count(&l->plugins, kind) > 0)
		return 0;
	return err_at(l->e, l->source[0]->file, 0,
		"no %.*s plugin is enabled: put a file with the group %s = { … }; into %s (see "
		"aditd.conf(5), or let 'aditd init' write one)",
		(int)strlen(kind) - 1, kind, example, l->conf_dir);
}

static int
check_whole(const struct load *l)
{
	if (check_kind(l, "transport-", "transport-tcp") < 0 ||
		check_kind(l, "auth-", "auth-token") < 0 ||
		check_kind(l, "route-", "route-port") < 0)
		return -EINVAL;
	return schema_limits_conflict(&l->limits, &l->limit_places, l->e);
}

/* The command line's folder is relative to where we are, the file's to the file. */
static int
choose_plugin_dir(struct load *l, const char *given)
{
	const struct place *named = &l->place[KEY_PLUGIN_DIR];
	int rc;

	if (given == NULL && named->file == NULL)
		return 0;
	if (given == NULL) {
		char *dir = file_beside(named->file, l->basics.plugin_dir);

		l->plugin_dir = realpath(dir, NULL);
		free(dir);
	} else {
		l->plugin_dir = realpath(given, NULL);
	}
	if (l->plugin_dir != NULL)
		return 0;
	rc = -errno;
	if (given != NULL)
		err_set(l->e, "--plugin-dir %s: %s", given, strerror(-rc));
	else
		err_at(l->e, named->file, named->line, "key 'plugin_dir': %s: %s",
			l->basics.plugin_dir, strerror(-rc));
	return rc;
}

/* "host" or "host:port"; what an agent can dial. */
static int
take_public_address(struct load *l, struct server_conf *conf)
{
	const struct place *at = &l->place[KEY_PUBLIC_ADDRESS];
	char host[HOST_MAX + 1];

	if (at->file == NULL)
		return 0;
	if (invite_address(l->basics.public_address, host, &conf->public_port) < 0)
		return err_at(l->e, at->file, at->line,
			"key 'public_address': expected \"host\" or \"host:port\", found \"%.80s\"",
			l->basics.public_address);
	conf->public_host = xstrdup(host);
	return 0;
}

static void
take_control(struct load *l, struct server_conf *conf)
{
	const struct place *at = &l->place[KEY_CONTROL];

	if (at->file != NULL && l->basics.control[0] != '\0')
		conf->control = file_beside(at->file, l->basics.control);
	else if (at->file != NULL)
		conf->control = xstrdup("");
}

static void
on_release(struct server_conf *conf)
{
	free(conf->door);
	modules_free(&conf->modules);
	free(conf->control);
	free(conf->public_host);
	free(conf->file);
	free(conf);
}

static int
build(struct load *l, struct server_conf **conf_r)
{
	unsigned cpus = cpus_available();
	struct server_conf *conf = xcalloc(1, sizeof(*conf));
	int rc = take_public_address(l, conf);

	if (rc == 0)
		rc = plugset_create(&l->plugins, l->plugin_dir, ADIT_SIDE_SERVER, NULL, NULL,
			&conf->modules, l->e);
	if (rc < 0) {
		on_release(conf);
		return rc;
	}
	atomic_init(&conf->refs, 1);
	conf->file = xstrdup(l->source[0]->file);
	take_control(l, conf);
	conf->limits = l->limits;
	conf->door = doors_build(&conf->modules, &conf->n_doors);
	conf->workers = (unsigned)l->basics.workers;
	if (conf->workers == 0)
		conf->workers = MIN(cpus, WORKERS_MAX);
	conf->splice = l->basics.splice;
	conf->release = on_release;
	*conf_r = conf;
	return 0;
}

int
server_config_load(const char *file, const char *plugin_dir, struct server_conf **conf_r,
	struct config_log *log_r, struct err *e)
{
	struct err ignored;
	struct load l;
	int rc;

	load_init(&l, e != NULL ? e : &ignored);
	rc = read_file(&l, file);
	if (rc == 0)
		rc = read_conf_dir(&l, file);
	if (rc == 0)
		rc = check_whole(&l);
	if (rc == 0)
		rc = choose_plugin_dir(&l, plugin_dir);
	if (rc == 0)
		rc = build(&l, conf_r);
	if (rc == 0 && log_r != NULL)
		*log_r = (struct config_log){(enum log_level)l.basics.log_level,
			(enum log_format)l.basics.log_format};
	load_fini(&l);
	return rc;
}

int
server_config_check_text(const char *text, size_t len, struct err *e)
{
	struct err ignored;
	struct source *src;
	struct load l;
	int rc;

	load_init(&l, e != NULL ? e : &ignored);
	rc = source_parse("aditd.conf", text, len, &src, l.e);
	if (rc == 0)
		rc = read_source(&l, src);
	if (rc == 0)
		rc = schema_limits_conflict(&l.limits, &l.limit_places, l.e);
	load_fini(&l);
	return rc;
}
