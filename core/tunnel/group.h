/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Which session gets the next client: a group is the sessions that have one claim bound, and picks
 * the one with the fewest clients. Pure; whoever has the group holds what protects it (the
 * registry). Only the count of clients that have ended is written by others: by each session's
 * worker. */

#ifndef ADIT_TUNNEL_GROUP_H
#define ADIT_TUNNEL_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What picking has to know of a session. Its clients now are those given less those ended, so that
 * clients on their way to it count already. */
struct group_session {
	uint64_t id;
	uint32_t worker;
	uint64_t given;
	const _Atomic uint64_t *ended;
	bool leaving; /* wants no more */
	bool away;    /* it has lost its link and waits for another: the last choice */
};

struct group_member {
	struct group_session *s;
	uint32_t tunnel_id; /* the session's own number for the tunnel */
};

struct group {
	struct group_member *m;
	size_t n, room, turn;
};

void group_fini(struct group *g);
void group_add(struct group *g, struct group_session *s, uint32_t tunnel_id);
/* False: it is not in the group. */
bool group_remove(struct group *g, const struct group_session *s);
bool group_has(const struct group *g, const struct group_session *s);

/* The worker where its front should be: here, if a session that takes clients is there, or none
 * takes any. */
uint32_t group_place(const struct group *g, uint32_t here);

/* Of the sessions that are not away, or of all if all are: the one with the fewest clients, among
 * equals each in its turn; but one of worker here, so that the client need not move, unless it has
 * over an eighth more than the least. A client that
 * must stay gets the least of worker here in any case. NULL: none takes clients. The client counts
 * as given. */
const struct group_member *group_pick(struct group *g, uint32_t here, bool stay);

#endif
