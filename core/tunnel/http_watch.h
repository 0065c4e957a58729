/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A passive observer of HTTP/1.x on one stream, for the agent's request log and summary. It sees
 * copies of what passes and changes nothing; what it does not understand ends the watching, never
 * the stream. Between two messages it keeps about a hundred bytes, in a head some hundred more, for
 * bodies nothing: heads are scanned as they come, bodies are skipped by their length or chunk sizes
 * (RFC 9112 sections 6 and 7).
 *
 * Owner worker only. Pure: bytes and time go in, on_exchange() comes out. */

#ifndef ADIT_TUNNEL_HTTP_WATCH_H
#define ADIT_TUNNEL_HTTP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/mono.h"

struct http_watch;

struct http_exchange {
	char method[16];
	char path[128]; /* request target, escaped and cut (log_safe) */
	int status;     /* 100 to 599; 0: the connection ended before an answer */
	int64_t us;     /* from the request's first byte to the answer's head */
};

/* on_exchange comes inside http_watch_response() (or _end()), in the order of the requests. */
struct http_watch *http_watch_new(void (*on_exchange)(void *ctx, const struct http_exchange *x),
	void *ctx);

/* Bytes of the client and of the target, in order. NULL is harmless. */
void http_watch_request(struct http_watch *h, const void *p, size_t n, struct mono now);
void http_watch_response(struct http_watch *h, const void *p, size_t n, struct mono now);

/* How many of the next bytes of a direction need not be seen: what is left of a body or of a chunk;
 * 0 in a head, between messages and in a chunk's line; UINT64_MAX when nothing of this direction is
 * looked at any more, and without a watcher. It holds until bytes of the direction are told. */
uint64_t http_watch_blind_request(const struct http_watch *h);
uint64_t http_watch_blind_response(const struct http_watch *h);

/* So many bytes have passed unseen, instead of being told above; n is at most what blind says. */
void http_watch_skip_request(struct http_watch *h, uint64_t n);
void http_watch_skip_response(struct http_watch *h, uint64_t n);

/* Nothing will be reported any more, and it may be freed: this is not HTTP, or is no longer. Not to
 * be freed inside on_exchange. */
bool http_watch_done(const struct http_watch *h);

/* The stream has ended: requests without an answer are reported with status 0. */
void http_watch_end(struct http_watch *h, struct mono now);

void http_watch_free(struct http_watch *h); /* NULL is harmless */

#endif
