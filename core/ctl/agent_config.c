/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent's configuration: a file, which may be missing, under a command line. Both end in the
 * same struct agent_conf. Main thread; blocks. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/auth_said.h"
#include "ctl/config.h"
#include "ctl/joined.h"
#include "ctl/link_config.h"
#include "ctl/plugset.h"
#include "ctl/proxy_config.h"
#include "ctl/schema.h"
#include "ctl/source.h"
#include "ctl/tunnel_config.h"
#include "tunnel/identity.h"
#include "util/compiler.h"
#include "util/cpus.h"
#include "util/file.h"

struct basics {
	const char *server, *name, *plugin_dir, *token_file;
	const char *proxy, *proxy_user, *proxy_password_file;
	int log_level, log_format;
	int64_t max_attempts, log_requests, sessions, workers;
	bool reconnect, splice;
};

static const char *const level_words[] = {"error", "warn", "info", "debug", NULL};
static const char *const format_words[] = {"text", "json", NULL};

enum {
	KEY_SERVER,
	KEY_NAME,
	KEY_PLUGIN_DIR,
	KEY_TOKEN_FILE,
	KEY_PROXY,
	KEY_PROXY_USER,
	KEY_PROXY_PASSWORD_FILE,
	KEY_LOG_LEVEL,
	KEY_LOG_FORMAT,
	KEY_LOG_REQUESTS,
	KEY_MAX_ATTEMPTS,
	KEY_RECONNECT,
	KEY_SPLICE,
	KEY_SESSIONS,
	KEY_WORKERS,
	KEY_LIMITS,
	KEY_TUNNELS,
	N_KEYS
};

static const struct schema_key keys[N_KEYS + 1] = {
	{"server", SCHEMA_STRING, offsetof(struct basics, server), 0, 0, NULL},
	{"name", SCHEMA_STRING, offsetof(struct basics, name), 0, 0, NULL},
	{"plugin_dir", SCHEMA_STRING, offsetof(struct basics, plugin_dir), 0, 0, NULL},
	{"token_file", SCHEMA_STRING, offsetof(struct basics, token_file), 0, 0, NULL},
	{"proxy", SCHEMA_STRING, offsetof(struct basics, proxy), 0, 0, NULL},
	{"proxy_user", SCHEMA_STRING, offsetof(struct basics, proxy_user), 0, 0, NULL},
	{"proxy_password_file", SCHEMA_STRING, offsetof(struct basics, proxy_password_file), 0, 0,
		NULL},
	{"log_level", SCHEMA_WORD, offsetof(struct basics, log_level), 0, 0, level_words},
	{"log_format", SCHEMA_WORD, offsetof(struct basics, log_format), 0, 0, format_words},
	{"log_requests", SCHEMA_INT, offsetof(struct basics, log_requests), 0, 1000000, NULL},
	{"max_attempts", SCHEMA_INT, offsetof(struct basics, max_attempts), 0, 1000000, NULL},
	{"reconnect", SCHEMA_BOOL, offsetof(struct basics, reconnect), 0, 0, NULL},
	{"splice", SCHEMA_BOOL, offsetof(struct basics, splice), 0, 0, NULL},
	{"sessions", SCHEMA_INT, offsetof(struct basics, sessions), 1, SESSIONS_MAX, NULL},
	{"workers", SCHEMA_INT, offsetof(struct basics, workers), 0, WORKERS_MAX, NULL},
	{"limits", SCHEMA_GROUP, 0, 0, 0, NULL},
	{"tunnels", SCHEMA_LIST, 0, 0, 0, NULL},
	{NULL, SCHEMA_INT, 0, 0, 0, NULL},
};

static const char *const usual_plugins[] = {"transport-tcp", "auth-token", NULL};

/* One configuration while it is made. */
struct load {
	const struct agent_request *req;
	struct basics basics;
	struct limits limits;
	struct limit_places limit_places;
	struct place place[N_KEYS];
	struct plugset plugins;
	struct auth_said said;   /* the command line's; zeroed without */
	struct source *source;   /* NULL: no file */
	struct source *joined;   /* of a server that was joined; NULL: it is not used */
	char *plugin_dir;        /* as it is used; NULL: the default */
	char *places;            /* where a file was looked for; NULL: it was named */
	struct link_address server;
	struct agent_conf *conf; /* grows */
	struct err *e;
};

