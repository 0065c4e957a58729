/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* When keys are fetched from their URL and for how long they count. Pure: time goes in, in
 * milliseconds that only go forward. Its owner locks it.
 *
 * What must always hold: between the beginnings of two fetches that somebody has asked for are
 * min_interval at least, so that tokens with random kids make nobody a client that floods; keys
 * that were fetched more than max_age + stale_for ago do not count. */

#ifndef ADIT_JWT_REFRESH_H
#define ADIT_JWT_REFRESH_H

#include <stdbool.h>
#include <stdint.h>

struct refresh_how {
	int64_t max_age;      /* of keys before they are fetched anew */
	int64_t min_interval; /* between fetches that are asked for */
	int64_t stale_for;    /* how much longer keys count if fetching fails */
};

struct refresh {
	struct refresh_how how;
	int64_t due;   /* when the next fetch begins */
	int64_t begun; /* when the last one began */
	int64_t good;  /* when the last one began that was successful */
	unsigned failures; /* since then */
	bool running, has_begun, has_good;
};

/* The first fetch is due at first. */
void refresh_init(struct refresh *r, const struct refresh_how *how, int64_t first);
/* There are keys already, which were asked for at that time. */
void refresh_inherit(struct refresh *r, int64_t good);

void refresh_begin(struct refresh *r, int64_t now);
void refresh_end(struct refresh *r, int64_t now, bool good);

/* A key is missed. True: a fetch is under way, or is due now, which may bring it. False: the last
 * one was too recent. */
bool refresh_want(struct refresh *r, int64_t now);
/* Do the keys of the last good fetch count? */
bool refresh_usable(const struct refresh *r, int64_t now);

#endif
