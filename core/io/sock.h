/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A non-blocking TCP socket on a worker's loop: the public client or the target of a stream, or the
 * bottom of a link. It reports readiness; whoever owns it reads and writes. Watchers are started
 * and stopped by interest, so a socket that nobody wants anything of costs no wake-ups.
 *
 * Ends are kept apart: sock_shutdown() ends our direction with FIN, sock_close() closes, and
 * sock_abort() closes with RST, which is the only way in which an unfinished stream may end. */

#ifndef ADIT_IO_SOCK_H
#define ADIT_IO_SOCK_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "io/worker.h"
#include "util/addr.h"

struct sock;

struct sock_ops {
	void (*readable)(struct sock *s);
	void (*writable)(struct sock *s);
	/* Only for sock_connect(): 0 or a negative errno. */
	void (*connected)(struct sock *s, int err);
	const char *what; /* for the report of slow turns */
};

struct sock {
	struct worker *w;
	const struct sock_ops *ops;
	ev_io io;
	int fd; /* -1 when closed */
	bool connecting, connected_at_once;
	int want; /* EV_READ | EV_WRITE that the owner asked for */
};

/* Takes over an open non-blocking descriptor. TCP_NODELAY was set by who made it, or by its
 * listener. */
void sock_init(struct sock *s, struct worker *w, int fd, const struct sock_ops *ops);

/* Not open yet: fd is -1, everything may be called. */
void sock_init_closed(struct sock *s, struct worker *w, const struct sock_ops *ops);

/* Begins to connect; connected() comes later, never inside. 0 or a negative errno at once. */
int sock_connect(struct sock *s, const struct addr *to);

void sock_want_read(struct sock *s, bool on);
void sock_want_write(struct sock *s, bool on);

/* Bytes read (>0), 0 at the peer's FIN, -EAGAIN, or another negative errno. */
ssize_t sock_read(struct sock *s, void *p, size_t n);
/* The same, but they stay there. Whoever looks and leaves them is woken again at once. */
ssize_t sock_look(struct sock *s, void *p, size_t n);
/* Bytes taken (may be fewer), -EAGAIN, or another negative errno. Never SIGPIPE. */
ssize_t sock_write(struct sock *s, const void *p, size_t n);
/* The same; more: bytes follow at once, so the kernel need not send these alone. */
ssize_t sock_send(struct sock *s, const void *p, size_t n, bool more);
ssize_t sock_writev(struct sock *s, const struct iovec *iov, int n);

/* Gives the open descriptor away, for another owner to wrap; the sock is closed afterwards. */
int sock_release(struct sock *s);

int sock_shutdown(struct sock *s); /* FIN; 0 or a negative errno */
void sock_close(struct sock *s);   /* harmless twice */
void sock_abort(struct sock *s);   /* RST; harmless after close */

/* The same for a descriptor that nobody has wrapped (and counted) yet. */
void sock_abort_fd(int fd);

/* On: whoever closes it, the kernel after a SIGKILL included, ends the connection with RST, so that
 * a peer never takes the death of this process for an end of the data. Connections inherit it from
 * their listener. Off before a clean sock_close(). */
void sock_end_by_reset(int fd, bool on);

/* Finds out within some minutes that a peer has vanished (TCP keep-alive after 2 minutes of
 * silence). Connections inherit it from their listener. */
void sock_keep_alive(int fd);

/* For a link: keep-alive, and TCP_USER_TIMEOUT in milliseconds. */
void sock_tune_link(struct sock *s, int64_t dead_ms);

/* How many unsent bytes the kernel keeps before it calls the socket full (TCP_NOTSENT_LOWAT).
 * Connections inherit it from their listener. */
void sock_unsent(int fd, size_t bytes);

/* Addresses of both ends; a zero address when the socket is closed. */
void sock_peer(const struct sock *s, struct addr *a_r);
void sock_local(const struct sock *s, struct addr *a_r);

#endif
