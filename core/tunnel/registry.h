/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Who is logged in and who owns which public address: the one mutable thing that all workers share.
 * Locked; touched when agents come and go and once for each public connection. Knows no sockets:
 * it hands out numbers (session, claim, worker) and its callers act.
 *
 * An identity is account + agent name. It has the sessions of one running agent, its instance,
 * which are told apart by their member numbers. The newest login wins: it pushes out the older
 * session of its number, and all sessions of another instance; but one that leaves, and makes way
 * for the next of its number, goes on to its end, and instances that were pushed out are refused
 * for as long as there is a session of those that did it. A claim (one public address
 * for one tunnel of one identity) is had by those of its sessions that asked for it, and stays
 * reserved while there is none. Session ids are random and never come again, so what a dead session
 * still says finds nothing to harm. A session may go on over another link for whoever has its
 * secret; every such link gets a number, its generation, and the highest is the one that counts.
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

#define REGISTRY_MEMBERS_MAX 16
#define REGISTRY_REPLACED_MAX (2 * REGISTRY_MEMBERS_MAX) /* each with one that leaves */
#define REGISTRY_SECRET 32 /* bytes */

struct login_ask {
	const struct identity *id;
	uint64_t instance; /* of the agent; 0: unlike any other */
	uint8_t member;    /* 1 to REGISTRY_MEMBERS_MAX */
	uint32_t worker;
	/* How many of the clients that registry_route() gave to the session have ended: counted by
	 * its worker, and there until registry_logout(). */
	const _Atomic uint64_t *ended;
	const uint8_t *secret; /* REGISTRY_SECRET bytes; NULL: it ends with its link */
	bool encrypted;        /* that link, so every other has to be as well */
	int64_t max_sessions;  /* of the account: what it was granted; 0: the limit alone */
};

struct login_got {
	uint64_t session;
	struct session_ref replaced[REGISTRY_REPLACED_MAX]; /* who was pushed out */
	size_t n_replaced;
};

/* Makes a session. Returns 0, or a code of wire/code.h with its reason in text. */
uint16_t registry_login(struct registry *r, const struct login_ask *ask,
	const struct limits *limits, struct mono now, struct login_got *got_r, char *text,
	size_t cap);

/* The session has ended; claims that only it had stay reserved for reserve_ms. Harmless twice. */
void registry_logout(struct registry *r, uint64_t session, struct mono now, int64_t reserve_ms);

enum resume_result {
	RESUME_FOUND,
	RESUME_GONE,  /* no such session, or it has ended */
	RESUME_WRONG, /* not its secret */
	RESUME_PLAIN, /* it has begun over an encrypted link, and this one is not */
};

/* A link has come that shows the secret of a session. FOUND: the link belongs on that worker, with
 * its generation, unless a higher one has come there before. */
enum resume_result registry_resume(struct registry *r, uint64_t session, const uint8_t *secret,
	bool encrypted, struct session_ref *at_r, uint32_t *generation_r);

/* The session has lost its link, or has one again: other sessions that have the same claims get the
 * clients meanwhile. */
void registry_away(struct registry *r, uint64_t session, bool away);

/* The session wants no more clients; it keeps its claims until it has ended. */
void registry_leave(struct registry *r, uint64_t session);

/* The port that this tunnel of this session's identity has, or had, or 0: TCP, or datagram. */
uint16_t registry_port(struct registry *r, uint64_t session, const char *tunnel, bool datagram);

enum claim_result {
	CLAIM_NEW,   /* it is the session's now; the caller opens a front: registry_fronted() */
	CLAIM_MOVED, /* it was this tunnel's, or is another member's too; its front goes on */
	CLAIM_TAKEN, /* somebody else's, or another tunnel's of the same agent, or its front is
		      * being opened for another member */
	CLAIM_LOST,  /* the session is not logged in any more */
	CLAIM_FULL,  /* the account has as many as it may */
};

struct claim_ask {
	const char *tunnel; /* its name */
	uint32_t tunnel_id;
	const char *address; /* unique text: "127.0.0.1:10022", "udp/127.0.0.1:10053" */
	uint16_t port;
	bool asked; /* by the agent: what waits for another of its account's agents will do */
	bool datagram;
	size_t max; /* claims of the account: above, the one that waits longest is given up */
};

struct claim_got {
	uint64_t id;
	/* CLAIM_MOVED: the worker of a front where no session takes clients, so that it had better
	 * follow (registry_place()); else REGISTRY_NO_WORKER. */
	uint32_t far_front;
};

/* Asks for a public address. Another address that the same tunnel had is given up, with CLAIM_NEW
 * not before registry_fronted(). */
enum claim_result registry_claim(struct registry *r, uint64_t session, const struct claim_ask *ask,
	struct claim_got *got_r);
/* Its front is open on worker, now or since it moved there. False: the claim has been given up
 * meanwhile; the caller closes the front. */
bool registry_fronted(struct registry *r, uint64_t claim, uint32_t worker);

/* The worker where its front should be: see group_place(). */
uint32_t registry_place(struct registry *r, uint64_t claim, uint32_t here);

/* Gives a claim up at once. *worker_r: whose front is to be closed, or REGISTRY_NO_WORKER, also
 * when other members have it still. */
void registry_unclaim(struct registry *r, uint64_t session, uint64_t claim, uint32_t *worker_r);

/* Where a client of this claim's front, which is on worker here, goes: see group_pick(). False: the
 * agent is away, or if the client must stay here, not here. */
bool registry_route(struct registry *r, uint64_t claim, uint32_t here, bool stay,
	struct session_ref *session_r, uint32_t *tunnel_r);

/* Forgets claims whose time is over: up to max of them, for their fronts to be closed. Returns how
 * many. Call again until it returns fewer than max. */
struct claim_ref {
	uint64_t id;
	uint32_t worker;
};
size_t registry_expire(struct registry *r, struct mono now, struct claim_ref *gone_r, size_t max);

size_t registry_sessions(struct registry *r); /* logged in now */

#endif
