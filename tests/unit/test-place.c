/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Placement of links on workers. */

#include <config.h>

#include "tap.h"
#include "tunnel/place.h"
#include "util/compiler.h"

static void
test_measure(void)
{
	struct place p = {.fresh = 3};

	place_measure(&p, 500000, 1000000);
	ok(p.busy == 250 && p.fresh == 0, "a busy second counts half");
	place_measure(&p, 1500000, 1000000);
	is_int(p.busy, 625, "the next one more");
	place_measure(&p, 1500000, 1000000);
	place_measure(&p, 1500000, 1000000);
	is_int(p.busy, 156, "quiet ones make it fade");
	place_measure(&p, 9500000, 1000000);
	is_int(p.busy, 578, "a turn that took longer than a measurement is no more than all of it");
}

/* Places n links; all at once, so none is measured. */
static void
arrive(struct place *p, unsigned workers, unsigned n)
{
	while (n-- > 0) {
		unsigned i = place_pick(p, workers);

		p[i].sessions++;
		p[i].fresh++;
	}
}

static void
test_quiet(void)
{
	struct place p[4] = {{0}};

	is_int(place_pick(p, 1), 0, "one worker has them all");
	arrive(p, 4, 1);
	ok(p[0].sessions == 1 && place_pick(p, 4) == 1, "the first is the first's");
	arrive(p, 4, 39);
	ok(p[0].sessions == 10 && p[1].sessions == 10 && p[2].sessions == 10 && p[3].sessions == 10,
		"while nobody is busy they are spread evenly");
	p[2].sessions = 4;
	for (int i = 0; i < 4; i++)
		p[i].fresh = 0;
	is_int(place_pick(p, 4), 2, "and go where some have left");
}

static void
test_busy(void)
{
	struct place p[2] = {{.busy = 900, .sessions = 1}, {.busy = 10, .sessions = 3}};

	is_int(place_pick(p, 2), 1, "a worker with three quiet sessions is better than one with a busy one");
	p[1].sessions = 100000;
	is_int(place_pick(p, 2), 1, "even with a hundred thousand");
	p[0].busy = 100;
	is_int(place_pick(p, 2), 0, "but not for the sake of a little");
	p[0] = (struct place){.busy = 400, .sessions = 50};
	p[1] = (struct place){.busy = 0, .sessions = 50};
	arrive(p, 2, 40);
	ok(p[0].sessions > 60 && p[1].sessions > p[0].sessions,
		"when many come at once they do not all go to the one that is quiet");
}

int
main(void)
{
	test_measure();
	test_quiet();
	test_busy();
	return done_testing();
}
