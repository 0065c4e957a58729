/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Tunnels of a session at the server: asks the route plugin for candidates until one is free in the
 * registry and in the kernel. Owner worker only; plugins' claim() runs here and must not block. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/server_priv.h"
#include "util/log.h"

#define CANDIDATES_MAX 65536u

/* BIND with its texts as terminated strings, as plugins want them. */
struct asked {
	char name[NAME_MAX_LEN + 1], route[NAME_MAX_LEN + 1];
	const char *key[MSG_PARAMS_MAX], *value[MSG_PARAMS_MAX];
	char store[FRAME_CONTROL_MAX + 2 * MSG_PARAMS_MAX];
};

static const char *
store(char **at, struct text t)
{
	char *s = *at;

	memcpy(s, t.p, t.n);
	s[t.n] = '\0';
	*at += t.n + 1;
	return s;
}

static void
asked_of(struct asked *a, const struct msg_bind *b)
{
	char *at = a->store;

	text_copy(a->name, sizeof(a->name), b->name);
	text_copy(a->route, sizeof(a->route), b->route);
	for (unsigned i = 0; i < b->n_params; i++) {
		a->key[i] = store(&at, b->param[i].key);
		a->value[i] = store(&at, b->param[i].value);
	}
}

static const struct module *
route_of(const struct server_conf *conf, const char *route)
{
	for (size_t i = 0; i < conf->modules.n_route; i++)
		if (strcmp(conf->modules.route[i]->route.route, route) == 0)
			return conf->modules.route[i];
	return NULL;
}

static void
refuse(struct server_session *ss, uint32_t tunnel, const char *name, uint16_t code,
	const char *text)
{
	static struct log_limit limit; /* an agent may ask as often as it likes */

	log_limited(&limit, LOG_INFO, "%s tunnel=%s refused: %s", server_session_name(ss), name,
		text);
	mux_send_bind_fail(&ss->base.mux, tunnel, code, text);
}

/* The claim is the session's; makes the tunnel and says so. */
static void
bound(struct server_session *ss, uint32_t id, const struct adit_claim *c, uint64_t claim)
{
	struct tunnel *t = xcalloc(1, sizeof(*t));
	char text[ADDR_TEXT_MAX], url[ADDR_TEXT_MAX + 8];

	t->id = id;
	t->claim = claim;
	snprintf(t->name, sizeof(t->name), "%s", c->tunnel);
	idmap_put(&ss->tunnels, id, t);
	snprintf(url, sizeof(url), "%s://%s", c->datagram ? "udp" : "tcp",
		addr_text(&c->listen, text, sizeof(text)));
	log_info("%s tunnel=%s bound to %s", server_session_name(ss), c->tunnel, url);
	mux_send_bind_ok(&ss->base.mux, id, url);
}

/* Opens the front of a new claim; who takes the agent over meanwhile may give the claim up. */
static int
open_front(struct server_session *ss, uint64_t claim, const struct adit_claim *c)
{
	struct registry *r = ss->sw->srv->registry;
	uint32_t front;
	int rc = c->datagram ? udp_front_open(ss->sw, claim, c->tunnel, &c->listen)
			     : front_open(ss->sw, claim, &c->listen);

	if (rc < 0) {
		registry_unclaim(r, ss->reg_id, claim, &front);
		return rc;
	}
	if (registry_fronted(r, claim, ss->sw->w->index))
		return 0;
	front_close(ss->sw, claim);
	return -ESHUTDOWN;
}

/* One candidate. 0: it is ours; -EADDRINUSE: try the next; other negative errno: it cannot be
 * had. */
static int
try_candidate(struct server_session *ss, uint32_t id, const struct adit_claim *c, uint64_t *claim_r)
{
	struct server *srv = ss->sw->srv;
	struct claim_got got = {0};
	const struct addr *a = &c->listen;
	char text[ADDR_TEXT_MAX], address[ADDR_TEXT_MAX + 4];
	struct claim_ask ask = {
		.tunnel = c->tunnel,
		.tunnel_id = id,
		.address = address,
		.datagram = c->datagram,
		.port = addr_port(a),
		.asked = c->asked,
		.max = (size_t)ss->sw->conf->conf->limits.tunnels_per_account,
	};

	/* UDP has ports of its own. */
	snprintf(address, sizeof(address), "%s%s", c->datagram ? "udp/" : "",
		addr_text(a, text, sizeof(text)));
	switch (registry_claim(srv->registry, ss->reg_id, &ask, &got)) {
	case CLAIM_MOVED:
		if (got.far_front != REGISTRY_NO_WORKER)
			(void)post_follow(srv->workers[got.far_front], got.id);
		*claim_r = got.id;
		return 0;
	case CLAIM_TAKEN:
		return -EADDRINUSE;
	case CLAIM_LOST:
		return -ESHUTDOWN;
	case CLAIM_FULL:
		return -EDQUOT;
	case CLAIM_NEW:
		break;
	}
	*claim_r = got.id;
	return open_front(ss, got.id, c);
}

/* Whether the search may go on behind the first candidates; else ss->walk says why not. */
static bool
may_walk(struct server_session *ss, const struct module *m)
{
	const struct limits *l = &ss->sw->conf->conf->limits;

	if (ss->walk == NULL)
		ss->walk = xcalloc(1, sizeof(*ss->walk));
	return walk_begin(ss->walk, m, (uint64_t)l->tunnels_per_session, ss->base.w->now);
}

