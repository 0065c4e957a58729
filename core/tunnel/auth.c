/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins. A request belongs to the worker that began it; check() may run on a helper meanwhile, and
 * adit_auth_finish() may come from any thread. At every time exactly one of them may touch the
 * request, except for owner (the worker's alone) and the atomics.
 *
 * What must always hold: fn is called exactly once for each auth_begin() and auth_answer() that was
 * not cancelled; every way in which a plugin does not keep to its contract ends in FAIL, never in
 * ALLOW; messages are wiped before their memory is given back. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/auth.h"
#include "util/compiler.h"
#include "util/log.h"
#include "util/map.h"

/* ---- Bytes ----------------------------------------------------------------------------------- */

void
auth_bytes_wipe(struct auth_bytes *b)
{
	if (b->p != NULL) {
		explicit_bzero(b->p, b->len);
		free(b->p);
	}
	b->p = NULL;
	b->len = 0;
}

int
auth_bytes_set(struct auth_bytes *b, const void *p, size_t len)
{
	struct auth_bytes fresh = {.len = len};

	if (len > ADIT_AUTH_DATA_MAX)
		return -EMSGSIZE;
	fresh.p = xmalloc(len);
	if (len > 0)
		memcpy(fresh.p, p, len);
	auth_bytes_wipe(b);
	*b = fresh;
	return 0;
}

#define TURN_MS 20        /* a login that waits for its turn asks again after this long */
#define TURN_MAX_MS 5000  /* and waits no longer than this */
#define TURN_RETRY_MS 1000

/* ---- Server: the request's life -------------------------------------------------------------- */

enum auth_phase {
	PHASE_IDLE,     /* it is the agent's turn, or the next plugin's */
	PHASE_CHECKING, /* check() runs, or waits for a helper */
	PHASE_EARLY,    /* the same, and adit_auth_finish() has come before check() returned */
	PHASE_WAITING,  /* check() said LATER */
	PHASE_ANSWERED, /* the late verdict is on its way to the worker */
	PHASE_OVER,     /* fn is told the final verdict */
};

/* How many logins may wait for late answers of one plugin; those that were cancelled count until
 * they are answered, so that a plugin that never does it costs memory up to here only. */
#define OWED_MAX 1024

/* A request is known by its address, so memory of those that were answered late rests for a while:
 * a second answer must not meet another login there. */
#define RESTING 256

/* All requests that there are, so that an answer to one that is over is seen for what it is. */
static struct {
	pthread_mutex_t lock; /* protects all below, and changes of phase while others may answer */
	struct idmap reqs;    /* address -> the request */
	void *resting[RESTING];
	unsigned next_rest;
} live = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void (*release_conf)(struct worker *w, struct server_conf *conf);

void
auth_set_release(void (*release)(struct worker *w, struct server_conf *conf))
{
	release_conf = release;
}

static uint64_t
req_key(const struct adit_auth_req *req)
{
	return (uint64_t)(uintptr_t)req;
}

/* What a plugin has kept or said so far; the next one begins with nothing. */
static void
req_reset(struct adit_auth_req *req)
{
	if (req->state_free != NULL)
		req->state_free(req->state);
	req->state = NULL;
	req->state_free = NULL;
	auth_bytes_wipe(&req->challenge);
	auth_bytes_wipe(&req->reply);
	req->expires = MONO_NEVER;
	identity_fini(&req->id);
	memcpy(req->id.agent, req->claimed, sizeof(req->id.agent));
}

/* It is over with these names. */
static void
names_end(struct adit_auth_req *req, enum name_end how)
{
	const struct limits *l = how != NAME_OPEN ? &req->conf->limits : NULL;

	for (size_t i = 0; i < req->n_attempts; i++)
		name_gate_end(req->names, req->attempt[i], req->source, how, l,
			mono_now());
	req->n_attempts = 0;
}

/* What is to be freed now in place of req. */
static void *
rest(struct adit_auth_req *req)
{
	void *rested;

	pthread_mutex_lock(&live.lock);
	rested = live.resting[live.next_rest];
	live.resting[live.next_rest] = req;
	live.next_rest = (live.next_rest + 1) % RESTING;
	pthread_mutex_unlock(&live.lock);
	return rested;
}

/* It is over with the gate. On the worker. */
static void
gate_end(struct adit_auth_req *req, enum gate_end how)
{
	if (req->gate != NULL)
		gate_give(req->gate, req->source, &req->tries, how, mono_now());
	req->gate = NULL;
	if (req->turn_until.ns != 0)
		timer_stop(&req->turn);
	req->turn_until.ns = 0;
}

/* One holder less; the last one frees. */
static void
req_drop(struct adit_auth_req *req)
{
	struct worker *w = req->w;
	bool answered = req->answered;

	if (atomic_fetch_sub(&req->holds, 1) > 1)
		return;
	pthread_mutex_lock(&live.lock);
	idmap_del(&live.reqs, req_key(req));
	if (live.reqs.n == 0)
		idmap_fini(&live.reqs);
	pthread_mutex_unlock(&live.lock);
	req_reset(req);
	names_end(req, NAME_OPEN);
	name_gate_unref(req->names);
	auth_bytes_wipe(&req->data);
	facts_fini(&req->facts);
	if (req->conf != NULL)
		release_conf(w, req->conf);
	explicit_bzero(req, sizeof(*req));
	free(answered ? rest(req) : req);
	worker_unref(w);
}

/* A helper or a plugin's thread has outlived the worker, and so the server: there is no way back to
 * the main thread. The configuration is kept for good, because the plugin's instance must not be
 * destroyed while one of its calls returns. */
static void
req_drop_behind(struct adit_auth_req *req)
{
	req->conf = NULL;
	req_drop(req);
}

static void
req_say(struct adit_auth_req *req, const char *what)
{
	snprintf(req->reason, sizeof(req->reason), "%s: %s",
		req->module != NULL ? module_name(req->module) : "auth", what);
}

/* ---- Server: the chain ----------------------------------------------------------------------- */

static void next_module(struct adit_auth_req *req);

/* Grants that are limits must be: one that cannot be read might be meant to be small. */
static bool
limits_readable(struct adit_auth_req *req)
{
	static const char *const keys[] = {"max_tunnels", "max_streams", "max_sessions"};
	char text[160];
	int64_t n;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (identity_limit(&req->id, keys[i], &n) == 0)
			continue;
		snprintf(text, sizeof(text),
			"the grant %s is no number from 1 to 1000000, but \"%.60s\"", keys[i],
			identity_granted(&req->id, keys[i]));
		req_say(req, text);
		return false;
	}
	return true;
}

