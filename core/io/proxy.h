/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Which proxy the agent's links go through: what a URL says, and what the environment says as for
 * curl. Touches no socket and resolves nothing. Any thread, but the environment is read before
 * there are others. */

#ifndef ADIT_IO_PROXY_H
#define ADIT_IO_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "util/addr.h"
#include "util/err.h"

enum proxy_kind {
	PROXY_HTTP,  /* CONNECT; RFC 9110 section 9.3.6 */
	PROXY_SOCKS, /* SOCKS5; RFC 1928 */
};

#define PROXY_USER_MAX 255 /* bytes of a user and of a password; RFC 1929 */

struct proxy {
	enum proxy_kind kind;
	char *host;
	uint16_t port;
	char *name; /* "host:port", for people: neither user nor password */
	char *user, *password; /* NULL: it is used without */
};

/* Reads "http://host:3128", "socks5://user:password@host" (socks5h and socks mean the same) or
 * "host:port", which is HTTP. Without a port 80 is meant, or 1080 for SOCKS. User and password may
 * be %-encoded. 0, or -EINVAL with e set, in whose text no password is. */
int proxy_parse(const char *url, struct proxy *p_r, struct err *e);
void proxy_fini(struct proxy *p); /* wipes; harmless twice */

/* Sets user and password in place of the URL's. NULL, or what is wrong with them for such a
 * proxy; nothing is changed then. */
const char *proxy_login(struct proxy *p, const char *user, const char *password);

/* What https_proxy, HTTPS_PROXY, all_proxy or ALL_PROXY say for a link to host, the first that is
 * not empty; *variable_r is its name. NULL: none, or no_proxy or NO_PROXY excepts the host, or it
 * is this machine. */
const char *proxy_environment(const char *host, uint16_t port, const char **variable_r);

/* Whether a list like that of NO_PROXY names the host: "*", or, separated by commas or blanks,
 * names (which stand for their subdomains, too), addresses and networks like 10.0.0.0/8, each with
 * or without ":port". */
bool proxy_excepts(const char *list, const char *host, uint16_t port);

/* "localhost", or an address of this machine's own loopback. Resolves nothing. */
bool proxy_host_is_local(const char *host);

#endif
