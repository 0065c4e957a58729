/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent's way to its server: the address as people write it, which transports its scheme needs,
 * and in which order they stand on one another. Main thread. */

#ifndef ADIT_CTL_LINK_CONFIG_H
#define ADIT_CTL_LINK_CONFIG_H

#include "ctl/plugset.h"
#include "ctl/schema.h"

#define LINK_PATH_MAX 512

/* "wss://host:443/path", "host" */
struct link_address {
	char scheme[17]; /* "": not said */
	char host[HOST_MAX + 1];
	uint16_t port;
	char path[LINK_PATH_MAX + 1]; /* with its "/", or "" */
};

#define LINK_ADDRESS_FORM                                                                          \
	"\"host:port\" or a URL such as \"tls://host:port\" or \"wss://host/path\""

/* What is not said of the port is the scheme's own. 0 or -EINVAL. */
int link_address_parse(const char *s, struct link_address *a_r);

/* Adds to the set, all of whose plugins are created, one transport that the scheme needs, if one is
 * missing and there is one in the folder dir. Its place is where the address stands. NULL: nothing
 * is missing. */
struct plug_entry *link_needs(struct plugset *set, const char *dir, const char *scheme,
	struct place at);

/* Puts into conf what its links are made of. 0, or -EINVAL with e set. */
int link_stack(struct agent_conf *conf, const char *scheme, struct place at, struct err *e);

#endif
