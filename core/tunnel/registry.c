/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The registry. Any thread; everything below struct registry is protected by its lock, which is
 * held for look-ups only, never across a system call. */

#include <config.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/group.h"
#include "tunnel/registry.h"
#include "util/list.h"
#include "util/map.h"
#include "util/rand.h"
#include "wire/code.h"

struct account {
	char *name;
	size_t sessions;
};

#define PUSHED_OUT_MAX 8

/* One identity, while it has a session or a claim. */
struct agent_entry {
	char *key; /* account/agent */
	size_t account_len;
	uint64_t instance; /* of its sessions; 0: not said */
	/* The instances that were pushed out one after the other, a ring; 0: none. */
	uint64_t pushed_out[PUSHED_OUT_MAX];
	unsigned n_pushed_out;
	struct list members; /* struct session_entry; empty: away */
	struct list claims;
};

struct session_entry {
	struct group_session load; /* with its id and worker */
	struct list node;            /* in agent->members */
	uint8_t member;
	bool may_resume, encrypted;
	uint8_t secret[REGISTRY_SECRET];
	uint32_t generation; /* of the last link that showed it */
	struct agent_entry *agent;
	struct account *account;
};

struct claim {
	uint64_t id;
	char *address;
	char tunnel[NAME_MAX_LEN + 1];
	struct agent_entry *agent;
	struct list node;   /* in agent->claims */
	struct group group; /* sessions that have it; empty: reserved */
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
	if (!list_empty(&a->members) || !list_empty(&a->claims))
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
	group_fini(&c->group);
	free(c->address);
	free(c);
	agent_settle(r, a);
}

/* Claims that only this session has wait for the next one of the same agent. */
static void
leave_claims(struct session_entry *s, struct mono until)
{
	struct list *n, *tmp;

	list_each(n, tmp, &s->agent->claims) {
		struct claim *c = list_entry(n, struct claim, node);

		if (group_remove(&c->group, &s->load) && c->group.n == 0)
			c->until = until;
	}
}

static void
session_free(struct registry *r, struct session_entry *s, struct mono until)
{
	struct agent_entry *a = s->agent;

	leave_claims(s, until);
	if (--s->account->sessions == 0) {
		strmap_del(&r->accounts, s->account->name);
		free(s->account->name);
		free(s->account);
	}
	idmap_del(&r->sessions, s->load.id);
	list_remove(&s->node);
	explicit_bzero(s->secret, sizeof(s->secret));
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
		session_free(r, p, (struct mono){0});
	strmap_fini(&r->accounts);
	strmap_fini(&r->agents);
	strmap_fini(&r->addresses);
	idmap_fini(&r->sessions);
	idmap_fini(&r->claims);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- Logins ---------------------------------------------------------------------------------- */

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
	list_init(&a->members);
	list_init(&a->claims);
	strmap_put(&r->agents, key, a);
	return a;
}

