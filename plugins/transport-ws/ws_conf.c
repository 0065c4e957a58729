/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The options of transport-ws. Main thread. Fields of the agent's request come from the user and
 * from nobody else, but a line break in them would still be a second request: they are checked
 * here, once. */

#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ws_conf.h"
#include "ws_shake.h"

#define FIELDS_MAX 4096

const struct adit_option ws_options[] = {
	{
		.name = "path",
		.type = ADIT_OPT_STRING,
		.dflt = WS_PATH_DEFAULT,
		.help = "where links are made; on the agent, for a server's address without a path",
	},
	{
		.name = "headers",
		.type = ADIT_OPT_LIST,
		.sides = ADIT_SIDE_AGENT,
		.help = "fields of the agent's request besides its own, each \"Name: value\"",
	},
	{
		.name = "headers_file",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_AGENT,
		.help = "a file of more such fields, one in a line, that nobody else may read",
	},
	{
		.name = "trusted_proxies",
		.type = ADIT_OPT_LIST,
		.sides = ADIT_SIDE_SERVER,
		.help = "addresses and networks (\"10.0.0.0/8\") whose X-Forwarded-For is believed",
	},
	{.name = NULL},
};

const char *
ws_path_check(const char *path, bool query)
{
	if (path[0] != '/')
		return "does not begin with \"/\"";
	for (const char *p = path; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '#' || (*p == '?' && !query))
			return "holds what no path may hold";
	return strlen(path) > 1024 ? "is longer than 1024 bytes" : NULL;
}

/* ---- Fields of the agent's request ----------------------------------------------------------- */

static bool
is_field(const char *line, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(line, name, n) == 0 && line[n] == ':';
}

/* Adds one line; NULL, or what is wrong with it. */
static const char *
add_field(struct ws_conf *c, const char *line)
{
	const char *why = ws_field_check(line);
	size_t have = strlen(c->fields), n = strlen(line);

	if (why != NULL)
		return why;
	if (is_field(line, "Host") && c->host)
		return "is a second Host";
	if (have + n + 2 >= FIELDS_MAX)
		return "is too much: 4 KiB are sent at most";
	memcpy(c->fields + have, line, n);
	memcpy(c->fields + have + n, "\r\n", 3);
	c->host = c->host || is_field(line, "Host");
	return NULL;
}

static int
read_list(const struct adit_conf *conf, struct ws_conf *c, bool *agent)
{
	const char *line, *why;

	for (size_t i = 0; (line = adit_conf_list(conf, "headers", i)) != NULL; i++) {
		why = add_field(c, line);
		if (why != NULL)
			return adit_conf_error(conf, "headers", "entry %zu %s", i + 1, why);
		*agent = *agent || is_field(line, "User-Agent");
	}
	return 0;
}

static int
read_lines(
	const struct adit_conf *conf, struct ws_conf *c, const char *path, char *text, bool *agent)
{
	char *next;

	for (int number = 1; text != NULL && *text != '\0'; text = next, number++) {
		const char *why = NULL;

		next = strchr(text, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (*text != '\0')
			why = add_field(c, text);
		if (why != NULL)
			return adit_conf_error(
				conf, "headers_file", "%s:%d: the field %s", path, number, why);
		*agent = *agent || is_field(text, "User-Agent");
	}
	return 0;
}

static int
read_file(const struct adit_conf *conf, struct ws_conf *c, bool *agent)
{
	const char *path = adit_conf_string(conf, "headers_file");
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (path == NULL)
		return 0;
	if (adit_conf_secret_file(conf, "headers_file", path, FIELDS_MAX, &text, &len) < 0)
		return -1;
	rc = strlen(text) == len
		     ? read_lines(conf, c, path, text, agent)
		     : adit_conf_error(conf, "headers_file", "%s: has a zero byte in it", path);
	adit_secret_free(text, len);
	return rc;
}

static int
read_fields(const struct adit_conf *conf, struct ws_conf *c)
{
	bool agent = false;

	c->fields = calloc(1, FIELDS_MAX);
	if (c->fields == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	if (read_list(conf, c, &agent) < 0 || read_file(conf, c, &agent) < 0)
		return -1;
	/* Fronts refuse who does not say what it is. */
	if (!agent && add_field(c, "User-Agent: adit/" PACKAGE_VERSION) != NULL)
		return adit_conf_error(conf, "headers", "are too much: 4 KiB are sent at most");
	return 0;
}

/* ---- The server's ---------------------------------------------------------------------------- */

static int
read_trusted(const struct adit_conf *conf, struct ws_conf *c)
{
	const char *text;

	for (size_t i = 0; (text = adit_conf_list(conf, "trusted_proxies", i)) != NULL; i++)
		if (nets_add(&c->trusted, text) < 0)
			return adit_conf_error(conf, "trusted_proxies",
				"\"%.60s\" is no address and no network like \"10.0.0.0/8\"", text);
	return 0;
}

/* ---- The instance ---------------------------------------------------------------------------- */

void
ws_conf_destroy(void *inst)
{
	struct ws_conf *c = inst;

	free(c->path);
	nets_fini(&c->trusted);
	adit_secret_free(c->fields, c->fields != NULL ? FIELDS_MAX : 0);
	free(c);
}

static int
fill(const struct adit_conf *conf, struct ws_conf *c)
{
	bool agent = adit_conf_side(conf) == ADIT_SIDE_AGENT;
	const char *why;

	c->path = strdup(adit_conf_string(conf, "path"));
	if (c->path == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	why = ws_path_check(c->path, agent);
	if (why != NULL)
		return adit_conf_error(conf, "path", "\"%.60s\" %s", c->path, why);
	return agent ? read_fields(conf, c) : read_trusted(conf, c);
}

int
ws_conf_create(const struct adit_conf *conf, void **inst_r)
{
	struct ws_conf *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	if (fill(conf, c) < 0) {
		ws_conf_destroy(c);
		return -1;
	}
	*inst_r = c;
	return 0;
}