static enum adit_verdict
verdict_checked(struct adit_auth_req *req, enum adit_verdict v)
{
	if (req->throttled) { /* the plugin was told, and may not have listened */
		if (!req->unasked)
			req_say(req, "too many logins have failed for this name");
		return ADIT_FAIL;
	}
	switch (v) {
	case ADIT_ALLOW:
		if (!mono_before(req->w->now, req->expires)) {
			req_say(req, "allowed a login that has expired");
			req->cause = ADIT_CAUSE_EXPIRED;
			return ADIT_DENY;
		}
		if (req->id.account[0] == '\0')
			req_say(req, "allowed a login without an account");
		else if (limits_readable(req))
			return v;
		return ADIT_FAIL;
	case ADIT_CONTINUE:
		if (req->challenge.p == NULL)
			req_say(req, "went on without a challenge");
		else if (req->step >= ADIT_AUTH_STEPS_MAX)
			req_say(req, "has used up its challenges");
		else
			return v;
		return ADIT_FAIL;
	case ADIT_NEXT:
		if (req->step == 0)
			return v;
		req_say(req, "handed a login on after a challenge");
		return ADIT_FAIL;
	case ADIT_DENY:
	case ADIT_FAIL:
		return v;
	default:
		req_say(req, "gave a verdict that is none");
		return ADIT_FAIL;
	}
}

/* The plugin has decided. On the worker, in PHASE_IDLE. */
static void
decide(struct adit_auth_req *req, enum adit_verdict v)
{
	if (req->owner == NULL) {
		if (v == ADIT_DENY)
			names_end(req, NAME_WRONG);
		req_drop(req);
		return;
	}
	v = verdict_checked(req, v);
	if (v == ADIT_NEXT) {
		req->asked = true;
		req_reset(req);
		next_module(req);
		return;
	}
	if (v == ADIT_CONTINUE) {
		req->fn(req->owner, req, v); /* may answer or cancel */
		return;
	}
	if (v != ADIT_ALLOW && req->reason[0] == '\0')
		req_say(req, v == ADIT_DENY ? "denied" : "could not decide");
	if (v == ADIT_ALLOW || (v == ADIT_FAIL && req->step == 0 && req->unasked && !req->asked))
		gate_end(req, GATE_RIGHT);
	else
		gate_end(req, v == ADIT_DENY ? GATE_WRONG : GATE_OPEN);
	names_end(req, v == ADIT_ALLOW ? NAME_RIGHT : v == ADIT_DENY ? NAME_WRONG : NAME_OPEN);
	atomic_store(&req->phase, PHASE_OVER);
	req->fn(req->owner, req, v);
	req_drop(req);
}

