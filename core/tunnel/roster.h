/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Who is logged in, as a list for people: every worker is asked for its sessions, and what they
 * answer is put together on the main thread. It shows each worker at one moment, not all at the
 * same. Main thread. */

#ifndef ADIT_TUNNEL_ROSTER_H
#define ADIT_TUNNEL_ROSTER_H

#include "tunnel/server.h"
#include "util/addr.h"
#include "tunnel/identity.h"

struct roster;

struct roster_row {
	uint64_t session;
	uint32_t worker;
	uint8_t member;
	bool detached; /* its link is lost, and it waits for another one */
	char account[NAME_MAX_LEN + 1], agent[NAME_MAX_LEN + 1];
	char address[ADDR_TEXT_MAX]; /* of the agent */
	char transport[32];          /* "tls" */
	int64_t since_ms;            /* how long ago it logged in */
	int64_t expires_ms;          /* its login, in so much; 0: never */
	uint64_t streams, tunnels, clients; /* clients: in all */
};

/* rows are the roster's, ordered by account, agent and member; they are gone when fn returns. */
typedef void roster_fn(void *ctx, const struct roster_row *row, size_t n);

/* fn comes once, later, on the main worker; not after roster_cancel(). */
struct roster *server_roster(struct server *s, roster_fn *fn, void *ctx);
void roster_cancel(struct roster *r); /* before the server is freed */

/* Ends a session with all that it has; its agent may log in again. Harmless when it has ended. */
void server_kick(struct server *s, const struct roster_row *row);

#endif
