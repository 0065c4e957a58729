/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit/auth.h - authentication plugins.
 *
 * Authentication is an exchange between two halves of one plugin. The agent's half makes messages
 * (prove), the server's half checks them (check) and ends with a verdict. The first message of the
 * agent already knows two fresh nonces of 32 bytes, one from each side, so most methods need no
 * further round. Secrets must never travel in clear unless adit_auth_encrypted() says so.
 *
 * The method's name on the wire is the agent's plugin's name without "auth-". At the server every
 * plugin whose `methods` have it is asked, in the order of the configuration.
 *
 * Stable: see adit/plugin.h. History, newest first:
 *   2026-11-21  keys that are made at the agent: make_key() in struct adit_auth_ops
 *   2026-11-21  logins that expire: adit_auth_expires(), adit_auth_renewal(),
 *               adit_proof_renewal()
 *   2026-11-21  a chain of plugins: methods in struct adit_auth_ops, the option `methods` of every
 *               auth plugin, adit_auth_method(), adit_auth_attempt(), adit_auth_cause(),
 *               adit_proof_fact()
 *   2026-11-21  invites: invite() in struct adit_auth_ops, adit_issue_valid_for(),
 *               adit_proof_secret()
 *   2026-11-21  adit_auth_fact()
 *   2026-11-21  first version */

#ifndef ADIT_AUTH_H
#define ADIT_AUTH_H

#include <adit/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ADIT_NONCE_SIZE 32
#define ADIT_AUTH_DATA_MAX 2048 /* bytes of one message */
#define ADIT_AUTH_STEPS_MAX 8   /* challenges in one exchange */

enum adit_verdict {
	ADIT_ALLOW = 1,    /* logged in; adit_auth_account() must have been called */
	ADIT_DENY = 2,     /* wrong; counted as a failed attempt */
	ADIT_NEXT = 3,     /* not mine: ask the next plugin that takes this method; step 0 only */
	ADIT_CONTINUE = 4, /* adit_auth_challenge() was called; check() comes with the answer */
	ADIT_LATER = 5,    /* adit_auth_finish() will be called, once, from any thread */
	ADIT_FAIL = 6,     /* the plugin could not decide (outage): refused, not counted as a try */
};

/* Why a login is denied, for counters: adit_auth_cause(). */
enum adit_cause {
	ADIT_CAUSE_OTHER = 0,
	ADIT_CAUSE_UNKNOWN = 1,     /* nobody, no key, no token of this name */
	ADIT_CAUSE_WRONG = 2,       /* known, but not proved */
	ADIT_CAUSE_EXPIRED = 3,
	ADIT_CAUSE_TOO_EARLY = 4,
	ADIT_CAUSE_FORBIDDEN = 5,   /* right, but not from here or not for this */
	ADIT_CAUSE_MALFORMED = 6,   /* no message of this method */
	ADIT_CAUSE_UNENCRYPTED = 7, /* not over such a link */
};

struct adit_auth_req; /* one login at the server */
struct adit_proof;    /* one login at the agent */
struct adit_issue;    /* one credential that is being made */

struct adit_auth_ops {
	uint32_t size; /* sizeof(struct adit_auth_ops) */

	/* Server. Looks at one message and decides. inst and worker as in struct adit_plugin;
	 * worker is NULL outside ADIT_RUN_LOOP. req is valid until the verdict is final. Anything
	 * but the values above counts as ADIT_FAIL. */
	enum adit_verdict (*check)(const void *inst, void *worker, struct adit_auth_req *req);

	/* Server. The login is over before an ADIT_LATER was answered (the agent left, the deadline
	 * passed). adit_auth_finish() must still be called, or may already be under way; its
	 * verdict is dropped. Same thread as check(), or not at all if its queue is full. May be
	 * NULL. */
	void (*cancel)(const void *inst, void *worker, struct adit_auth_req *req);

	/* Agent. Makes the next message with adit_proof_send(). Step 0 comes after both nonces are
	 * known, steps 1 and up after a challenge. Returns 0, or -1 after adit_proof_error().
	 * NULL: the plugin cannot be used by an agent. */
	int (*prove)(const void *inst, struct adit_proof *proof);

	/* Agent. The server has accepted; adit_proof_data() is what it sent with that. Returns 0
	 * when the server is the right one, else -1 (the link is closed). May be NULL. */
	int (*confirm)(const void *inst, struct adit_proof *proof);

