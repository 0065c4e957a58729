/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins, both halves: the chain of auth plugins at the server and the one plugin at the agent,
 * called where each plugin says that it may be called (its helper, the pool, the worker), with late
 * answers. What plugins see of it are the opaque structures of adit/auth.h; their accessors are in
 * plug/api.c, which is why the structures are defined here.
 *
 * A request belongs to the worker that began it and survives its session: cancelling only clears
 * the session's side, and a late verdict then frees the request. */

#ifndef ADIT_TUNNEL_AUTH_H
#define ADIT_TUNNEL_AUTH_H

#include "io/offload.h"
#include "io/worker.h"
#include "tunnel/conf.h"
#include "tunnel/gate.h"
#include "tunnel/identity.h"
#include "tunnel/name_gate.h"
#include "util/facts.h"

struct auth_bytes {
	uint8_t *p; /* never NULL once set; wiped when freed */
	size_t len;
};

/* Copies; what was there is wiped. 0, or -EMSGSIZE above ADIT_AUTH_DATA_MAX: nothing changed. */
int auth_bytes_set(struct auth_bytes *b, const void *p, size_t len);
void auth_bytes_wipe(struct auth_bytes *b);

/* ---- Server ---------------------------------------------------------------------------------- */

/* Comes on the worker, later or inside auth_begin()/auth_answer(), once for each of them:
 *   ALLOW     req->id and req->reply are set
 *   CONTINUE  req->challenge is to be sent; auth_answer() goes on
 *   DENY      refused; req->reason is for the log
 *   FAIL      could not be decided; likewise; with req->throttled after req->retry_ms another try
 *             makes sense
 * After anything but CONTINUE the request is freed when fn returns. */
typedef void auth_fn(void *owner, struct adit_auth_req *req, enum adit_verdict verdict);

#define AUTH_NAMES_MAX 4 /* that one login may claim */

struct adit_auth_req {
	struct worker *w;         /* a reference: late answers may come after its end */
	struct server_conf *conf; /* one reference, handed back through auth_set_release() */
	size_t next;              /* index in conf->modules.auth to try next */
	const struct module *module; /* which decides now */
	auth_fn *fn;
	void *owner; /* NULL: cancelled */
	char method[NAME_MAX_LEN + 1];
	char peer[64];
	char claimed[NAME_MAX_LEN + 1]; /* the agent's name as it came */
	bool encrypted, renewal;
	struct facts facts; /* about the link */
	uint8_t nonce_agent[ADIT_NONCE_SIZE], nonce_server[ADIT_NONCE_SIZE];
	unsigned step;
	struct auth_bytes data, challenge, reply;
	struct mono expires; /* the login, as the plugin says; MONO_NEVER */
	struct identity id; /* id.agent: as claimed, or what adit_auth_rename() made of it */
	char reason[256];
	enum adit_cause cause;
	void *state;
	void (*state_free)(void *);
	struct gate *gate; /* until the end of the login or of the session; or NULL */
	struct gate_tries tries;
	struct timer turn; /* asks the gate again */
	struct mono turn_until; /* it waits for its turn; 0: it does not */
	bool unasked; /* the plugin has not seen the last message */
	bool asked;   /* one has, and has passed it on */
	/* Whom it claims to be: */
	struct name_gate *names; /* a reference, or NULL */
	uint64_t source, attempt[AUTH_NAMES_MAX]; /* name_gate_key() of each */
	size_t n_attempts;
	bool throttled;   /* one of them, or one too many, was refused, or the gate did */
	int64_t retry_ms; /* then another try makes sense after this */
	/* How a verdict comes back: */
	atomic_int phase;     /* enum auth_phase in auth.c: guards late against double answers */
	atomic_uint holds;    /* the login itself, and cancel_job while it is under way */
	atomic_bool gone;     /* cancelled: a helper need not begin */
	bool answered;        /* by adit_auth_finish(), at least once */
	struct job job;       /* check() under way on a helper */
	struct job cancel_job;
	struct mbox_msg late; /* adit_auth_finish() from another thread */
	enum adit_verdict verdict, answer; /* of check() on a helper, of adit_auth_finish() */
};

struct auth_input {
	const char *method, *agent; /* checked names */
	const char *peer;           /* numeric address without port */
	uint64_t source;            /* addr_source_key(): bounds queued work for each source */
	struct gate *gate; /* bounds tries of source; must outlive the session; NULL: nobody does */
	struct name_gate *names;    /* a reference is taken; NULL: names may be tried at will */
	bool encrypted;
	bool renewal;               /* a session that lives logs in again */
	const struct facts *facts;  /* about the link, or NULL; copied */
	const uint8_t *nonce_agent, *nonce_server;
	const void *data;
	size_t len;
};

