/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The way in: bytes of the link in pieces of any size become frames and upcalls. Pure. Everything
 * about a frame is decided on its header, by the tables of wire/state.c; a payload is looked at
 * only when its frame is legal. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"
#include "wire/mux_priv.h"

#define BULK_FRAMES 16u /* so many small ones without a large one: nothing is to be expected */

static void
protocol_error(struct mux *m, const char *what)
{
	char text[160];
	const char *name = frame_name(m->f.type);

	snprintf(text, sizeof(text), "%s (frame %s 0x%02x, stream %u, state %s)", what,
		name != NULL ? name : "unknown", m->f.type, m->f.stream,
		session_state_name(m->state));
	mux_fail(m, CODE_PROTOCOL, text);
}

static void
glitch(struct mux *m)
{
	if (++m->glitches > MUX_GLITCHES)
		mux_fail(m, CODE_LIMIT, "too many glitches");
}

static const char *
on_hello(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_hello h;
	const char *bad = msg_hello_decode(p, n, &h);

	if (bad != NULL)
		return bad;
	if (h.role == (m->conf.role == ROLE_SERVER))
		return "HELLO of the wrong role";
	if (h.version_min > MSG_VERSION || h.version_max < MSG_VERSION) {
		mux_fail(m, CODE_VERSION, "no common version: this end speaks version 1");
		return NULL;
	}
	if (m->conf.role == ROLE_AGENT && (h.features & ~mux_features(m)) != 0)
		return "HELLO agrees to features that were not offered";
	m->peer = h;
	m->peer.software = text_of(NULL);
	mux_move(m, SESSION_HANDSHAKEN);
	m->login = LOGIN_AUTH;
	if (m->conf.role == ROLE_SERVER)
		mux_answer_hello(m);
	m->ops->hello(m, &h);
	return NULL;
}

/* ---- Tunnels and session --------------------------------------------------------------------- */

static const char *
on_bind(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_bind b;
	const char *bad = msg_bind_decode(p, n, &b);

	if (bad == NULL)
		m->ops->bind(m, &b);
	return bad;
}

static const char *
on_bind_ok(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_bind_ok ok;
	const char *bad = msg_bind_ok_decode(p, n, &ok);

	if (bad != NULL)
		return bad;
	if (m->state == SESSION_AUTHENTICATED)
		mux_move(m, SESSION_BOUND);
	m->ops->bind_ok(m, &ok);
	return NULL;
}

static const char *
on_bind_end(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_bind_fail f;
	const char *bad = msg_bind_fail_decode(p, n, &f);

	if (bad != NULL)
		return bad;
	if (m->f.type == FRAME_UNBIND)
		m->ops->unbind(m, &f);
	else
		m->ops->bind_fail(m, &f);
	return NULL;
}

static const char *
on_ack(struct mux *m, const uint8_t *p, size_t n)
{
	uint64_t seq, flight;
	const char *bad = msg_u64_decode(p, n, &seq);

	if (bad != NULL)
		return bad;
	if (seq > m->tx_at || seq < m->tx_acked)
		return "ACK of bytes that were not sent, or below an earlier one";
	mux_acked(m, seq);
	mux_wake(m);
	flight = m->tx_at - seq;
	rate_acked(&m->rate, m->now, seq, flight, flight < MUX_ACK_EVERY);
	return NULL;
}

static const char *
on_ping(struct mux *m, const uint8_t *p, size_t n)
{
	uint64_t token;
	const char *bad = msg_u64_decode(p, n, &token);

	if (bad != NULL)
		return bad;
	if (!mux_ping_allowed(m) || m->n_pongs == MUX_PONGS) {
		mux_fail(m, CODE_LIMIT, "too many PINGs");
		return NULL;
	}
	m->pongs[m->n_pongs++] = token;
	mux_wake(m);
	return NULL;
}

static const char *
on_pong(struct mux *m, const uint8_t *p, size_t n)
{
	uint64_t token;
	const char *bad = msg_u64_decode(p, n, &token);
	int64_t us;

	if (bad != NULL)
		return bad;
	if (!m->ping_waiting || token != m->ping_token) {
		glitch(m);
		return NULL;
	}
	if (m->can_resume && m->tx_acked < m->ping_seq)
		return "PONG without an ACK of what came before PING";
	m->ping_waiting = false;
	us = MAX((m->now.ns - m->ping_at.ns) / 1000, 1);
	m->rtt_us = m->rtt_us == 0 ? us : (m->rtt_us * 7 + us) / 8;
	if (m->rtt_min_us == 0 || us < m->rtt_min_us)
		m->rtt_min_us = us;
	return NULL;
}

