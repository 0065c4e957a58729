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

static const _Atomic uint64_t none_ended;

/* instance 0: an agent that does not say which it is. */
static uint64_t
login_member(struct registry *r, const char *agent, uint64_t instance, uint8_t member,
	uint32_t worker, struct login_got *got_r)
{
	struct identity id = who("acme", agent);
	struct login_ask ask = {&id, instance, member, worker, &none_ended, NULL, false, 0};
	char text[128];

	*got_r = (struct login_got){0};
	if (registry_login(r, &ask, &limits, now, got_r, text, sizeof(text)) != 0)
		return 0;
	return got_r->session;
}

static int64_t max_sessions; /* granted */

static uint64_t
login(struct registry *r, const char *account, const char *agent, uint32_t worker,
	struct session_ref *replaced_r)
{
	struct identity id = who(account, agent);
	struct login_ask ask = {&id, 0, 1, worker, &none_ended, NULL, false, max_sessions};
	struct login_got got;
	char text[128];

	if (registry_login(r, &ask, &limits, now, &got, text, sizeof(text)) != 0)
		return 0;
	must(got.n_replaced <= 1);
	if (replaced_r != NULL)
		*replaced_r = got.n_replaced > 0 ? got.replaced[0] : (struct session_ref){0, 0};
	return got.session;
}

static size_t max_claims = 256;

static enum claim_result
claim_it(struct registry *r, uint64_t session, const char *tunnel, uint32_t id, const char *address,
	uint16_t port, uint64_t *claim_r)
{
	struct claim_ask ask = {tunnel, id, address, port, false, false, max_claims};
	struct claim_got got = {*claim_r, 0};
	enum claim_result result = registry_claim(r, session, &ask, &got);

	*claim_r = got.id;
	return result;
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
	uint64_t a = login(r, "acme", "web", 0, NULL), claim = 0;
	struct claim_ask udp = {"dns", 2, "udp/h:53", 53, true, true, 256};
	struct claim_got got;

	ok(claim_it(r, a, "ssh", 1, "h:53", 53, &claim) == CLAIM_NEW, "a TCP port");
	ok(registry_claim(r, a, &udp, &got) == CLAIM_NEW, "and the same of UDP");
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
	uint64_t claim = 0, again = 0;
	uint32_t tunnel, front;

	ok(a != 0 && b != 0 && a != b, "two accounts may use the same agent name");
	ok(claim_it(r, a, "ssh", 7, "h:1", 1, &claim) == CLAIM_NEW, "a free address is ours");
	ok(claim_it(r, b, "ssh", 1, "h:1", 1, &again) == CLAIM_TAKEN, "and nobody else's");
	ok(claim_it(r, a, "web", 8, "h:1", 1, &again) == CLAIM_TAKEN,
		"nor another tunnel's of the same agent");
	ok(registry_route(r, claim, 0, false, &to, &tunnel) && to.id == a && to.worker == 0 && tunnel == 7,
		"a client is led to the session");
	registry_fronted(r, claim, 3);
	registry_unclaim(r, b, claim, &front);
	ok(registry_route(r, claim, 0, false, &to, &tunnel), "another session cannot give it up");
	registry_unclaim(r, a, claim, &front);
	ok(front == 3 && !registry_route(r, claim, 0, false, &to, &tunnel), "its owner can; the front is named");
	ok(claim_it(r, b, "ssh", 1, "h:1", 1, &again) == CLAIM_NEW, "then it is free");
	registry_free(r);
}

