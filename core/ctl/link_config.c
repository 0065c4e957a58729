/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent's way to its server. A scheme is a transport's own ("tls"), or the one that it has
 * inside a transport that encrypts ("wss" is ws inside tls). Its plugin is looked for by its name:
 * transport-wss, then, without the s for "secure", transport-ws. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/config.h"
#include "ctl/link_config.h"
#include "util/compiler.h"

#define ENCRYPTING "transport-tls"

/* ---- The address ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint16_t port;
	bool has_path;
} schemes[] = {
	{"tcp", CONFIG_DEFAULT_PORT, false},
	{"tls", CONFIG_DEFAULT_PORT, false},
	{"ws", 80, true},
	{"wss", 443, true},
	{"", CONFIG_DEFAULT_PORT, true}, /* somebody else's */
};

static size_t
scheme_find(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_LEN(schemes) - 1 && strcmp(schemes[i].name, name) != 0)
		i++;
	return i;
}

/* Cuts "tcp://" off; *rest_r is what follows. */
static int
take_scheme(const char *s, char scheme_r[17], const char **rest_r)
{
	const char *sep = strstr(s, "://");
	size_t n = sep != NULL ? (size_t)(sep - s) : 0;

	*rest_r = s;
	scheme_r[0] = '\0';
	if (sep == NULL)
		return 0;
	if (n == 0 || n > 16 || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") < n)
		return -EINVAL;
	snprintf(scheme_r, 17, "%.*s", (int)n, s);
	*rest_r = sep + 3;
	return 0;
}

/* What can stand in a request line: no blanks, nothing that is not ASCII, no fragment. */
static bool
path_valid(const char *s)
{
	size_t n = 0;

	while (s[n] > ' ' && s[n] < 0x7f && s[n] != '#' && s[n] != '"' && s[n] != '\\')
		n++;
	return s[n] == '\0' && n <= LINK_PATH_MAX;
}

int
link_address_parse(const char *s, struct link_address *a_r)
{
	struct link_address a = {.path = ""};
	char where[HOST_MAX + 16];
	const char *rest, *path;
	size_t i;

	if (take_scheme(s, a.scheme, &rest) < 0)
		return -EINVAL;
	i = scheme_find(a.scheme);
	path = rest + strcspn(rest, "/");
	if (path - rest >= (ptrdiff_t)sizeof(where) || !path_valid(path) ||
		(path[0] != '\0' && (a.scheme[0] == '\0' || !schemes[i].has_path)))
		return -EINVAL;
	snprintf(where, sizeof(where), "%.*s", (int)(path - rest), rest);
	if (hostport_parse(where, schemes[i].port, a.host, &a.port) < 0 || a.port == 0)
		return -EINVAL;
	snprintf(a.path, sizeof(a.path), "%s", path);
	*a_r = a;
	return 0;
}

/* ---- The plugins ----------------------------------------------------------------------------- */

static bool
is_transport(const struct module *m)
{
	return m->plugin->kind == ADIT_KIND_TRANSPORT;
}

static bool
has_scheme(const struct module *m, const char *scheme)
{
	return strcmp(m->transport.scheme, scheme) == 0;
}

static bool
has_secure_scheme(const struct module *m, const char *scheme)
{
	const char *s = m->transport.secure_scheme;

	return s != NULL && strcmp(s, scheme) == 0;
}

static bool
encrypts(const struct module *m)
{
	return m->transport.encrypted != 0 && m->layer.size != 0;
}

static bool
is_there(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s.so", dir, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static struct plug_entry *
add(struct plugset *set, const char *name, struct place at)
{
	struct plug_entry *p;

	if (plugset_find(set, name) != NULL)
		return NULL; /* it is there, and is not what we look for */
	p = plugset_new(set, name);
	p->file = at.file;
	p->line = at.line;
	return p;
}

/* The plugin that a scheme is looked for in, when no other has it. */
static struct plug_entry *
add_by_name(struct plugset *set, const char *dir, const char *scheme, struct place at)
{
	size_t n = strlen(scheme);
	char own[40], inner[40];

	snprintf(own, sizeof(own), "transport-%s", scheme);
	snprintf(inner, sizeof(inner), "transport-%.*s", n > 1 ? (int)n - 1 : 0, scheme);
	if (!is_there(dir, own) && scheme[n - 1] == 's' && is_there(dir, inner))
		return add(set, inner, at);
	/* If there is none, the loader says so, unless another choice was made in the file. */
	if (is_there(dir, own) || plugset_count(set, "transport-") == 0)
		return add(set, own, at);
	return NULL;
}

struct plug_entry *
link_needs(struct plugset *set, const char *dir, const char *scheme, struct place at)
{
	bool inside = false, secure = false;

	if (scheme[0] == '\0' && plugset_count(set, "transport-") > 0)
		return NULL;
	if (scheme[0] == '\0')
		return add(set, is_there(dir, ENCRYPTING) ? ENCRYPTING : "transport-tcp", at);
	for (size_t i = 0; i < set->n; i++) {
		const struct module *m = set->entry[i].module;

		if (!is_transport(m))
			continue;
		if (has_scheme(m, scheme))
			return NULL;
		inside |= has_secure_scheme(m, scheme);
		secure |= encrypts(m);
	}
	if (!inside)
		return add_by_name(set, dir, scheme, at);
	return secure ? NULL : add(set, ENCRYPTING, at);
}

/* ---- The stack ------------------------------------------------------------------------------- */

static const struct module *
find(const struct modules *m, const char *scheme,
	bool (*is)(const struct module *m, const char *scheme))
{
	for (size_t i = 0; i < m->n_transport; i++)
		if (is(m->transport[i], scheme))
			return m->transport[i];
	return NULL;
}

static bool
is_secure(const struct module *m, const char *scheme)
{
	(void)scheme;
	return encrypts(m);
}

/* Of those that are enabled: the one that encrypts, or the only one. */
static const struct module *
unnamed(const struct modules *m)
{
	const struct module *tls = find(m, "tls", has_scheme);

	return tls != NULL ? tls : m->n_transport == 1 ? m->transport[0] : NULL;
}

int
link_stack(struct agent_conf *conf, const char *scheme, struct place at, struct err *e)
{
	const struct modules *m = &conf->modules;
	const struct module *own, *inner, *secure;

	own = scheme[0] == '\0' ? unnamed(m) : find(m, scheme, has_scheme);
	if (scheme[0] == '\0' && own == NULL)
		return err_at(e, at.file, at.line,
			"several transports are enabled: write which one into the server's "
			"address, like \"tcp://host:port\"");
	if (own != NULL) {
		conf->stack[conf->n_stack++] = own;
		return 0;
	}
	inner = find(m, scheme, has_secure_scheme);
	secure = find(m, scheme, is_secure);
	if (inner == NULL || secure == NULL)
		return err_at(e, at.file, at.line,
			"no transport that is enabled has the scheme of the server's address, "
			"\"%s\"%s", scheme,
			inner != NULL ? ": none that encrypts is there to put it inside" : "");
	conf->stack[conf->n_stack++] = secure;
	conf->stack[conf->n_stack++] = inner;
	return 0;
}
