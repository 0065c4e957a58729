/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent as a whole: its sessions, each with a link of its own that comes back when it is lost,
 * on one worker or several. It reports to the program on the main worker through events; everything
 * here is for the main thread.
 *
 * Several sessions are one agent: it is connected while one of them is. The first that logs in
 * speaks for all; what becomes of the others only makes the AGENT_SESSION_… events. A session that
 * has lost its link and may get another counts as if it had one. */

#ifndef ADIT_TUNNEL_AGENT_H
#define ADIT_TUNNEL_AGENT_H

#include "io/worker.h"
#include "tunnel/conf.h"
#include "util/err.h"

struct agent;

enum agent_event_kind {
	AGENT_CONNECTING,   /* text: server; attempt */
	AGENT_CONNECTED,    /* logged in; text: account */
	AGENT_TUNNEL_UP,    /* tunnel, text: public address as the agent's user should use it */
	AGENT_TUNNEL_FAILED, /* tunnel, code, text */
	AGENT_TUNNEL_GONE,  /* withdrawn by the server: tunnel, code, text */
	AGENT_LOST,         /* code, text; retry_ms until the next attempt */
	AGENT_MOVING,       /* the same, but so many streams go on to their ends: streams */
	AGENT_HELD,         /* a session has no link: code, text; retry_ms until the next attempt
			     * to get one; attempt: 1 when it has just lost it; streams wait */
	AGENT_BACK,         /* and has one again, after away_ms; nothing is lost: streams */
	AGENT_EXPIRED,      /* or ends: code, text; streams, which are lost */
	AGENT_RENEWED,      /* a session's login: session, left_ms */
	AGENT_NOT_RENEWED,  /* or why not yet: session, text; left_ms until it ends */
	AGENT_SESSION_UP,   /* a further one, and its tunnels are answered: session */
	AGENT_SESSION_LOST, /* session, code, text; attempt; retry_ms, below 0: for good */
	AGENT_STOPPED,      /* no further attempt: code, text; 0 when asked to, or, if fatal, when
			     * our own configuration forbids the link */
};

struct agent_event {
	enum agent_event_kind kind;
	const struct tunnel_conf *tunnel;
	uint16_t code; /* wire/code.h */
	unsigned session; /* which one, from 1 */
	unsigned attempt;
	size_t streams;
	int64_t retry_ms, away_ms;
	int64_t left_ms; /* for which the login is good; below 0: for ever */
	bool fatal; /* AGENT_STOPPED: give a non-zero exit status */
	char text[320];
};

/* What the agent has counted since it started; for the summary. Latencies are of targets: from OPEN
 * to an established connection. */
struct agent_totals {
	uint64_t connects, disconnects;
	uint64_t resumes; /* links that sessions went on over */
	uint64_t streams, streams_refused, streams_reset, streams_open;
	uint64_t flows, flows_refused, flows_open; /* UDP */
	/* Of flows that are over. Not sent on: not taken by target or socket; the link's queue was
	 * full; waited too long for the link. */
	uint64_t datagrams_to_target, datagrams_to_client;
	uint64_t datagrams_unsent, datagrams_full, datagrams_late;
	uint64_t to_target_bytes, to_client_bytes;
	uint64_t dials;
	int64_t dial_min_us, dial_max_us, dial_sum_us;
	int64_t rtt_us, rtt_min_us; /* of the link, smoothed and least; 0 unknown */
	uint64_t http_requests, http_status[6]; /* [1] 1xx … [5] 5xx, [0] no or unreadable answer */
	int64_t http_min_us, http_max_us, http_sum_us;
	uint64_t http_timed; /* how many requests are in the sum */
};

/* conf must outlive the agent. event comes on the main worker. */
int agent_start(struct worker *main, const struct agent_conf *conf,
	void (*event)(void *ctx, const struct agent_event *ev), void *ctx, struct agent **agent_r,
	struct err *e);

/* Says goodbye to the server, ends the streams, then AGENT_STOPPED. A second call does nothing. */
void agent_stop(struct agent *a);

/* The credential that a login by invite has brought, or NULL; the caller's from then on, who wipes
 * and frees it. From AGENT_CONNECTED on. */
char *agent_credential(struct agent *a);

void agent_totals(const struct agent *a, struct agent_totals *t_r);
void agent_free(struct agent *a); /* at once; NULL is harmless */

#endif
