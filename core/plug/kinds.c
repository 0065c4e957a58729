/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The table of kinds. Operations are copied by the size that the plugin says it has, so that an
 * older plugin's missing members are NULL and a newer one's unknown members are left alone. */

#include <config.h>

#include <string.h>

#include "plug/kinds.h"
#include "tunnel/identity.h"

/* From the member's end on, a table is long enough to have the member. */
#define SIZE_UP_TO(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

/* Copies a table that begins with its size. least: what it must hold at least. */
static int
take_sized(const void *from, const char *what, size_t least, void *to_r, size_t cap, struct err *e)
{
	uint32_t size;

	if (from == NULL)
		return err_set(e, "has no %s", what);
	memcpy(&size, from, sizeof(size));
	if (size < least)
		return err_set(e, "its %s says that it has %u bytes, but %zu are needed at least",
			what, (unsigned)size, least);
	memset(to_r, 0, cap);
	memcpy(to_r, from, MIN(size, cap));
	memcpy(to_r, &(uint32_t){(uint32_t)cap}, sizeof(uint32_t));
	return 0;
}

/* Words as they stand in AUTH, or "*", with one space between them. */
static int
check_methods(const char *methods, struct err *e)
{
	for (const char *s = methods;; s++) {
		size_t n = strcspn(s, " ");

		if (!name_valid_n(s, n) && !(n == 1 && *s == '*'))
			return err_set(e, "its methods are no list of names: \"%.100s\"", methods);
		s += n;
		if (*s == '\0')
			return 0;
	}
}

static int
take_auth(const struct adit_plugin *plugin, struct plugin_ops *ops_r, struct err *e)
{
	int rc = take_sized(plugin->ops, "table of auth operations",
		SIZE_UP_TO(struct adit_auth_ops, check), &ops_r->auth, sizeof(ops_r->auth), e);

	if (rc < 0)
		return rc;
	if ((plugin->sides & ADIT_SIDE_SERVER) != 0 && ops_r->auth.check == NULL)
		return err_set(e, "is for the server, but has no check()");
	if (plugin->sides == ADIT_SIDE_AGENT && ops_r->auth.prove == NULL)
		return err_set(e, "is for the agent, but has no prove()");
	return ops_r->auth.methods != NULL ? check_methods(ops_r->auth.methods, e) : 0;
}

/* A word that can stand in an address: "tcp", "port". */
static bool
word_valid(const char *s)
{
	size_t n = s != NULL ? strnlen(s, 33) : 0;

	return n > 0 && n < 33 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int
take_layer(const struct adit_layer_ops *from, struct plugin_ops *ops_r, struct err *e)
{
	struct adit_layer_ops *l = &ops_r->layer;
	int rc = take_sized(from, "table of layer operations",
		SIZE_UP_TO(struct adit_layer_ops, close), l, sizeof(*l), e);

	if (rc < 0)
		return rc;
	if (l->open == NULL || l->input == NULL || l->output == NULL || l->close == NULL)
		return err_set(e, "its layer has no %s()",
			l->open == NULL     ? "open"
			: l->input == NULL  ? "input"
			: l->output == NULL ? "output"
					    : "close");
	return 0;
}

static int
take_transport(const struct adit_plugin *plugin, struct plugin_ops *ops_r, struct err *e)
{
	struct adit_transport_ops *t = &ops_r->transport;
	int rc = take_sized(plugin->ops, "table of transport operations",
		SIZE_UP_TO(struct adit_transport_ops, layer), t, sizeof(*t), e);

	if (rc < 0)
		return rc;
	if (!word_valid(t->scheme))
		return err_set(e, "has no scheme of small letters, digits and -");
	if (t->secure_scheme != NULL && !word_valid(t->secure_scheme))
		return err_set(e, "has a secure scheme that is not of small letters, digits and -");
	if (t->secure_scheme != NULL && t->layer == NULL)
		return err_set(e, "has a secure scheme, but no layer to put inside another");
	return t->layer != NULL ? take_layer(t->layer, ops_r, e) : 0;
}

static int
take_route(const struct adit_plugin *plugin, struct plugin_ops *ops_r, struct err *e)
{
	struct adit_route_ops *r = &ops_r->route;
	int rc = take_sized(plugin->ops, "table of route operations",
		SIZE_UP_TO(struct adit_route_ops, claim), r, sizeof(*r), e);

	if (rc < 0)
		return rc;
	if (!word_valid(r->route))
		return err_set(e, "has no route name of small letters, digits and -");
	if (r->protocol > ADIT_PROTOCOL_UDP)
		return err_set(e, "has a route protocol that is not known: %u", r->protocol);
	if (r->claim == NULL)
		return err_set(e, "has no claim()");
	return 0;
}

static const struct adit_option no_options[] = {{.name = NULL}};

static const struct adit_option transport_options[] = {
	{
		.name = "listen",
		.type = ADIT_OPT_LIST,
		.sides = ADIT_SIDE_SERVER,
		.required = 1,
		.help = "addresses where agents may connect, as \"address:port\"",
	},
	{
		.name = "allow_plain",
		.type = ADIT_OPT_BOOL,
		.dflt = "false",
		.help = "allow a transport that does not encrypt beyond loopback addresses",
	},
	{.name = NULL},
};

static const struct adit_option auth_options[] = {
	{
		.name = "methods",
		.type = ADIT_OPT_LIST,
		.sides = ADIT_SIDE_SERVER,
		.help = "methods whose logins this plugin is asked about, in place of its own; "
			"\"*\" is every one",
	},
	{.name = NULL},
};

static const struct kind kinds[] = {
	{ADIT_KIND_TRANSPORT, "transport", true, transport_options, false, take_transport},
	{ADIT_KIND_AUTH, "auth", false, auth_options, true, take_auth},
	{ADIT_KIND_ROUTE, "route", true, no_options, false, take_route},
};

const struct kind *
kind_by_number(uint32_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if ((uint32_t)kinds[i].kind == number)
			return &kinds[i];
	return NULL;
}

const struct kind *
kind_of_name(const char *plugin_name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t n = strlen(kinds[i].name);

		if (strncmp(plugin_name, kinds[i].name, n) == 0 && plugin_name[n] == '-')
			return &kinds[i];
	}
	return NULL;
}
