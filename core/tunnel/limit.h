/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The one table of limits: configuration check, manual page and tests are made from it. Values are
 * constant once a configuration is built. */

#ifndef ADIT_TUNNEL_LIMIT_H
#define ADIT_TUNNEL_LIMIT_H

#include <stddef.h>
#include <stdint.h>

enum limit_unit { LIMIT_COUNT, LIMIT_BYTES, LIMIT_MS };

/* name, unit, default, min, max, help */
#define LIMIT_TABLE(X)                                                                             \
	X(sessions, COUNT, 10000, 1, 1000000, "sessions of all accounts together")                 \
	X(sessions_per_account, COUNT, 100, 1, 1000000, "sessions of one account")                 \
	X(tunnels_per_session, COUNT, 64, 1, 10000, "tunnels of one session")                      \
	X(tunnels_per_account, COUNT, 256, 1, 100000,                                              \
		"tunnels of one account, those that wait for their agent included")               \
	X(streams_per_session, COUNT, 4096, 1, 1000000, "public connections of one session")       \
	X(opening_per_session, COUNT, 256, 1, 100000,                                              \
		"public connections of one session that wait for their target")                    \
	X(flows_per_session, COUNT, 2048, 1, 1000000,                                              \
		"UDP clients of one session, public connections, too; the longest unused makes "   \
		"room for a new one")                                                              \
	X(flows_per_source, COUNT, 256, 1, 1000000,                                                \
		"UDP clients of one tunnel with one address (or IPv6 /64)")                        \
	X(flow_idle, MS, 60000, 1000, 86400000,                                                    \
		"silence after which a UDP client is forgotten; only the first answer breaks it")  \
	X(flow_idle_lasting, MS, 180000, 1000, 86400000,                                           \
		"the same for one that went on sending after an answer; all answers count")        \
	X(flow_datagrams, COUNT, 256, 1, 100000,                                                   \
		"datagrams of one UDP client that wait for the link")                              \
	X(flow_queue, BYTES, 262144, 131072, 16777216, "bytes of the same")                        \
	X(session_queue, BYTES, 4194304, 131072, 1073741824,                                       \
		"bytes of all datagrams of a session that wait for its link")                      \
	X(worker_queue, BYTES, 67108864, 131072, 68719476736,                                      \
		"the same for all sessions of a worker; above it each may still have flow_queue")  \
	X(datagram_age, MS, 2000, 10, 60000, "datagrams that have waited longer are not sent")     \
	X(unauthenticated, COUNT, 256, 1, 100000, "links that have not logged in yet")             \
	X(unauthenticated_per_source, COUNT, 16, 1, 100000,                                        \
		"the same for one address (or IPv6 /64)")                                          \
	X(handshake_timeout, MS, 10000, 100, 600000, "from accept to login, and for a renewal")    \
	X(open_timeout, MS, 10000, 100, 600000, "for a target to accept a connection")             \
	X(ping_interval, MS, 10000, 100, 3600000, "silence after which PING is sent")              \
	X(dead_after, MS, 30000, 200, 7200000, "silence after which a link is given up")           \
	X(resume_for, MS, 60000, 0, 86400000,                                                      \
		"a session whose link is lost waits for its agent; 0: it ends")                    \
	X(session_retain, BYTES, 16777216, 1048576, 1073741824,                                    \
		"bytes that a session keeps until the other end has them; more is not sent")       \
	X(worker_retain, BYTES, 134217728, 1048576, 68719476736,                                   \
		"the same for all sessions of a worker; above it each may still have 512 KiB")     \
	X(flush_timeout, MS, 30000, 100, 3600000,                                                  \
		"for a peer that takes nothing of a finished stream's last bytes")                 \
	X(reserve_for, MS, 600000, 0, 604800000,                                                   \
		"names and ports stay reserved for an agent that is away")                         \
	X(drain_for, MS, 30000, 0, 3600000, "streams may go on after SIGTERM")                     \
	X(stream_window, BYTES, 262144, 16384, 16777216, "unread bytes of one stream at first")    \
	X(stream_window_max, BYTES, 16777216, 16384, 268435456,                              \
		"unread bytes of one stream that has proved fast")                                 \
	X(session_window, BYTES, 33554432, 65536, 1073741824,                                      \
		"unread bytes of a session's streams above 16 KiB each")                           \
	X(unread_budget, BYTES, 536870912, 1048576, 1099511627776,                                 \
		"unread bytes of all streams; above it those that wait longest are reset")        \
	X(max_frame, BYTES, 262144, 16384, 262144, "largest DATA frame that is taken")             \
	X(fd_reserve, COUNT, 64, 8, 10000, "descriptors kept from public connections")             \
	X(fail_penalty, MS, 5000, 0, 600000, "penalty of an address for a failed login")           \
	X(penalty_from, MS, 15000, 0, 3600000, "penalty at which an address is refused")           \
	X(penalty_max, MS, 600000, 0, 86400000, "penalty that an address can reach")            \
	X(tries_per_source, COUNT, 15, 9, 100000,                                                  \
		"messages of an address (or IPv6 /64) that auth plugins look at in ten minutes "   \
		"without a login; off with fail_penalty = 0")                                      \
	X(account_fail_penalty, MS, 1000, 0, 600000,                                               \
		"the same for an account's name, wherever the failed logins come from; 0: none")   \
	X(account_penalty_from, MS, 10000, 0, 3600000,                                             \
		"penalty at which logins to an account are refused, but from where it is known")   \
	X(account_penalty_max, MS, 600000, 0, 86400000, "penalty that an account can reach")

struct limits {
#define X(name, unit, dflt, min, max, help) int64_t name;
	LIMIT_TABLE(X)
#undef X
};

struct limit_info {
	const char *name;
	enum limit_unit unit;
	int64_t dflt, min, max;
	size_t offset; /* in struct limits */
	const char *help;
};

/* Ended by an entry without a name. */
extern const struct limit_info limit_infos[];

void limits_default(struct limits *l);

/* Checks what single ranges cannot (a window above its maximum, ping after death). Returns NULL, or
 * what is wrong, naming the keys. */
const char *limits_conflict(const struct limits *l);

#endif
