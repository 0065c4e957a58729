/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How far apart a server wants its agents' return, should they all lose it at once: what SPREAD
 * says (protocol.md section 8). Pure. */

#ifndef ADIT_TUNNEL_SPREAD_H
#define ADIT_TUNNEL_SPREAD_H

#include <stddef.h>
#include <stdint.h>

#define SPREAD_EACH_MS 5   /* 200 logins in a second: with TLS a quarter of a processor, at most */
#define SPREAD_MIN_MS 1000 /* below, the agents' own first step is enough */
#define SPREAD_MAX_MS 30000

/* For so many sessions, before_ms being what was said last. Moves by doublings, so that sessions
 * are told seldom; 0: nothing. */
int64_t spread_for(size_t sessions, int64_t before_ms);

#endif