static void
load_init(struct load *l, const struct agent_request *req, struct err *e)
{
	*l = (struct load){.req = req, .e = e};
	l->basics.log_level = LOG_INFO;
	l->basics.log_format = LOG_TEXT;
	l->basics.log_requests = CONFIG_LOG_REQUESTS;
	l->basics.reconnect = l->basics.splice = true;
	l->basics.sessions = 1;
	limits_default(&l->limits);
	l->conf = xcalloc(1, sizeof(*l->conf));
}

static void
load_fini(struct load *l)
{
	plugset_fini(&l->plugins);
	auth_said_fini(&l->said);
	source_free(l->source);
	source_free(l->joined);
	free(l->plugin_dir);
	free(l->places);
}

void
agent_config_free(struct agent_conf *conf)
{
	if (conf == NULL)
		return;
	modules_free(&conf->modules);
	tunnels_free(conf->tunnels, conf->n_tunnels);
	free(conf->file);
	free(conf->name);
	free(conf->server);
	free(conf->server_host);
	free(conf->server_path);
	proxy_config_free(conf->proxy);
	free(conf);
}

/* --- the file --- */

/* The first of the default places where there is a file; NULL: none, and *places_r says where it
 * was looked for. */
static char *
find_file(char **places_r)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path[] = {
		xdg != NULL && xdg[0] == '/' ? xasprintf("%s/adit/adit.conf", xdg) : NULL,
		home != NULL && home[0] == '/'
			? xasprintf("%s/.config/adit/adit.conf", home) : NULL,
		xstrdup(ADIT_SYSCONFDIR "/adit/adit.conf"),
	};
	char *found = NULL, *places = xstrdup(""), *more;

	for (size_t i = 0; i < ARRAY_LEN(path); i++) {
		if (found == NULL && path[i] != NULL && access(path[i], F_OK) == 0) {
			found = path[i];
			continue;
		}
		if (path[i] != NULL) {
			more = xasprintf("%s%s%s", places, places[0] != '\0' ? ", " : "", path[i]);
			free(places);
			places = more;
		}
		free(path[i]);
	}
	*places_r = places;
	return found;
}

static int
read_setting(struct load *l, config_setting_t *s)
{
	const char *name = config_setting_name(s);

	if (strncmp(name, "route-", 6) == 0)
		return schema_fail(l->source, s, l->e, "a route plugin works at the server only");
	if (plugset_is_name(name))
		return plugset_add(&l->plugins, l->source, s, l->e);
	if (schema_take(l->source, s, keys, &l->basics, l->place, usual_plugins, l->e) < 0)
		return -EINVAL;
	if (strcmp(name, keys[KEY_LIMITS].name) == 0)
		return schema_limits(l->source, s, &l->limits, &l->limit_places, l->e);
	if (strcmp(name, keys[KEY_TUNNELS].name) == 0)
		return tunnels_read(l->source, s, &l->conf->tunnels, &l->conf->n_tunnels, l->e);
	return 0;
}

static int
read_settings(struct load *l)
{
	config_setting_t *root = config_root_setting(&l->source->tree);

	for (int i = 0; i < config_setting_length(root); i++)
		if (read_setting(l, config_setting_get_elem(root, (unsigned)i)) < 0)
			return -EINVAL;
	return schema_limits_conflict(&l->limits, &l->limit_places, l->e);
}

static int
read_file(struct load *l)
{
	int rc;

	l->conf->file = l->req->file != NULL ? xstrdup(l->req->file) : find_file(&l->places);
	if (l->conf->file == NULL)
		return 0;
	rc = source_open(l->conf->file, &l->source, l->e);
	return rc < 0 ? rc : read_settings(l);
}

/* --- a server that was joined --- */

/* Its file has the server, the token and the transport, so the main file's do not count. */
static void
forget_server(struct load *l)
{
	l->basics.server = l->basics.token_file = NULL;
	l->place[KEY_SERVER] = l->place[KEY_TOKEN_FILE] = (struct place){NULL, 0};
	plugset_drop(&l->plugins, "transport-", NULL);
	plugset_drop(&l->plugins, "auth-", NULL);
}

/* Reads the file of the server that --server names, or that is meant when nothing names one. */
static int
read_joined(struct load *l)
{
	struct source *main = l->source;
	char *file = NULL;
	int rc = 0;

	if (l->req->server != NULL)
		file = joined_find(l->req->server);
	else if (l->basics.server == NULL)
		rc = joined_choose(&file, l->e);
	if (file == NULL)
		return rc;
	if (l->req->server != NULL)
		forget_server(l);
	rc = source_open(file, &l->source, l->e);
	if (rc == 0) {
		rc = read_settings(l);
		l->joined = l->source;
	}
	l->source = main;
	if (l->conf->file == NULL)
		l->conf->file = file;
	else
		free(file);
	return rc;
}