static void
on_cancel_work(struct job *job)
{
	struct adit_auth_req *req = container_of(job, struct adit_auth_req, cancel_job);

	if (atomic_load(&req->phase) == PHASE_WAITING)
		req->module->auth.cancel(req->module->inst, NULL, req);
}

/* A late job may be on its helper, which then is another thread than the worker's. */
static bool
left_behind(const struct job *job)
{
	return job->late && !pthread_equal(job->w->thread, pthread_self());
}

static void
on_cancel_done(struct job *job)
{
	struct adit_auth_req *req = container_of(job, struct adit_auth_req, cancel_job);

	if (left_behind(job))
		req_drop_behind(req);
	else
		req_drop(req);
}

/* Nobody waits for the late answer any more: lets the plugin know. */
static void
tell_cancelled(struct adit_auth_req *req)
{
	static struct log_limit limit;
	const struct module *m = req->module;

	if (m->auth.cancel == NULL)
		return;
	if (m->helpers == NULL) {
		worker_note(req->w, m->plugin->name);
		m->auth.cancel(m->inst, module_worker(m, req->w->index), req);
		return;
	}
	req->cancel_job.work = on_cancel_work;
	req->cancel_job.done = on_cancel_done;
	atomic_fetch_add(&req->holds, 1);
	if (offload_submit(m->helpers, req->w, &req->cancel_job) < 0) {
		req_drop(req);
		log_limited(&limit, LOG_WARN, "%s: too busy to hear that a login was cancelled",
			module_name(m));
	}
}

/* check() has returned v. Gives the verdict that counts, or LATER. */
static enum adit_verdict
checked(struct adit_auth_req *req, enum adit_verdict v)
{
	int before;

	pthread_mutex_lock(&live.lock);
	before = atomic_load(&req->phase);
	must(before == PHASE_CHECKING || before == PHASE_EARLY);
	atomic_store(&req->phase,
		v == ADIT_LATER && before == PHASE_CHECKING ? PHASE_WAITING : PHASE_IDLE);
	if (atomic_load(&req->phase) == PHASE_WAITING && req->module->owed != NULL)
		atomic_fetch_add(req->module->owed, 1);
	pthread_mutex_unlock(&live.lock);
	if (before == PHASE_EARLY && v == ADIT_LATER)
		return req->answer;
	if (before == PHASE_EARLY)
		log_error("%s: check() and adit_auth_finish() both answered a login; "
			  "check() counts", module_name(req->module));
	return v;
}

static void
settle(struct adit_auth_req *req, enum adit_verdict v)
{
	v = checked(req, v);
	/* A late answer can be on its way already, but it arrives on this thread. */
	if (atomic_load(&req->phase) == PHASE_IDLE)
		decide(req, v);
	else if (req->owner == NULL)
		tell_cancelled(req);
}

static void
on_check_work(struct job *job)
{
	struct adit_auth_req *req = container_of(job, struct adit_auth_req, job);
	int64_t bound = req->conf->limits.handshake_timeout / 2; /* 0: none */

	if (atomic_load(&req->gone))
		return;
	/* Most of those would be gone before they are answered, and the next ones old by then. */
	if (bound > 0 && mono_diff_ms(mono_now(), job->since) > bound)
		req_say(req, "this login has waited too long for it");
	else
		req->verdict = req->module->auth.check(req->module->inst, NULL, req);
}

static void
on_check_done(struct job *job)
{
	struct adit_auth_req *req = container_of(job, struct adit_auth_req, job);

	if (!job->late) {
		settle(req, req->verdict);
		return;
	}
	/* The worker has stopped, so the session has cancelled. */
	if (checked(req, req->verdict) == ADIT_LATER)
		return;
	if (left_behind(job))
		req_drop_behind(req);
	else
		req_drop(req);
}

/* Asks req->module. On the worker, in PHASE_IDLE. */
static void
ask(struct adit_auth_req *req)
{
	const struct module *m = req->module;

	auth_bytes_wipe(&req->challenge);
	if (m->owed != NULL && atomic_load(m->owed) >= OWED_MAX) {
		req_say(req, "too many logins wait for its answers");
		decide(req, ADIT_FAIL);
		return;
	}
	req->unasked = false;
	atomic_store(&req->phase, PHASE_CHECKING);
	if (m->helpers == NULL) {
		worker_note(req->w, m->plugin->name);
		settle(req, m->auth.check(m->inst, module_worker(m, req->w->index), req));
		return;
	}
	req->verdict = ADIT_FAIL;
	req->job.cancelled = false;
	if (offload_submit(m->helpers, req->w, &req->job) < 0) {
		atomic_store(&req->phase, PHASE_IDLE);
		req->unasked = true;
		req_say(req, "too many logins wait for it");
		decide(req, ADIT_FAIL);
	}
}

