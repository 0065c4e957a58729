/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent's link: resolve, connect, hand over to a session, and come back when it is lost: after 1,
 * 2, 4, 8, 16, 30 s with full jitter, for ever by default. Runs on the agent's worker. */

#include <config.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/agent_priv.h"
#include "util/log.h"
#include "util/rand.h"

#define CONNECT_MS 10000 /* for one address */
#define WAIT_MIN_MS 100

static void link_begin(struct agent_worker *aw);

/* ---- What comes next ----------------------------------------------------------------------------- */

static int64_t
backoff_ms(unsigned attempt)
{
	static const int64_t steps[] = {1000, 2000, 4000, 8000, 16000, 30000};
	int64_t top = steps[MIN(attempt, ARRAY_LEN(steps) - 1)];

	return WAIT_MIN_MS + (int64_t)rand_below((uint64_t)(top - WAIT_MIN_MS));
}

static void
on_farewell(struct turn_end *t)
{
	struct agent_worker *aw = container_of(t, struct agent_worker, farewell);

	agent_say(aw->a, &aw->last);
}

/* The last event comes behind the session's streams, which wait for their end of the turn: whoever gets
 * it reads totals that do not change any more. */
static void
stopped(struct agent_worker *aw, uint16_t code, const char *text, bool fatal)
{
	aw->state = LINK_STOPPED;
	aw->last = (struct agent_event){.kind = AGENT_STOPPED, .code = code, .fatal = fatal};
	snprintf(aw->last.text, sizeof(aw->last.text), "%s", text);
	worker_streams_abort(aw->w); /* agent_free() would, behind the totals */
	worker_reap(aw->w, &aw->farewell);
}

/* Codes that another attempt would meet again. */
static bool
is_final(const struct agent_worker *aw, uint16_t code)
{
	if (code == CODE_REPLACED)
		return true; /* coming back would push the other one out again, and so on */
	if (aw->was_up)
		return false;
	return code == CODE_AUTH_FAILED || code == CODE_VERSION || code == CODE_NOT_PERMITTED ||
		code == CODE_BAD_REQUEST || code == CODE_NO_SUCH_ROUTE || code == CODE_IN_USE ||
		code == CODE_NO_ADDRESS;
}

/* The attempt has failed, or the session is over. */
static void
lost(struct agent_worker *aw, uint16_t code, const char *text, int64_t retry_ms)
{
	struct agent_event ev = {.kind = AGENT_LOST, .code = code, .attempt = aw->attempt + 1};
	int64_t max = aw->conf->max_attempts;

	if (aw->stopping) {
		stopped(aw, CODE_NONE, "stopped", false);
		return;
	}
	if (is_final(aw, code) || !aw->conf->reconnect || (max > 0 && aw->attempt + 1 >= max)) {
		stopped(aw, code, text, true);
		return;
	}
	ev.retry_ms = backoff_ms(aw->attempt); /* random: MAX would ask for it twice */
	ev.retry_ms = MAX(ev.retry_ms, retry_ms);
	snprintf(ev.text, sizeof(ev.text), "%s", text);
	agent_say(aw->a, &ev);
	aw->attempt++;
	aw->state = LINK_WAITING;
	timer_start(&aw->timer, ev.retry_ms);
}

void
agent_link_down(struct agent_worker *aw, uint16_t code, const char *text, int64_t retry_ms,
	bool lasted)
{
	aw->session = NULL;
	if (lasted)
		aw->attempt = 0;
	lost(aw, code, text, retry_ms);
}

/* ---- Connecting ---------------------------------------------------------------------------------- */

static void try_next(struct agent_worker *aw);

static void
connected(struct agent_worker *aw)
{
	timer_stop(&aw->timer);
	aw->state = LINK_UP;
	aw->session = agent_session_open(aw, sock_release(&aw->dial));
	if (aw->session == NULL)
		lost(aw, CODE_INTERNAL, "the transport refuses the link", 0);
}

static void
on_connected(struct sock *s, int err)
{
	struct agent_worker *aw = container_of(s, struct agent_worker, dial);

	if (err == 0) {
		connected(aw);
		return;
	}
	aw->last_err = -err;
	sock_close(s);
	try_next(aw);
}

static const struct sock_ops dial_ops = {
	.connected = on_connected,
	.what = "connecting to the server",
};

static bool
may_travel_plain(const struct agent_worker *aw, const struct addr *a)
{
	const struct module *t = aw->conf->transport;

	return t->transport.encrypted || t->allow_plain || addr_is_loopback(a);
}

/* That our own configuration forbids it is known at once, and another attempt would not help; later a
 * name that leads elsewhere may be right again. */
static void
refuse_plain(struct agent_worker *aw, const struct addr *a)
{
	char text[256], where[ADDR_TEXT_MAX];

	snprintf(text, sizeof(text),
		"%s does not encrypt, and %s is not this machine; if the network between is yours, "
		"give --allow-plain or write %s = { allow_plain = true; }",
		aw->conf->transport->plugin->name, addr_host_text(a, where, sizeof(where)),
		aw->conf->transport->plugin->name);
	if (aw->was_up)
		lost(aw, CODE_NOT_PERMITTED, text, 0);
	else
		stopped(aw, CODE_NONE, text, true);
}

