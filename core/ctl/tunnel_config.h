/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the agent publishes: the list "tunnels" of its file, or the one tunnel of a command line.
 * Main thread. */

#ifndef ADIT_CTL_TUNNEL_CONFIG_H
#define ADIT_CTL_TUNNEL_CONFIG_H

#include <libconfig.h>

#include "ctl/source.h"
#include "tunnel/conf.h"

/* Reads the list; it may be empty. 0, or -EINVAL with e set. Free with tunnels_free(). */
int tunnels_read(const struct source *src, const config_setting_t *list,
	struct tunnel_conf **tunnels_r, size_t *n_r, struct err *e);

/* One tunnel: target "22" or "host:port"; port and name may be NULL. */
int tunnels_one(bool udp, const char *target, const char *port, const char *name,
	struct tunnel_conf **tunnels_r, size_t *n_r, struct err *e);

void tunnels_free(struct tunnel_conf *tunnels, size_t n);

/* Copies s as a name (1 to 64 of [A-Za-z0-9._-]): what is not allowed becomes '-'. fallback: when
 * nothing is left. Free with free(). */
char *name_reduce(const char *s, const char *fallback);

#endif