bool
auth_takes(const struct module *m, const char *method)
{
	size_t n, len = strlen(method);

	for (const char *s = m->methods; *s != '\0'; s += n + (s[n] == ' ')) {
		n = strcspn(s, " ");
		if ((n == 1 && *s == '*') || (n == len && memcmp(s, method, n) == 0))
			return true;
	}
	return false;
}

static void
next_module(struct adit_auth_req *req)
{
	const struct modules *all = &req->conf->modules;

	while (req->next < all->n_auth) {
		const struct module *m = all->auth[req->next++];

		if (auth_takes(m, req->method)) {
			req->module = m;
			req->reason[0] = '\0';
			req->cause = ADIT_CAUSE_OTHER;
			ask(req);
			return;
		}
	}
	if (req->module == NULL)
		req_say(req, "no plugin for this method");
	else if (req->reason[0] == '\0')
		req_say(req, "no plugin knows this credential");
	if (req->module != NULL && req->cause == ADIT_CAUSE_OTHER)
		req->cause = ADIT_CAUSE_UNKNOWN;
	decide(req, ADIT_DENY);
}

/* ---- Server: one after the other ------------------------------------------------------------- */

static void
refuse_turn(struct adit_auth_req *req, int64_t retry_ms, const char *why)
{
	req->throttled = true;
	req->retry_ms = retry_ms;
	req_say(req, why);
	decide(req, ADIT_FAIL);
}

/* A message has come: plugins see it when the gate lets it pass. On the worker, in PHASE_IDLE. */
static void
go(struct adit_auth_req *req)
{
	enum gate_turn turn = GATE_GO;
	struct mono now = mono_now();
	int64_t retry_ms = 0;

	if (req->gate != NULL)
		turn = gate_take(req->gate, req->source, &req->tries, &req->conf->limits, now,
			&retry_ms);
	if (turn == GATE_GO) {
		req->turn_until.ns = 0;
		if (req->step == 0)
			next_module(req);
		else
			ask(req);
		return;
	}
	if (req->turn_until.ns == 0)
		req->turn_until = mono_add_ms(now, TURN_MAX_MS);
	if (turn == GATE_NO)
		refuse_turn(req, retry_ms, "too many failed logins from this address");
	else if (!mono_before(now, req->turn_until))
		refuse_turn(req, TURN_RETRY_MS, "too many logins from this address at once");
	else
		timer_start(&req->turn, TURN_MS);
}

static void
on_turn(struct timer *t)
{
	go(container_of(t, struct adit_auth_req, turn));
}

/* ---- Server: what others call ---------------------------------------------------------------- */

/* The late verdict has arrived. */
static void
on_late(struct mbox_msg *msg, bool late)
{
	struct adit_auth_req *req = container_of(msg, struct adit_auth_req, late);

	must(!late || req->owner == NULL);
	atomic_store(&req->phase, PHASE_IDLE);
	decide(req, req->answer);
}

static struct adit_auth_req *
req_new(struct worker *w, struct server_conf *conf, const struct auth_input *in, auth_fn *fn,
	void *owner)
{
	struct adit_auth_req *req = xcalloc(1, sizeof(*req));

	must(owner != NULL && release_conf != NULL);
	must(strlen(in->method) <= NAME_MAX_LEN && strlen(in->agent) <= NAME_MAX_LEN);
	req->w = w;
	req->conf = server_conf_ref(conf);
	req->fn = fn;
	req->owner = owner;
	snprintf(req->method, sizeof(req->method), "%s", in->method);
	snprintf(req->peer, sizeof(req->peer), "%s", in->peer);
	snprintf(req->claimed, sizeof(req->claimed), "%s", in->agent);
	memcpy(req->id.agent, req->claimed, sizeof(req->id.agent));
	req->encrypted = in->encrypted;
	req->renewal = in->renewal;
	req->expires = MONO_NEVER;
	if (in->facts != NULL)
		facts_copy(in->facts, &req->facts);
	memcpy(req->nonce_agent, in->nonce_agent, ADIT_NONCE_SIZE);
	memcpy(req->nonce_server, in->nonce_server, ADIT_NONCE_SIZE);
	atomic_init(&req->phase, PHASE_IDLE);
	atomic_init(&req->holds, 1);
	atomic_init(&req->gone, false);
	req->job.source = req->source = in->source;
	req->gate = in->gate;
	req->unasked = true;
	timer_init(&req->turn, w, "login's turn", on_turn);
	req->names = in->names != NULL ? name_gate_ref(in->names) : NULL;
	req->job.work = on_check_work;
	req->job.done = on_check_done;
	req->late.deliver = on_late;
	worker_ref(w);
	pthread_mutex_lock(&live.lock);
	idmap_put(&live.reqs, req_key(req), req);
	pthread_mutex_unlock(&live.lock);
	return req;
}

