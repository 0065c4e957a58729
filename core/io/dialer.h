/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Connecting to one address, directly or to a proxy that then connects to the server. When it is
 * done the socket is bare: a proxy's answer is taken off it to the last byte and no further, so
 * nothing of the proxy is left in the way. Owner worker only. */

#ifndef ADIT_IO_DIALER_H
#define ADIT_IO_DIALER_H

#include "io/proxy_talk.h"
#include "io/sock.h"

struct dialer;

struct dialer_ops {
	/* Comes once, never inside dialer_start(); the dial may be started anew, or closed, in it.
	 * err 0: dialer_release() gives the socket away. Else a negative errno; text and code only
	 * where a proxy has answered (-ECONNREFUSED: do not try its other addresses), or has not in
	 * time, or as nobody should. */
	void (*done)(struct dialer *d, int err, uint16_t code, const char *text);
	const char *what; /* for the report of slow turns */
};

/* Where a proxy is to connect to. */
struct dialer_through {
	const struct proxy *proxy;
	const char *host; /* borrowed, as is the proxy, until done() or dialer_close() */
	uint16_t port;
	int64_t answer_ms; /* for all of the conversation */
};

struct dialer {
	struct sock sock;
	const struct dialer_ops *ops;
	struct timer timer;
	struct dialer_through through; /* proxy NULL: directly */
	struct proxy_talk *talk;       /* while it is under way */
	char text[320];
};

void dialer_init(struct dialer *d, struct worker *w, const struct dialer_ops *ops);

/* Begins; connect_ms is for the connection itself. through may be NULL. 0 or a negative errno at
 * once. */
int dialer_start(struct dialer *d, const struct addr *to, int64_t connect_ms,
	const struct dialer_through *through);

int dialer_release(struct dialer *d); /* the descriptor; in done() */
void dialer_close(struct dialer *d);  /* done() comes no more; harmless twice */

#endif
