/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the files of the agent share: agent.c (the whole and its decisions, main thread),
 * agent_worker.c (one worker's part), agent_link.c (connecting), agent_session.c (one login and its
 * streams), agent_renew.c (its login anew), agent_resume.c (sessions without a link), target.c
 * (dialling), udp_target.c (flows). All but agent.c run on the agent's workers. */

#ifndef ADIT_TUNNEL_AGENT_PRIV_H
#define ADIT_TUNNEL_AGENT_PRIV_H

#include <pthread.h>

#include "io/dialer.h"
#include "io/resolve.h"
#include "tunnel/agent.h"
#include "tunnel/auth.h"
#include "tunnel/backoff.h"
#include "tunnel/request_log.h"
#include "tunnel/session.h"

#define AGENT_SOFTWARE "adit/" PACKAGE_VERSION

/* One of the agent's sessions as the main thread sees it. */
enum member_state { MEMBER_IDLE, MEMBER_TRYING, MEMBER_UP };

struct member {
	struct agent *a;
	unsigned index;
	enum member_state state;
	struct backoff backoff;
	size_t answered;    /* tunnels that have their answer in this session */
	bool tried, timed;  /* timed: the timer runs */
	bool held;          /* its session waits for a link; it counts as up */
	struct timer timer; /* until the next attempt */
};

struct agent {
	atomic_uint refs; /* the program's, and one for each event on its way */
	struct worker *main, **workers;
	unsigned n_workers;
	const struct agent_conf *conf;
	uint64_t instance; /* random: which running agent this is */
	void (*event)(void *ctx, const struct agent_event *ev);
	void *ctx;
	/* Main thread: */
	struct member *member; /* conf->sessions of them */
	const struct member *lead; /* speaks for all; NULL: none is up */
	unsigned n_up, workers_stopped;
	bool was_up;   /* a tunnel has been up, so what refuses us now may pass */
	bool stopping;
	bool closed;   /* no events any more */
	unsigned n_parting; /* sessions that go on to the ends of their streams */
	uint16_t given_up;  /* why nobody tries any more, when they are over; NONE: not so */
	char given_up_text[320];
	struct agent_event last;
	struct budget budget;
	pthread_mutex_t lock; /* protects totals, had and credential */
	char *credential; /* see agent_credential() */
	struct agent_totals totals;
	uint16_t *had; /* for each tunnel: its public port at last, or 0 */
};

/* A worker of the agent; w->app. */
struct agent_worker {
	struct worker_streams streams; /* first: see session.h */
	struct agent *a;
	struct worker *w;
	const struct agent_conf *conf;
	struct list links; /* struct agent_link */
	struct list parting; /* struct agent_session: their links are others' now */
	size_t n_parting;
	struct request_log requests;
	bool stopping, ending; /* ending: the worker itself */
	struct turn_end farewell; /* when everything else is over */
};

enum link_state { LINK_IDLE, LINK_RESOLVING, LINK_CONNECTING, LINK_UP };

struct agent_link {
	struct agent_worker *aw;
	struct list node; /* in aw->links */
	uint8_t member;   /* from 1 */
	enum link_state state;
	struct resolve *resolve;
	struct addr addr[RESOLVE_MAX];
	int n_addr, next_addr;
	uint16_t last_code; /* why the address tried last was of no use */
	char last_text[320];
	struct dialer dial;
	struct agent_session *session; /* of this link; NULL: there is none */
	struct agent_session *held;    /* it waits for this link; see agent_resume.c */
};

enum tunnel_state { TUNNEL_ASKED, TUNNEL_UP, TUNNEL_GONE };

struct agent_session {
	struct session base;
	struct agent_link *link; /* parting: the one it had */
	struct list node; /* in aw->parting */
	bool parting;     /* the server leaves; nothing is said of it any more */
	struct agent_worker *aw;
	struct adit_proof *proof;
	bool logged_in;
	char account[NAME_MAX_LEN + 1], named[NAME_MAX_LEN + 1]; /* as the server calls us */
	size_t n_up, n_answered;
	enum tunnel_state *tunnel; /* for each of the configuration */
	bool useless;      /* it ends because no tunnel is left */
	uint16_t end_code; /* of the last refusal, then of the session's end */
	char end_text[320];
	struct mono since, lost_at;
	bool resumed; /* its link is not its first */
	int64_t spread_ms; /* as the server said */
	/* agent_renew.c: */
	bool renewing;
	bool renew_spare; /* one that its link has cut off may be begun again at once */
	struct timer renew; /* until the next attempt, or the next complaint */
	struct mono good_until, fresh_until; /* the login; what the last AUTH_OK has said */
	struct mono good_since;              /* AUTH_OK has said so */
	struct mono renew_at, renew_began;   /* began: the last attempt; 0: there was none */
};

static inline struct agent_worker *
agent_worker(struct worker *w)
{
	return w->app;
}