static bool
is_error(uint16_t code)
{
	return code != CODE_SHUTDOWN && code != CODE_LEAVING && code != CODE_NONE;
}

static const char *
on_goaway(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_goaway g;
	const char *bad = msg_goaway_decode(p, n, &g);

	if (bad != NULL)
		return bad;
	if (is_error(g.code) || !mux_alive(m)) {
		mux_ended(m, g.code, g.text, g.retry_after_ms);
		return NULL;
	}
	mux_move(m, SESSION_DRAINING);
	m->ops->goaway(m, &g);
	return NULL;
}

static const char *
on_spread(struct mux *m, const uint8_t *p, size_t n)
{
	uint32_t ms;
	const char *bad = msg_u32_decode(p, n, &ms);

	if (bad == NULL)
		m->ops->spread(m, ms);
	return bad;
}

/* ---- Streams --------------------------------------------------------------------------------- */

static const char *
on_open(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_open o;
	const char *bad = msg_open_decode(p, n, &o);
	struct mux_stream *st;

	if (bad != NULL)
		return bad;
	if (m->n_streams >= 2 * (size_t)m->conf.max_streams) {
		mux_fail(m, CODE_LIMIT, "more streams than twice the agent's limit");
		return NULL;
	}
	if (m->state == SESSION_BOUND)
		mux_move(m, SESSION_FORWARDING);
	st = mux_stream_new(m, m->f.stream, o.tunnel);
	if (o.datagram)
		mux_flow_new(st);
	if (m->leaving)
		mux_open_fail(st, CODE_LEAVING, "the agent leaves");
	else if (m->n_streams > m->conf.max_streams)
		mux_open_fail(st, CODE_LIMIT, "the agent has no room for another stream");
	else
		m->ops->open(m, st, &o);
	return NULL;
}

static const char *
on_open_ok(struct mux *m, struct mux_stream *st)
{
	st->answered = true;
	if (st->tx_end == END_RESET) /* it waits among the zombies for its end */
		return NULL;
	list_remove(&st->wait);
	if (st->state == STREAM_OPENING) /* else the client has ended its direction already */
		mux_stream_move(st, STREAM_ACTIVE);
	m->ops->open_ok(m, st);
	return NULL;
}

static const char *
on_fin(struct mux *m, struct mux_stream *st)
{
	bool tell = st->tx_end != END_RESET;

	st->rx_end = END_FIN;
	mux_stream_ended(st);
	if (tell)
		m->ops->fin(m, st);
	mux_stream_settle(st);
	return NULL;
}

static const char *
on_reset(struct mux_stream *st, const uint8_t *p, size_t n)
{
	struct msg_end end;
	const char *bad = msg_end_decode(p, n, &end);

	if (bad != NULL)
		return bad;
	st->rx_end = END_RESET;
	if (st->tx_end == END_OPEN) {
		st->tx_end = END_RESET;
		st->end_code = CODE_NONE;
		st->send_end = true;
		st->hungry = false;
		mux_stream_unpark(st);
		mux_stream_due(st);
	}
	mux_stream_ended(st);
	mux_stream_tell(st, end.code, end.text);
	mux_stream_settle(st);
	return NULL;
}

static const char *
on_credit(struct mux *m, struct mux_stream *st, const uint8_t *p, size_t n)
{
	struct msg_credit c;
	const char *bad = msg_credit_decode(p, n, &c);

	if (bad != NULL)
		return bad;
	return st != NULL ? credit_came(st, &c) : credit_came_for_session(m, &c);
}

static const char *
on_blocked(struct mux *m, struct mux_stream *st, const uint8_t *p, size_t n)
{
	uint64_t position;
	const char *bad = msg_u64_decode(p, n, &position);

	if (bad != NULL)
		return bad;
	if (st == NULL)
		credit_wanted_for_session(m);
	else if (position != st->rx_got)
		return "BLOCKED at a position that is not what came";
	else
		credit_wanted(st);
	return NULL;
}

/* ---- Dispatch -------------------------------------------------------------------------------- */

static struct mux_stream *
find(struct mux *m)
{
	return m->f.stream != 0 ? idmap_get(&m->streams, m->f.stream) : NULL;
}

/* The stream was there when the header came; the rest of the frame may come after its end. */
static bool
too_late(const struct mux *m, const struct mux_stream *st)
{
	return st == NULL && m->f.stream != 0 && m->f.type != FRAME_OPEN;
}

