/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Invites. Everything that can fail is tried before the invite is made, so that none is left
 * behind which nobody has. */

#include <config.h>

#include "ctl/invite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/join_line.h"
#include "tunnel/auth.h"
#include "util/compiler.h"

int
invite_address(const char *text, char host_r[HOST_MAX + 1], uint16_t *port_r)
{
	char host[HOST_MAX + 1];
	uint16_t port;

	/* With a port of our own it would read a bare number as one. */
	if (hostport_parse(text, 1, host, &port) < 0 || !join_host_valid(host) ||
		strspn(text, "0123456789") == strlen(text))
		return -EINVAL;
	if (hostport_parse(text, 2, host_r, port_r) == 0 && *port_r != port)
		*port_r = 0; /* it is not in the text */
	else if (port == 0)
		return -EINVAL;
	return 0;
}

/* The first transport that has a pin. */
static int
choose_transport(const struct server_conf *conf, struct join_line *l, const struct module **m_r,
	struct err *e)
{
	const struct modules *all = &conf->modules;

	for (size_t i = 0; i < all->n_transport; i++) {
		const struct module *m = all->transport[i];

		if (m->transport.pin == NULL || m->n_listen == 0 ||
			m->transport.pin(m->inst, "", l->pin, sizeof(l->pin)) != 0)
			continue;
		*m_r = m;
		return 0;
	}
	return err_set(e, "a join line needs a transport whose server can be verified: enable "
			  "transport-tls, with a certificate");
}

/* Host and port: what was asked for, else what the configuration says, else where it listens. */
static int
choose_address(const struct server_conf *conf, const struct invite_ask *ask,
	const struct module *m, struct join_line *l, struct err *e)
{
	const struct addr *a = &m->listen[0];

	l->port = 0;
	if (ask->address != NULL) {
		if (invite_address(ask->address, l->host, &l->port) < 0)
			return err_set(e, "expected a host, or host:port, found '%.80s'",
				ask->address);
	} else if (conf->public_host != NULL) {
		snprintf(l->host, sizeof(l->host), "%s", conf->public_host);
		l->port = conf->public_port;
	} else if (addr_is_any(a)) {
		return err_set(e, "by which name do agents reach this server? give --host NAME, or "
				  "write public_address = \"NAME\" into %s", conf->file);
	} else {
		addr_host_text(a, l->host, sizeof(l->host));
	}
	if (l->port == 0)
		l->port = addr_port(a);
	return l->port != 0 ? 0 : err_set(e, "at which port? give --host NAME:PORT");
}

static int
make_token(const struct server_conf *conf, const struct invite_ask *ask, struct join_line *l,
	struct err *e)
{
	struct adit_issue issue = {
		.account = ask->account != NULL ? ask->account : "default",
		.grants = ask->grants,
		.n_grants = ask->n_grants,
		.valid_for = MAX(ask->valid_ms / 1000, 1),
	};
	int rc = 0;

	if (auth_invite(&conf->modules, &issue) < 0)
		rc = err_set(e, "%s", issue.error);
	else if (issue.secret[0] == '\0' || strlen(issue.secret) > JOIN_TOKEN_MAX)
		rc = err_set(e, "the auth plugin's invite has %zu letters, but 1 to %d are "
				"possible", strlen(issue.secret), JOIN_TOKEN_MAX);
	else
		snprintf(l->token, sizeof(l->token), "%s", issue.secret);
	issue_fini(&issue);
	return rc;
}

int
invite_make(const struct server_conf *conf, const struct invite_ask *ask, char **line_r,
	struct err *e)
{
	struct join_line l = {.port = 0};
	const struct module *m = NULL;
	int rc = choose_transport(conf, &l, &m, e);

	if (rc == 0)
		rc = choose_address(conf, ask, m, &l, e);
	if (rc == 0 && m->transport.pin(m->inst, l.host, l.pin, sizeof(l.pin)) != 0)
		rc = err_set(e, "the server has no pin for %.80s", l.host);
	if (rc == 0)
		rc = make_token(conf, ask, &l, e);
	if (rc == 0)
		*line_r = join_line_format(&l);
	join_line_wipe(&l);
	return rc;
}
