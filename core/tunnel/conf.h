/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the configuration becomes: checked, constant structures, counted by reference. ctl/ builds
 * them, everybody else only reads them, on any thread. The tables of plugin functions that tunnel/
 * works with are in here too; plug/ fills them in, so that tunnel/ never sees the loader. */

#ifndef ADIT_TUNNEL_CONF_H
#define ADIT_TUNNEL_CONF_H

#include <adit/auth.h>
#include <adit/plugin.h>
#include <adit/route.h>
#include <adit/transport.h>
#include <stdatomic.h>

#include "tunnel/limit.h"
#include "util/addr.h"

struct offload; /* io/offload.h: helper threads */
struct proxy;   /* io/proxy.h */
struct door;

#define WORKERS_MAX 256 /* of a program; their indices are below it */
#define SESSIONS_MAX 16 /* of an agent, at once: MSG_MEMBERS_MAX */
#define STACK_MAX 4     /* transports on one another: CONN_LAYERS_MAX */

/* One instance of a plugin. Constant after create() but for per_worker, whose entry i belongs to
 * worker i alone. */
struct module {
	const struct adit_plugin *plugin; /* the core's own copy, complete to today's size */
	void *inst;
	struct offload *helpers; /* SERIAL: one thread; PARALLEL: a few; LOOP: NULL */
	atomic_uint *owed; /* logins of which it has promised an answer; NULL: not counted */
	void **per_worker;       /* LOOP with worker_init: WORKERS_MAX pointers; else NULL */
	const char *short_name;  /* name without its kind: "token" */
	char *name;              /* "auth-jwt[1]", of several instances; else NULL */
	char *methods;           /* auth at the server: separated by spaces, or "*"; else NULL */
	union {                  /* the core's own complete copies */
		struct adit_auth_ops auth;
		struct adit_transport_ops transport;
		struct adit_route_ops route;
	};
	/* Transports only: */
	struct adit_layer_ops layer; /* size 0: no layer */
	struct addr *listen;
	size_t n_listen;
	bool allow_plain;
};

/* The plugins of one configuration, by kind, in the order of their files. */
struct modules {
	struct module **auth, **transport, **route; /* arrays */
	size_t n_auth, n_transport, n_route;
};

struct server_conf {
	atomic_uint refs;
	char *file; /* where it came from */
	char *control; /* path of the control socket; NULL: the default; "": none */
	char *public_host; /* how agents reach the server from outside; NULL: not said */
	uint16_t public_port; /* 0: as it listens */
	struct limits limits;
	struct modules modules;
	struct door *door; /* where agents arrive: tunnel/door.h */
	size_t n_doors;
	unsigned workers; /* 1 and up; read at start only */
	bool splice;      /* payload may move inside the kernel */
	/* Frees everything, plugin instances included. Main thread only. */
	void (*release)(struct server_conf *conf);
};

/* One tunnel that the agent publishes. */
struct tunnel_conf {
	char *name;  /* unique in the file */
	char *route; /* "port" */
	bool datagram; /* clients and target speak UDP */
	char **param_key, **param_value;
	size_t n_params;
	char *target;   /* as written, for people */
	char *host;     /* target's host or address */
	uint16_t port;  /* target's port */
};

struct agent_conf {
	char *file; /* NULL: command line only */
	struct limits limits;
	struct modules modules; /* transports and auth plugins */
	char *name;             /* the agent's name */
	char *server;           /* as written: "tcp://host:9000" or "host:9000" */
	char *server_host, *server_path; /* path: with its "/", or "" */
	uint16_t server_port;
	struct proxy *proxy; /* NULL: links go there directly */
	/* What a link is made of, from the bottom: of modules. */
	const struct module *stack[STACK_MAX];
	size_t n_stack;
	struct module *auth;
	struct tunnel_conf *tunnels;
	size_t n_tunnels;
	bool splice;          /* payload may move inside the kernel */
	int64_t max_attempts; /* 0: for ever */
	int64_t log_requests; /* HTTP requests that are logged in a second at most */
	unsigned sessions;    /* at once; 1 and up */
	unsigned workers;     /* 1 and up; no more are started than there are sessions */
	bool reconnect;
};

/* Nobody on the way can read or change what passes. */
bool agent_conf_encrypted(const struct agent_conf *conf);

/* Takes and drops a reference. The last drop must happen on the main thread: others hand their
 * reference back with a message (tunnel/server.h). */
struct server_conf *server_conf_ref(struct server_conf *conf);
void server_conf_unref(struct server_conf *conf);

/* Makes and frees the modules' shares of one worker; on that worker's thread. 0 or -1. */
int modules_worker_init(const struct modules *modules, uint32_t worker);
void modules_worker_fini(const struct modules *modules, uint32_t worker);

/* What the instance is called in logs. */
static inline const char *
module_name(const struct module *m)
{
	return m->name != NULL ? m->name : m->plugin->name;
}

/* The instance's share of worker i, or NULL. */
static inline void *
module_worker(const struct module *m, unsigned i)
{
	return m->per_worker != NULL ? m->per_worker[i] : NULL;
}

#endif