	/* Command line (`aditd issue`, `aditd init`), main thread. Makes a credential: the secret
	 * for the agent with adit_issue_secret(), the line for the server's file, appended by the
	 * plugin itself. Returns 0 or -1 after adit_issue_error(). May be NULL. */
	int (*issue)(const void *inst, struct adit_issue *issue);

	/* Server and command line (`aditctl invite`, `aditd init`), main thread, also beside logins
	 * that are under way; may block for as long as writing a file takes. Makes a credential
	 * that is good for one login within adit_issue_valid_for(), in which the agent gets one of
	 * its own; else as issue(). It is known to the running server when this returns. NULL: the
	 * plugin has no invites. */
	int (*invite)(const void *inst, struct adit_issue *issue);
	/* Server. The methods whose logins it is asked about, separated by spaces: "password"; "*"
	 * is every one. NULL: its own name without "auth-". The option `methods`, which the core
	 * gives every auth plugin of a server (a list), says otherwise. */
	const char *methods;
	/* Agent's command line (`adit keygen`), main thread, without an instance. Makes a pair of
	 * keys: the private one as text for a file, the line that the server is given (with
	 * comment, one line of text, maybe ""), and its fingerprint, each with its zero into cap
	 * bytes. 0 or -1. May be NULL. */
	int (*make_key)(const char *comment, char *private_r, char *line_r, char *fingerprint_r,
		size_t cap);
	/* New members are added here and nowhere else. */
};

/* ---- Server, during check() and until the final verdict; strings stay valid as long ---------- */

/* The name that the agent gives itself: 1 to 64 of [A-Za-z0-9._-]. Not yet verified. */
ADIT_EXPORT const char *adit_auth_agent(const struct adit_auth_req *req);
/* The method as the agent said it: 1 to 64 of [A-Za-z0-9._-]. */
ADIT_EXPORT const char *adit_auth_method(const struct adit_auth_req *req);
/* The agent's message of this step; never NULL, *len_r up to ADIT_AUTH_DATA_MAX. */
ADIT_EXPORT const void *adit_auth_data(const struct adit_auth_req *req, size_t *len_r);
/* 0 for the first message, then 1, 2 … after each challenge. */
ADIT_EXPORT unsigned adit_auth_step(const struct adit_auth_req *req);
/* ADIT_NONCE_SIZE bytes, fresh for this login, from the server or from the agent. */
ADIT_EXPORT const void *adit_auth_nonce(const struct adit_auth_req *req, enum adit_side from);
/* The address that the link comes from, numeric, without port. */
ADIT_EXPORT const char *adit_auth_peer(const struct adit_auth_req *req);
/* True when the link is encrypted and the agent has verified the server. */
ADIT_EXPORT bool adit_auth_encrypted(const struct adit_auth_req *req);
/* What the link's transport has said about it, like "tls-fingerprint" (adit/transport.h has the
 * list), or NULL. Valid as long as the request. */
ADIT_EXPORT const char *adit_auth_fact(const struct adit_auth_req *req, const char *key);

/* Sends a message to the agent; return ADIT_CONTINUE afterwards. Copies. 0, or -1 if too long. */
ADIT_EXPORT int adit_auth_challenge(struct adit_auth_req *req, const void *data, size_t len);
/* Sends a message along with the acceptance, for the agent's confirm(). Copies. 0 or -1. */
ADIT_EXPORT int adit_auth_reply(struct adit_auth_req *req, const void *data, size_t len);
/* Who this is: an account, 1 to 64 of [A-Za-z0-9._-]. Copies. 0, or -1 if the name is not one. */
ADIT_EXPORT int adit_auth_account(struct adit_auth_req *req, const char *account);
/* Corrects or fixes the agent's name (a credential may be bound to one). Copies. 0 or -1. */
ADIT_EXPORT int adit_auth_rename(struct adit_auth_req *req, const char *agent);
/* Gives the session a right, read by route plugins and limits, e.g. "ports" = "10000-10099". The
 * same key again replaces. Copies. 0, or -1 (more than 32 grants, too long). */
ADIT_EXPORT int adit_auth_grant(struct adit_auth_req *req, const char *key, const char *value);
/* With ADIT_ALLOW: for how long the login is good, in seconds since 1970. The session ends then,
 * unless it is renewed before (adit_auth_renewal()); it is told by a clock that is set once, now,
 * so changes of the system's time do not matter. The last call counts; without one the login is
 * good for ever. 0, or -1: that is past, and ADIT_ALLOW will be taken for ADIT_DENY. */
ADIT_EXPORT int adit_auth_expires(struct adit_auth_req *req, int64_t unix_seconds);
/* True when a session that lives logs in again, with fresh nonces, because it will expire. It must
 * end with the account, agent and grants that the session has; otherwise it counts for nothing. */