/* Whether the plugin is asked about logins of this method. */
bool auth_takes(const struct module *m, const char *method);

/* Begins a login. conf: a reference is taken. release_conf hands references back from this worker
 * (see server_conf_unref()). fn may be called before it returns; *req_r is set before that. When no
 * plugin takes the method the answer is DENY. When the worker stops, its sessions must cancel. */
void auth_begin(struct worker *w, struct server_conf *conf, const struct auth_input *in,
	auth_fn *fn, void *owner, struct adit_auth_req **req_r);
/* The agent's answer to a challenge; after CONTINUE only. */
void auth_answer(struct adit_auth_req *req, const void *data, size_t len);
/* It is not the agent that the login waits for. */
bool auth_is_ours(const struct adit_auth_req *req);
/* The session does not wait any longer; fn will not be called. */
void auth_cancel(struct adit_auth_req *req);

/* How references to the configuration go back to the main thread; set once before workers start. It
 * is called on w's thread. An answer that comes when w has stopped keeps its reference for ever. */
void auth_set_release(void (*release)(struct worker *w, struct server_conf *conf));

/* adit_auth_attempt(); the thread that may touch req. 0 or -EBUSY. */
int auth_attempt(struct adit_auth_req *req, const char *name);

/* adit_auth_finish(): any thread. A second answer is logged and ignored, even to a login that is
 * over. */
void auth_finish(struct adit_auth_req *req, enum adit_verdict verdict);

/* ---- Agent ----------------------------------------------------------------------------------- */

/* err 0: proof->out is to be sent (step) or the server is confirmed (confirm); -1: proof->error. */
typedef void proof_fn(void *owner, struct adit_proof *proof, int err);

struct adit_proof {
	struct worker *w;
	const struct module *module;
	proof_fn *fn;
	void *owner; /* NULL: given up */
	char agent[NAME_MAX_LEN + 1];
	bool encrypted;
	bool renewal;           /* the caller's to set: a session that lives logs in again */
	bool begun, confirming; /* step 0 was made; confirm() and not prove() */
	bool busy;              /* job is under way */
	uint8_t nonce_agent[ADIT_NONCE_SIZE], nonce_server[ADIT_NONCE_SIZE];
	unsigned step;
	struct auth_bytes data, out;
	struct facts facts; /* about the link; the caller's to fill in */
	char *secret; /* that the login has brought, or NULL; wiped by proof_free() */
	char error[256];
	void *state;
	void (*state_free)(void *);
	int err;
	struct job job;
};

/* The agent's half of one login; module must outlive it. */
struct adit_proof *proof_new(struct worker *w, const struct module *module, const char *agent,
	bool encrypted, const uint8_t *nonce_agent, const uint8_t *nonce_server, proof_fn *fn,
	void *owner);
/* Makes the next message: data is the challenge (len 0 for the first). fn comes, maybe inside. */
void proof_step(struct adit_proof *proof, const void *data, size_t len);
/* Checks what came with AUTH_OK. fn comes, maybe inside. */
void proof_confirm(struct adit_proof *proof, const void *data, size_t len);
void proof_free(struct adit_proof *proof); /* NULL is harmless; also while a helper is at it */

/* ---- Credentials that are made --------------------------------------------------------------- */

struct adit_issue {
	const char *account;
	const char *const *grants; /* "key=value", n_grants of them */
	size_t n_grants;
	int64_t valid_for; /* seconds; an invite's */
	char *secret, *stored; /* set by the plugin; free with issue_fini(), which wipes */
	char error[512];
};

/* Lets the first auth plugin of the list that can issue do it. Main thread. 0 or -1 with error. */
int auth_issue(const struct modules *modules, struct adit_issue *issue);
/* The same for an invite, which is valid for issue->valid_for. */
int auth_invite(const struct modules *modules, struct adit_issue *issue);
void issue_fini(struct adit_issue *issue);

/* ---- Claims (routes) ------------------------------------------------------------------------- */

struct adit_claim {
	const struct identity *id;
	const char *tunnel;
	const char *const *param_key, *const *param_value;
	size_t n_params;
	bool datagram;     /* the route is for UDP */
	uint16_t reserved; /* port that this tunnel had before, or 0 */
	struct addr listen; /* the candidate */
	bool asked;         /* it is what the agent asked for */
	uint16_t code;      /* refusal */
	char text[256];
};

#endif
