/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the files of the agent share: agent.c (the whole, main thread), agent_link.c (connecting and
 * coming back), agent_session.c (one login and its streams), target.c (dialling), udp_target.c (flows).
 * All but agent.c run on the agent's one worker. */

#ifndef ADIT_TUNNEL_AGENT_PRIV_H
#define ADIT_TUNNEL_AGENT_PRIV_H

#include <pthread.h>

#include "io/resolve.h"
#include "tunnel/agent.h"
#include "tunnel/auth.h"
#include "tunnel/request_log.h"
#include "tunnel/session.h"

#define AGENT_SOFTWARE "adit/" PACKAGE_VERSION

struct agent {
	atomic_uint refs; /* the program's, and one for each event on its way */
	struct worker *main, *w;
	const struct agent_conf *conf;
	void (*event)(void *ctx, const struct agent_event *ev);
	void *ctx;
	bool closed; /* main thread: no events any more */
	pthread_mutex_t lock; /* protects totals */
	struct agent_totals totals;
};

enum link_state { LINK_IDLE, LINK_RESOLVING, LINK_CONNECTING, LINK_UP, LINK_WAITING, LINK_STOPPED };

/* The agent's worker; w->app. */
struct agent_worker {
	struct worker_streams streams; /* first: see session.h */
	struct agent *a;
	struct worker *w;
	const struct agent_conf *conf;
	enum link_state state;
	struct resolve *resolve;
	struct addr addr[RESOLVE_MAX];
	int n_addr, next_addr;
	int last_err; /* of the address tried last */
	struct sock dial;
	struct timer timer; /* for one address, then until the next attempt */
	unsigned attempt;   /* since the last session that lasted */
	bool was_up;        /* a tunnel has been up, so what refuses us now may pass */
	struct request_log requests;
	uint16_t *had;      /* for each tunnel: its public port at last, or 0 */
	bool stopping;
	struct agent_session *session;
	struct turn_end farewell; /* says last when everything else is over */
	struct agent_event last;
};

enum tunnel_state { TUNNEL_ASKED, TUNNEL_UP, TUNNEL_GONE };

struct agent_session {
	struct session base;
	struct agent_worker *aw;
	struct adit_proof *proof;
	uint8_t nonce_server[MSG_NONCE];
	bool logged_in;
	char account[NAME_MAX_LEN + 1];
	size_t n_up, n_answered;
	enum tunnel_state *tunnel; /* for each of the configuration */
	bool useless;      /* it ends because no tunnel is left */
	uint16_t end_code; /* of the last refusal, then of the session's end */
	char end_text[320];
	struct mono since;
};

static inline struct agent_worker *
agent_worker(struct worker *w)
{
	return w->app;
}

/* ---- agent.c, any of the agent's threads ---------------------------------------------------------*/
/* Sends an event to the program; the text is cut to what fits. */
void agent_say(struct agent *a, const struct agent_event *ev);

/* ---- agent_link.c ---------------------------------------------------------------------------------*/
int agent_worker_init(struct worker *w, void *agent);
void agent_worker_fini(struct worker *w);
int agent_post_stop(struct worker *w);
/* The session is over and freed when this returns; decides what comes next. */
void agent_link_down(struct agent_worker *aw, uint16_t code, const char *text, int64_t retry_ms,
	bool lasted);

/* ---- agent_session.c ------------------------------------------------------------------------------*/
/* NULL when the transport refuses. Takes over fd. */
struct agent_session *agent_session_open(struct agent_worker *aw, int fd);

/* ---- target.c -------------------------------------------------------------------------------------*/
/* Connects a new stream to the tunnel's target and answers OPEN. */
void target_dial(struct agent_session *as, struct mux_stream *ms, const struct tunnel_conf *tunnel);

/* ---- udp_target.c ----------------------------------------------------------------------------------*/
/* The same for a stream of datagrams; and its upcalls. */
void udp_target_open(struct agent_session *as, struct mux_stream *ms,
	const struct tunnel_conf *tunnel);
void udp_target_datagram(struct mux *m, struct mux_stream *ms, const uint8_t *p, size_t n);
void udp_target_end(struct mux_stream *ms);

#endif
