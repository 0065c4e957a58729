/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The registry. Any thread; everything below struct registry is protected by its lock, which is held
 * for look-ups only, never across a system call. */

#include <config.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/registry.h"
#include "util/list.h"
#include "util/map.h"
#include "util/rand.h"
#include "wire/code.h"

struct account {
	char *name;
	size_t sessions;
};

/* One identity, while it has a session or a claim. */
struct agent_entry {
	char *key; /* account/agent */
	size_t account_len;
	struct session_ref session; /* id 0: away */
	struct list claims;
};

struct session_entry {
	uint64_t id;
	struct agent_entry *agent;
	struct account *account;
};

struct claim {
	uint64_t id;
	char *address;
	char tunnel[NAME_MAX_LEN + 1];
	struct agent_entry *agent;
	struct list node;          /* in agent->claims */
	struct session_ref owner;  /* id 0: reserved */
	uint32_t tunnel_id;
	uint16_t port;
	bool datagram;
	uint32_t front; /* worker of its front */
	struct mono until; /* while reserved */
};

struct registry {
	pthread_mutex_t lock;
	struct strmap accounts, agents, addresses; /* addresses: to claims */
	struct idmap sessions, claims;
	uint64_t next_claim;
};

struct registry *
registry_new(void)
{
	struct registry *r = xcalloc(1, sizeof(*r));

	must(pthread_mutex_init(&r->lock, NULL) == 0);
	return r;
}

static void
agent_settle(struct registry *r, struct agent_entry *a)
{
	if (a->session.id != 0 || !list_empty(&a->claims))
		return;
	strmap_del(&r->agents, a->key);
	free(a->key);
	free(a);
}

static void
claim_free(struct registry *r, struct claim *c)
{
	struct agent_entry *a = c->agent;

	strmap_del(&r->addresses, c->address);
	idmap_del(&r->claims, c->id);
	list_remove(&c->node);
	free(c->address);
	free(c);
	agent_settle(r, a);
}

static void
session_free(struct registry *r, struct session_entry *s)
{
	struct agent_entry *a = s->agent;

	if (--s->account->sessions == 0) {
		strmap_del(&r->accounts, s->account->name);
		free(s->account->name);
		free(s->account);
	}
	idmap_del(&r->sessions, s->id);
	if (a->session.id == s->id)
		a->session.id = 0;
	free(s);
	agent_settle(r, a);
}