static const char *
dispatch(struct mux *m, const uint8_t *p, size_t n)
{
	struct mux_stream *st = find(m);

	if (too_late(m, st))
		return NULL;
	switch (m->f.type) {
	case FRAME_HELLO:
		return on_hello(m, p, n);
	case FRAME_AUTH:
		return mux_got_auth(m, p, n);
	case FRAME_AUTH_CHALLENGE:
	case FRAME_AUTH_ANSWER:
		return mux_got_auth_data(m, p, n);
	case FRAME_AUTH_OK:
		return mux_got_auth_ok(m, p, n);
	case FRAME_AUTH_FAIL:
		return mux_got_auth_fail(m, p, n);
	case FRAME_RESUME:
		return mux_got_resume(m, p, n);
	case FRAME_RESUME_OK:
		return mux_got_resume_ok(m, p, n);
	case FRAME_RESUME_FAIL:
		return mux_got_resume_fail(m, p, n);
	case FRAME_BIND:
		return on_bind(m, p, n);
	case FRAME_BIND_OK:
		return on_bind_ok(m, p, n);
	case FRAME_BIND_FAIL:
	case FRAME_UNBIND:
		return on_bind_end(m, p, n);
	case FRAME_OPEN:
		return on_open(m, p, n);
	case FRAME_OPEN_OK:
		return n == 0 ? on_open_ok(m, st) : msg_empty_decode(n);
	case FRAME_FIN:
		return n == 0 ? on_fin(m, st) : msg_empty_decode(n);
	case FRAME_OPEN_FAIL:
	case FRAME_RESET:
		return on_reset(st, p, n);
	case FRAME_DATAGRAM:
		return mux_got_datagram(st, p, n);
	case FRAME_CREDIT:
		return on_credit(m, st, p, n);
	case FRAME_BLOCKED:
		return on_blocked(m, st, p, n);
	case FRAME_ACK:
		return on_ack(m, p, n);
	case FRAME_PING:
		return on_ping(m, p, n);
	case FRAME_PONG:
		return on_pong(m, p, n);
	case FRAME_GOAWAY:
		return on_goaway(m, p, n);
	case FRAME_SPREAD:
		return on_spread(m, p, n);
	default:
		must(!"a frame type that is legal somewhere and handled nowhere");
		return NULL;
	}
}

/* The rule for the frame whose header has come, with the stream's history taken into account: OK,
 * ERR, SKIP or GLITCH. */
static enum rule
judge(struct mux *m)
{
	struct mux_stream *st = find(m);
	enum rule r = session_rule(m->conf.role, m->state, m->login, m->f.type);
	enum stream_state state = STREAM_IDLE;

	if (r == RULE_FEATURE)
		return mux_agreed(m) ? RULE_OK : RULE_ERR;
	if (r == RULE_RENEWAL)
		return renewal_rule(m->conf.role, m->renewal, m->f.type);
	if (frame_known(m->f.type) && m->f.stream == 0 && (r == RULE_STREAM || r == RULE_OK))
		return RULE_OK; /* of the session: frame_check() has seen to it that it may be */
	if (r == RULE_OK && m->f.stream != 0)
		return RULE_ERR; /* CREDIT or BLOCKED before there are streams */
	if (r != RULE_STREAM)
		return r;
	if (st != NULL)
		state = st->send_open ? STREAM_IDLE : st->state; /* unsent: the peer only guesses */
	else if (m->f.stream <= m->last_id)
		state = STREAM_CLOSED;
	if (st != NULL && !mux_flow_fits(st, m->f.type))
		return RULE_ERR;
	r = stream_rule(m->conf.role, state, st != NULL && st->rx_end != END_OPEN, m->f.type);
	if (r == RULE_ANSWER)
		return st->answered || st->rx_end != END_OPEN ? RULE_ERR : RULE_OK;
	if (r == RULE_DATA)
		return st->answered ? RULE_OK : RULE_ERR;
	if (r == RULE_RESET)
		return st->rx_end == END_FIN ? RULE_OK : RULE_ERR;
	return r;
}

static int
begin_data(struct mux *m)
{
	struct mux_stream *st = find(m);

	if (!credit_takes(st, m->f.len)) {
		mux_fail(m, CODE_FLOW, code_text(CODE_FLOW));
		return -EPROTO;
	}
	m->data_st = st->tx_end == END_RESET ? NULL : st;
	return 0;
}

/* Numbers n bytes that came. A long DATA frame is acknowledged on its way, too. */
static void
count(struct mux *m, size_t n)
{
	if (m->rx_seq == m->rx_acked)
		m->ack_at = m->now;
	m->rx_seq += n;
	if (m->ack_due || !mux_alive(m) || m->rx_seq - m->rx_acked < MUX_ACK_EVERY)
		return;
	m->ack_due = true;
	mux_wake(m);
}

/* A part of the payload came. */
static void
took(struct mux *m, size_t n)
{
	m->left -= (uint32_t)n;
	if (m->numbered)
		count(m, n);
}