static void
try_next(struct agent_worker *aw)
{
	char text[256];
	const struct addr *a;
	int rc;

	while (aw->next_addr < aw->n_addr) {
		a = &aw->addr[aw->next_addr++];
		if (!may_travel_plain(aw, a)) {
			refuse_plain(aw, a);
			return;
		}
		rc = sock_connect(&aw->dial, a);
		if (rc == 0) {
			aw->state = LINK_CONNECTING;
			timer_start(&aw->timer, CONNECT_MS);
			return;
		}
		aw->last_err = -rc;
	}
	timer_stop(&aw->timer);
	snprintf(text, sizeof(text), "cannot connect to %s: %s", aw->conf->server,
		strerror(aw->last_err));
	lost(aw, code_of_dial(aw->last_err), text, 0);
}

static void
on_resolved(void *owner, const struct addr *a, int n, int err)
{
	struct agent_worker *aw = owner;
	char text[320];

	aw->resolve = NULL;
	if (n == 0) {
		snprintf(text, sizeof(text), "cannot resolve %s: %s", aw->conf->server_host,
			gai_strerror(err));
		lost(aw, CODE_NO_SUCH_HOST, text, 0);
		return;
	}
	aw->n_addr = MIN(n, RESOLVE_MAX);
	memcpy(aw->addr, a, (size_t)aw->n_addr * sizeof(*a));
	aw->next_addr = 0;
	try_next(aw);
}

static void
link_begin(struct agent_worker *aw)
{
	struct agent_event ev = {.kind = AGENT_CONNECTING, .attempt = aw->attempt + 1};

	snprintf(ev.text, sizeof(ev.text), "%s", aw->conf->server);
	agent_say(aw->a, &ev);
	aw->state = LINK_RESOLVING;
	aw->resolve = resolve_start(aw->w, aw->conf->server_host, aw->conf->server_port, on_resolved,
		aw);
	if (aw->resolve == NULL)
		lost(aw, CODE_OVERLOAD, "too many names are being resolved", 0);
}

static void
on_timer(struct timer *t)
{
	struct agent_worker *aw = container_of(t, struct agent_worker, timer);

	if (aw->state == LINK_CONNECTING) {
		aw->last_err = ETIMEDOUT;
		sock_close(&aw->dial);
		try_next(aw);
	} else if (aw->state == LINK_WAITING) {
		link_begin(aw);
	}
}

/* ---- Life ---------------------------------------------------------------------------------------- */

struct stop_msg {
	struct mbox_msg msg;
	struct worker *w;
};

static void
on_stop(struct mbox_msg *msg, bool late)
{
	struct stop_msg *m = container_of(msg, struct stop_msg, msg);
	struct agent_worker *aw = agent_worker(m->w);

	free(m);
	if (late || aw->stopping)
		return;
	aw->stopping = true;
	if (aw->state == LINK_UP) {
		session_fail(&aw->session->base, CODE_LEAVING, code_text(CODE_LEAVING));
		return; /* agent_link_down() goes on when the farewell is out */
	}
	if (aw->state == LINK_STOPPED)
		return;
	resolve_cancel(aw->resolve);
	aw->resolve = NULL;
	sock_close(&aw->dial);
	timer_stop(&aw->timer);
	stopped(aw, CODE_NONE, "stopped", false);
}

int
agent_post_stop(struct worker *w)
{
	struct stop_msg *m = xcalloc(1, sizeof(*m));
	int rc;

	m->msg.deliver = on_stop;
	m->w = w;
	rc = worker_post(w, &m->msg);
	if (rc < 0)
		free(m);
	return rc;
}

int
agent_worker_init(struct worker *w, void *arg)
{
	struct agent *a = arg;
	struct agent_worker *aw = xcalloc(1, sizeof(*aw));

	aw->a = a;
	aw->w = w;
	aw->conf = a->conf;
	aw->had = xcalloc(MAX(a->conf->n_tunnels, 1), sizeof(*aw->had));
	list_init(&aw->streams.flushing);
	list_init(&aw->farewell.node);
	aw->farewell.run = on_farewell;
	sock_init_closed(&aw->dial, w, &dial_ops);
	timer_init(&aw->timer, w, "agent timer", on_timer);
	request_log_init(&aw->requests, w, a->conf->log_requests);
	w->app = aw;
	if (modules_worker_init(&a->conf->modules, w->index) < 0) {
		free(aw->had);
		free(aw);
		return -EINVAL;
	}
	link_begin(aw);
	return 0;
}

/* Sessions and streams are freed behind this; aw itself in the last of all ends of turns. */
static void
on_last(struct mbox_msg *msg, bool late)
{
	struct stop_msg *m = container_of(msg, struct stop_msg, msg);
	struct agent_worker *aw = agent_worker(m->w);

	(void)late;
	modules_worker_fini(&aw->conf->modules, m->w->index);
	request_log_fini(&aw->requests);
	free(aw->had);
	free(aw);
	free(m);
}

void
agent_worker_fini(struct worker *w)
{
	struct agent_worker *aw = agent_worker(w);
	struct stop_msg *m = xcalloc(1, sizeof(*m));

	aw->stopping = true;
	aw->state = LINK_STOPPED;
	resolve_cancel(aw->resolve);
	sock_close(&aw->dial);
	timer_stop(&aw->timer);
	if (aw->session != NULL) {
		struct session *s = &aw->session->base;

		session_fail(s, CODE_LEAVING, code_text(CODE_LEAVING));
		conn_close(&s->conn);
		worker_reap(w, &s->reap);
	}
	worker_streams_abort(w);
	m->msg.deliver = on_last;
	m->w = w;
	must(worker_post(w, &m->msg) == 0);
}
