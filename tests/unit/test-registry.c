/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The registry: one owner for each identity, claims that wait for their agent, nothing a dead session
 * says harms the living. One thread, and then a thousand random takeovers against a plain model. */

#include <config.h>

#include <stdlib.h>

#include "tap.h"
#include "tunnel/registry.h"
#include "util/compiler.h"
#include "wire/code.h"

static struct limits limits;
static struct mono now = {1000000};

static struct identity
who(const char *account, const char *agent)
{
	struct identity id;

	memset(&id, 0, sizeof(id));
	snprintf(id.account, sizeof(id.account), "%s", account);
	snprintf(id.agent, sizeof(id.agent), "%s", agent);
	return id;
}

static uint64_t
login(struct registry *r, const char *account, const char *agent, uint32_t worker,
	struct session_ref *replaced_r)
{
	struct identity id = who(account, agent);
	struct session_ref replaced;
	uint64_t session = 0;
	char text[128];

	if (registry_login(r, &id, worker, &limits, now, &session, &replaced, text, sizeof(text)) != 0)
		return 0;
	if (replaced_r != NULL)
		*replaced_r = replaced;
	return session;
}

static size_t max_claims = 256;

static enum claim_result
claim_it(struct registry *r, uint64_t session, const char *tunnel, uint32_t id, const char *address,
	uint16_t port, uint64_t *claim_r)
{
	struct claim_ask ask = {tunnel, id, address, port, false, false, max_claims};

	return registry_claim(r, session, &ask, claim_r);
}

static size_t
expire(struct registry *r)
{
	struct claim_ref gone[8];

	return registry_expire(r, now, gone, ARRAY_LEN(gone));
}

/* UDP has ports of its own: the address says so, and the port that a tunnel had is not the other
 * protocol's. */
static void
test_protocols(void)
{
	struct registry *r = registry_new();
	uint64_t a = login(r, "acme", "web", 0, NULL), claim;
	struct claim_ask udp = {"dns", 2, "udp/h:53", 53, true, true, 256};

	ok(claim_it(r, a, "ssh", 1, "h:53", 53, &claim) == CLAIM_NEW, "a TCP port");
	ok(registry_claim(r, a, &udp, &claim) == CLAIM_NEW, "and the same of UDP");
	is_int(registry_front(r, claim), REGISTRY_NO_WORKER, "it has no front yet");
	ok(registry_fronted(r, claim, 3), "now it has");
	is_int(registry_front(r, claim), 3, "on that worker");
	is_int(registry_port(r, a, "dns", true), 53, "the tunnel's port");
	is_int(registry_port(r, a, "dns", false), 0, "which TCP knows nothing of");
	registry_free(r);
}

static void
test_claims(void)
{
	struct registry *r = registry_new();
	struct session_ref to;
	uint64_t a = login(r, "acme", "web", 0, NULL), b = login(r, "other", "web", 1, NULL);
	uint64_t claim, again;
	uint32_t tunnel, front;

	ok(a != 0 && b != 0 && a != b, "two accounts may use the same agent name");
	ok(claim_it(r, a, "ssh", 7, "h:1", 1, &claim) == CLAIM_NEW, "a free address is ours");
	ok(claim_it(r, b, "ssh", 1, "h:1", 1, &again) == CLAIM_TAKEN, "and nobody else's");
	ok(claim_it(r, a, "web", 8, "h:1", 1, &again) == CLAIM_TAKEN,
		"nor another tunnel's of the same agent");
	ok(registry_route(r, claim, &to, &tunnel) && to.id == a && to.worker == 0 && tunnel == 7,
		"a client is led to the session");
	registry_fronted(r, claim, 3);
	registry_unclaim(r, b, claim, &front);
	ok(registry_route(r, claim, &to, &tunnel), "another session cannot give it up");
	registry_unclaim(r, a, claim, &front);
	ok(front == 3 && !registry_route(r, claim, &to, &tunnel), "its owner can; the front is named");
	ok(claim_it(r, b, "ssh", 1, "h:1", 1, &again) == CLAIM_NEW, "then it is free");
	registry_free(r);
}