/* The plugin has no candidate, or none any more. */
static void
no_candidate(struct server_session *ss, const struct module *m, uint32_t id, struct adit_claim *c,
	uint32_t attempt)
{
	const char *text = c->text[0] != '\0' ? c->text : "refused";

	if (attempt > WALK_SHORT)
		walk_barren(ss->walk, m, c->code, text, ss->base.w->now);
	refuse(ss, id, c->tunnel, c->code, text);
}

/* A candidate that is not in use and cannot be had either. */
static void
no_address(struct server_session *ss, uint32_t id, const struct adit_claim *c, int err)
{
	char text[256], where[ADDR_TEXT_MAX];

	if (err == EDQUOT) {
		refuse(ss, id, c->tunnel, CODE_LIMIT,
			"the account has all its tunnels (limit tunnels_per_account)");
		return;
	}
	snprintf(text, sizeof(text), "the server cannot listen on %s: %s",
		addr_text(&c->listen, where, sizeof(where)), strerror(err));
	refuse(ss, id, c->tunnel, CODE_NO_ADDRESS, text);
}

/* Returns how many candidates it has looked at. */
static uint32_t
claim_some(struct server_session *ss, const struct module *m, uint32_t id, struct adit_claim *c)
{
	void *worker = module_worker(m, ss->base.w->index);
	uint32_t attempt;
	uint64_t claim;
	int rc;

	for (attempt = 0; attempt < CANDIDATES_MAX; attempt++) {
		if (attempt == WALK_SHORT && !may_walk(ss, m)) {
			refuse(ss, id, c->tunnel, ss->walk->code, ss->walk->text);
			return attempt;
		}
		memset(&c->listen, 0, sizeof(c->listen));
		c->asked = false;
		c->code = CODE_INTERNAL;
		if (m->route.claim(m->inst, worker, c, attempt) != 0) {
			no_candidate(ss, m, id, c, attempt);
			return attempt;
		}
		if (c->listen.len == 0)
			break;
		rc = try_candidate(ss, id, c, &claim);
		if (rc == 0)
			bound(ss, id, c, claim);
		else if (rc != -EADDRINUSE)
			no_address(ss, id, c, -rc);
		if (rc != -EADDRINUSE)
			return attempt;
	}
	refuse(ss, id, c->tunnel, CODE_INTERNAL, "the route plugin gave no address");
	return attempt;
}

static void
claim_address(struct server_session *ss, const struct module *m, uint32_t id,
	const struct asked *a, size_t n_params)
{
	struct adit_claim c = {.id = &ss->id, .tunnel = a->name, .param_key = a->key,
		.param_value = a->value, .n_params = n_params,
		.datagram = m->route.protocol == ADIT_PROTOCOL_UDP};
	uint32_t tried;

	c.reserved = registry_port(ss->sw->srv->registry, ss->reg_id, a->name, c.datagram);
	tried = claim_some(ss, m, id, &c);
	if (tried > WALK_SHORT)
		walk_end(ss->walk, tried);
}

static bool
name_in_use(struct server_session *ss, const char *name)
{
	struct tunnel *t;
	size_t pos = 0;

	while ((t = idmap_next(&ss->tunnels, &pos, NULL)) != NULL)
		if (strcmp(t->name, name) == 0)
			return true;
	return false;
}

void
server_on_bind(struct mux *m, const struct msg_bind *b)
{
	struct server_session *ss = server_session_of(m);
	const struct server_conf *conf = ss->sw->conf->conf; /* in force, not the session's */
	const struct module *route;
	struct asked a;

	if (idmap_get(&ss->tunnels, b->tunnel) != NULL) {
		session_fail(&ss->base, CODE_PROTOCOL, "BIND: tunnel id in use");
		return;
	}
	asked_of(&a, b);
	route = route_of(conf, a.route);
	if (m->state == SESSION_DRAINING)
		refuse(ss, b->tunnel, a.name, CODE_SHUTDOWN, code_text(CODE_SHUTDOWN));
	else if (ss->tunnels.n >= (size_t)conf->limits.tunnels_per_session)
		refuse(ss, b->tunnel, a.name, CODE_LIMIT,
			"the session has all its tunnels (limit tunnels_per_session)");
	else if ((int64_t)ss->tunnels.n >= ss->max_tunnels)
		refuse(ss, b->tunnel, a.name, CODE_LIMIT,
			"the session has all its tunnels (grant max_tunnels)");
	else if (name_in_use(ss, a.name))
		refuse(ss, b->tunnel, a.name, CODE_IN_USE, "the agent has a tunnel of this name");
	else if (route == NULL)
		refuse(ss, b->tunnel, a.name, CODE_NO_SUCH_ROUTE, code_text(CODE_NO_SUCH_ROUTE));
	else if (b->datagram != (route->route.protocol == ADIT_PROTOCOL_UDP))
		refuse(ss, b->tunnel, a.name, CODE_BAD_REQUEST,
			b->datagram ? "this route is for TCP, and the tunnel is for UDP"
				    : "this route is for UDP, and the tunnel is for TCP");
	else
		claim_address(ss, route, b->tunnel, &a, b->n_params);
}

void
server_on_unbind(struct mux *m, const struct msg_bind_fail *unbind)
{
	struct server_session *ss = server_session_of(m);
	struct tunnel *t = idmap_del(&ss->tunnels, unbind->tunnel);
	struct server *srv = ss->sw->srv;
	uint32_t worker;

	if (t == NULL)
		return;
	log_info("%s tunnel=%s given up", server_session_name(ss), t->name);
	registry_unclaim(srv->registry, ss->reg_id, t->claim, &worker);
	if (worker == ss->sw->w->index)
		front_close(ss->sw, t->claim);
	else if (worker != REGISTRY_NO_WORKER)
		(void)post_close_front(srv->workers[worker], t->claim); /* fails only at the end */
	free(t);
}