static void
test_away(void)
{
	struct registry *r = registry_new();
	uint64_t a = login(r, "acme", "web", 0, NULL), b = login(r, "other", "x", 0, NULL), claim = 0, again = 0;
	struct session_ref to;
	uint32_t tunnel;

	ok(claim_it(r, a, "ssh", 1, "h:1", 1234, &claim) == CLAIM_NEW, "claimed");
	registry_fronted(r, claim, 0);
	registry_logout(r, a, now, 5000);
	ok(!registry_route(r, claim, 0, false, &to, &tunnel), "nobody is there while the agent is away");
	ok(claim_it(r, b, "ssh", 1, "h:1", 1234, &again) == CLAIM_TAKEN, "yet it is reserved");
	ok(claim_it(r, a, "ssh", 1, "h:1", 1234, &again) == CLAIM_LOST,
		"the dead session cannot have it either");
	now = mono_add_ms(now, 4999);
	is_int(expire(r), 0, "it does not expire early");
	a = login(r, "acme", "web", 2, NULL);
	is_int(registry_port(r, a, "ssh", false), 1234, "the agent that is back is told its port");
	ok(claim_it(r, a, "ssh", 9, "h:1", 1234, &again) == CLAIM_MOVED && again == claim,
		"it gets the address back, front and all");
	ok(registry_route(r, claim, 0, false, &to, &tunnel) && to.worker == 2 && tunnel == 9,
		"clients go to the new worker");
	ok(registry_fronted(r, claim, 2), "and so may the front");
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
	uint64_t first = login(r, "acme", "web", 0, &replaced), second, claim = 0, again = 0;
	uint32_t tunnel;

	is_int((intmax_t)replaced.id, 0, "the first login replaces nobody");
	claim_it(r, first, "ssh", 1, "h:1", 1, &claim);
	registry_fronted(r, claim, 0);
	second = login(r, "acme", "web", 1, &replaced);
	ok(replaced.id == first && replaced.worker == 0, "the second is told whom it pushed out");
	ok(!registry_route(r, claim, 0, false, &to, &tunnel), "the old session has lost its clients at once");
	ok(claim_it(r, second, "ssh", 2, "h:1", 1, &again) == CLAIM_MOVED, "the new one has them");
	registry_logout(r, first, now, 0);
	is_int(expire(r), 0, "the old session's end harms nothing");
	ok(registry_route(r, claim, 0, false, &to, &tunnel) && to.id == second, "nor does it take clients away");
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
	max_sessions = 1;
	ok(login(r, "c", "2", 0, NULL) == 0, "an account may be granted less");
	ok(login(r, "c", "1", 0, NULL) != 0, "than a takeover needs");
	max_sessions = 1000;
	limits.sessions_per_account = 1;
	ok(login(r, "c", "2", 0, NULL) == 0, "but not more");
	max_sessions = 0;
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
		routed = registry_route(r, claim, 0, false, &to, &tunnel);
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
	uint64_t other = login(r, "acm", "e/1", 0, NULL), claim = 0, again = 0;
	struct claim_ask ask = {"web", 5, "h:1", 1, true, false, 2};
	struct claim_got got;

	max_claims = 2;
	claim_it(r, a, "ssh", 1, "h:1", 1, &claim);
	registry_fronted(r, claim, 0);
	ok(registry_claim(r, b, &ask, &got) == CLAIM_TAKEN, "what is in use is nobody else's");
	registry_logout(r, a, now, 60000);
	ok(claim_it(r, b, "web", 5, "h:1", 1, &again) == CLAIM_TAKEN, "nor what only comes by chance");
	ok(registry_claim(r, other, &ask, &got) == CLAIM_TAKEN, "nor another account's");
	ok(registry_claim(r, b, &ask, &got) == CLAIM_MOVED && got.id == claim,
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

/* Where so many clients go that arrive on worker here: bit i is member i + 1 of a and b. */
static unsigned
led_to(struct registry *r, uint64_t claim, uint32_t here, unsigned clients, uint64_t a, uint64_t b)
{
	struct session_ref to;
	unsigned led = 0;
	uint32_t tunnel;

	for (unsigned i = 0; i < clients; i++)
		if (registry_route(r, claim, here, false, &to, &tunnel))
			led |= to.id == a && tunnel == 1 ? 1 : to.id == b && tunnel == 2 ? 2 : 4;
	return led;
}

static void
test_members(void)
{
	struct registry *r = registry_new();
	struct login_got got;
	uint64_t a = login_member(r, "web", 7, 1, 0, &got), b, again, claim = 0, same = 0;
	struct claim_ask ask = {"ssh", 9, "h:1", 1, false, false, 8};
	struct session_ref to;
	struct claim_got what;
	uint32_t front, tunnel;

	claim_it(r, a, "ssh", 1, "h:1", 1, &claim);
	b = login_member(r, "web", 7, 2, 1, &got);
	ok(b != 0 && got.n_replaced == 0, "a second member of the instance replaces nobody");
	ok(claim_it(r, b, "ssh", 2, "h:1", 1, &same) == CLAIM_TAKEN,
		"while the front is being opened it has to wait");
	ok(registry_fronted(r, claim, 0) && claim_it(r, b, "ssh", 2, "h:1", 1, &same) == CLAIM_MOVED &&
			same == claim,
		"then it has the same claim");
	ok(claim_it(r, b, "ssh", 2, "h:1", 1, &same) == CLAIM_TAKEN, "but once");
	is_int(registry_port(r, b, "ssh", false), 1, "and is told of it before it asks");
	is_int(led_to(r, claim, 5, 10, a, b), 3, "clients go to both");
	registry_away(r, b, true);
	is_int(led_to(r, claim, 1, 10, a, b), 1, "but not to one that has no link");
	registry_away(r, a, true);
	is_int(led_to(r, claim, 1, 30, a, b), 3, "unless none has");
	registry_away(r, a, false);
	registry_away(r, b, false);
	registry_leave(r, a);
	is_int(led_to(r, claim, 0, 10, a, b), 2, "nor to one that leaves");
	again = login_member(r, "web", 7, 1, 0, &got);
	ok(got.n_replaced == 0, "a newer login of a member lets one that leaves go on");
	is_int(led_to(r, claim, 0, 10, again, b), 2, "the other goes on");
	registry_logout(r, a, now, 0);
	is_int(expire(r) + registry_sessions(r), 2, "and nothing is lost by the old one's end");
	ok(claim_it(r, again, "ssh", 1, "h:1", 1, &same) == CLAIM_MOVED, "the new one joins");
	registry_unclaim(r, b, claim, &front);
	ok(front == REGISTRY_NO_WORKER && led_to(r, claim, 1, 10, again, b) == 1,
		"what one member gives up the other still has");
	is_int(registry_place(r, claim, 0), 0, "where a member is a front is well");
	is_int(registry_place(r, claim, 1), 0, "where none is it is not");
	is_int(registry_place(r, 4711, 1), 1, "for nobody it need not move");
	ok(!registry_route(r, claim, 1, true, &to, &tunnel) && registry_route(r, claim, 0, true, &to, &tunnel),
		"who cannot move is led to a member that is there, or to none");
	a = login_member(r, "web", 8, 1, 3, &got);
	ok(got.n_replaced == 2 && registry_sessions(r) == 1, "another instance replaces them all");
	is_int(led_to(r, claim, 0, 1, a, b), 0, "and has to ask for itself");
	ok(registry_claim(r, a, &ask, &what) == CLAIM_MOVED && what.far_front == 0,
		"who has it alone should have the front near");
	registry_logout(r, a, now, 1000);
	is_int(registry_sessions(r), 0, "all are gone");
	a = login_member(r, "web", 8, 1, 0, &got);
	ok(registry_claim(r, a, &ask, &what) == CLAIM_MOVED && what.far_front == REGISTRY_NO_WORKER,
		"and where it is near it stays");
	b = login_member(r, "web", 0, 1, 0, &got);
	ok(got.n_replaced == 1, "an agent that does not say which it is replaces");
	login_member(r, "web", 0, 1, 0, &got);
	ok(got.n_replaced == 1 && got.replaced[0].id == b, "and is replaced");
	registry_free(r);
}

static void
test_member_limits(void)
{
	struct registry *r = registry_new();
	struct login_got got;

	limits.sessions_per_account = 2;
	login_member(r, "web", 7, 1, 0, &got);
	login_member(r, "web", 7, 2, 0, &got);
	ok(login_member(r, "web", 7, 3, 0, &got) == 0, "every member counts");
	is_int(registry_sessions(r), 2, "who is refused disturbs nobody");
	ok(login_member(r, "web", 7, 2, 0, &got) != 0, "a member that comes back needs no room");
	ok(login_member(r, "web", 8, 9, 0, &got) != 0 && got.n_replaced == 2,
		"nor does another instance");
	for (uint8_t i = 1; i <= REGISTRY_MEMBERS_MAX; i++) {
		limits.sessions_per_account = 100;
		login_member(r, "web", 8, i, 0, &got);
	}
	is_int(registry_sessions(r), REGISTRY_MEMBERS_MAX, "there are as many as there are numbers");
	login_member(r, "web", 9, 1, 0, &got);
	is_int(got.n_replaced, REGISTRY_MEMBERS_MAX, "and all of them can be replaced at once");
	limits_default(&limits);
	registry_free(r);
}

/* Who leaves goes on to the end of its streams, beside the next of its number. */
static void
test_left_behind(void)
{
	struct registry *r = registry_new();
	uint64_t a, b, c, d, claim = 0, same = 0;
	struct login_got got;

	limits.sessions_per_account = 1;
	a = login_member(r, "web", 7, 1, 0, &got);
	claim_it(r, a, "ssh", 1, "h:1", 1, &claim);
	registry_fronted(r, claim, 0);
	registry_leave(r, a);
	ok(login_member(r, "web", 7, 2, 0, &got) == 0, "another number has no room");
	b = login_member(r, "web", 7, 1, 0, &got);
	ok(b != 0 && got.n_replaced == 0, "the next of the same number needs none");
	ok(claim_it(r, b, "ssh", 1, "h:1", 1, &same) == CLAIM_MOVED && same == claim,
		"it has the same claim");
	is_int(led_to(r, claim, 0, 4, b, a), 1, "and all clients");
	registry_leave(r, b);
	c = login_member(r, "web", 7, 1, 0, &got);
	ok(c != 0 && got.n_replaced == 1 && got.replaced[0].id == a,
		"of two that leave the older is replaced");
	d = login_member(r, "web", 7, 1, 0, &got);
	ok(d != 0 && got.n_replaced == 1 && got.replaced[0].id == c,
		"who does not leave is replaced, who does is not");
	registry_logout(r, b, now, 0);
	is_int(registry_sessions(r), 1, "until it has ended");
	limits.sessions_per_account = 100;
	for (uint8_t i = 1; i <= REGISTRY_MEMBERS_MAX; i++) {
		registry_leave(r, login_member(r, "web", 7, i, 0, &got));
		registry_leave(r, login_member(r, "web", 7, i, 0, &got));
		login_member(r, "web", 7, i, 0, &got);
	}
	is_int(registry_sessions(r), REGISTRY_REPLACED_MAX, "each number has one behind it");
	login_member(r, "web", 8, 1, 0, &got);
	is_int(got.n_replaced, REGISTRY_REPLACED_MAX, "and another instance replaces them all");
	limits_default(&limits);
	registry_free(r);
}

/* The login of a member that was on its way when another instance came. */
static void
test_instances(void)
{
	struct registry *r = registry_new();
	struct identity id = who("acme", "web");
	struct login_ask late = {&id, 7, 2, 1, &none_ended, NULL, false, 0};
	struct login_got got;
	char text[128] = "";
	uint64_t b;

	limits.sessions_per_account = 2;
	login_member(r, "web", 7, 1, 0, &got);
	b = login_member(r, "web", 8, 1, 1, &got);
	ok(b != 0 && got.n_replaced == 1, "another instance pushes out the first member");
	got = (struct login_got){0};
	is_int(registry_login(r, &late, &limits, now, &got, text, sizeof(text)), CODE_REPLACED,
		"the second one's login comes too late");
	ok(strstr(text, "another instance") != NULL && got.session == 0, "and is told so: %s", text);
	is_int(registry_sessions(r), 1, "it pushes nobody out");
	ok(login_member(r, "web", 8, 2, 0, &got) != 0 && got.n_replaced == 0, "nor is it counted");
	ok(login_member(r, "web", 7, 1, 0, &got) == 0, "so it goes with each of its members");
	registry_logout(r, b, now, 1000);
	ok(login_member(r, "web", 7, 1, 0, &got) == 0, "as long as the other has one");
	ok(login_member(r, "web", 9, 1, 0, &got) != 0 && got.n_replaced == 1,
		"a program that is started anew takes over");
	ok(login_member(r, "web", 8, 1, 0, &got) == 0, "for good");
	ok(login_member(r, "web", 7, 1, 0, &got) == 0, "and from the one before that, too");
	registry_logout(r, got.session, now, 1000);
	b = login_member(r, "web", 9, 1, 0, &got);
	ok(b != 0, "its own members come back");
	ok(login_member(r, "web", 8, 1, 0, &got) == 0, "which changes nothing for the one before");
	for (uint8_t i = 1; i <= 2; i++)
		login_member(r, "web", 0, i, 0, &got);
	ok(got.n_replaced == 1, "who does not say who he is replaces whom he finds");
	ok(login_member(r, "web", 9, 1, 0, &got) == 0, "and is not pushed out by them");
	registry_logout(r, got.session, now, 1000);
	limits_default(&limits);
	registry_free(r);
}

static void
test_instance_comes_back(void)
{
	struct registry *r = registry_new();
	struct login_got got;
	uint64_t a = login_member(r, "web", 7, 1, 0, &got), b, claim = 0;

	claim_it(r, a, "ssh", 1, "h:1", 1, &claim);
	registry_fronted(r, claim, 0);
	b = login_member(r, "web", 8, 1, 0, &got);
	ok(claim_it(r, b, "ssh", 1, "h:1", 1, &claim) == CLAIM_MOVED, "the new instance has the tunnel");
	registry_logout(r, b, now, 1000);
	a = login_member(r, "web", 7, 1, 0, &got);
	ok(a != 0, "when it is gone the one before may have it");
	ok(login_member(r, "web", 8, 1, 0, &got) != 0 && got.n_replaced == 1,
		"and was not pushed out by that");
	registry_free(r);
}

/* A front is where a session takes its clients. */
static void
test_leaving(void)
{
	struct registry *r = registry_new();
	struct login_got got;
	uint64_t a = login_member(r, "web", 7, 1, 0, &got), b, c, claim = 0;
	struct claim_ask ask = {"ssh", 3, "h:1", 1, false, false, 8};
	struct claim_got what;
	struct session_ref to;
	uint32_t tunnel;

	claim_it(r, a, "ssh", 1, "h:1", 1, &claim);
	registry_fronted(r, claim, 0);
	b = login_member(r, "web", 7, 2, 1, &got);
	claim_it(r, b, "ssh", 2, "h:1", 1, &claim);
	is_int(registry_place(r, claim, 0), 0, "a front stays with its session");
	registry_leave(r, a);
	is_int(registry_place(r, claim, 0), 1, "and goes to another when that leaves");
	ok(!registry_route(r, claim, 0, true, &to, &tunnel) &&
			registry_route(r, claim, 1, true, &to, &tunnel) && to.id == b,
		"where who cannot move is led to somebody");
	c = login_member(r, "web", 7, 3, 2, &got);
	ok(registry_claim(r, c, &ask, &what) == CLAIM_MOVED && what.far_front == 0,
		"who comes new finds it far away");
	registry_leave(r, b);
	registry_leave(r, c);
	is_int(registry_place(r, claim, 0), 0, "when all leave it need not move");
	registry_free(r);
}

/* Two instances of three members each at random against a plain model. */
static void
test_random_members(void)
{
	struct registry *r = registry_new();
	uint64_t alive[3] = {0}, has[3] = {0}, instance = 0, out = 0, claim = 0;
	size_t wrong = 0, refused = 0;

	srand(815);
	for (int i = 0; i < 20000; i++) {
		unsigned m = (unsigned)rand() % 3, living = 0;
		uint64_t new = 1 + (uint64_t)(rand() % 8 == 0), fresh;
		struct session_ref to = {0, 0};
		struct login_got got;
		uint32_t tunnel;
		bool found = false, some;

		switch (rand() % 3) {
		case 0:
			some = alive[0] != 0 || alive[1] != 0 || alive[2] != 0;
			fresh = login_member(r, "web", new, (uint8_t)(m + 1), m, &got);
			wrong += (fresh == 0) != (some && new == out);
			refused += fresh == 0;
			if (fresh == 0)
				break;
			if (new != instance) {
				memset(alive, 0, sizeof(alive));
				out = some ? instance : 0;
			}
			instance = new;
			alive[m] = fresh;
			break;
		case 1:
			registry_logout(r, alive[m], now, 1000);
			alive[m] = 0;
			break;
		default:
			if (alive[m] != 0 && has[m] != alive[m]) {
				if (claim_it(r, alive[m], "ssh", 1, "h:1", 1, &claim) == CLAIM_NEW)
					registry_fronted(r, claim, 0);
				has[m] = alive[m];
			}
		}
		for (unsigned k = 0; k < 3; k++) {
			living += alive[k] != 0;
			found |= alive[k] != 0 && has[k] == alive[k];
		}
		wrong += registry_route(r, claim, 0, false, &to, &tunnel) != found;
		wrong += found && (to.worker > 2 || has[to.worker] != to.id);
		wrong += registry_sessions(r) != living;
	}
	is_int((intmax_t)wrong, 0, "20,000 random steps: clients go to members that have it, always");
	ok(refused > 100, "and %zu logins came too late", refused);
	registry_free(r);
}

/* Who has a session's secret may bring it another link, and nobody else. */
static void
test_resume(void)
{
	struct registry *r = registry_new();
	struct identity id = who("acme", "web");
	uint8_t secret[REGISTRY_SECRET] = {1, [REGISTRY_SECRET - 1] = 2}, wrong[REGISTRY_SECRET];
	struct login_ask ask = {.id = &id, .member = 1, .worker = 3, .ended = &none_ended,
		.secret = secret};
	struct session_ref at = {4711, 4711};
	uint32_t generation = 4711;
	struct login_got got;
	char text[128];

	must(registry_login(r, &ask, &limits, now, &got, text, sizeof(text)) == 0);
	ok(registry_resume(r, got.session, secret, true, &at, &generation) == RESUME_FOUND, "its secret");
	ok(at.id == got.session && at.worker == 3 && generation == 1, "leads to the session");
	ok(registry_resume(r, got.session, secret, true, &at, &generation) == RESUME_FOUND &&
			generation == 2,
		"and every time the number is higher");
	for (size_t i = 0; i < REGISTRY_SECRET; i += REGISTRY_SECRET - 1) {
		memcpy(wrong, secret, sizeof(wrong));
		wrong[i] ^= 0x80;
		ok(registry_resume(r, got.session, wrong, true, &at, &generation) == RESUME_WRONG &&
				generation == 2,
			"another one does not, byte %zu", i);
	}
	ok(registry_resume(r, got.session + 1, secret, true, &at, &generation) == RESUME_GONE,
		"there is no other session");
	ok(registry_resume(r, got.session, secret, false, &at, &generation) == RESUME_FOUND,
		"a session that began over a plain link may go on over one");
	ask.encrypted = true;
	must(registry_login(r, &ask, &limits, now, &got, text, sizeof(text)) == 0);
	ok(registry_resume(r, got.session, secret, false, &at, &generation) == RESUME_PLAIN &&
			registry_resume(r, got.session, secret, true, &at, &generation) == RESUME_FOUND,
		"one that began over an encrypted link needs another such");
	ask.secret = NULL;
	must(registry_login(r, &ask, &limits, now, &got, text, sizeof(text)) == 0);
	ok(registry_resume(r, got.replaced[0].id, secret, true, &at, &generation) == RESUME_GONE,
		"who was replaced cannot come back");
	memset(wrong, 0, sizeof(wrong));
	ok(registry_resume(r, got.session, wrong, true, &at, &generation) == RESUME_GONE,
		"nor is a session without a secret resumed");
	registry_free(r);
}

/* What the dead say: their ends come late, they ask for what they had, and for their links. */
static size_t
haunt(struct registry *r, const uint64_t *dead, size_t n, uint64_t claim, const char *address)
{
	static const uint8_t secret[REGISTRY_SECRET] = {7};
	uint64_t ghost = n > 0 ? dead[(size_t)rand() % n] : 4711, got = 0;
	struct session_ref at;
	uint32_t x;

	switch (rand() % 5) {
	case 0:
		registry_logout(r, ghost, now, rand() % 2 * 1000);
		return 0;
	case 1:
		registry_leave(r, ghost);
		return 0;
	case 2:
		registry_unclaim(r, ghost, claim, &x);
		return x != REGISTRY_NO_WORKER;
	case 3:
		return registry_resume(r, ghost, secret, true, &at, &x) != RESUME_GONE;
	default:
		return claim_it(r, ghost, "ssh", 1, address, 1, &got) != CLAIM_LOST;
	}
}

/* A thousand takeovers of four agents, each with one name, by processes that say who they are and
 * others. After every step each name is the newest login's and nobody else's, and that has it at
 * once. */
static void
test_takeovers(void)
{
	static const uint8_t secret[REGISTRY_SECRET] = {7};
	static const char *const agents[] = {"a", "b", "c", "d"};
	static const char *const addresses[] = {"h:1", "h:2", "h:3", "h:4"};
	struct registry *r = registry_new();
	uint64_t dead[4][64], owner[4] = {0}, claims[4] = {0};
	size_t n_dead[4] = {0}, wrong = 0, replaced = 0;

	srand(20261121);
	for (uint64_t i = 1; i <= 1000; i++) {
		size_t k = (size_t)rand() % 4, other = (size_t)rand() % 4;
		struct identity id = who("acme", agents[k]);
		struct login_ask ask = {.id = &id, .instance = rand() % 2 * i, .member = 1,
			.worker = (uint32_t)rand() % 4, .ended = &none_ended, .secret = secret};
		struct session_ref to = {0, 0};
		struct login_got got = {0};
		enum claim_result had;
		char text[128];
		uint32_t tunnel;

		wrong += registry_login(r, &ask, &limits, now, &got, text, sizeof(text)) != 0;
		wrong += got.n_replaced != (owner[k] != 0) || (owner[k] != 0 && got.replaced[0].id != owner[k]);
		replaced += got.n_replaced;
		if (owner[k] != 0)
			dead[k][n_dead[k]++ % 64] = owner[k];
		owner[k] = got.session;
		wrong += claims[k] != 0 && registry_route(r, claims[k], 0, false, &to, &tunnel);
		for (int j = rand() % 4; j > 0; j--)
			wrong += haunt(r, dead[k], MIN(n_dead[k], 64), claims[k], addresses[k]);
		had = claim_it(r, owner[k], "ssh", 1, addresses[k], 1, &claims[k]);
		wrong += had != (n_dead[k] > 0 ? CLAIM_MOVED : CLAIM_NEW);
		registry_fronted(r, claims[k], ask.worker);
		wrong += haunt(r, dead[other], MIN(n_dead[other], 64), claims[other], addresses[other]);
		for (size_t j = 0; j < 4; j++)
			wrong += registry_route(r, claims[j], 0, false, &to, &tunnel) != (owner[j] != 0) ||
				(owner[j] != 0 && to.id != owner[j]);
		wrong += expire(r) != 0;
	}
	is_int((intmax_t)replaced, 1000 - 4, "a thousand logins, and all but the first took over");
	is_int((intmax_t)wrong, 0, "each name had one owner, the newest, whatever the dead said");
	is_int(registry_sessions(r), 4, "nobody is left over");
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
	test_members();
	test_member_limits();
	test_left_behind();
	test_instances();
	test_instance_comes_back();
	test_leaving();
	test_random_members();
	test_resume();
	test_takeovers();
	return done_testing();
}
