/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Who is logged in and who owns which public address: the one mutable thing that all workers share.
 * Locked; touched when agents come and go and once for each public connection. Knows no sockets:
 * it hands out numbers (session, claim, worker) and its callers act.
 *
 * An identity is account + agent name. Its newest login owns it: an older session is pushed out, its
 * claims wait for the new one. A claim (one public address for one tunnel of one identity) stays
 * reserved while its agent is away. Session ids are random and never come again, so what a dead
 * session still says finds nothing to harm.
 *
 * Any thread. */

#ifndef ADIT_TUNNEL_REGISTRY_H
#define ADIT_TUNNEL_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/identity.h"
#include "tunnel/limit.h"
#include "util/mono.h"

#define REGISTRY_NO_WORKER UINT32_MAX

struct registry;

struct registry *registry_new(void);
void registry_free(struct registry *r);

/* A session as others may know it. id 0: none. */
struct session_ref {
	uint64_t id;
	uint32_t worker;
};

/* Makes a session of id's identity. Returns 0 with its number and the session that was pushed out (id
 * 0 if none), or a code of wire/code.h with its reason in text. */
uint16_t registry_login(struct registry *r, const struct identity *id, uint32_t worker,
	const struct limits *limits, struct mono now, uint64_t *session_r,
	struct session_ref *replaced_r, char *text, size_t cap);

/* The session has ended; its claims stay reserved for reserve_ms. Harmless twice. */
void registry_logout(struct registry *r, uint64_t session, struct mono now, int64_t reserve_ms);

/* The port that this tunnel of this session's identity has, or had, or 0: TCP, or datagram. */
uint16_t registry_port(struct registry *r, uint64_t session, const char *tunnel, bool datagram);

enum claim_result {
	CLAIM_NEW,   /* it is the session's now; the caller opens a front and says registry_fronted() */
	CLAIM_MOVED, /* it was reserved for this tunnel and has a front that goes on */
	CLAIM_TAKEN, /* somebody else's, or another tunnel's of the same agent */
	CLAIM_LOST,  /* the session is not logged in any more */
	CLAIM_FULL,  /* the account has as many as it may */
};

struct claim_ask {
	const char *tunnel; /* its name */
	uint32_t tunnel_id;
	const char *address; /* unique text: "127.0.0.1:10022", "udp/127.0.0.1:10053" */
	uint16_t port;
	bool asked; /* by the agent itself: what waits for another of its account's agents will do */
	bool datagram;
	size_t max; /* claims of the account: above, the one that waits longest is given up */
};

/* Asks for a public address. Another address that the same tunnel had is given up, with CLAIM_NEW not
 * before registry_fronted(). */
enum claim_result registry_claim(struct registry *r, uint64_t session, const struct claim_ask *ask,
	uint64_t *claim_r);
/* Its front is open on worker. False: it has been given up meanwhile; the caller closes the front. */
bool registry_fronted(struct registry *r, uint64_t claim, uint32_t worker);

/* The worker of its front, or REGISTRY_NO_WORKER. */
uint32_t registry_front(struct registry *r, uint64_t claim);

/* Gives a claim up at once. *worker_r: whose front is to be closed (or REGISTRY_NO_WORKER). */
void registry_unclaim(struct registry *r, uint64_t session, uint64_t claim, uint32_t *worker_r);

/* Where a client of this claim's front goes. False: the agent is away. */
bool registry_route(struct registry *r, uint64_t claim, struct session_ref *session_r,
	uint32_t *tunnel_r);

/* Forgets claims whose time is over: up to max of them, for their fronts to be closed. Returns how
 * many. Call again until it returns fewer than max. */
struct claim_ref {
	uint64_t id;
	uint32_t worker;
};
size_t registry_expire(struct registry *r, struct mono now, struct claim_ref *gone_r, size_t max);

size_t registry_sessions(struct registry *r); /* logged in now */

#endif