void
registry_free(struct registry *r)
{
	void *p;
	size_t pos = 0;

	if (r == NULL)
		return;
	while ((p = idmap_next(&r->claims, &pos, NULL)) != NULL)
		claim_free(r, p);
	pos = 0;
	while ((p = idmap_next(&r->sessions, &pos, NULL)) != NULL)
		session_free(r, p);
	strmap_fini(&r->accounts);
	strmap_fini(&r->agents);
	strmap_fini(&r->addresses);
	idmap_fini(&r->sessions);
	idmap_fini(&r->claims);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- Logins -------------------------------------------------------------------------------------- */

static struct account *
account_get(struct registry *r, const char *name)
{
	struct account *a = strmap_get(&r->accounts, name);

	if (a != NULL)
		return a;
	a = xcalloc(1, sizeof(*a));
	a->name = xstrdup(name);
	strmap_put(&r->accounts, name, a);
	return a;
}

static struct agent_entry *
agent_get(struct registry *r, const struct identity *id)
{
	char key[2 * NAME_MAX_LEN + 2];
	struct agent_entry *a;

	snprintf(key, sizeof(key), "%s/%s", id->account, id->agent);
	a = strmap_get(&r->agents, key);
	if (a != NULL)
		return a;
	a = xcalloc(1, sizeof(*a));
	a->key = xstrdup(key);
	a->account_len = strlen(id->account);
	list_init(&a->claims);
	strmap_put(&r->agents, key, a);
	return a;
}

/* The claims of a session that is gone wait for the next one of the same agent. */
static void
reserve_claims(struct agent_entry *a, uint64_t session, struct mono until)
{
	struct list *n, *tmp;

	list_each(n, tmp, &a->claims) {
		struct claim *c = list_entry(n, struct claim, node);

		if (c->owner.id != session)
			continue;
		c->owner.id = 0;
		c->until = until;
	}
}

static const char *
over_limit(struct registry *r, const struct identity *id, const struct limits *limits)
{
	struct account *a = strmap_get(&r->accounts, id->account);

	if (r->sessions.n >= (size_t)limits->sessions)
		return "the server has no room for another session (limit sessions)";
	if (a != NULL && a->sessions >= (size_t)limits->sessions_per_account)
		return "the account has all its sessions in use (limit sessions_per_account)";
	return NULL;
}

static uint64_t
fresh_session_id(struct registry *r)
{
	uint64_t id;

	do
		id = rand_u64();
	while (id == 0 || idmap_get(&r->sessions, id) != NULL);
	return id;
}

uint16_t
registry_login(struct registry *r, const struct identity *id, uint32_t worker,
	const struct limits *limits, struct mono now, uint64_t *session_r,
	struct session_ref *replaced_r, char *text, size_t cap)
{
	struct agent_entry *a;
	struct session_entry *s;
	const char *full = NULL;

	pthread_mutex_lock(&r->lock);
	a = agent_get(r, id);
	if (a->session.id == 0)
		full = over_limit(r, id, limits);
	if (full != NULL) {
		agent_settle(r, a);
		pthread_mutex_unlock(&r->lock);
		snprintf(text, cap, "%s", full);
		return CODE_LIMIT;
	}
	*replaced_r = a->session;
	s = xcalloc(1, sizeof(*s));
	s->id = *session_r = fresh_session_id(r);
	s->agent = a;
	s->account = account_get(r, id->account);
	s->account->sessions++;
	idmap_put(&r->sessions, s->id, s);
	a->session = (struct session_ref){s->id, worker};
	if (replaced_r->id != 0) {
		reserve_claims(a, replaced_r->id, mono_add_ms(now, limits->reserve_for));
		session_free(r, idmap_get(&r->sessions, replaced_r->id));
	}
	pthread_mutex_unlock(&r->lock);
	return CODE_NONE;
}

void
registry_logout(struct registry *r, uint64_t session, struct mono now, int64_t reserve_ms)
{
	struct session_entry *s;

	pthread_mutex_lock(&r->lock);
	s = idmap_get(&r->sessions, session);
	if (s != NULL) {
		reserve_claims(s->agent, session, mono_add_ms(now, reserve_ms));
		session_free(r, s);
	}
	pthread_mutex_unlock(&r->lock);
}

size_t
registry_sessions(struct registry *r)
{
	size_t n;

	pthread_mutex_lock(&r->lock);
	n = r->sessions.n;
	pthread_mutex_unlock(&r->lock);
	return n;
}

/* ---- Claims -------------------------------------------------------------------------------------- */

static struct claim *
claim_of_tunnel(struct agent_entry *a, const char *tunnel)
{
	struct list *n, *tmp;

	list_each(n, tmp, &a->claims) {
		struct claim *c = list_entry(n, struct claim, node);

		if (strcmp(c->tunnel, tunnel) == 0)
			return c;
	}
	return NULL;
}

uint16_t
registry_port(struct registry *r, uint64_t session, const char *tunnel, bool datagram)
{
	struct session_entry *s;
	struct claim *c = NULL;
	uint16_t port;

	pthread_mutex_lock(&r->lock);
	s = idmap_get(&r->sessions, session);
	if (s != NULL)
		c = claim_of_tunnel(s->agent, tunnel);
	port = c != NULL && c->datagram == datagram ? c->port : 0;
	pthread_mutex_unlock(&r->lock);
	return port;
}

/* What the tunnel had before and does not want any more; its front is closed when it expires. */
static void
give_up_others(struct agent_entry *a, const struct claim *keep)
{
	struct list *n, *tmp;

	list_each(n, tmp, &a->claims) {
		struct claim *c = list_entry(n, struct claim, node);

		if (c == keep || strcmp(c->tunnel, keep->tunnel) != 0)
			continue;
		c->owner.id = 0;
		c->until = (struct mono){0};
	}
}

static struct claim *
claim_new(struct registry *r, struct agent_entry *a, const struct claim_ask *ask)
{
	struct claim *c = xcalloc(1, sizeof(*c));

	c->id = ++r->next_claim;
	c->address = xstrdup(ask->address);
	snprintf(c->tunnel, sizeof(c->tunnel), "%s", ask->tunnel);
	c->agent = a;
	c->port = ask->port;
	c->datagram = ask->datagram;
	c->front = REGISTRY_NO_WORKER;
	list_push(&a->claims, &c->node);
	strmap_put(&r->addresses, ask->address, c);
	idmap_put(&r->claims, c->id, c);
	return c;
}

static bool
same_account(const struct agent_entry *a, const struct agent_entry *b)
{
	return a->account_len == b->account_len && memcmp(a->key, b->key, a->account_len) == 0;
}

/* Room for one more claim of a's account, if need be in place of the one that waits longest; its front
 * is closed when it expires, at the next sweep. */
static bool
make_room(struct registry *r, const struct agent_entry *a, size_t max)
{
	struct claim *c, *oldest = NULL;
	size_t pos = 0, n = 0;

	while ((c = idmap_next(&r->claims, &pos, NULL)) != NULL) {
		if (!same_account(c->agent, a) || (c->owner.id == 0 && c->until.ns == 0))
			continue;
		n++;
		if (c->owner.id == 0 && (oldest == NULL || mono_before(c->until, oldest->until)))
			oldest = c;
	}
	if (n < max)
		return true;
	if (oldest != NULL)
		oldest->until = (struct mono){0};
	return oldest != NULL;
}

/* A reserved claim changes hands within its account. */
static void
hand_over(struct claim *c, struct agent_entry *to, const char *tunnel)
{
	list_remove(&c->node);
	list_push(&to->claims, &c->node);
	c->agent = to;
	snprintf(c->tunnel, sizeof(c->tunnel), "%s", tunnel);
}

static bool
may_have(const struct claim *c, const struct agent_entry *a, const struct claim_ask *ask)
{
	if (c->owner.id != 0)
		return false;
	if (c->agent == a && strcmp(c->tunnel, ask->tunnel) == 0)
		return true;
	return ask->asked && same_account(c->agent, a);
}

static enum claim_result
claim_locked(struct registry *r, uint64_t session, const struct claim_ask *ask, uint64_t *claim_r)
{
	struct session_entry *s = idmap_get(&r->sessions, session);
	struct claim *c = strmap_get(&r->addresses, ask->address);
	struct agent_entry *before = c != NULL ? c->agent : NULL;

	if (s == NULL)
		return CLAIM_LOST;
	if (c != NULL && !may_have(c, s->agent, ask))
		return CLAIM_TAKEN;
	if (c == NULL && !make_room(r, s->agent, ask->max))
		return CLAIM_FULL;
	if (c == NULL)
		c = claim_new(r, s->agent, ask);
	else
		hand_over(c, s->agent, ask->tunnel);
	c->owner = s->agent->session;
	c->tunnel_id = ask->tunnel_id;
	*claim_r = c->id;
	if (before != NULL && before != s->agent)
		agent_settle(r, before);
	if (c->front == REGISTRY_NO_WORKER)
		return CLAIM_NEW;
	give_up_others(s->agent, c);
	return CLAIM_MOVED;
}

enum claim_result
registry_claim(struct registry *r, uint64_t session, const struct claim_ask *ask, uint64_t *claim_r)
{
	enum claim_result result;

	pthread_mutex_lock(&r->lock);
	result = claim_locked(r, session, ask, claim_r);
	pthread_mutex_unlock(&r->lock);
	return result;
}

bool
registry_fronted(struct registry *r, uint64_t claim, uint32_t worker)
{
	struct claim *c;

	pthread_mutex_lock(&r->lock);
	c = idmap_get(&r->claims, claim);
	if (c != NULL) {
		c->front = worker;
		give_up_others(c->agent, c);
	}
	pthread_mutex_unlock(&r->lock);
	return c != NULL;
}

uint32_t
registry_front(struct registry *r, uint64_t claim)
{
	struct claim *c;
	uint32_t worker;

	pthread_mutex_lock(&r->lock);
	c = idmap_get(&r->claims, claim);
	worker = c != NULL ? c->front : REGISTRY_NO_WORKER;
	pthread_mutex_unlock(&r->lock);
	return worker;
}

void
registry_unclaim(struct registry *r, uint64_t session, uint64_t claim, uint32_t *worker_r)
{
	struct claim *c;

	*worker_r = REGISTRY_NO_WORKER;
	pthread_mutex_lock(&r->lock);
	c = idmap_get(&r->claims, claim);
	if (c != NULL && c->owner.id == session) {
		*worker_r = c->front;
		claim_free(r, c);
	}
	pthread_mutex_unlock(&r->lock);
}

bool
registry_route(struct registry *r, uint64_t claim, struct session_ref *session_r, uint32_t *tunnel_r)
{
	struct claim *c;
	bool found;

	pthread_mutex_lock(&r->lock);
	c = idmap_get(&r->claims, claim);
	found = c != NULL && c->owner.id != 0;
	if (found) {
		*session_r = c->owner;
		*tunnel_r = c->tunnel_id;
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}

size_t
registry_expire(struct registry *r, struct mono now, struct claim_ref *gone_r, size_t max)
{
	struct claim *c;
	size_t pos = 0, n = 0;

	pthread_mutex_lock(&r->lock);
	while (n < max && (c = idmap_next(&r->claims, &pos, NULL)) != NULL) {
		if (c->owner.id != 0 || mono_before(now, c->until))
			continue;
		gone_r[n++] = (struct claim_ref){c->id, c->front};
		claim_free(r, c);
	}
	pthread_mutex_unlock(&r->lock);
	return n;
}