static void
test_away(void)
{
	struct registry *r = registry_new();
	uint64_t a = login(r, "acme", "web", 0, NULL), b = login(r, "other", "x", 0, NULL), claim, again;
	struct session_ref to;
	uint32_t tunnel;

	ok(claim_it(r, a, "ssh", 1, "h:1", 1234, &claim) == CLAIM_NEW, "claimed");
	registry_fronted(r, claim, 0);
	registry_logout(r, a, now, 5000);
	ok(!registry_route(r, claim, &to, &tunnel), "nobody is there while the agent is away");
	ok(claim_it(r, b, "ssh", 1, "h:1", 1234, &again) == CLAIM_TAKEN, "yet it is reserved");
	ok(claim_it(r, a, "ssh", 1, "h:1", 1234, &again) == CLAIM_LOST,
		"the dead session cannot have it either");
	now = mono_add_ms(now, 4999);
	is_int(expire(r), 0, "it does not expire early");
	a = login(r, "acme", "web", 2, NULL);
	is_int(registry_port(r, a, "ssh", false), 1234, "the agent that is back is told its port");
	ok(claim_it(r, a, "ssh", 9, "h:1", 1234, &again) == CLAIM_MOVED && again == claim,
		"it gets the address back, front and all");
	ok(registry_route(r, claim, &to, &tunnel) && to.worker == 2 && tunnel == 9,
		"clients go to the new worker");
	now = mono_add_ms(now, 10000);
	is_int(expire(r), 0, "what is in use does not expire");
	registry_logout(r, a, now, 5000);
	now = mono_add_ms(now, 5000);
	is_int(expire(r), 1, "what is away for too long does");
	ok(claim_it(r, b, "ssh", 1, "h:1", 1234, &again) == CLAIM_NEW, "and is free");
	registry_free(r);
}

static void
test_takeover(void)
{
	struct registry *r = registry_new();
	struct session_ref replaced, to;
	uint64_t first = login(r, "acme", "web", 0, &replaced), second, claim, again;
	uint32_t tunnel;

	is_int((intmax_t)replaced.id, 0, "the first login replaces nobody");
	claim_it(r, first, "ssh", 1, "h:1", 1, &claim);
	registry_fronted(r, claim, 0);
	second = login(r, "acme", "web", 1, &replaced);
	ok(replaced.id == first && replaced.worker == 0, "the second is told whom it pushed out");
	ok(!registry_route(r, claim, &to, &tunnel), "the old session has lost its clients at once");
	ok(claim_it(r, second, "ssh", 2, "h:1", 1, &again) == CLAIM_MOVED, "the new one has them");
	registry_logout(r, first, now, 0);
	is_int(expire(r), 0, "the old session's end harms nothing");
	ok(registry_route(r, claim, &to, &tunnel) && to.id == second, "nor does it take clients away");
	is_int((intmax_t)registry_sessions(r), 1, "one session is left");
	ok(claim_it(r, second, "ssh", 2, "h:2", 2, &again) == CLAIM_NEW, "another address …");
	is_int(expire(r), 0, "… keeps the one before until it is had");
	ok(registry_fronted(r, again, 1), "when its front is open …");
	is_int(expire(r), 1, "… the one before is given up");
	ok(!registry_fronted(r, 4711, 1), "a claim that is gone has no front");
	registry_free(r);
}

