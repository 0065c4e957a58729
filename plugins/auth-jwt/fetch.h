/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The keys that a URL has: a thread that fetches them, and the last good answer as a constant copy.
 *
 * Who opens what is open already gets the same one, so that a reload of the configuration does not
 * lose the keys, and several instances fetch once. One with other settings for the same URL begins
 * with the keys that are there. */

#ifndef ADIT_JWT_FETCH_H
#define ADIT_JWT_FETCH_H

#include "keys.h"
#include "refresh.h"

struct fetch;
struct fetched;

struct fetch_how {
	const char *url;     /* url_wrong() has nothing against it */
	bool discover;       /* it is an issuer, whose description names the URL */
	const char *ca_file; /* NULL: the system's authorities */
	struct key_defaults defaults;
	struct refresh_how when;
	int64_t timeout_ms;
};

/* Copies how. Main thread. NULL: why says what is wrong. Nothing is fetched here: an outage does
 * not stop the start, and who makes an instance only to check a configuration bothers nobody. */
struct fetch *fetch_open(const struct fetch_how *how, char *why, size_t cap);
/* Nothing of it may be held any more. Main thread; gives up what is under way. NULL is harmless. */
void fetch_close(struct fetch *f);

/* Any thread; never waits for the network. */

/* The keys, until fetched_release(); NULL: there are none, or they are too old. */
const struct fetched *fetch_take(struct fetch *f);
const struct keys *fetched_keys(const struct fetched *d);
void fetched_release(const struct fetched *d);

/* A key of this name is missed ("": one for a token without a kid; NULL: any, only fetch), which
 * has keys fetched if the last time is long enough ago. True: they are under way and may bring it,
 * so come again. False: it was looked for in vain, or there is no fetching now. */
bool fetch_want(struct fetch *f, const char *kid);
/* Why there are no keys, for the log. */
void fetch_complaint(struct fetch *f, char *text, size_t cap);

#endif
