/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Instances of plugins. Main thread. A module is complete or it is not made: its options are
 * checked, its helpers exist and its create() has succeeded. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/offload.h"
#include "plug/loader.h"
#include "plug/module.h"
#include "tunnel/identity.h"
#include "util/addr.h"
#include "util/log.h"

/* What may wait for the thread of a SERIAL instance and for the pool of a PARALLEL one: in all, and
 * for one source of logins, so that one that knocks cannot lock out the others. Every instance has
 * its own, so that one whose calls do not return holds up no other, nor what a reload makes. */
#define SERIAL_QUEUE 64
#define SERIAL_PER_SOURCE 4
#define POOL_THREADS 4
#define POOL_QUEUE 256
#define POOL_PER_SOURCE 8

/* How long the end of an instance waits for a call that is under way. */
#define END_WAIT_MS 2000

static struct offload *
helpers_get(const struct adit_plugin *p)
{
	switch ((enum adit_run)p->run) {
	case ADIT_RUN_SERIAL:
		return offload_new(p->name, 1, SERIAL_QUEUE, SERIAL_PER_SOURCE);
	case ADIT_RUN_PARALLEL:
		return offload_new(p->name, POOL_THREADS, POOL_QUEUE, POOL_PER_SOURCE);
	case ADIT_RUN_LOOP:
		break;
	}
	return NULL;
}

/* False: a call of the instance is under way, which does not return. */
static bool
helpers_put(struct module *m)
{
	bool ended = m->helpers == NULL || offload_end(m->helpers, END_WAIT_MS) == 0;

	m->helpers = NULL;
	return ended;
}

/* ---- Transports ------------------------------------------------------------------------------ */

static int
listen_one(const struct adit_conf *conf, const char *text, struct addr *a_r)
{
	char host[HOST_MAX + 1];
	uint16_t port = 0;

	if (hostport_parse(text, 0, host, &port) < 0)
		return options_error(conf, "listen",
			"expects \"address:port\", but is \"%.200s\"", text);
	if (addr_parse(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, a_r) < 0)
		return options_error(conf, "listen",
			"expects a numeric address or * before the port, but is \"%.200s\"", text);
	return 0;
}

static int
take_listen(struct module *m, const struct adit_conf *conf)
{
	char **list = options_get(conf, "listen", 1u << ADIT_OPT_LIST)->list;
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	if (n == 0 && options_side(conf) == ADIT_SIDE_SERVER)
		return options_error(conf, "listen", "needs one address at least");
	m->listen = xcalloc(n, sizeof(*m->listen));
	for (; m->n_listen < n; m->n_listen++)
		if (listen_one(conf, list[m->n_listen], &m->listen[m->n_listen]) < 0)
			return -EINVAL;
	return 0;
}

/* ---- Auth plugins ---------------------------------------------------------------------------- */