/* Only the line counts, and what the command line says of the way there. Returns the server's
 * address; free(). */
static char *
take_join(struct load *l)
{
	const struct join_line *j = l->req->join;
	bool v6 = strchr(j->host, ':') != NULL;

	plugset_string(plugset_new(&l->plugins, "transport-tls"), "pin", j->pin);
	plugset_string(plugset_new(&l->plugins, "auth-token"), "invite", j->token);
	return xasprintf("tls://%s%s%s:%u", v6 ? "[" : "", j->host, v6 ? "]" : "", j->port);
}

/* --- where something stands, for errors --- */

/* An error in a value that the command line's option overrides. */
static int
fail_value(struct load *l, const char *option, bool from_option, int key, const char *expected,
	const char *found)
{
	if (from_option)
		return err_set(l->e, "%s: expected %s, found \"%.80s\"", option, expected, found);
	return err_at(l->e, l->place[key].file, l->place[key].line,
		"key '%s': expected %s, found \"%.80s\"", keys[key].name, expected, found);
}

static int
fail_missing(struct load *l, const char *text)
{
	if (l->conf->file == NULL && l->places != NULL)
		return err_set(l->e, "%s; no configuration file is at %s", text, l->places);
	return err_at(l->e, l->conf->file, 0, "%s", text);
}

/* --- server --- */

static int
take_server(struct load *l)
{
	bool option = l->req->server != NULL && l->joined == NULL;
	char *join = l->req->join != NULL ? take_join(l) : NULL;
	const char *given = join != NULL ? join : option ? l->req->server : l->basics.server;

	if (given == NULL)
		return fail_missing(l,
			"no server: join one by adit join 'LINE', give --server HOST:PORT, or "
			"write server = \"host:port\" into the configuration file");
	if (link_address_parse(given, &l->server) < 0) {
		fail_value(l, "--server", option, KEY_SERVER, LINK_ADDRESS_FORM, given);
		free(join);
		return -EINVAL;
	}
	l->conf->server = join != NULL ? join : xstrdup(given);
	l->conf->server_host = xstrdup(l->server.host);
	l->conf->server_path = xstrdup(l->server.path);
	l->conf->server_port = l->server.port;
	return 0;
}

static int
take_proxy(struct load *l)
{
	const struct agent_request *req = l->req;
	const struct proxy_said line = {
		.url = req->proxy,
		.user = req->proxy_user,
		.password_file = req->proxy_password_file,
	};
	const struct proxy_said file = {
		.url = l->basics.proxy,
		.user = l->basics.proxy_user,
		.password_file = l->basics.proxy_password_file,
		.file = l->conf->file,
		.url_place = l->place[KEY_PROXY],
		.user_place = l->place[KEY_PROXY_USER],
		.password_place = l->place[KEY_PROXY_PASSWORD_FILE],
	};

	return proxy_config(&line, &file, l->conf->server_host, l->conf->server_port,
		&l->conf->proxy, l->e);
}

/* --- names and tunnels --- */

static char *
host_name(void)
{
	char buf[HOST_MAX + 1] = "";

	if (gethostname(buf, sizeof(buf) - 1) < 0)
		buf[0] = '\0';
	return name_reduce(buf, "agent");
}

/* The agent's name. A tunnel from the command line gets a name of its own, because a second login
 * under one name takes the place of the first: two `adit tcp` must be able to run side by side. */
static int
take_name(struct load *l)
{
	const char *given = l->req->agent != NULL ? l->req->agent : l->basics.name;
	char *name;

	if (given != NULL && !name_valid(given))
		return fail_value(l, "--agent", l->req->agent != NULL, KEY_NAME,
			"1 to 64 of A-Z a-z 0-9 . _ -", given);
	name = given != NULL ? xstrdup(given) : host_name();
	if ((l->req->target != NULL && l->req->agent == NULL) || l->req->join != NULL) {
		/* A join is a login as well, and must not push out an agent that runs. */
		char *both = xasprintf("%.40s.%s", name,
			l->req->join != NULL ? "join" : l->conf->tunnels[0].name);

		free(name);
		name = name_reduce(both, "agent");
		free(both);
	}
	l->conf->name = name;
	return 0;
}