/* ---- agent.c, any of the agent's threads ------------------------------------------------------*/
/* What AGENT_LOST says to the main thread only. */
struct agent_loss {
	bool parted;  /* it is only the end of one that AGENT_MOVING has been about */
	bool lasted;  /* the session did */
	bool by_peer; /* the link was closed by the other end, not by silence */
	int64_t spread_ms; /* as the session's server said */
};

/* Reports to the main thread. Of the events a worker says AGENT_CONNECTED, AGENT_TUNNEL_…,
 * AGENT_LOST, AGENT_MOVING and AGENT_HELD (with what is known of the loss, or NULL), AGENT_BACK,
 * AGENT_EXPIRED, AGENT_RENEWED, AGENT_NOT_RENEWED and, when nothing of it is left,
 * AGENT_STOPPED. */
void agent_say(struct agent *a, const struct agent_event *ev, const struct agent_loss *loss);

/* ---- agent_worker.c ---------------------------------------------------------------------------*/
int agent_worker_init(struct worker *w, void *agent);
void agent_worker_fini(struct worker *w);
/* Asks for one attempt of a member, and for the end of all of the worker's. */
int agent_post_go(struct worker *w, unsigned member);
int agent_post_stop(struct worker *w);
/* Looks whether a worker that is to stop has. */
void agent_worker_check(struct agent_worker *aw);

/* ---- agent_link.c -----------------------------------------------------------------------------*/
struct agent_link *agent_link_new(struct agent_worker *aw, uint8_t member);
void agent_link_go(struct agent_link *l);   /* one attempt; harmless unless it is idle */
void agent_link_stop(struct agent_link *l); /* says goodbye if it is up */
/* The session is over and freed when this returns. */
void agent_link_down(struct agent_link *l, uint16_t code, const char *text, int64_t retry_ms,
	const struct agent_loss *loss);
/* The server leaves: its session goes on to the end of its streams, the link is idle again. */
void agent_link_part(struct agent_link *l, int64_t retry_ms, const struct agent_loss *loss);
/* At once, when the worker ends: what was under way is ended, its memory is agent_link_free()'s. */
void agent_link_close(struct agent_link *l);
void agent_link_free(struct agent_link *l);

/* ---- agent_session.c --------------------------------------------------------------------------*/
/* Takes over fd. */
struct agent_session *agent_session_open(struct agent_link *l, int fd);
/* At once, when the worker ends. */
void agent_session_close(struct agent_session *as);

/* Shows who we are, when the server's HELLO is here. */
void agent_session_login(struct agent_session *as);
/* Begins a proof in place of the one before, and sends what it has made. */
void agent_session_prove(struct agent_session *as, proof_fn *fn);
void agent_session_send(struct agent_session *as, const struct adit_proof *proof);
void agent_session_loss(const struct agent_session *as, struct agent_loss *loss_r);

static inline struct agent_session *
agent_session_of(struct mux *m)
{
	return container_of(container_of(m, struct session, mux), struct agent_session, base);
}

/* ---- agent_renew.c ----------------------------------------------------------------------------*/
void agent_renew_init(struct agent_session *as);
/* AUTH_OK has come, of any login; then the plugin has confirmed the first one. */
void agent_renew_expires(struct agent_session *as, uint64_t expires_ms);
void agent_renew_logged_in(struct agent_session *as);
/* AUTH_OK of a renewal names whom it should. */
bool agent_renew_same(const struct agent_session *as, const struct msg_auth_ok *ok);
void agent_renew_on_fail(struct mux *m, const struct msg_auth_fail *fail);
/* The link is lost, and there is another. */
void agent_renew_detached(struct agent_session *as);
void agent_renew_back(struct agent_session *as);

/* ---- agent_resume.c ---------------------------------------------------------------------------*/
void agent_session_on_detached(struct session *s, const char *text);
/* It has ended. False if it was not held. */
bool agent_session_unheld(struct agent_session *as, uint16_t code, const char *text);
/* A fresh one asks for the one that is held. False: it is to log in. */
bool agent_session_resume(struct agent_session *fresh);
void agent_session_on_resume_ok(struct mux *m, const struct msg_resume_ok *ok);
void agent_session_on_resume_fail(struct mux *m, const struct msg_end *fail);

/* ---- target.c ---------------------------------------------------------------------------------*/
/* Connects a new stream to the tunnel's target and answers OPEN. */
void target_dial(struct agent_session *as, struct mux_stream *ms, const struct tunnel_conf *tunnel);

/* ---- udp_target.c -----------------------------------------------------------------------------*/
/* The same for a stream of datagrams; and its upcalls. */
void udp_target_open(struct agent_session *as, struct mux_stream *ms,
	const struct tunnel_conf *tunnel);
void udp_target_datagram(struct mux *m, struct mux_stream *ms, const uint8_t *p, size_t n);
void udp_target_end(struct mux_stream *ms);

#endif
