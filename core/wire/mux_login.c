/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins (protocol.md section 3): the one that makes a session, and renewals, by which a session
 * that lives proves itself anew. Pure; the owner of the session.
 *
 * What must hold: of a renewal at most one frame waits to be sent, because each end speaks in turn;
 * and what a renewal has come to is forgotten with its link, on both ends. */

#include <config.h>

#include <string.h>

#include "util/compiler.h"
#include "wire/mux_priv.h"

#define RENEWALS_PER_MS (1.0 / MUX_RENEW_EVERY_MS)

static bool
logging_in(const struct mux *m, enum role role)
{
	return m->conf.role == role && m->state == SESSION_HANDSHAKEN;
}

/* There is a session, and a link for it. */
static bool
live(const struct mux *m)
{
	return m->linked && m->state >= SESSION_AUTHENTICATED && m->state <= SESSION_DRAINING;
}

static bool
renewing(const struct mux *m, enum role role, enum renewal r)
{
	return m->conf.role == role && live(m) && m->renewal == r;
}

bool
mux_may_renew(const struct mux *m)
{
	return renewing(m, ROLE_AGENT, RENEWAL_NONE);
}

void
mux_renewal_forget(struct mux *m)
{
	m->renewal = RENEWAL_NONE;
	bufq_fini(&m->side);
}

/* No two logins on a link have the same ones: their number is in the last bytes. */
void
mux_login_nonces(const struct mux *m, uint8_t agent_r[MSG_NONCE], uint8_t server_r[MSG_NONCE])
{
	bool agent = m->conf.role == ROLE_AGENT;

	memcpy(agent_r, agent ? m->nonce : m->peer.nonce, MSG_NONCE);
	memcpy(server_r, agent ? m->peer.nonce : m->nonce, MSG_NONCE);
	for (unsigned i = 0; i < 4; i++) {
		uint8_t b = (uint8_t)(m->n_auths >> (24 - 8 * i));

		agent_r[MSG_NONCE - 4 + i] ^= b;
		server_r[MSG_NONCE - 4 + i] ^= b;
	}
}

void
mux_expire_at(struct mux *m, struct mono at)
{
	must(m->conf.role == ROLE_SERVER);
	m->expires_at = at;
}

/* ---- Out ------------------------------------------------------------------------------------- */

void
mux_send_auth(struct mux *m, const struct msg_auth *auth)
{
	uint8_t p[FRAME_CONTROL_MAX];
	size_t n = msg_auth_encode(p, sizeof(p), auth);

	if (logging_in(m, ROLE_AGENT)) {
		must(m->login == LOGIN_AUTH);
		mux_queue(m, FRAME_AUTH, p, n);
		m->login = LOGIN_ANSWER;
		m->n_auths++;
	} else if (mux_may_renew(m)) {
		mux_queue_side(m, FRAME_AUTH, p, n);
		m->renewal = RENEWAL_ANSWER;
		m->challenges = 0;
		m->n_auths++;
	}
}

void
mux_send_answer(struct mux *m, struct text data)
{
	uint8_t p[FRAME_CONTROL_MAX];
	size_t n = msg_data_encode(p, sizeof(p), data);

	if (logging_in(m, ROLE_AGENT)) {
		must(m->login == LOGIN_AUTH);
		mux_queue(m, FRAME_AUTH_ANSWER, p, n);
		m->login = LOGIN_ANSWER;
	} else if (renewing(m, ROLE_AGENT, RENEWAL_WAIT)) {
		mux_queue_side(m, FRAME_AUTH_ANSWER, p, n);
		m->renewal = RENEWAL_ANSWER;
	}
}

void
mux_send_challenge(struct mux *m, struct text data)
{
	uint8_t p[FRAME_CONTROL_MAX];
	size_t n = msg_data_encode(p, sizeof(p), data);

	if (logging_in(m, ROLE_SERVER)) {
		must(m->login == LOGIN_WAIT);
		mux_queue(m, FRAME_AUTH_CHALLENGE, p, n);
		m->login = LOGIN_ANSWER;
	} else if (renewing(m, ROLE_SERVER, RENEWAL_WAIT)) {
		mux_queue_side(m, FRAME_AUTH_CHALLENGE, p, n);
		m->renewal = RENEWAL_ANSWER;
	}
}

/* The session has what it had. */
static void
send_renewed(struct mux *m, const struct msg_auth_ok *ok)
{
	struct msg_auth_ok said = *ok;
	uint8_t p[FRAME_CONTROL_MAX];

	must(ok->session == m->session_id);
	said.resume_ms = 0;
	said.secret = text_of(NULL);
	mux_queue_side(m, FRAME_AUTH_OK, p, msg_auth_ok_encode(p, sizeof(p), &said));
	m->renewal = RENEWAL_NONE;
}

