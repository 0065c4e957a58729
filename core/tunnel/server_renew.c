/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A session's login is renewed (protocol.md section 3): AUTH has come while it lives. The chain of
 * plugins decides as it does for every login; what comes of it is here. Owner worker only.
 *
 * What must hold: nothing of the session changes but the time at which it ends, so a renewal that
 * fails, hangs or is cut off leaves it as it was; a renewal takes a place at the gate, like a link
 * that logs in, and gives it back however it ends. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "tunnel/server_priv.h"
#include "util/log.h"
#include "util/units.h"

bool
server_renew_begins(struct server_session *ss)
{
	static struct log_limit limit;
	const struct limits *l = &ss->sw->conf->conf->limits;
	const char *text;
	int64_t retry_ms;
	uint16_t code = gate_enter(ss->sw->srv->gate, ss->source, l, ss->base.w->now, &text,
		&retry_ms);

	if (code != CODE_NONE) {
		log_limited(&limit, LOG_WARN, "%s may not renew its login now: %s",
			server_session_name(ss), text);
		mux_send_auth_fail(&ss->base.mux, code, (uint32_t)MIN(retry_ms, UINT32_MAX), text);
		return false;
	}
	ss->at_gate = true;
	timer_start(&ss->renewal, l->handshake_timeout);
	return true;
}

void
server_renew_over(struct server_session *ss)
{
	(void)server_login_give_up(ss, false);
	timer_stop(&ss->refuse);
	timer_stop(&ss->renewal);
	server_session_leave_gate(ss);
}

void
server_renew_too_late(struct server_session *ss)
{
	mux_send_auth_fail(&ss->base.mux, CODE_TIMEOUT, 0, code_text(CODE_TIMEOUT));
}

void
server_renew_on_timer(struct timer *t)
{
	struct server_session *ss = container_of(t, struct server_session, renewal);

	(void)server_login_give_up(ss, true);
	server_renew_over(ss);
	log_warn("%s has not renewed its login: it took too long", server_session_name(ss));
	server_renew_too_late(ss); /* says nothing yet if it is the agent's turn */
}

uint64_t
server_login_expires(struct server_session *ss, struct mono at)
{
	mux_expire_at(&ss->base.mux, at);
	return at.ns == MONO_NEVER.ns ? 0 : (uint64_t)MAX(mono_diff_ms(at, ss->base.w->now), 1);
}

const char *
server_login_time(uint64_t ms, char *buf, size_t cap)
{
	char time[32];

	buf[0] = '\0';
	if (ms != 0)
		snprintf(buf, cap, ", good for %s",
			units_ms_human((int64_t)ms, time, sizeof(time)));
	return buf;
}

/* It was right, but whoever wants to be another has to log in as that. */
static const char *
objection(const struct server_session *ss, const struct identity *id)
{
	if (strcmp(ss->id.account, id->account) != 0)
		return "the login is of another account than the session";
	if (strcmp(ss->id.agent, id->agent) != 0)
		return "the login is of another agent than the session";
	if (!identity_same_grants(&ss->id, id))
		return "the login has other rights than the session";
	return NULL;
}

void
server_renew(struct server_session *ss, struct adit_auth_req *req)
{
	struct msg_auth_ok ok = {.session = ss->reg_id, .account = text_of(ss->id.account),
		.agent = text_of(ss->id.agent),
		.data = {(const char *)req->reply.p, req->reply.len}};
	static struct log_limit refused, renewed;
	const char *no = objection(ss, &req->id);
	char time[48];

	server_renew_over(ss);
	if (no != NULL) {
		log_limited(&refused, LOG_WARN, "%s has not renewed its login by %s: %s",
			server_session_name(ss), req->method, no);
		mux_send_auth_fail(&ss->base.mux, CODE_NOT_PERMITTED, 0, no);
		return;
	}
	ok.expires_ms = server_login_expires(ss, req->expires);
	log_limited(&renewed, LOG_INFO, "%s has renewed its login by %s%s",
		server_session_name(ss), req->method,
		server_login_time(ok.expires_ms, time, sizeof(time)));
	mux_send_auth_ok(&ss->base.mux, &ok);
	session_rearm(&ss->base);
}
