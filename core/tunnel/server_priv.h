/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the files of the server share: server.c (the whole, main thread), server_worker.c (one
 * worker's part), server_session.c (one agent), server_renew.c (its login anew), server_resume.c
 * (its other links), bind.c (its tunnels), front.c (public listeners), udp_front.c (those for
 * UDP). */

#ifndef ADIT_TUNNEL_SERVER_PRIV_H
#define ADIT_TUNNEL_SERVER_PRIV_H

#include "io/listen.h"
#include "tunnel/auth.h"
#include "tunnel/door.h"
#include "tunnel/flow.h"
#include "tunnel/gate.h"
#include "tunnel/hush.h"
#include "tunnel/place.h"
#include "tunnel/registry.h"
#include "tunnel/server.h"
#include "tunnel/session.h"
#include "tunnel/tally.h"
#include "tunnel/walk.h"
#include "util/map.h"

#define SERVER_SOFTWARE "aditd/" PACKAGE_VERSION

/* One configuration as one worker has it: its modules have their shares of this worker while
 * anybody here uses it. Owner: the worker. */
struct worker_conf {
	struct server_conf *conf; /* one reference */
	size_t users;             /* sessions, links, and 1 while it is the current one */
	struct list node;         /* in sw->confs */
};

/* A worker's part of the server; w->app. Owner: the worker. */
struct server_worker {
	struct worker_streams streams; /* first: see session.h */
	struct server *srv;
	struct worker *w;
	struct worker_conf *conf; /* current */
	struct list confs;        /* struct worker_conf: all that are in use */
	struct list sessions;     /* struct server_session */
	struct idmap by_id;       /* logged in, by session id */
	struct list away;         /* those without a link, the longest first */
	struct idmap fronts;      /* struct front, by claim id */
	struct idmap udp_fronts;  /* struct udp_front */
	struct tally tally;       /* how logins ended; read by anybody */
	struct hush hush;         /* when refused logins are answered */
	bool draining, drained;
	struct turn_end drain_check;
	struct timer spread; /* more sessions are to be told */
};

struct server {
	struct worker *main;
	struct worker **workers;
	struct server_worker **sw; /* each one's part; touched by the worker while it runs */
	_Atomic size_t *load; /* sessions and links of each worker */
	struct place *place;  /* of each worker; main thread */
	struct mono measured; /* when they were */
	unsigned n_workers, n_parts; /* running; of sw, load and place */
	struct server_conf *conf; /* in force; main thread */
	struct registry *registry;
	struct gate *gate;
	struct name_gate *names;
	struct tally tally; /* of links that the gate did not let in; main thread */
	struct budget budget;
	struct list listeners; /* struct agent_listener; main thread */
	struct timer sweep, drain_timer;
	_Atomic int64_t spread_ms; /* what agents are told: tunnel/spread.h */
	unsigned workers_drained;
	bool draining;
	void (*on_drained)(void *ctx);
	void *ctx;
};

static inline struct server_worker *
server_worker(struct worker *w)
{
	return w->app;
}

/* ---- server_worker.c ------------------------------------------------------------------------- */
int server_worker_init(struct worker *w, void *server);
void server_worker_fini(struct worker *w);
/* Main thread, after the join; NULL is harmless. */
void server_worker_free(struct server_worker *sw);
struct worker_conf *worker_conf_use(struct server_worker *sw);
/* Of any configuration; NULL if its modules cannot have their shares here. */
struct worker_conf *worker_conf_of(struct server_worker *sw, struct server_conf *conf);
void worker_conf_done(struct server_worker *sw, struct worker_conf *wc);
/* Hands a reference back to the main thread. Any worker. */
void server_release_conf(struct worker *w, struct server_conf *conf);
/* Looks at the end of the turn whether a drain has come to its end. */
void server_drain_check(struct server_worker *sw);
/* Messages, from any thread. Each returns 0 or -ESHUTDOWN. */
int post_link(struct worker *to, int fd, const struct addr *from, const struct addr *at);
int post_client(struct worker *to, int fd, const struct addr *from, uint64_t session,
	uint32_t tunnel);
int post_kick(struct worker *to, uint64_t session, uint16_t code, const char *text);
int post_close_front(struct worker *to, uint64_t claim);
/* Moves a front to where its claim's sessions are, and the socket on its way; name: of a UDP
 * tunnel, or NULL. */
int post_follow(struct worker *to, uint64_t claim);
int post_front(struct worker *to, int fd, uint64_t claim, const char *name);
int post_conf(struct worker *to, struct server_conf *conf);
int post_drain(struct worker *to, bool now);
int post_spread(struct worker *to); /* srv->spread_ms is another one */

/* ---- server_session.c ------------------------------------------------------------------------ */
struct tunnel {
	uint32_t id;
	char name[NAME_MAX_LEN + 1];
	uint64_t claim;
};

struct server_session {
	struct session base;
	struct server_worker *sw;
	struct worker_conf *conf; /* when it began: its limits */
	struct worker_conf *link_conf; /* of its link: the layers live in it */
	struct worker_conf *auth_conf; /* in force when its login began; NULL before */
	const struct door *door;       /* of conf: where it arrived */
	const struct door_way *on;     /* what stands on it topmost; NULL: nothing yet */
	struct list node; /* in sw->sessions */
	struct list away; /* in sw->away */
	struct addr from;
	char from_text[ADDR_TEXT_MAX], from_host[ADDR_TEXT_MAX];
	uint64_t source;
	bool at_gate;      /* gate_leave() is owed */
	bool counted;      /* in srv->load */
	struct adit_auth_req *req;
	struct mono asked; /* when AUTH came */
	struct timer refuse; /* the answer to a wrong login waits for its time */
	struct timer renewal; /* how long one may take */
	uint16_t refuse_code;
	uint32_t refuse_retry_ms;
	bool logged_in;
	uint64_t instance; /* as HELLO says; see registry.h */
	uint8_t member;
	struct identity id;
	int64_t max_tunnels, max_streams; /* granted */
	uint64_t reg_id;
	struct idmap tunnels; /* struct tunnel by id */
	struct walk *walk;    /* its searches for addresses; NULL before the first long one */
	struct mono since;
	uint64_t clients, flows;
	int64_t spread_said; /* ms */
	uint32_t generation; /* of its link: see registry.h */
	struct mono lost_at; /* while it has none */
	uint64_t resumed;    /* how often it has got another */
	struct flow_holder held; /* flows that are open */
	_Atomic uint64_t ended; /* of clients and flows: see registry.h */
};

static inline struct server_session *
server_session_of(struct mux *m)
{
	return container_of(container_of(m, struct session, mux), struct server_session, base);
}

/* Takes over fd, which the gate has let in. at: the address that it came to, as configured. */
void server_session_open(struct server_worker *sw, int fd, const struct addr *from,
	const struct addr *at);
/* A public connection for one of its tunnels; takes over fd. */
void server_session_client(struct server_session *ss, int fd, const struct addr *from,
	uint32_t tunnel);
/* Tells the agent srv->spread_ms; false if it knows, or is not logged in. */
bool server_session_spread(struct server_session *ss);
/* Of the clients and flows that registry_route() gave to it one has ended, or never began. */
void server_session_less(struct server_session *ss);
/* At once, when the worker ends. */
void server_session_destroy(struct server_session *ss);
/* "session 3f2a… account=… agent=…" for logs; a static buffer of the worker's thread. */
const char *server_session_name(const struct server_session *ss);

void server_session_from(struct server_session *ss, const struct addr *from);
/* A failed login is counted; its link waits at the gate no more. */
void server_session_fail_at_gate(struct server_session *ss);
void server_session_leave_gate(struct server_session *ss);
/* The login under way, if there is one, is given up: it took too long, or the agent is gone. True
 * if it was not the agent that it waited for. */
bool server_login_give_up(struct server_session *ss, bool timeout);

/* ---- server_renew.c ---------------------------------------------------------------------------*/
/* AUTH has come on a session that lives. False: the gate is shut, and the agent was told. */
bool server_renew_begins(struct server_session *ss);
/* The chain allows it. */
void server_renew(struct server_session *ss, struct adit_auth_req *req);
/* None is under way any more; harmless if none was. */
void server_renew_over(struct server_session *ss);
void server_renew_on_timer(struct timer *t);
/* An answer has come to one that was given up. */
void server_renew_too_late(struct server_session *ss);
/* The login is good until then, and the session with it. What AUTH_OK says of it, in ms. */
uint64_t server_login_expires(struct server_session *ss, struct mono at);
/* ", good for 5 min", or nothing for 0; returns buf. */
const char *server_login_time(uint64_t ms, char *buf, size_t cap);

/* ---- server_resume.c --------------------------------------------------------------------------*/
void server_on_resume(struct mux *m, const struct msg_resume *resume);
void server_on_detached(struct session *s, const char *text);
/* Gives up sessions without a link as long as the worker retains more than it should. */
void server_shed(struct turn_end *shed);

/* ---- bind.c -----------------------------------------------------------------------------------*/
void server_on_bind(struct mux *m, const struct msg_bind *bind);
void server_on_unbind(struct mux *m, const struct msg_bind_fail *unbind);

/* ---- front.c ----------------------------------------------------------------------------------*/
/* Listens for clients of a claim. 0 or a negative errno (nothing is left then). */
int front_open(struct server_worker *sw, uint64_t claim, const struct addr *a);
/* Moves it, of TCP or UDP, to where registry_place() says; harmless when there is none. */
void front_follow(struct server_worker *sw, uint64_t claim);
/* The other end of it; takes fd over. name: of a UDP tunnel, or NULL. */
void front_arrived(struct server_worker *sw, uint64_t claim, const char *name, int fd);
void front_close(struct server_worker *sw, uint64_t claim); /* harmless when there is none */
void fronts_close(struct server_worker *sw);

/* ---- udp_front.c ------------------------------------------------------------------------------*/
/* The same for datagrams; name is the tunnel's. */
int udp_front_open(struct server_worker *sw, uint64_t claim, const char *name,
	const struct addr *a);
void udp_front_close(struct server_worker *sw, uint64_t claim);
void udp_fronts_close(struct server_worker *sw);
/* Sends the front to worker to; harmless when there is none. */
void udp_front_follow(struct server_worker *sw, uint64_t claim, uint32_t to);
/* Makes one of fd, which has come from another worker. */
void udp_front_take(struct server_worker *sw, uint64_t claim, const char *name, int fd);
/* The target has answered; the stream has ended. */
void udp_front_answer(struct mux_stream *ms, const uint8_t *p, size_t n);
void udp_front_reset(struct mux_stream *ms, uint16_t code);

#endif