void
mux_send_auth_ok(struct mux *m, const struct msg_auth_ok *ok)
{
	struct msg_auth_ok said = *ok;
	uint8_t p[FRAME_CONTROL_MAX];

	if (renewing(m, ROLE_SERVER, RENEWAL_WAIT))
		send_renewed(m, ok);
	if (!logging_in(m, ROLE_SERVER))
		return;
	must(m->login == LOGIN_WAIT);
	m->session_id = ok->session;
	m->can_resume = ok->secret.n > 0 && mux_agreed(m);
	m->resume_ms = m->can_resume ? m->conf.resume_ms : 0;
	said.resume_ms = (uint32_t)m->resume_ms;
	if (!m->can_resume)
		said.secret = text_of(NULL);
	mux_queue(m, FRAME_AUTH_OK, p, msg_auth_ok_encode(p, sizeof(p), &said));
	mux_move(m, SESSION_AUTHENTICATED);
}

void
mux_send_auth_fail(struct mux *m, uint16_t code, uint32_t retry_ms, const char *text)
{
	struct msg_auth_fail f = {code, retry_ms, text_of(text)};
	uint8_t p[512];
	size_t n = msg_auth_fail_encode(p, sizeof(p), &f);

	if (logging_in(m, ROLE_SERVER)) {
		mux_queue(m, FRAME_AUTH_FAIL, p, n);
		mux_end(m, code, text, true, retry_ms);
	} else if (renewing(m, ROLE_SERVER, RENEWAL_WAIT)) {
		mux_queue_side(m, FRAME_AUTH_FAIL, p, n);
		m->renewal = RENEWAL_NONE;
	}
}

/* ---- In -------------------------------------------------------------------------------------- */

/* Takes one from the bucket of renewals. */
static bool
renewal_allowed(struct mux *m)
{
	double ms = (double)(m->now.ns - m->renewals_at.ns) / 1e6;

	m->renewals_at = m->now;
	m->renewals = MIN(m->renewals + ms * RENEWALS_PER_MS, (double)MUX_RENEWALS);
	if (m->renewals < 1)
		return false;
	m->renewals -= 1;
	return true;
}

const char *
mux_got_auth(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_auth a;
	const char *bad = msg_auth_decode(p, n, &a);

	if (bad != NULL)
		return bad;
	if (live(m) && (m->side.len > 0 || m->hand.len > 0)) /* it guesses what was said */
		return "AUTH before the answer to the one before was sent";
	if (live(m) && !renewal_allowed(m)) {
		mux_fail(m, CODE_LIMIT, "too many logins in one session");
		return NULL;
	}
	if (live(m))
		m->renewal = RENEWAL_WAIT;
	else
		m->login = LOGIN_WAIT;
	m->ops->auth(m, &a);
	m->n_auths++;
	return NULL;
}

static const char *
got_answer(struct mux *m, struct text data)
{
	if (m->side.len > 0)
		return "AUTH_ANSWER to a challenge that was not sent";
	if (live(m))
		m->renewal = RENEWAL_WAIT;
	else
		m->login = LOGIN_WAIT;
	m->ops->answer(m, data);
	return NULL;
}

static const char *
got_challenge(struct mux *m, struct text data)
{
	if (m->side.len > 0)
		return "AUTH_CHALLENGE before AUTH or an answer was sent";
	if (++m->challenges > MUX_CHALLENGES)
		return "too many challenges";
	if (live(m))
		m->renewal = RENEWAL_WAIT;
	else
		m->login = LOGIN_AUTH;
	m->ops->challenge(m, data);
	return NULL;
}

const char *
mux_got_auth_data(struct mux *m, const uint8_t *p, size_t n)
{
	struct text data;
	const char *bad = msg_data_decode(p, n, &data);

	if (bad != NULL)
		return bad;
	return m->conf.role == ROLE_SERVER ? got_answer(m, data) : got_challenge(m, data);
}

static const char *
got_renewed(struct mux *m, const struct msg_auth_ok *ok)
{
	if (m->side.len > 0)
		return "AUTH_OK before AUTH or an answer was sent";
	if (ok->session != m->session_id || ok->secret.n > 0)
		return "AUTH_OK makes another session of one that there is";
	m->renewal = RENEWAL_NONE;
	m->ops->auth_ok(m, ok);
	return NULL;
}

const char *
mux_got_auth_ok(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_auth_ok ok;
	const char *bad = msg_auth_ok_decode(p, n, &ok);

	if (bad != NULL)
		return bad;
	if (live(m))
		return got_renewed(m, &ok);
	if (ok.secret.n > 0 && !mux_agreed(m))
		return "AUTH_OK grants what was not agreed";
	m->session_id = ok.session;
	m->can_resume = ok.secret.n > 0;
	m->resume_ms = MIN((int64_t)ok.resume_ms, m->conf.resume_ms);
	memcpy(m->secret, ok.secret.p, ok.secret.n);
	mux_move(m, SESSION_AUTHENTICATED);
	m->ping_due = true; /* the first measure of the round trip */
	mux_wake(m);
	m->ops->auth_ok(m, &ok);
	return NULL;
}

const char *
mux_got_auth_fail(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_auth_fail f;
	const char *bad = msg_auth_fail_decode(p, n, &f);

	if (bad != NULL)
		return bad;
	if (!live(m)) {
		mux_ended(m, f.code, f.text, f.retry_after_ms);
		return NULL;
	}
	if (m->side.len > 0)
		return "AUTH_FAIL before AUTH or an answer was sent";
	m->renewal = RENEWAL_NONE;
	m->ops->auth_fail(m, &f);
	return NULL;
}
