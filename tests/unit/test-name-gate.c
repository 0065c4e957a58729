/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The gate of names: penalties that grow, addresses that are known, and what an enemy with many
 * addresses or many names can do to others. A fake clock. */

#include <config.h>

#include "tap.h"
#include "tunnel/name_gate.h"

#define OWNER 1000 /* the owner's address; the enemy has others */
#define DAY 86400000

static struct limits limits;
static struct mono now = {1};
static struct name_gate *g;
static uint64_t bob;

/* One login from start to end. True if it was let to be looked at. */
static bool
login(uint64_t name, uint64_t source, enum name_end how)
{
	if (name_gate_begin(g, name, source, &limits, now) != 0)
		return false;
	name_gate_end(g, name, source, how, &limits, now);
	return true;
}

static void
begin(void)
{
	limits_default(&limits);
	g = name_gate_new();
	bob = name_gate_key("bob");
}

static void
end(void)
{
	name_gate_unref(g);
}

static void
test_penalty(void)
{
	begin();
	for (unsigned i = 0; i < 4; i++)
		ok(login(bob, i, NAME_WRONG), "try %u of four, from anywhere, is looked at", i + 1);
	is_int(name_gate_begin(g, bob, 50, &limits, now), 15000, "1 + 2 + 4 + 8 s: now all wait");
	ok(login(name_gate_key("alice"), 50, NAME_WRONG), "another name does not");
	now = mono_add_ms(now, 14999);
	ok(!login(bob, 51, NAME_RIGHT), "until all of it is over");
	now = mono_add_ms(now, 1);
	ok(login(bob, 52, NAME_WRONG), "then one may try again");
	is_int(name_gate_begin(g, bob, 53, &limits, now), 16000, "and it has doubled");
	now = mono_add_ms(now, 16000 + limits.account_penalty_max);
	ok(login(bob, 54, NAME_WRONG) && login(bob, 54, NAME_WRONG), "peace is forgiveness");
	end();
}

/* As many addresses as they like, as fast as they can. */
static void
test_many_addresses(void)
{
	struct mono last;
	int looked = 0;

	begin();
	last = mono_add_ms(now, 600000);
	for (uint64_t i = 0; mono_before(now, last); i++, now = mono_add_ms(now, 10))
		looked += login(bob, 2000 + i, NAME_WRONG);
	ok(looked >= 4 && looked <= 15, "60,000 addresses try %d times in ten minutes", looked);
	end();
}

static void
test_at_once(void)
{
	int in = 0;

	begin();
	for (uint64_t i = 0; i < 1000; i++)
		in += name_gate_begin(g, bob, 2000 + i, &limits, now) == 0;
	is_int(in, NAME_GATE_AT_ONCE, "before the first answer a few are looked at");
	is_int(name_gate_begin(g, bob, 1, &limits, now), 1000, "the others are to come again soon");
	name_gate_end(g, bob, 2000, NAME_OPEN, NULL, now);
	is_int(name_gate_begin(g, bob, 1, &limits, now), 0, "when one is over, another may");
	for (uint64_t i = 0; i < NAME_GATE_AT_ONCE; i++)
		name_gate_end(g, bob, 2000, NAME_OPEN, NULL, now);
	ok(login(bob, 1, NAME_RIGHT), "what was not decided does not count");
	end();
}

