/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The clockwork of fetching. After failures it is tried again after min_interval, twice that, and
 * so on, up to RETRY_MAX. */

#include "refresh.h"

#define RETRY_MAX (10 * 60 * 1000)

void
refresh_init(struct refresh *r, const struct refresh_how *how, int64_t first)
{
	*r = (struct refresh){.how = *how, .due = first};
}

void
refresh_inherit(struct refresh *r, int64_t good)
{
	r->good = good;
	r->has_good = true;
}

void
refresh_begin(struct refresh *r, int64_t now)
{
	r->begun = now;
	r->has_begun = true;
	r->running = true;
}

static int64_t
retry_after(const struct refresh *r)
{
	int64_t ms = r->how.min_interval;

	for (unsigned i = 1; i < r->failures && ms < RETRY_MAX; i++)
		ms *= 2;
	return ms < RETRY_MAX || ms == r->how.min_interval ? ms : RETRY_MAX;
}

void
refresh_end(struct refresh *r, int64_t now, bool good)
{
	r->running = false;
	if (good) {
		r->good = r->begun;
		r->has_good = true;
		r->failures = 0;
		r->due = r->begun + r->how.max_age;
	} else {
		r->failures++;
		r->due = now + retry_after(r);
	}
}

bool
refresh_want(struct refresh *r, int64_t now)
{
	if (r->running)
		return true;
	if (r->has_begun && now - r->begun < r->how.min_interval)
		return false;
	if (now < r->due)
		r->due = now;
	return true;
}

bool
refresh_usable(const struct refresh *r, int64_t now)
{
	return r->has_good && now - r->good < r->how.max_age + r->how.stale_for;
}
