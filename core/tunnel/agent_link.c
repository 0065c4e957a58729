/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A link of the agent: resolve, connect, perhaps through a proxy, hand over to a session. One
 * attempt each time that the main thread asks for one; what became of it is reported there. Runs on
 * the link's worker. */

#include <config.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/agent_priv.h"

#define CONNECT_MS 10000 /* for one address */

/* The attempt has failed, or the session is over. */
static void
lost(struct agent_link *l, uint16_t code, const char *text, int64_t retry_ms,
	const struct agent_loss *loss)
{
	struct agent_event ev = {.kind = AGENT_LOST, .session = l->member, .code = code,
		.retry_ms = retry_ms};

	l->state = LINK_IDLE;
	snprintf(ev.text, sizeof(ev.text), "%s", text);
	agent_say(l->aw->a, &ev, loss);
	agent_worker_check(l->aw);
}

void
agent_link_down(struct agent_link *l, uint16_t code, const char *text, int64_t retry_ms,
	const struct agent_loss *loss)
{
	l->session = NULL;
	lost(l, code != CODE_NONE ? code : CODE_INTERNAL, text, retry_ms, loss);
}

void
agent_link_part(struct agent_link *l, int64_t retry_ms, const struct agent_loss *loss)
{
	struct agent_session *as = l->session;
	const struct session *s = &as->base;
	struct agent_event ev = {.kind = AGENT_MOVING, .session = l->member, .retry_ms = retry_ms,
		.streams = s->mux.n_streams};

	as->parting = true;
	list_push(&l->aw->parting, &as->node);
	l->aw->n_parting++;
	l->session = NULL;
	l->state = LINK_IDLE;
	ev.code = s->left_code != CODE_NONE ? s->left_code : CODE_SHUTDOWN;
	snprintf(ev.text, sizeof(ev.text), "%s",
		s->left_text[0] != '\0' ? s->left_text : code_text(ev.code));
	agent_say(l->aw->a, &ev, loss);
}

/* ---- Connecting ------------------------------------------------------------------------------ */

static void try_next(struct agent_link *l);

static void
connected(struct agent_link *l)
{
	l->state = LINK_UP;
	l->session = agent_session_open(l, dialer_release(&l->dial));
}

/* Of the addresses the last one's reason is told. */
static void
note_failure(struct agent_link *l, int err, uint16_t code, const char *text)
{
	const struct agent_conf *conf = l->aw->conf;

	l->last_code = text != NULL ? code : code_of_dial(-err);
	if (text != NULL)
		snprintf(l->last_text, sizeof(l->last_text), "%s", text);
	else
		snprintf(l->last_text, sizeof(l->last_text), "cannot connect to %s%s: %s",
			conf->proxy != NULL ? "the proxy at " : "",
			conf->proxy != NULL ? conf->proxy->name : conf->server, strerror(-err));
}

/* A proxy's no is one for all its addresses. */
static void
on_dialled(struct dialer *d, int err, uint16_t code, const char *text)
{
	struct agent_link *l = container_of(d, struct agent_link, dial);

	if (err == 0) {
		connected(l);
	} else if (text != NULL && err == -ECONNREFUSED) {
		lost(l, code, text, 0, NULL);
	} else {
		note_failure(l, err, code, text);
		try_next(l);
	}
}

static const struct dialer_ops dialer_ops = {
	.done = on_dialled,
	.what = "connecting to the server",
};

/* The transport that the server's address names. */
static const struct module *
top(const struct agent_conf *conf)
{
	return conf->stack[conf->n_stack - 1];
}

/* a is the server's address, or the proxy's, behind which the server may be anywhere: only one that
 * stands on this machine, as "ssh -D" does, can bring us back to it. */
static bool
may_travel_plain(const struct agent_link *l, const struct addr *a)
{
	const struct agent_conf *conf = l->aw->conf;

	return agent_conf_encrypted(conf) || top(conf)->allow_plain ||
		(addr_is_loopback(a) &&
			(conf->proxy == NULL || proxy_host_is_local(conf->server_host)));
}

