/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The flows of one UDP tunnel at the server: who has sent something, and what becomes of the
 * answers. A flow is found by its client's address (and by which of our addresses it used), under a
 * secret key.
 *
 * It lives until neither side has sent anything for a while: `brief` at first, `lasting` once the
 * client goes on sending after an answer, two seconds and more after it began (a question and its
 * answer are over soon, a call or a VPN may be silent for minutes). Of a brief one only the first
 * answer counts as use: else one forged question to a target that streams would be answered for
 * ever. Both lists are in order of last use, so that the next to expire is always at the front of
 * one of them.
 *
 * A flow is held by a session, too, whose flows are in the tables of all its tunnels.
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
#define FLOW_SPARE_LASTING_MS 10000 /* nor does who is lasting, in a session that is full */

struct flow_source; /* an address, or an IPv6 /64, and its flows */

/* The flows of a session; oldest use first. */
struct flow_holder {
	struct list brief, lasting;
	size_t n;
};

struct flow {
	struct dgram_path path;
	struct flows *table;
	struct flow_holder *holder;
	struct flow_source *source;
	struct list use, held, of_source; /* oldest use first */
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

/* The source's oldest when the source of path has all it may: it has to go before a new one can
 * begin. NULL when there is room. *refused_r: there must be one, but all are in use. */
struct flow *flows_victim(const struct flows *t, const struct dgram_path *path, struct mono now,
	bool *refused_r);

void flow_holder_init(struct flow_holder *h);

/* Who goes when the holder has all it may: its oldest brief one, or else its oldest lasting one.
 * NULL when all are in use. */
struct flow *flow_holder_victim(const struct flow_holder *h, struct mono now);

/* NULL when it is there already. */
struct flow *flow_new(struct flows *t, struct flow_holder *h, const struct dgram_path *path,
	struct mono now);
void flow_free(struct flow *f);

void flow_heard(struct flow *f, struct mono now);    /* the client has sent one */
void flow_answered(struct flow *f, struct mono now); /* the target has */

/* When the next one expires, or MONO_NEVER; and that one, if it is due. */
struct mono flows_deadline(const struct flows *t);
struct flow *flows_expired(const struct flows *t, struct mono now);

#endif
