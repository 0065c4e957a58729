/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Texts as configuration files of both programs: our grammar, libconfig behind it, the keys. The
 * first byte says whose file it is, 'a' for the agent's. What must hold: a refusal has a line and a
 * text, libconfig never finds a mistake in the syntax that our grammar let pass, and what is taken
 * lies within the bounds that the rest of the program relies on. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config.h"
#include "ctl/schema.h"
#include "ctl/tunnel_config.h"
#include "tunnel/identity.h"
#include "util/compiler.h"
#include "wire/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_limits(const struct source *src)
{
	const config_setting_t *group = config_lookup(&src->tree, "limits");
	struct limit_places places = {.place = {{.file = NULL}}};
	struct limits l;

	limits_default(&l);
	must(group == NULL || schema_limits(src, group, &l, &places, NULL) == 0);
	for (const struct limit_info *i = limit_infos; i->name != NULL; i++) {
		int64_t v = *(const int64_t *)((const char *)&l + i->offset);

		must(v >= i->min && v <= i->max);
	}
	must(limits_conflict(&l) == NULL);
}

static void
check_tunnel(const struct tunnel_conf *t, const struct tunnel_conf *before, size_t n)
{
	must(name_valid(t->name) && name_valid(t->route));
	must(t->host[0] != '\0' && t->port != 0);
	must(t->n_params <= MSG_PARAMS_MAX);
	for (size_t i = 0; i < t->n_params; i++)
		must(name_valid(t->param_key[i]));
	for (size_t i = 0; i < n; i++)
		must(strcmp(before[i].name, t->name) != 0);
}

static void
check_tunnels(const struct source *src)
{
	const config_setting_t *list = config_lookup(&src->tree, "tunnels");
	struct tunnel_conf *tunnels = NULL;
	size_t n = 0;

	must(list == NULL || tunnels_read(src, list, &tunnels, &n, NULL) == 0);
	for (size_t i = 0; i < n; i++)
		check_tunnel(&tunnels[i], tunnels, i);
	tunnels_free(tunnels, n);
}

/* A text that was taken. */
static void
check_taken(const char *text, size_t size, bool agent)
{
	struct source *src;

	must(source_parse("again", text, size, &src, NULL) == 0);
	check_limits(src);
	if (agent)
		check_tunnels(src);
	source_free(src);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {.msg = ""};
	const char *text = (const char *)data + 1;
	bool agent = size > 0 && data[0] == 'a';
	int rc;

	if (size == 0)
		return 0;
	if (agent)
		rc = agent_config_check_text(text, size - 1, &e);
	else
		rc = server_config_check_text(text, size - 1, &e);
	must(rc == 0 || (e.msg[0] != '\0' && e.line > 0));
	must(strcmp(e.msg, "syntax error") != 0);
	if (rc == 0)
		check_taken(text, size - 1, agent);
	return 0;
}
