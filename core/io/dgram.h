/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A UDP socket on a worker's loop: bound, for the clients of a tunnel, or connected to a target. It
 * reads in batches while somebody wants what comes; sending never waits: what the kernel does not
 * take is lost, as UDP may be.
 *
 * A bound socket remembers for each datagram which of our addresses it was sent to, so that an
 * answer can leave from there, also when the socket is bound to all addresses. */

#ifndef ADIT_IO_DGRAM_H
#define ADIT_IO_DGRAM_H

#include <sys/types.h>

#include "io/worker.h"
#include "util/addr.h"

struct dgram;

/* Who, and by which of our addresses. */
struct dgram_path {
	struct addr peer;
	struct addr local;  /* without port; len 0: the socket has only one */
	unsigned interface; /* of a link-local address, or 0 */
};

struct dgram_ops {
	/* n may be 0. Inside, the dgram may be closed. path: of a bound socket, else NULL. */
	void (*received)(struct dgram *d, const struct dgram_path *path, const uint8_t *p,
		size_t n);
	/* Of a connected socket: a negative errno, -ECONNREFUSED when nobody listens there. */
	void (*failed)(struct dgram *d, int err);
	const char *what; /* for the report of slow turns */
};

struct dgram {
	struct worker *w;
	const struct dgram_ops *ops;
	ev_io io;
	int fd; /* -1 when closed */
	bool wildcard, connected;
	struct addr addr; /* of a bound socket */
};

void dgram_init(struct dgram *d, struct worker *w, const struct dgram_ops *ops); /* closed */

/* A socket bound to a, for dgram_open(). Returns the descriptor or a negative errno. */
int dgram_socket(const struct addr *a);
/* Takes over a bound descriptor and reads. */
void dgram_open(struct dgram *d, int fd);
/* 0, or a negative errno and closed as before. */
int dgram_connect(struct dgram *d, const struct addr *to);

/* Gives the open descriptor away, with all that waits in it. */
int dgram_release(struct dgram *d);
void dgram_close(struct dgram *d); /* harmless twice */

/* path: of a bound socket. 0, -EAGAIN when the kernel has no room, or another negative errno, which
 * may also be of a datagram that was sent before. */
int dgram_send(struct dgram *d, const struct dgram_path *path, const void *p, size_t n);

#endif