static int
begin_frame(struct mux *m)
{
	const char *bad;

	frame_decode(m->head, &m->f);
	m->frames_in++;
	m->left = m->f.len;
	m->numbered = frame_numbered(m->f.type);
	if (m->numbered)
		count(m, FRAME_HEADER);
	if (m->f.type == FRAME_DATA && m->conf.aside_min > 0 &&
		m->f.len >= m->conf.aside_min)
		m->bulk = BULK_FRAMES;
	else if (m->bulk > 0)
		m->bulk--;
	m->skip = false;
	m->data_st = NULL;
	bad = frame_check(&m->f, m->conf.max_frame);
	if (bad != NULL) {
		protocol_error(m, bad);
		return -EPROTO;
	}
	switch (judge(m)) {
	case RULE_OK:
		return m->f.type == FRAME_DATA ? begin_data(m) : 0;
	case RULE_GLITCH:
		m->skip = true;
		glitch(m);
		return mux_over(m) ? -EPROTO : 0;
	case RULE_SKIP:
		m->skip = true;
		return 0;
	default:
		protocol_error(m, "illegal frame");
		return -EPROTO;
	}
}

static void
end_frame(struct mux *m)
{
	m->head_n = 0;
	free(m->ctl_in);
	m->ctl_in = NULL;
}

/* A control payload: used where it lies if all of it is there, else collected. Returns how many
 * bytes were taken. */
static size_t
take_control(struct mux *m, const uint8_t *p, size_t n)
{
	size_t take = MIN(n, m->left), had = m->f.len - m->left;
	const char *bad;

	took(m, take);
	if (take < m->f.len) {
		if (m->ctl_in == NULL)
			m->ctl_in = xmalloc(m->f.len);
		if (take > 0)
			memcpy(m->ctl_in + had, p, take);
		if (m->left > 0)
			return take;
		p = m->ctl_in;
	}
	bad = dispatch(m, p, m->f.len);
	if (bad != NULL)
		protocol_error(m, bad);
	end_frame(m);
	return take;
}

static size_t
take_data(struct mux *m, const uint8_t *p, size_t n)
{
	size_t take = MIN(n, m->left);

	took(m, take);
	if (m->data_st != NULL && m->data_st->tx_end != END_RESET && take > 0)
		m->ops->data(m, m->data_st, p, take);
	if (m->left == 0)
		end_frame(m);
	return take;
}

static size_t
take_header(struct mux *m, const uint8_t *p, size_t n)
{
	size_t take = MIN(n, FRAME_HEADER - m->head_n);

	memcpy(m->head + m->head_n, p, take);
	m->head_n += take;
	return take;
}

size_t
mux_expects(const struct mux *m, struct mux_stream **st_r)
{
	if (mux_over(m) || m->head_n < FRAME_HEADER || m->data_st == NULL ||
		m->data_st->tx_end == END_RESET)
		return 0;
	*st_r = m->data_st;
	return m->left;
}

size_t
mux_read_hint(const struct mux *m)
{
	if (m->bulk == 0)
		return SIZE_MAX;
	if (m->bulk == BULK_FRAMES) /* in a large frame, or right behind it */
		return (m->head_n == FRAME_HEADER ? m->left : 0) + FRAME_HEADER -
			m->head_n % FRAME_HEADER;
	return MUX_READ_AHEAD;
}

/* A new link begins: what the old one brought of a header does not count, nor of a frame that is
 * not numbered. */
void
mux_recv_restart(struct mux *m)
{
	if (m->head_n < FRAME_HEADER || !m->numbered)
		end_frame(m);
}

void
mux_moved(struct mux *m, struct mono now, size_t n)
{
	must(n <= m->left && m->head_n == FRAME_HEADER);
	m->now = m->heard = now;
	took(m, n);
	if (m->left == 0)
		end_frame(m);
}

int
mux_recv(struct mux *m, struct mono now, const uint8_t *p, size_t n)
{
	m->now = m->heard = now;
	while (!mux_over(m) && m->linked) {
		size_t part;

		if (m->head_n < FRAME_HEADER) {
			if (n == 0)
				return 0;
			part = take_header(m, p, n);
			p += part;
			n -= part;
			if (m->head_n < FRAME_HEADER)
				return 0;
			if (begin_frame(m) < 0)
				return -EPROTO;
		}
		if (n == 0 && m->left > 0)
			return 0;
		if (m->f.type == FRAME_DATA || m->skip)
			part = take_data(m, p, n);
		else
			part = take_control(m, p, n);
		p += part;
		n -= part;
	}
	return m->given_away ? (int)n : -EPROTO;
}
