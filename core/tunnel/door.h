/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A door: one address where links arrive, and the transports that share it. What an arriving link
 * is shows in its first bytes, and inside a transport that encrypts in what TLS has agreed on
 * (ALPN). Constant once built; choosing is pure: any thread. */

#ifndef ADIT_TUNNEL_DOOR_H
#define ADIT_TUNNEL_DOOR_H

#include "tunnel/conf.h"

#define DOOR_WAYS_MAX 8

/* One transport at the door. */
struct door_way {
	const char *name; /* its scheme, for people */
	const char *inner; /* the same inside one that encrypts, or NULL: it is never inside */
	/* As of struct adit_transport_ops; NULL: never told by its bytes. */
	enum adit_probe (*probe)(const void *inst, const void *data, size_t n);
	const void *inst;
	bool layered;   /* false: Adit's own frames follow at once */
	bool plain;     /* it may stand on the socket: it encrypts, or need not here */
	bool encrypted; /* what follows inside may be told again */
	const struct module *transport;
};

struct door {
	struct addr addr; /* as configured: the port may be 0 */
	struct door_way way[DOOR_WAYS_MAX];
	size_t n;
};

/* What came so far, and where. */
struct door_link {
	const struct door_way *on; /* the way that stands below already, or NULL: the socket */
	const char *alpn;          /* or NULL */
	const uint8_t *p;          /* 1 to ADIT_PROBE_MAX bytes */
	size_t n;
};

enum door_answer {
	DOOR_MORE,    /* these bytes do not tell yet; not with ADIT_PROBE_MAX of them */
	DOOR_WAY,     /* a layer of *way_r follows */
	DOOR_FRAMES,  /* Adit's frames follow */
	DOOR_REFUSED, /* text says why; nothing is answered */
	DOOR_REFUSED_FRAMES, /* the same, and the peer understands frames */
};

enum door_answer door_choose(const struct door *d, const struct door_link *l,
	const struct door_way **way_r, char *text, size_t cap);

/* Whether there is only one thing that a link can be here, which nobody needs to look at. */
bool door_is_plain(const struct door *d);

/* "tls://0.0.0.0:7835, wss://0.0.0.0:7835": how agents name it; addr is where it is. Returns how
 * long it is, as snprintf() does. */
size_t door_addresses(const struct door *d, const struct addr *addr, char *buf, size_t cap);

/* All doors of a configuration, in the order in which they are named. Free with free(). */
struct door *doors_build(const struct modules *modules, size_t *n_r);
/* NULL: none. */
const struct door *door_find(const struct server_conf *conf, const struct addr *a);

#endif