static void
test_limits(void)
{
	struct registry *r = registry_new();
	uint64_t first;

	limits.sessions = 3;
	limits.sessions_per_account = 2;
	first = login(r, "a", "1", 0, NULL);
	ok(first != 0 && login(r, "a", "2", 0, NULL) != 0, "at the account's limit it works");
	ok(login(r, "a", "3", 0, NULL) == 0, "above it does not");
	ok(login(r, "a", "2", 0, NULL) != 0, "a takeover needs no room");
	ok(login(r, "b", "1", 0, NULL) != 0, "another account has its own");
	ok(login(r, "c", "1", 0, NULL) == 0, "the server's limit counts all");
	registry_logout(r, first, now, 0);
	ok(login(r, "c", "1", 0, NULL) != 0, "who leaves makes room");
	limits_default(&limits);
	registry_free(r);
}

/* Logins, logouts (of the living and the dead) and claims of one identity at random: the newest login
 * that has not logged out is the one owner, always. */
static void
test_random(void)
{
	struct registry *r = registry_new();
	uint64_t past[64] = {0}, alive = 0, claim = 0;
	size_t wrong = 0;

	srand(4711);
	for (int i = 0; i < 20000; i++) {
		struct session_ref to = {0, 0};
		uint64_t *slot = &past[rand() % 64];
		uint32_t tunnel;
		bool routed;

		switch (rand() % 4) {
		case 0:
			alive = *slot = login(r, "acme", "web", (uint32_t)rand() % 4, NULL);
			break;
		case 1:
			registry_logout(r, *slot, now, 1000);
			alive = *slot == alive ? 0 : alive;
			break;
		case 2:
			if (alive != 0)
				claim_it(r, alive, "ssh", 1, "h:1", 1, &claim);
			break;
		default:
			if (*slot != alive && *slot != 0)
				wrong += claim_it(r, *slot, "ssh", 1, "h:1", 1, &claim) != CLAIM_LOST;
		}
		routed = registry_route(r, claim, &to, &tunnel);
		wrong += routed && to.id != alive;
		wrong += registry_sessions(r) != (alive != 0 ? 1u : 0u);
	}
	is_int((intmax_t)wrong, 0, "20,000 random steps: never another owner than the newest login");
	registry_free(r);
}

/* What one account may hold, and what its agents may have of each other. */
static void
test_account(void)
{
	struct registry *r = registry_new();
	uint64_t a = login(r, "acme", "1", 0, NULL), b = login(r, "acme", "2", 0, NULL);
	uint64_t other = login(r, "acm", "e/1", 0, NULL), claim, again;
	struct claim_ask ask = {"web", 5, "h:1", 1, true, false, 2};

	max_claims = 2;
	claim_it(r, a, "ssh", 1, "h:1", 1, &claim);
	registry_fronted(r, claim, 0);
	ok(registry_claim(r, b, &ask, &again) == CLAIM_TAKEN, "what is in use is nobody else's");
	registry_logout(r, a, now, 60000);
	ok(claim_it(r, b, "web", 5, "h:1", 1, &again) == CLAIM_TAKEN, "nor what only comes by chance");
	ok(registry_claim(r, other, &ask, &again) == CLAIM_TAKEN, "nor another account's");
	ok(registry_claim(r, b, &ask, &again) == CLAIM_MOVED && again == claim,
		"but what waits for an agent of the account can be asked for by another");
	a = login(r, "acme", "1", 0, NULL);
	is_int(registry_port(r, a, "ssh", false), 0, "who was away for it has lost it");
	ok(claim_it(r, a, "ssh", 1, "h:2", 2, &claim) == CLAIM_NEW, "a second claim of the account");
	ok(claim_it(r, a, "db", 2, "h:3", 3, &again) == CLAIM_FULL, "a third is too many");
	registry_logout(r, b, now, 60000);
	ok(claim_it(r, a, "db", 2, "h:3", 3, &again) == CLAIM_NEW, "unless one waits: it makes room");
	is_int(expire(r), 1, "and is given up");
	max_claims = 256;
	registry_free(r);
}

int
main(void)
{
	limits_default(&limits);
	test_claims();
	test_protocols();
	test_away();
	test_takeover();
	test_limits();
	test_account();
	test_random();
	return done_testing();
}
