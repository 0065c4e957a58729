/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the agent publishes. A target is parsed here and resolved only when it is dialled. Main
 * thread. */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/schema.h"
#include "ctl/tunnel_config.h"
#include "tunnel/identity.h"
#include "util/compiler.h"

#define TARGET_FORM "a port of this host (\"22\") or \"host:port\""

/* One group of the list as it stands in the file. */
struct entry {
	const char *name, *target, *route;
	int protocol; /* index in protocol_words, or -1: what the route is for */
	int64_t port;
};

enum { KEY_NAME, KEY_TARGET, KEY_ROUTE, KEY_PROTOCOL, KEY_PORT, N_KEYS };

static const char *const protocol_words[] = {"tcp", "udp", NULL};

static const struct schema_key keys[N_KEYS + 1] = {
	{"name", SCHEMA_STRING, offsetof(struct entry, name), 0, 0, NULL},
	{"target", SCHEMA_STRING, offsetof(struct entry, target), 0, 0, NULL},
	{"route", SCHEMA_STRING, offsetof(struct entry, route), 0, 0, NULL},
	{"protocol", SCHEMA_WORD, offsetof(struct entry, protocol), 0, 0, protocol_words},
	{"port", SCHEMA_INT, offsetof(struct entry, port), 1, UINT16_MAX, NULL},
	{NULL, SCHEMA_INT, 0, 0, 0, NULL},
};

void
tunnels_free(struct tunnel_conf *tunnels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct tunnel_conf *t = &tunnels[i];

		for (size_t j = 0; j < t->n_params; j++) {
			free(t->param_key[j]);
			free(t->param_value[j]);
		}
		free(t->param_key);
		free(t->param_value);
		free(t->name);
		free(t->route);
		free(t->target);
		free(t->host);
	}
	free(tunnels);
}

static void
set_port(struct tunnel_conf *t, int64_t port)
{
	t->param_key = xcalloc(1, sizeof(char *));
	t->param_value = xcalloc(1, sizeof(char *));
	t->param_key[0] = xstrdup("port");
	t->param_value[0] = xasprintf("%" PRId64, port);
	t->n_params = 1;
}

/* The target has been parsed into host and port; a bare port is shown with its host. */
static void
tunnel_init(struct tunnel_conf *t, const struct entry *en, const char *host, uint16_t port)
{
	bool udp = en->protocol >= 0 ? en->protocol == 1 : strcmp(en->route, "udp") == 0;
	bool bare = strcmp(host, "127.0.0.1") == 0 && strchr(en->target, ':') == NULL;

	*t = (struct tunnel_conf){
		.name = xstrdup(en->name),
		.route = xstrdup(en->route),
		.datagram = udp,
		.target = bare ? xasprintf("%s:%u", host, port) : xstrdup(en->target),
		.host = xstrdup(host),
		.port = port,
	};
	if (en->port > 0)
		set_port(t, en->port);
}

/* A target needs a port that can be dialled. */
static int
target_parse(const char *s, char host_r[HOST_MAX + 1], uint16_t *port_r)
{
	int rc = hostport_parse(s, 0, host_r, port_r);

	return rc == 0 && *port_r == 0 ? -EINVAL : rc;
}

/* --- the file --- */

static int
check_unique(const struct source *src, const config_setting_t *group, const struct entry *en,
	const struct tunnel_conf *before, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct tunnel_conf *t = &before[i];

		if (strcmp(t->name, en->name) == 0)
			return schema_fail(src, group, e, "another tunnel is named '%s' already",
				en->name);
		if (en->port > 0 && t->n_params > 0 && strcmp(t->route, en->route) == 0 &&
			strtoll(t->param_value[0], NULL, 10) == en->port)
			return schema_fail(src, group, e,
				"tunnel '%s' asks for port %" PRId64 " already", t->name, en->port);
	}
	return 0;
}

static int
check_entry(const struct source *src, const config_setting_t *group, const struct entry *en,
	const struct place *place, struct err *e)
{
	for (size_t i = KEY_NAME; i <= KEY_TARGET; i++)
		if (place[i].file == NULL)
			return schema_fail(src, group, e, "the key '%s' is missing", keys[i].name);
	if (!name_valid(en->name))
		return err_at(e, src->file, place[KEY_NAME].line,
			"key 'name': expected 1 to %d of A-Z a-z 0-9 . _ -, found \"%.80s\"",
			NAME_MAX_LEN, en->name);
	if (!name_valid(en->route))
		return err_at(e, src->file, place[KEY_ROUTE].line,
			"key 'route': expected a route's name like \"port\", found \"%.80s\"",
			en->route);
	return 0;
}