static int
take_tunnels(struct load *l)
{
	struct agent_conf *c = l->conf;

	if (l->req->join != NULL)
		return 0;
	if (l->req->target != NULL) {
		tunnels_free(c->tunnels, c->n_tunnels);
		c->tunnels = NULL;
		c->n_tunnels = 0;
		return tunnels_one(l->req->udp, l->req->target, l->req->port, l->req->tunnel,
			&c->tunnels, &c->n_tunnels, l->e);
	}
	if (c->n_tunnels == 0)
		return fail_missing(l,
			"no tunnel: give --local HOST:PORT, or write a list \"tunnels\" into the "
			"configuration file");
	return 0;
}

/* --- plugins --- */

/* The place of the server's address, unless it is the command line's. */
static struct place
server_place(const struct load *l)
{
	return l->req->server != NULL && l->joined == NULL ? (struct place){NULL, 0}
							   : l->place[KEY_SERVER];
}

static void
allow_plain(const struct load *l, struct plug_entry *p)
{
	if (l->req->allow_plain && strncmp(p->name, "transport-", 10) == 0)
		plugset_bool(p, "allow_plain", true);
}

/* What is enabled is made; now what the server's address needs besides. */
static bool
on_made(struct plugset *set, void *load)
{
	struct load *l = load;
	const char *dir = l->plugin_dir != NULL ? l->plugin_dir : ADIT_PLUGINDIR;
	struct plug_entry *p = link_needs(set, dir, l->server.scheme, server_place(l));

	if (p != NULL)
		allow_plain(l, p);
	return p != NULL;
}

/* The command line has an address, and there are servers that were joined. */
static bool
knows_joined(const struct load *l)
{
	char *file = NULL;
	bool any = l->req->server != NULL && (joined_choose(&file, NULL) < 0 || file != NULL);

	free(file);
	return any;
}

/* The key's value or "token" is relative to the file, an option's to where we are. */
static int
take_token_file(struct load *l, struct plug_entry *p)
{
	const char *named = l->basics.token_file;
	struct option_value *v;

	if (l->req->token_file != NULL) {
		plugset_string(p, "token_file", l->req->token_file);
		return 0;
	}
	if (l->conf->file == NULL)
		return fail_missing(l,
			knows_joined(l) ? "no token for this address: a server that was joined is "
					  "meant by its name, --server NAME (its file can say "
					  "wss://, too), or give --token-file FILE"
					: "no token: give --token-file FILE (the server's 'aditd "
					  "issue' makes one), or --user NAME to log in by a "
					  "password");
	v = plugset_string(p, "token_file", named != NULL ? named : "token");
	v->file = named != NULL ? l->place[KEY_TOKEN_FILE].file : l->conf->file;
	v->line = l->place[KEY_TOKEN_FILE].line;
	return 0;
}

/* What the command line says goes before the files, and into the plugin's group if there is one. */
static int
take_said_auth(struct load *l)
{
	const struct agent_request *req = l->req;
	struct plug_entry *p;
	bool token;

	if (auth_said_parse(req->auth != NULL ? req->auth : req->key != NULL ? "key" : "password",
		    &l->said, l->e) < 0)
		return -EINVAL;
	token = strcmp(l->said.plugin, "auth-token") == 0;
	plugset_drop(&l->plugins, "auth-", l->said.plugin);
	p = plugset_find(&l->plugins, l->said.plugin);
	if (p == NULL) {
		p = plugset_new(&l->plugins, l->said.plugin);
		if (token && (l->conf->file != NULL || req->token_file != NULL) &&
			take_token_file(l, p) < 0)
			return -EINVAL;
	}
	for (size_t i = 0; i < l->said.n; i++)
		plugset_word(p, l->said.option[i].key, l->said.option[i].value);
	if (req->user != NULL)
		plugset_word(p, "user", req->user);
	if (req->key != NULL)
		plugset_string(p, "key_file", req->key);
	if (req->token_file != NULL)
		plugset_string(p, "token_file", req->token_file);
	return 0;
}

