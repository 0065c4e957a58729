/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The flows of one UDP tunnel at the server: who has sent something, and what becomes of the
 * answers. A flow is found by its client's address (and by which of our addresses it used), under a
 * secret key.
 *
 * It lives until neither side has sent anything for a while: `brief` at first, `lasting` once the
 * client goes on sending after an answer, two seconds and more after it began (a question and its
 * answer are over soon, a call or a VPN may be silent for minutes). Both lists are in order of last
 * use, so that the next to expire is always at the front of one of them.
 *
 * No sockets, no clock; one owner. */

#ifndef ADIT_TUNNEL_FLOW_H
#define ADIT_TUNNEL_FLOW_H

#include "io/dgram.h"
#include "util/list.h"
#include "util/map.h"
#include "util/mono.h"

#define FLOW_SETTLED_MS 2000 /* a younger flow is not lasting yet */
#define FLOW_SPARE_MS 1000   /* who was used since then makes room for nobody */

struct flow_source; /* an address, or an IPv6 /64, and its flows */

struct flow {
	struct dgram_path path;
	struct flows *table;
	struct flow_source *source;
	struct list use, of_source; /* oldest use first */
	uint64_t key;
	struct mono began, used;
	bool answered, lasting;
	uint64_t in, out, unsent; /* from the client, to it, not taken by the socket */
	void *user;
};

struct flows {
	struct idmap by_key, sources;
	struct list brief, lasting;
	size_t n;
	int64_t brief_ms, lasting_ms;
	size_t per_source;
};

void flows_init(struct flows *t, int64_t brief_ms, int64_t lasting_ms, size_t per_source);
void flows_fini(struct flows *t); /* must be empty */

/* The flow of what came by path, or NULL. */
struct flow *flows_find(const struct flows *t, const struct dgram_path *path);

/* Who has to go before a new flow from path can begin, or NULL when there is room: the source's
 * oldest when the source has all it may, the oldest of all when full. *refused_r: there must be
 * one, but all are in use. */
struct flow *flows_victim(const struct flows *t, const struct dgram_path *path, bool full,
	struct mono now, bool *refused_r);

struct flow *flow_new(struct flows *t, const struct dgram_path *path, struct mono now);
void flow_free(struct flow *f);

void flow_heard(struct flow *f, struct mono now);    /* the client has sent one */
void flow_answered(struct flow *f, struct mono now); /* the target has */

/* When the next one expires, or MONO_NEVER; and that one, if it is due. */
struct mono flows_deadline(const struct flows *t);
struct flow *flows_expired(const struct flows *t, struct mono now);

#endif
