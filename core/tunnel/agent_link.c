/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A link of the agent: resolve, connect, hand over to a session. One attempt each time that the
 * main thread asks for one; what became of it is reported there. Runs on the link's worker. */

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

	timer_stop(&l->timer);
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

/* ---- Connecting ------------------------------------------------------------------------------ */

static void try_next(struct agent_link *l);

static void
connected(struct agent_link *l)
{
	timer_stop(&l->timer);
	l->state = LINK_UP;
	l->session = agent_session_open(l, sock_release(&l->dial));
}

static void
on_connected(struct sock *s, int err)
{
	struct agent_link *l = container_of(s, struct agent_link, dial);

	if (err == 0) {
		connected(l);
		return;
	}
	l->last_err = -err;
	sock_close(s);
	try_next(l);
}

static const struct sock_ops dial_ops = {
	.connected = on_connected,
	.what = "connecting to the server",
};

/* The transport that the server's address names. */
static const struct module *
top(const struct agent_conf *conf)
{
	return conf->stack[conf->n_stack - 1];
}

static bool
may_travel_plain(const struct agent_link *l, const struct addr *a)
{
	const struct agent_conf *conf = l->aw->conf;

	return agent_conf_encrypted(conf) || top(conf)->allow_plain || addr_is_loopback(a);
}

/* No code: our own configuration forbids it, so another attempt would not help. */
static void
refuse_plain(struct agent_link *l, const struct addr *a)
{
	const char *transport = top(l->aw->conf)->plugin->name;
	char text[256], where[ADDR_TEXT_MAX];

	snprintf(text, sizeof(text),
		"%s does not encrypt, and %s is not this machine; if the network between is yours, "
		"give --allow-plain or write %s = { allow_plain = true; }",
		transport, addr_host_text(a, where, sizeof(where)), transport);
	lost(l, CODE_NONE, text, 0, NULL);
}

static void
try_next(struct agent_link *l)
{
	char text[256];
	const struct addr *a;
	int rc;

	while (l->next_addr < l->n_addr) {
		a = &l->addr[l->next_addr++];
		if (!may_travel_plain(l, a)) {
			refuse_plain(l, a);
			return;
		}
		rc = sock_connect(&l->dial, a);
		if (rc == 0) {
			l->state = LINK_CONNECTING;
			timer_start(&l->timer, CONNECT_MS);
			return;
		}
		l->last_err = -rc;
	}
	timer_stop(&l->timer);
	snprintf(text, sizeof(text), "cannot connect to %s: %s", l->aw->conf->server,
		strerror(l->last_err));
	lost(l, code_of_dial(l->last_err), text, 0, NULL);
}

static void
on_resolved(void *owner, const struct addr *a, int n, int err)
{
	struct agent_link *l = owner;
	char text[320];

	l->resolve = NULL;
	if (n == 0) {
		snprintf(text, sizeof(text), "cannot resolve %s: %s", l->aw->conf->server_host,
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

	if (l->state != LINK_IDLE)
		return;
	l->state = LINK_RESOLVING;
	l->resolve = resolve_start(l->aw->w, conf->server_host, conf->server_port, on_resolved, l);
	if (l->resolve == NULL)
		lost(l, CODE_OVERLOAD, "too many names are being resolved", 0, NULL);
}

static void
on_timer(struct timer *t)
{
	struct agent_link *l = container_of(t, struct agent_link, timer);

	l->last_err = ETIMEDOUT;
	sock_close(&l->dial);
	try_next(l);
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
	sock_init_closed(&l->dial, aw->w, &dial_ops);
	timer_init(&l->timer, aw->w, "connecting to the server", on_timer);
	return l;
}

static void
give_up_dial(struct agent_link *l)
{
	resolve_cancel(l->resolve);
	l->resolve = NULL;
	sock_close(&l->dial);
	timer_stop(&l->timer);
	l->state = LINK_IDLE;
}

void
agent_link_stop(struct agent_link *l)
{
	if (l->state == LINK_UP) /* agent_link_down() comes when the farewell is out */
		session_fail(&l->session->base, CODE_LEAVING, code_text(CODE_LEAVING));
	else
		give_up_dial(l);
}

void
agent_link_close(struct agent_link *l)
{
	give_up_dial(l);
	if (l->session != NULL) {
		struct session *s = &l->session->base;

		session_fail(s, CODE_LEAVING, code_text(CODE_LEAVING));
		session_cut(s);
	}
}

void
agent_link_free(struct agent_link *l)
{
	list_remove(&l->node);
	free(l);
}