static int
take_auth(struct load *l)
{
	struct plug_entry *p = plugset_find(&l->plugins, "auth-token");
	size_t n = plugset_count(&l->plugins, "auth-");

	if (l->req->join != NULL)
		return 0;
	if (l->req->auth != NULL || l->req->user != NULL || l->req->key != NULL)
		return take_said_auth(l);
	if (n > 1)
		return fail_missing(l,
			"two auth plugins are enabled, but an agent logs in with one");
	if (n == 1 && l->basics.token_file != NULL)
		return err_at(l->e, l->conf->file, l->place[KEY_TOKEN_FILE].line,
			"key 'token_file': an auth plugin has a group of its own here: write it "
			"there");
	if (n == 1 && l->req->token_file != NULL && p == NULL)
		return err_set(l->e,
			"--token-file is for auth-token, but %s enables another plugin",
			l->conf->file);
	if (n == 1 && l->req->token_file == NULL)
		return 0;
	return take_token_file(l, p != NULL ? p : plugset_new(&l->plugins, "auth-token"));
}

static int
choose_plugin_dir(struct load *l)
{
	const char *given = l->req->plugin_dir;
	char *dir;
	int rc;

	if (given == NULL && l->basics.plugin_dir == NULL)
		return 0;
	dir = given != NULL ? xstrdup(given) : file_beside(l->conf->file, l->basics.plugin_dir);
	l->plugin_dir = realpath(dir, NULL);
	rc = l->plugin_dir == NULL ? -errno : 0;
	if (rc < 0 && given != NULL)
		err_set(l->e, "--plugin-dir %s: %s", dir, strerror(-rc));
	else if (rc < 0)
		err_at(l->e, l->conf->file, l->place[KEY_PLUGIN_DIR].line,
			"key 'plugin_dir': %s: %s", dir, strerror(-rc));
	free(dir);
	return rc;
}

static int
take_plugins(struct load *l)
{
	int rc;

	for (size_t i = 0; i < l->plugins.n; i++)
		allow_plain(l, &l->plugins.entry[i]);
	if (take_auth(l) < 0)
		return -EINVAL;
	rc = choose_plugin_dir(l);
	if (rc == 0)
		rc = plugset_create(&l->plugins, l->plugin_dir, ADIT_SIDE_AGENT, on_made, l,
			&l->conf->modules, l->e);
	if (rc == 0)
		l->conf->auth = l->conf->modules.auth[0];
	return rc < 0 ? rc : link_stack(l->conf, l->server.scheme, server_place(l), l->e);
}

/* --- the whole --- */

static void
take_rest(struct load *l)
{
	const struct agent_request *req = l->req;

	l->conf->limits = l->limits;
	l->conf->max_attempts =
		req->max_attempts >= 0 ? req->max_attempts : l->basics.max_attempts;
	l->conf->log_requests =
		req->log_requests >= 0 ? req->log_requests : l->basics.log_requests;
	l->conf->splice = l->basics.splice;
	l->conf->reconnect = l->basics.reconnect && !req->no_reconnect;
	if (!l->conf->reconnect) /* without another link a session cannot outlive its own */
		l->conf->limits.resume_for = 0;
	l->conf->sessions = (unsigned)(req->sessions > 0 ? req->sessions : l->basics.sessions);
	l->conf->workers =
		l->basics.workers > 0 ? (unsigned)l->basics.workers : cpus_available();
}

int
agent_config_load(const struct agent_request *req, struct agent_conf **conf_r,
	struct config_log *log_r, struct err *e)
{
	struct err ignored;
	struct load l;
	int rc;

	load_init(&l, req, e != NULL ? e : &ignored);
	if (req->join != NULL)
		rc = 0;
	else if ((rc = read_file(&l)) == 0)
		rc = read_joined(&l);
	if (rc == 0)
		rc = take_server(&l);
	if (rc == 0)
		rc = take_proxy(&l);
	if (rc == 0)
		rc = take_tunnels(&l);
	if (rc == 0)
		rc = take_name(&l);
	if (rc == 0)
		rc = take_plugins(&l);
	if (rc == 0 && log_r != NULL)
		*log_r = (struct config_log){(enum log_level)l.basics.log_level,
			(enum log_format)l.basics.log_format};
	take_rest(&l);
	load_fini(&l);
	if (rc < 0)
		agent_config_free(l.conf);
	else
		*conf_r = l.conf;
	return rc;
}

int
agent_config_check_text(const char *text, size_t len, struct err *e)
{
	static const struct agent_request none = {.max_attempts = -1, .log_requests = -1};
	struct err ignored;
	struct load l;
	int rc;

	load_init(&l, &none, e != NULL ? e : &ignored);
	rc = source_parse("adit.conf", text, len, &l.source, l.e);
	if (rc == 0)
		rc = read_settings(&l);
	load_fini(&l);
	agent_config_free(l.conf);
	return rc;
}