static bool
take_data(struct adit_auth_req *req, const void *data, size_t len)
{
	req->unasked = true;
	if (auth_bytes_set(&req->data, data, len) == 0)
		return true;
	req_say(req, "the agent's message is too long");
	return false;
}

void
auth_begin(struct worker *w, struct server_conf *conf, const struct auth_input *in, auth_fn *fn,
	void *owner, struct adit_auth_req **req_r)
{
	struct adit_auth_req *req = req_new(w, conf, in, fn, owner);

	*req_r = req;
	if (take_data(req, in->data, in->len))
		go(req);
	else
		decide(req, ADIT_DENY);
}

void
auth_answer(struct adit_auth_req *req, const void *data, size_t len)
{
	WORKER_OWNS(req->w);
	must(atomic_load(&req->phase) == PHASE_IDLE && req->owner != NULL);
	req->step++;
	if (take_data(req, data, len))
		go(req);
	else
		decide(req, ADIT_DENY);
}

void
auth_cancel(struct adit_auth_req *req)
{
	int phase;

	WORKER_OWNS(req->w);
	phase = atomic_load(&req->phase);
	if (phase == PHASE_OVER) /* from inside fn: it is freed when fn returns */
		return;
	req->owner = NULL;
	gate_end(req, GATE_WRONG);
	atomic_store(&req->gone, true);
	if (phase == PHASE_IDLE)
		req_drop(req);
	else if (phase == PHASE_WAITING)
		tell_cancelled(req);
}

int
auth_attempt(struct adit_auth_req *req, const char *name)
{
	uint64_t key = name_gate_key(name);
	int64_t ms = 1000;

	for (size_t i = 0; i < req->n_attempts; i++)
		if (req->attempt[i] == key)
			return req->throttled ? -EBUSY : 0;
	if (req->names == NULL)
		return 0;
	if (req->n_attempts < AUTH_NAMES_MAX)
		ms = name_gate_begin(req->names, key, req->source, &req->conf->limits, mono_now());
	if (ms > 0) {
		req->throttled = true;
		req->retry_ms = MAX(req->retry_ms, ms);
		return -EBUSY;
	}
	req->attempt[req->n_attempts++] = key;
	return req->throttled ? -EBUSY : 0;
}

bool
auth_is_ours(const struct adit_auth_req *req)
{
	return atomic_load(&req->phase) != PHASE_IDLE || req->turn_until.ns != 0;
}

/* True if an answer is due. Sets *post_r if the worker waits for it. Under the lock. */
static bool
answer_take(struct adit_auth_req *req, enum adit_verdict v, bool *post_r)
{
	int phase = atomic_load(&req->phase);

	if (phase != PHASE_CHECKING && phase != PHASE_WAITING)
		return false;
	req->answer = v != ADIT_LATER ? v : ADIT_FAIL;
	req->answered = true;
	*post_r = phase == PHASE_WAITING;
	if (*post_r && req->module->owed != NULL)
		atomic_fetch_sub(req->module->owed, 1);
	atomic_store(&req->phase, *post_r ? PHASE_ANSWERED : PHASE_EARLY);
	return true;
}

/* Hands the answer to the worker, which may free the request at once. */
static void
answer_post(struct adit_auth_req *req)
{
	struct worker *w = req->w;

	worker_ref(w);
	if (worker_post(w, &req->late) < 0)
		req_drop_behind(req);
	worker_unref(w);
}

void
auth_finish(struct adit_auth_req *req, enum adit_verdict verdict)
{
	bool due, post = false;

	pthread_mutex_lock(&live.lock);
	due = idmap_get(&live.reqs, req_key(req)) != NULL && answer_take(req, verdict, &post);
	pthread_mutex_unlock(&live.lock);
	if (!due)
		log_error("an auth plugin called adit_auth_finish() for a login that it has "
			  "answered already; ignored");
	if (post)
		answer_post(req);
}