/* A plugin of before may have an option of that name, which is its own business. */
static bool
has_own(const struct plugin *p, const char *name)
{
	for (const struct adit_option *o = p->desc.options; o != NULL && o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

static int
add_method(struct module *m, const struct adit_conf *conf, const char *method)
{
	char *before = m->methods;

	if (strcmp(method, "*") != 0 && !name_valid(method))
		return options_error(conf, "methods",
			"expects names of methods such as \"password\", or \"*\", but is "
			"\"%.100s\"", method);
	m->methods = before == NULL ? xstrdup(method) : xasprintf("%s %s", before, method);
	free(before);
	return 0;
}

static int
take_methods(struct module *m, const struct plugin *p, const struct adit_conf *conf)
{
	const struct setting *s = NULL;

	if (!has_own(p, "methods"))
		s = options_get(conf, "methods", 1u << ADIT_OPT_LIST);
	if (s == NULL || s->given == NULL) {
		m->methods = xstrdup(m->auth.methods != NULL ? m->auth.methods : m->short_name);
		return 0;
	}
	if (s->list[0] == NULL)
		return options_error(conf, "methods", "needs one method at least");
	for (char **method = s->list; *method != NULL; method++)
		if (add_method(m, conf, *method) < 0)
			return -EINVAL;
	return 0;
}

/* ---- Instances ------------------------------------------------------------------------------- */

static struct module *
module_new(const struct plugin *p)
{
	struct module *m = xcalloc(1, sizeof(*m));

	m->plugin = &p->desc;
	m->short_name = p->short_name;
	m->owed = xcalloc(1, sizeof(*m->owed));
	switch (p->kind->kind) {
	case ADIT_KIND_AUTH: m->auth = p->ops.auth; break;
	case ADIT_KIND_ROUTE: m->route = p->ops.route; break;
	case ADIT_KIND_TRANSPORT:
		m->transport = p->ops.transport;
		m->layer = p->ops.layer;
		break;
	}
	if (p->desc.run == ADIT_RUN_LOOP && p->desc.worker_init != NULL)
		m->per_worker = xcalloc(WORKERS_MAX, sizeof(*m->per_worker));
	return m;
}

/* Frees all but the instance itself and its helpers. */
static void
module_dispose(struct module *m)
{
	free(m->per_worker);
	free(m->owed);
	free(m->listen);
	free(m->methods);
	free(m->name);
	free(m);
}

static int
check_side(const struct plugin *p, enum adit_side side, struct err *e)
{
	const char *here = side == ADIT_SIDE_SERVER ? "server" : "agent";

	if ((p->desc.sides & side) == 0)
		return err_set(e, "%s cannot be used by the %s", p->desc.name, here);
	if (p->kind->kind == ADIT_KIND_AUTH && side == ADIT_SIDE_AGENT &&
		p->ops.auth.prove == NULL)
		return err_set(e, "%s cannot be used by the agent: it has no prove()",
			p->desc.name);
	return 0;
}

/* The options that belong to its kind, then the plugin's create(). */
static int
module_make(struct module *m, const struct plugin *p, const struct adit_conf *conf, struct err *e)
{
	if (p->kind->kind == ADIT_KIND_TRANSPORT) {
		m->allow_plain = options_get(conf, "allow_plain", 1u << ADIT_OPT_BOOL)->num != 0;
		if (take_listen(m, conf) < 0)
			return -EINVAL;
	}
	if (p->kind->kind == ADIT_KIND_AUTH && options_side(conf) == ADIT_SIDE_SERVER &&
		take_methods(m, p, conf) < 0)
		return -EINVAL;
	if (p->desc.create == NULL || p->desc.create(conf, &m->inst) == 0)
		return 0;
	if (e->msg[0] == '\0')
		options_error(conf, NULL, "create() failed without saying why");
	return -EINVAL;
}

int
module_create(const char *plugin_dir, const char *name, const struct option_value *v, size_t n,
	enum adit_side side, const char *conf_file, int conf_line, struct module **m_r,
	struct err *e)
{
	struct err why = {.msg = ""}; /* adit_conf_error() needs one, the caller may not */
	const struct plugin *p = NULL;
	struct adit_conf *conf = NULL;
	struct module *m;
	int rc;

	rc = loader_load(plugin_dir != NULL ? plugin_dir : ADIT_PLUGINDIR, name, &p, &why);
	if (rc == 0)
		rc = check_side(p, side, &why);
	if (rc < 0)
		return err_at(e, conf_file, conf_line, "%s", why.msg);
	rc = options_check(&p->desc, v, n, side, conf_file, conf_line, &why, &conf);
	if (rc == 0) {
		m = module_new(p);
		rc = module_make(m, p, conf, &why);
		if (rc < 0) {
			module_dispose(m);
		} else {
			m->helpers = helpers_get(&p->desc);
			*m_r = m;
		}
	}
	options_free(conf);
	if (rc < 0 && e != NULL)
		*e = why;
	return rc;
}

void
module_free(struct module *m)
{
	if (m == NULL)
		return;
	if (!helpers_put(m)) {
		log_warn("%s: a call does not return; its instance is left as it is",
			m->plugin->name);
		return;
	}
	if (m->plugin->destroy != NULL)
		m->plugin->destroy(m->inst);
	module_dispose(m);
}

/* ---- For people ------------------------------------------------------------------------------ */

static const char *
sides_text(uint32_t sides)
{
	return sides == ADIT_SIDE_SERVER  ? "server"
	       : sides == ADIT_SIDE_AGENT ? "agent"
					  : "server,agent";
}

/* The calls that it has, separated by commas. */
struct call_name {
	bool has;
	const char *name;
};

static void
print_calls(const struct call_name *calls, size_t n, FILE *out)
{
	const char *between = "operations=";

	for (size_t i = 0; i < n; i++) {
		if (!calls[i].has)
			continue;
		fprintf(out, "%s%s", between, calls[i].name);
		between = ",";
	}
	fputs("\n", out);
}

static void
print_auth(const struct plugin *p, FILE *out)
{
	const struct adit_auth_ops *a = &p->ops.auth;
	const struct call_name calls[] = {
		{a->check != NULL, "check"},
		{a->cancel != NULL, "cancel"},
		{a->prove != NULL, "prove"},
		{a->confirm != NULL, "confirm"},
		{a->issue != NULL, "issue"},
		{a->invite != NULL, "invite"},
		{a->make_key != NULL, "make_key"},
	};

	fprintf(out, "methods=%s\n", a->methods != NULL ? a->methods : p->short_name);
	print_calls(calls, ARRAY_LEN(calls), out);
}

static void
print_transport(const struct plugin *p, FILE *out)
{
	const struct adit_transport_ops *t = &p->ops.transport;
	const struct call_name calls[] = {
		{t->layer != NULL, "layer"},
		{t->probe != NULL, "probe"},
		{t->pin != NULL, "pin"},
		{t->make_certificate != NULL, "make_certificate"},
	};

	fprintf(out, "scheme=%s\n", t->scheme);
	if (t->secure_scheme != NULL)
		fprintf(out, "secure_scheme=%s\n", t->secure_scheme);
	fprintf(out, "encrypted=%s\n", t->encrypted != 0 ? "yes" : "no");
	if (t->layer != NULL || t->probe != NULL)
		print_calls(calls, ARRAY_LEN(calls), out);
}

static void
print_route(const struct plugin *p, FILE *out)
{
	const struct call_name calls[] = {{p->ops.route.claim != NULL, "claim"}};

	fprintf(out, "route=%s\n", p->ops.route.route);
	fprintf(out, "protocol=%s\n",
		p->ops.route.protocol == ADIT_PROTOCOL_UDP ? "udp" : "tcp");
	print_calls(calls, ARRAY_LEN(calls), out);
}

static void
print_kind(const struct plugin *p, FILE *out)
{
	switch (p->kind->kind) {
	case ADIT_KIND_AUTH: print_auth(p, out); break;
	case ADIT_KIND_TRANSPORT: print_transport(p, out); break;
	case ADIT_KIND_ROUTE: print_route(p, out); break;
	}
}

static void
print(const struct plugin *p, FILE *out)
{
	static const char *const run[] = {"serial", "parallel", "loop"};

	fprintf(out, "abi=%u\n", (unsigned)p->desc.abi);
	fprintf(out, "name=%s\n", p->desc.name);
	fprintf(out, "kind=%s\n", p->kind->name);
	fprintf(out, "run=%s\n", run[p->desc.run]);
	fprintf(out, "version=%s\n", p->desc.version);
	fprintf(out, "summary=%s\n", p->desc.summary);
	fprintf(out, "sides=%s\n", sides_text(p->desc.sides));
	print_kind(p, out);
	options_print(&p->desc, out);
}

int
plugin_path(const char *path, char **dir_r, char **name_r, struct err *e)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	size_t n = strlen(base);
	char *cwd = NULL;

	if (n <= 3 || strcmp(base + n - 3, ".so") != 0)
		return err_set(e,
			"%s: expected a plugin's file, like " ADIT_PLUGINDIR "/auth-token.so",
			path);
	if (path[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (cwd == NULL)
			return err_set(e, "the current folder: %s", strerror(errno));
	}
	*dir_r = xasprintf("%s/%.*s", cwd != NULL ? cwd : "", (int)(base - path), path);
	*name_r = xasprintf("%.*s", (int)n - 3, base);
	free(cwd);
	return 0;
}

int
plugin_info(const char *path, FILE *out, struct err *e)
{
	const struct plugin *p = NULL;
	char *dir = NULL, *name = NULL;
	int rc = plugin_path(path, &dir, &name, e);

	if (rc == 0)
		rc = loader_load(dir, name, &p, e);
	if (rc == 0)
		print(p, out);
	free(dir);
	free(name);
	return rc;
}