/* Nobody can lock out the owner. */
static void
test_owner(void)
{
	int looked = 0;

	begin();
	ok(login(bob, OWNER, NAME_RIGHT), "the owner has logged in");
	for (uint64_t i = 0; i < 1000; i++)
		login(bob, 2000 + i, NAME_WRONG);
	ok(!login(bob, OWNER + 1, NAME_RIGHT), "everybody else waits");
	ok(login(bob, OWNER, NAME_RIGHT), "the owner does not");
	for (uint64_t i = 0; i < 1000; i++)
		looked += name_gate_begin(g, bob, OWNER, &limits, now) == 0;
	is_int(looked, 1000, "nor with many links at once");
	while (looked-- > 0)
		name_gate_end(g, bob, OWNER, NAME_OPEN, NULL, now);
	now = mono_add_ms(now, DAY - 1);
	for (uint64_t i = 0; i < 10; i++)
		login(bob, 2000 + i, NAME_WRONG);
	ok(login(bob, OWNER, NAME_RIGHT), "for a day, which begins anew with each login");
	now = mono_add_ms(now, DAY);
	for (uint64_t i = 0; i < 10; i++)
		login(bob, 2000 + i, NAME_WRONG);
	ok(!login(bob, OWNER, NAME_RIGHT), "not for ever");
	end();
}

/* 16 addresses of a name; the one whose day ends first makes room. */
static void
test_addresses(void)
{
	begin();
	for (uint64_t i = 0; i < NAME_GATE_ADDRESSES; i++) {
		login(bob, OWNER + i, NAME_RIGHT);
		now = mono_add_ms(now, 1000);
	}
	login(bob, OWNER, NAME_RIGHT);
	login(bob, OWNER + 99, NAME_RIGHT);
	for (uint64_t i = 0; i < 10; i++)
		login(bob, 2000 + i, NAME_WRONG);
	ok(login(bob, OWNER, NAME_RIGHT), "one that comes often stays known");
	ok(login(bob, OWNER + 99, NAME_RIGHT), "the newest is known");
	ok(!login(bob, OWNER + 1, NAME_RIGHT), "the one that came least is forgotten");
	ok(login(bob, OWNER + 2, NAME_RIGHT), "no other");
	end();
}

/* Floods of names, tried and logged in. */
static void
test_many_names(void)
{
	bool refused;

	begin();
	login(bob, OWNER, NAME_RIGHT);
	for (uint64_t i = 0; i < 4; i++)
		login(bob, 2000 + i, NAME_WRONG);
	for (uint64_t i = 0; i < NAME_GATE_NAMES - 1; i++)
		login(i << 8 | 1, 2000, NAME_WRONG);
	ok(!login(bob, 2000, NAME_WRONG), "65,535 names later bob's failures are remembered");
	login(1ull << 40, 2000, NAME_WRONG);
	refused = !login(bob, 2000, NAME_WRONG);
	for (uint64_t i = 0; i < 2 * NAME_GATE_NAMES; i++)
		login(i << 8 | 2, 2000, NAME_WRONG);
	ok(refused && login(bob, 2000, NAME_WRONG), "the oldest go, and asking makes young");
	for (uint64_t i = 0; i < 4; i++)
		login(bob, 2000 + i, NAME_WRONG);
	ok(!login(bob, 2000, NAME_RIGHT) && login(bob, OWNER, NAME_RIGHT),
		"a flood of failures does not make the owner's address unknown");
	for (uint64_t i = 0; i < NAME_GATE_NAMES; i++)
		login(i << 8 | 3, 2000, NAME_RIGHT);
	ok(!login(bob, OWNER, NAME_RIGHT), "65,536 newer accounts do");
	end();
}

static void
test_off(void)
{
	int in = 0;

	begin();
	limits.account_fail_penalty = 0;
	for (uint64_t i = 0; i < 100; i++)
		in += login(bob, i, NAME_WRONG);
	for (uint64_t i = 0; i < 100; i++)
		in += name_gate_begin(g, bob, i, &limits, now) == 0;
	is_int(in, 200, "account_fail_penalty = 0 switches it off");
	for (uint64_t i = 0; i < 100; i++)
		name_gate_end(g, bob, i, NAME_OPEN, NULL, now);
	end();
}

int
main(void)
{
	test_penalty();
	test_many_addresses();
	test_at_once();
	test_owner();
	test_addresses();
	test_many_names();
	test_off();
	return done_testing();
}
