/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Listening TCP sockets. Accepting is bounded for each turn, pauses when descriptors run out
 * (instead of spinning), and leaves a reserve for those who matter more: public listeners stop
 * while fewer than reserve descriptors are left, agents' listeners go to the very end. */

#ifndef ADIT_IO_LISTEN_H
#define ADIT_IO_LISTEN_H

#include "io/worker.h"
#include "util/addr.h"

/* Count of descriptors that the process has open for connections, kept by sock and listen; any
 * thread. fdcount_limit() is RLIMIT_NOFILE's soft limit, raised to the hard one by fdcount_init(),
 * less what was open at the time of the call. */
void fdcount_init(void);
void fdcount_add(int n);
int64_t fdcount_used(void);
int64_t fdcount_limit(void);

struct listener;

/* fd is non-blocking and close-on-exec and now the callee's, which has it counted (sock_init()
 * does, or fdcount_add()); from is the peer's address. The listener may be closed in it, not
 * freed. */
typedef void listener_fn(struct listener *l, int fd, const struct addr *from);

struct listener {
	struct worker *w;
	ev_io io;
	struct timer pause;
	struct addr addr; /* with the real port when 0 was asked for */
	int fd;
	int64_t reserve; /* descriptors that must stay free; 0 for agents */
	bool paused;
	uint64_t accepted, pauses; /* pauses: how often accepting stopped for a while */
	listener_fn *fn;
};

/* A listening socket without a worker, SO_REUSEADDR, close-on-exec, non-blocking; for the main
 * thread, so that errors are seen at start. Connections inherit TCP_NODELAY and SO_OOBINLINE. A v6
 * address takes v6 only (IPV6_V6ONLY), whatever the system's default, so that "*" and "::" can be
 * had side by side. Returns the descriptor, not yet counted, or a negative errno. */
int listen_socket(const struct addr *a, int backlog);

/* Takes fd over and accepts on w, on whose thread it is called. */
void listener_open(struct listener *l, struct worker *w, int fd, int64_t reserve, listener_fn *fn);
/* Stops accepting and gives the descriptor back, which is not counted any more: clients wait in it
 * until another listener is opened on it, on any worker. */
int listener_release(struct listener *l);
void listener_close(struct listener *l); /* harmless twice, and on a zeroed one */

#endif