/* No code: our own configuration forbids it, so another attempt would not help. */
static void
refuse_plain(struct agent_link *l, const struct addr *a)
{
	const char *transport = top(l->aw->conf)->plugin->name;
	char text[320], where[ADDR_TEXT_MAX];

	if (l->aw->conf->proxy != NULL && addr_is_loopback(a))
		snprintf(where, sizeof(where), "%.60s", l->aw->conf->server_host);
	else
		addr_host_text(a, where, sizeof(where));
	snprintf(text, sizeof(text),
		"%s does not encrypt, and %s is not this machine; if the network between is yours, "
		"give --allow-plain or write %s = { allow_plain = true; }",
		transport, where, transport);
	lost(l, CODE_NONE, text, 0, NULL);
}

static int
dial(struct agent_link *l, const struct addr *a)
{
	const struct agent_conf *conf = l->aw->conf;
	const struct dialer_through through = {conf->proxy, conf->server_host, conf->server_port,
		conf->limits.handshake_timeout};

	return dialer_start(&l->dial, a, CONNECT_MS, &through);
}

static void
try_next(struct agent_link *l)
{
	const struct addr *a;
	int rc;

	while (l->next_addr < l->n_addr) {
		a = &l->addr[l->next_addr++];
		if (!may_travel_plain(l, a)) {
			refuse_plain(l, a);
			return;
		}
		rc = dial(l, a);
		if (rc == 0) {
			l->state = LINK_CONNECTING;
			return;
		}
		note_failure(l, rc, CODE_NONE, NULL);
	}
	lost(l, l->last_code, l->last_text, 0, NULL);
}

static void
on_resolved(void *owner, const struct addr *a, int n, int err)
{
	struct agent_link *l = owner;
	const struct agent_conf *conf = l->aw->conf;
	char text[320];

	l->resolve = NULL;
	if (n == 0) {
		snprintf(text, sizeof(text), "cannot resolve %s%s: %s",
			conf->proxy != NULL ? "the proxy " : "",
			conf->proxy != NULL ? conf->proxy->host : conf->server_host,
			gai_strerror(err));
		lost(l, CODE_NO_SUCH_HOST, text, 0, NULL);
		return;
	}
	l->n_addr = MIN(n, RESOLVE_MAX);
	memcpy(l->addr, a, (size_t)l->n_addr * sizeof(*a));
	l->next_addr = 0;
	try_next(l);
}

void
agent_link_go(struct agent_link *l)
{
	const struct agent_conf *conf = l->aw->conf;
	const struct proxy *p = conf->proxy; /* it resolves the server's name */

	if (l->state != LINK_IDLE)
		return;
	l->state = LINK_RESOLVING;
	l->resolve = resolve_start(l->aw->w, p != NULL ? p->host : conf->server_host,
		p != NULL ? p->port : conf->server_port, on_resolved, l);
	if (l->resolve == NULL)
		lost(l, CODE_OVERLOAD, "too many names are being resolved", 0, NULL);
}

/* ---- Life ------------------------------------------------------------------------------------ */

struct agent_link *
agent_link_new(struct agent_worker *aw, uint8_t member)
{
	struct agent_link *l = xcalloc(1, sizeof(*l));

	l->aw = aw;
	l->member = member;
	list_init(&l->node);
	list_push(&aw->links, &l->node);
	dialer_init(&l->dial, aw->w, &dialer_ops);
	return l;
}

static void
give_up_dial(struct agent_link *l)
{
	resolve_cancel(l->resolve);
	l->resolve = NULL;
	dialer_close(&l->dial);
	l->state = LINK_IDLE;
}

void
agent_link_stop(struct agent_link *l)
{
	if (l->held != NULL)
		session_fail(&l->held->base, CODE_LEAVING, code_text(CODE_LEAVING));
	if (l->state == LINK_UP) /* agent_link_down() comes when the farewell is out */
		session_fail(&l->session->base, CODE_LEAVING, code_text(CODE_LEAVING));
	else
		give_up_dial(l);
}

void
agent_link_close(struct agent_link *l)
{
	give_up_dial(l);
	if (l->held != NULL)
		agent_session_close(l->held);
	if (l->session != NULL)
		agent_session_close(l->session);
}

void
agent_link_free(struct agent_link *l)
{
	list_remove(&l->node);
	free(l);
}