static int
read_tunnel(const struct source *src, const config_setting_t *group, struct tunnel_conf *tunnels,
	size_t n, struct err *e)
{
	struct place place[N_KEYS] = {{.file = NULL}};
	struct entry en = {.route = "port", .protocol = -1};
	char host[HOST_MAX + 1];
	uint16_t port;

	if (!config_setting_is_group(group))
		return schema_fail(src, group, e,
			"expected a group { name = …; target = …; }, found %s",
			schema_kind(group));
	if (schema_group(src, group, keys, &en, place, e) < 0 ||
		check_entry(src, group, &en, place, e) < 0 ||
		check_unique(src, group, &en, tunnels, n, e) < 0)
		return -EINVAL;
	if (target_parse(en.target, host, &port) < 0)
		return err_at(e, src->file, place[KEY_TARGET].line,
			"key 'target': expected " TARGET_FORM ", found \"%.80s\"", en.target);
	tunnel_init(&tunnels[n], &en, host, port);
	return 0;
}

int
tunnels_read(const struct source *src, const config_setting_t *list,
	struct tunnel_conf **tunnels_r, size_t *n_r, struct err *e)
{
	size_t n = (size_t)config_setting_length(list);
	struct tunnel_conf *tunnels = xcalloc(n + 1, sizeof(*tunnels));

	for (size_t i = 0; i < n; i++) {
		config_setting_t *group = config_setting_get_elem(
			(config_setting_t *)(uintptr_t)list, (unsigned)i);

		if (read_tunnel(src, group, tunnels, i, e) < 0) {
			tunnels_free(tunnels, i);
			return -EINVAL;
		}
	}
	*tunnels_r = tunnels;
	*n_r = n;
	return 0;
}

/* --- the command line --- */

char *
name_reduce(const char *s, const char *fallback)
{
	char *name = xasprintf("%.*s", NAME_MAX_LEN, s);

	for (char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
			*p = '-';
	if (name[0] != '\0')
		return name;
	free(name);
	return xstrdup(fallback);
}

/* "tcp-22" for a port of this host, "db-5432" for another's. */
static char *
default_name(const char *protocol, const char *host, uint16_t port)
{
	bool here = strcmp(host, "127.0.0.1") == 0 || strcmp(host, "localhost") == 0 ||
		    strcmp(host, "::1") == 0;
	char *text = xasprintf("%.50s-%u", here ? protocol : host, port), *name;

	name = name_reduce(text, protocol);
	free(text);
	return name;
}

static int
port_parse(const char *s, int64_t *port_r)
{
	size_t n = strlen(s);
	long v;

	if (n == 0 || n > 5 || strspn(s, "0123456789") != n)
		return -EINVAL;
	v = strtol(s, NULL, 10);
	if (v < 1 || v > UINT16_MAX)
		return -EINVAL;
	*port_r = v;
	return 0;
}

int
tunnels_one(bool udp, const char *target, const char *port, const char *name,
	struct tunnel_conf **tunnels_r, size_t *n_r, struct err *e)
{
	struct entry en = {.target = target, .route = udp ? "udp" : "port", .name = name,
		.protocol = udp};
	char host[HOST_MAX + 1], *own_name = NULL;
	uint16_t target_port;

	if (target_parse(target, host, &target_port) < 0)
		return err_set(e, "expected " TARGET_FORM " as the target, found \"%.80s\"",
			target);
	if (port != NULL && port_parse(port, &en.port) < 0)
		return err_set(e, "--port: expected 1 to 65535, found \"%.80s\"", port);
	if (name != NULL && !name_valid(name))
		return err_set(e, "--name: expected 1 to %d of A-Z a-z 0-9 . _ -, found \"%.80s\"",
			NAME_MAX_LEN, name);
	if (name == NULL)
		en.name = own_name = default_name(udp ? "udp" : "tcp", host, target_port);
	*tunnels_r = xcalloc(1, sizeof(**tunnels_r));
	tunnel_init(*tunnels_r, &en, host, target_port);
	*n_r = 1;
	free(own_name);
	return 0;
}