ADIT_EXPORT bool adit_auth_renewal(const struct adit_auth_req *req);
/* Why it was denied, for the server's log only; the agent always sees the same text. */
ADIT_EXPORT void adit_auth_reason(struct adit_auth_req *req, const char *fmt, ...)
	ADIT_PRINTF(2, 3);
/* Counts a login that is denied under this cause. What else counts is ADIT_CAUSE_OTHER. */
ADIT_EXPORT void adit_auth_cause(struct adit_auth_req *req, enum adit_cause cause);
/* Says whom this login claims to be, before anything about it is looked up, so that names that are
 * there and names that are not are the same. If the login is denied it counts against the name as
 * well as against the address. 0; or -1: too many have failed for it, return ADIT_FAIL without
 * looking (whatever else is returned counts as that). For what can be guessed: passwords. At most 4
 * names in one login; the same again is harmless. */
ADIT_EXPORT int adit_auth_attempt(struct adit_auth_req *req, const char *name);
/* Keeps something between the steps; free_fn (may be NULL) is called when the login is over, on the
 * session's worker or, if that has stopped meanwhile, on the thread that answered late. */
ADIT_EXPORT void adit_auth_set_state(struct adit_auth_req *req, void *state,
	void (*free_fn)(void *));
ADIT_EXPORT void *adit_auth_state(const struct adit_auth_req *req);
/* The answer promised by ADIT_LATER: ALLOW, DENY, NEXT, CONTINUE or FAIL. Exactly once, from any
 * thread; req must not be touched afterwards. */
ADIT_EXPORT void adit_auth_finish(struct adit_auth_req *req, enum adit_verdict verdict);

/* ---- Agent, during prove() and confirm() ----------------------------------------------------- */

ADIT_EXPORT const char *adit_proof_agent(const struct adit_proof *proof);
ADIT_EXPORT unsigned adit_proof_step(const struct adit_proof *proof);
/* The server's challenge (or, in confirm(), what came with its acceptance); never NULL. */
ADIT_EXPORT const void *adit_proof_data(const struct adit_proof *proof, size_t *len_r);
ADIT_EXPORT const void *adit_proof_nonce(const struct adit_proof *proof, enum adit_side from);
ADIT_EXPORT bool adit_proof_encrypted(const struct adit_proof *proof);
/* What the agent's own link says, as adit_auth_fact() does at the server. */
ADIT_EXPORT const char *adit_proof_fact(const struct adit_proof *proof, const char *key);
/* True when a session that lives renews its login: whatever the proof is made of may have changed
 * since, so it had better be read again. */
ADIT_EXPORT bool adit_proof_renewal(const struct adit_proof *proof);
/* The message to send. Copies. 0, or -1 if too long. */
ADIT_EXPORT int adit_proof_send(struct adit_proof *proof, const void *data, size_t len);
/* Why no proof can be made, for the person at the agent. Always returns -1. */
ADIT_EXPORT int adit_proof_error(struct adit_proof *proof, const char *fmt, ...) ADIT_PRINTF(2, 3);
/* Keeps something between the steps, as adit_auth_set_state(). */
ADIT_EXPORT void adit_proof_set_state(struct adit_proof *proof, void *state,
	void (*free_fn)(void *));
ADIT_EXPORT void *adit_proof_state(const struct adit_proof *proof);

/* In confirm(), when the login was one with an invite: the agent's own credential, to be stored for
 * later logins. Copies; wiped afterwards. */
ADIT_EXPORT void adit_proof_secret(struct adit_proof *proof, const char *secret);

/* ---- During issue() and invite() ------------------------------------------------------------- */

ADIT_EXPORT const char *adit_issue_account(const struct adit_issue *issue);
/* Grants that were asked for on the command line: element i as "key=value", or NULL. */
ADIT_EXPORT const char *adit_issue_grant(const struct adit_issue *issue, size_t i);
/* For how many seconds an invite can be used; 0 in issue(). */
ADIT_EXPORT int64_t adit_issue_valid_for(const struct adit_issue *issue);
/* The text that the agent's owner gets, shown once. Copies; wiped afterwards. */
ADIT_EXPORT void adit_issue_secret(struct adit_issue *issue, const char *secret);
/* Where the server's half was written, for people: "/etc/adit/tokens". */
ADIT_EXPORT void adit_issue_stored(struct adit_issue *issue, const char *path);
ADIT_EXPORT int adit_issue_error(struct adit_issue *issue, const char *fmt, ...) ADIT_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif

#endif