static const char *
over_limit(struct registry *r, const struct login_ask *ask, const struct limits *limits)
{
	struct account *a = strmap_get(&r->accounts, ask->id->account);

	if (r->sessions.n >= (size_t)limits->sessions)
		return "the server has no room for another session (limit sessions)";
	if (a != NULL && a->sessions >= (size_t)limits->sessions_per_account)
		return "the account has all its sessions in use (limit sessions_per_account)";
	if (a != NULL && ask->max_sessions > 0 && a->sessions >= (size_t)ask->max_sessions)
		return "the account has all its sessions in use (grant max_sessions)";
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

static bool
same_member(const struct login_ask *ask, const struct session_entry *s)
{
	return ask->instance != 0 && ask->instance == s->agent->instance &&
		ask->member == s->member;
}

/* The session that the one to come takes the place of before it has ended: the agent has said that
 * it leaves, or was told to. One for each number; NULL: none. */
static const struct session_entry *
left_behind(const struct login_ask *ask, const struct agent_entry *a)
{
	const struct list *n;

	for (n = a->members.prev; n != &a->members; n = n->prev) {
		const struct session_entry *s = list_entry(n, struct session_entry, node);

		if (same_member(ask, s) && s->load.leaving)
			return s;
	}
	return NULL;
}

/* Whether the login of ask ends this session. */
static bool
pushes_out(const struct login_ask *ask, const struct session_entry *s,
	const struct session_entry *behind)
{
	bool same = ask->instance != 0 && ask->instance == s->agent->instance;

	return !same || (ask->member == s->member && s != behind);
}

static size_t
count_replaced(const struct login_ask *ask, struct agent_entry *a,
	const struct session_entry *behind, struct session_ref *replaced_r)
{
	struct list *n, *tmp;
	size_t found = 0;

	list_each(n, tmp, &a->members) {
		struct session_entry *s = list_entry(n, struct session_entry, node);

		if (!pushes_out(ask, s, behind))
			continue;
		must(found < REGISTRY_REPLACED_MAX);
		replaced_r[found++] = (struct session_ref){s->load.id, s->load.worker};
	}
	return found;
}

static struct session_entry *
session_new(struct registry *r, struct agent_entry *a, const struct login_ask *ask)
{
	struct session_entry *s = xcalloc(1, sizeof(*s));

	s->load.id = fresh_session_id(r);
	s->load.worker = ask->worker;
	s->load.ended = ask->ended;
	s->member = ask->member;
	s->encrypted = ask->encrypted;
	s->may_resume = ask->secret != NULL;
	if (s->may_resume)
		memcpy(s->secret, ask->secret, REGISTRY_SECRET);
	s->agent = a;
	s->account = account_get(r, ask->id->account);
	s->account->sessions++;
	idmap_put(&r->sessions, s->load.id, s);
	list_push(&a->members, &s->node);
	return s;
}

/* Whether the login of ask is one that was on its way when its instance was pushed out. Would it
 * push out in turn, both would have been told for good that they are replaced. */
static bool
comes_too_late(const struct login_ask *ask, const struct agent_entry *a)
{
	if (ask->instance == 0 || list_empty(&a->members))
		return false;
	for (unsigned i = 0; i < PUSHED_OUT_MAX; i++)
		if (a->pushed_out[i] == ask->instance)
			return true;
	return false;
}

/* Another instance has the agent from now on. */
static void
change_instance(struct agent_entry *a, uint64_t instance)
{
	if (instance == a->instance)
		return;
	if (list_empty(&a->members))
		memset(a->pushed_out, 0, sizeof(a->pushed_out));
	else
		a->pushed_out[a->n_pushed_out++ % PUSHED_OUT_MAX] = a->instance;
	a->instance = instance;
}

/* CODE_NONE, or why not, with *text_r. */
static uint16_t
login_locked(struct registry *r, const struct login_ask *ask, const struct limits *limits,
	struct mono now, struct login_got *got, const char **text_r)
{
	struct mono until = mono_add_ms(now, limits->reserve_for);
	struct agent_entry *a = agent_get(r, ask->id);
	const struct session_entry *behind = left_behind(ask, a);
	const char *full = NULL;

	if (comes_too_late(ask, a)) {
		*text_r = "replaced by another instance of the same agent, which is logged in";
		return CODE_REPLACED;
	}
	got->n_replaced = count_replaced(ask, a, behind, got->replaced);
	if (got->n_replaced == 0 && behind == NULL)
		full = over_limit(r, ask, limits);
	if (full != NULL) {
		agent_settle(r, a);
		*text_r = full;
		return CODE_LIMIT;
	}
	change_instance(a, ask->instance);
	got->session = session_new(r, a, ask)->load.id; /* first: it keeps agent and account */
	for (size_t i = 0; i < got->n_replaced; i++)
		session_free(r, idmap_get(&r->sessions, got->replaced[i].id), until);
	return CODE_NONE;
}

uint16_t
registry_login(struct registry *r, const struct login_ask *ask, const struct limits *limits,
	struct mono now, struct login_got *got_r, char *text, size_t cap)
{
	struct login_got got;
	const char *why = "";
	uint16_t code;

	must(ask->member >= 1 && ask->member <= REGISTRY_MEMBERS_MAX);
	pthread_mutex_lock(&r->lock);
	code = login_locked(r, ask, limits, now, &got, &why);
	pthread_mutex_unlock(&r->lock);
	if (code == CODE_NONE)
		*got_r = got;
	else
		snprintf(text, cap, "%s", why);
	return code;
}

void
registry_logout(struct registry *r, uint64_t session, struct mono now, int64_t reserve_ms)
{
	struct session_entry *s;

	pthread_mutex_lock(&r->lock);
	s = idmap_get(&r->sessions, session);
	if (s != NULL)
		session_free(r, s, mono_add_ms(now, reserve_ms));
	pthread_mutex_unlock(&r->lock);
}

/* Takes the same time wherever they differ. */
static bool
same_secret(const uint8_t *a, const uint8_t *b)
{
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < REGISTRY_SECRET; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

static enum resume_result
judge(const struct session_entry *s, const uint8_t *secret, bool encrypted)
{
	if (s == NULL || !s->may_resume)
		return RESUME_GONE;
	if (!same_secret(s->secret, secret))
		return RESUME_WRONG;
	return s->encrypted && !encrypted ? RESUME_PLAIN : RESUME_FOUND;
}

enum resume_result
registry_resume(struct registry *r, uint64_t session, const uint8_t *secret, bool encrypted,
	struct session_ref *at_r, uint32_t *generation_r)
{
	enum resume_result result;
	struct session_entry *s;

	pthread_mutex_lock(&r->lock);
	s = idmap_get(&r->sessions, session);
	result = judge(s, secret, encrypted);
	if (result == RESUME_FOUND) {
		*at_r = (struct session_ref){session, s->load.worker};
		*generation_r = ++s->generation;
	}
	pthread_mutex_unlock(&r->lock);
	return result;
}

void
registry_away(struct registry *r, uint64_t session, bool away)
{
	struct session_entry *s;

	pthread_mutex_lock(&r->lock);
	s = idmap_get(&r->sessions, session);
	if (s != NULL)
		s->load.away = away;
	pthread_mutex_unlock(&r->lock);
}

void
registry_leave(struct registry *r, uint64_t session)
{
	struct session_entry *s;

	pthread_mutex_lock(&r->lock);
	s = idmap_get(&r->sessions, session);
	if (s != NULL)
		s->load.leaving = true;
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

/* ---- Claims ---------------------------------------------------------------------------------- */

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

/* What the sessions that have keep had before for the same tunnel and do not want any more; its
 * front is closed when it expires. */
static void
give_up_others(struct claim *keep)
{
	struct list *n, *tmp;

	list_each(n, tmp, &keep->agent->claims) {
		struct claim *c = list_entry(n, struct claim, node);

		if (c == keep || strcmp(c->tunnel, keep->tunnel) != 0)
			continue;
		for (size_t i = 0; i < keep->group.n; i++)
			group_remove(&c->group, keep->group.m[i].s);
		if (c->group.n == 0)
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

/* Room for one more claim of a's account, if need be in place of the one that waits longest; its
 * front is closed when it expires, at the next sweep. */
static bool
make_room(struct registry *r, const struct agent_entry *a, size_t max)
{
	struct claim *c, *oldest = NULL;
	size_t pos = 0, n = 0;

	while ((c = idmap_next(&r->claims, &pos, NULL)) != NULL) {
		if (!same_account(c->agent, a) || (c->group.n == 0 && c->until.ns == 0))
			continue;
		n++;
		if (c->group.n == 0 && (oldest == NULL || mono_before(c->until, oldest->until)))
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
may_have(const struct claim *c, const struct session_entry *s, const struct claim_ask *ask)
{
	bool same_tunnel = c->agent == s->agent && strcmp(c->tunnel, ask->tunnel) == 0;

	if (c->group.n > 0)
		return same_tunnel && c->front != REGISTRY_NO_WORKER &&
			!group_has(&c->group, &s->load);
	return same_tunnel || (ask->asked && same_account(c->agent, s->agent));
}

static enum claim_result
claim_locked(struct registry *r, uint64_t session, const struct claim_ask *ask,
	struct claim_got *got_r)
{
	struct session_entry *s = idmap_get(&r->sessions, session);
	struct claim *c = strmap_get(&r->addresses, ask->address);
	struct agent_entry *before = c != NULL ? c->agent : NULL;

	if (s == NULL)
		return CLAIM_LOST;
	if (c != NULL && !may_have(c, s, ask))
		return CLAIM_TAKEN;
	if (c == NULL && !make_room(r, s->agent, ask->max))
		return CLAIM_FULL;
	if (c == NULL)
		c = claim_new(r, s->agent, ask);
	else
		hand_over(c, s->agent, ask->tunnel);
	group_add(&c->group, &s->load, ask->tunnel_id);
	*got_r = (struct claim_got){c->id, REGISTRY_NO_WORKER};
	if (before != NULL && before != s->agent)
		agent_settle(r, before);
	if (c->front == REGISTRY_NO_WORKER)
		return CLAIM_NEW;
	if (group_place(&c->group, c->front) != c->front)
		got_r->far_front = c->front;
	give_up_others(c);
	return CLAIM_MOVED;
}

enum claim_result
registry_claim(struct registry *r, uint64_t session, const struct claim_ask *ask,
	struct claim_got *got_r)
{
	enum claim_result result;

	pthread_mutex_lock(&r->lock);
	result = claim_locked(r, session, ask, got_r);
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
		give_up_others(c);
	}
	pthread_mutex_unlock(&r->lock);
	return c != NULL;
}

void
registry_unclaim(struct registry *r, uint64_t session, uint64_t claim, uint32_t *worker_r)
{
	struct session_entry *s;
	struct claim *c;

	*worker_r = REGISTRY_NO_WORKER;
	pthread_mutex_lock(&r->lock);
	s = idmap_get(&r->sessions, session);
	c = idmap_get(&r->claims, claim);
	if (s != NULL && c != NULL && group_remove(&c->group, &s->load) && c->group.n == 0) {
		*worker_r = c->front;
		claim_free(r, c);
	}
	pthread_mutex_unlock(&r->lock);
}

uint32_t
registry_place(struct registry *r, uint64_t claim, uint32_t here)
{
	struct claim *c;
	uint32_t worker = here;

	pthread_mutex_lock(&r->lock);
	c = idmap_get(&r->claims, claim);
	if (c != NULL)
		worker = group_place(&c->group, here);
	pthread_mutex_unlock(&r->lock);
	return worker;
}

bool
registry_route(struct registry *r, uint64_t claim, uint32_t here, bool stay,
	struct session_ref *session_r, uint32_t *tunnel_r)
{
	const struct group_member *m = NULL;
	struct claim *c;

	pthread_mutex_lock(&r->lock);
	c = idmap_get(&r->claims, claim);
	if (c != NULL)
		m = group_pick(&c->group, here, stay);
	if (m != NULL) {
		*session_r = (struct session_ref){m->s->id, m->s->worker};
		*tunnel_r = m->tunnel_id;
	}
	pthread_mutex_unlock(&r->lock);
	return m != NULL;
}

size_t
registry_expire(struct registry *r, struct mono now, struct claim_ref *gone_r, size_t max)
{
	struct claim *c;
	size_t pos = 0, n = 0;

	pthread_mutex_lock(&r->lock);
	while (n < max && (c = idmap_next(&r->claims, &pos, NULL)) != NULL) {
		if (c->group.n > 0 || mono_before(now, c->until))
			continue;
		gone_r[n++] = (struct claim_ref){c->id, c->front};
		claim_free(r, c);
	}
	pthread_mutex_unlock(&r->lock);
	return n;
}
