/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The server as a whole: workers, listeners for agents, the configuration in force, drain and stop.
 * Everything here is for the main thread, except where it says otherwise. */

#ifndef ADIT_TUNNEL_SERVER_H
#define ADIT_TUNNEL_SERVER_H

#include "io/worker.h"
#include "tunnel/conf.h"
#include "util/err.h"

struct server;

/* Starts workers, opens the listeners of all transports and accepts agents. Takes over the caller's
 * reference to conf in every case. drained comes on the main worker when a drain has come to its
 * end. Returns 0 or a negative errno with e set; then nothing is left running. */
int server_start(struct worker *main, struct server_conf *conf, void (*drained)(void *ctx),
	void *ctx, struct server **server_r, struct err *e);

/* Puts a new configuration in force (takes over the reference): limits, plugins' instances and
 * listeners for agents; established sessions and streams are not touched. On failure (a listener
 * that cannot be opened) the old one stays and -errno is returned with e set. */
int server_reload(struct server *s, struct server_conf *conf, struct err *e);

/* No new agents, no new public connections; agents get GOAWAY; ends by itself when the last stream
 * has ended or drain_for has passed, with drained(). A second call does nothing. */
void server_drain(struct server *s);

/* Ends everything at once and frees; public connections get RST. */
void server_free(struct server *s);

/* The configuration in force, until the next turn. */
const struct server_conf *server_conf_now(const struct server *s);
bool server_draining(const struct server *s);
/* Logged in now. */
size_t server_sessions(const struct server *s);

/* Where agents connect, "tcp://127.0.0.1:9000, tcp://[::1]:9000", cut to what fits; returns buf. */
const char *server_addresses(const struct server *s, char *buf, size_t cap);

/* Sums of all workers' counters, for the last log line. */
struct server_totals {
	uint64_t clients, streams, rx_bytes, tx_bytes, links, sessions, slow_turns, max_turn_us;
	uint64_t flows, datagrams_in, datagrams_out, datagrams_dropped;
};
/* How logins ended, of all workers; sum is zero-initialised. */
struct tally;
void server_logins(const struct server *s, struct tally *sum);
void server_totals(const struct server *s, struct server_totals *t_r);

#endif
