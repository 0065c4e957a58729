/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Sessions that outlive their links (protocol.md section 7, doc/decisions/0012). Pure; the owner of
 * the session.
 *
 * What must hold: the pieces in m->retained are the numbered bytes from tx_acked to tx_seq, in
 * order and without a gap; each ends where a frame ends. Large outputs stay in the buffer that went
 * to the link, which its owner keeps for us; small ones are copied, several to a piece. What is not
 * numbered belongs to a link and is never sent again. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"
#include "wire/mux_priv.h"

#define KEEP_MIN 32768u /* less than that is copied: a buffer is larger than twice as much */
#define PING_APART_MS 1000 /* links that break often are no reason to ask more often */
#define PIECE_ROOM (2048u - sizeof(struct piece) - 16)

struct piece {
	struct list node;
	uint64_t seq; /* of the first byte */
	uint8_t *p;
	size_t n, room; /* room: behind them, for more */
	void *kept;     /* the buffer's name; NULL: they are in own[] */
	uint8_t own[];
};

static struct piece *
piece_of(struct list *n)
{
	return list_entry(n, struct piece, node);
}

/* ---- Retained bytes -------------------------------------------------------------------------- */

static struct piece *
piece_new(struct mux *m, size_t room)
{
	struct piece *k = xmalloc(sizeof(*k) + room);

	*k = (struct piece){.p = k->own, .room = room};
	list_init(&k->node);
	list_push(&m->retained, &k->node);
	return k;
}

static struct piece *
with_room(struct mux *m, size_t n)
{
	struct piece *k;

	if (!list_empty(&m->retained)) {
		k = piece_of(m->retained.prev);
		if (k->room >= n)
			return k;
	}
	return piece_new(m, MAX(n, PIECE_ROOM));
}

static void
copy(struct mux *m, const uint8_t *p, size_t n)
{
	struct piece *k = with_room(m, n);

	if (k->n == 0)
		k->seq = m->tx_seq - n;
	memcpy(k->p + k->n, p, n);
	k->n += n;
	k->room -= n;
}

void
mux_retain(struct mux *m, uint8_t *buffer, uint8_t *p, size_t n)
{
	void *kept = NULL;

	if (m->conf.retained != NULL)
		m->conf.retained->bytes += n;
	if (n >= KEEP_MIN && m->ops->keep != NULL)
		kept = m->ops->keep(m, buffer);
	if (kept == NULL) {
		copy(m, p, n);
	} else {
		struct piece *k = piece_new(m, 0);

		k->seq = m->tx_seq - n;
		k->p = p;
		k->n = n;
		k->kept = kept;
	}
}

static void
piece_free(struct mux *m, struct piece *k)
{
	list_remove(&k->node);
	if (k->kept != NULL)
		m->ops->drop(m, k->kept);
	free(k);
}

/* The first n bytes of a piece are the peer's. */
static void
piece_cut(struct mux *m, struct piece *k, size_t n)
{
	if (m->conf.retained != NULL)
		m->conf.retained->bytes -= n;
	k->seq += n;
	k->p += n;
	k->n -= n;
	if (k->n == 0)
		piece_free(m, k);
}

void
mux_retained_free(struct mux *m)
{
	m->again = NULL;
	while (!list_empty(&m->retained)) {
		struct piece *k = piece_of(m->retained.next);

		piece_cut(m, k, k->n);
	}
}

void
mux_acked(struct mux *m, uint64_t seq)
{
	if (seq > m->tx_acked)
		m->progress_at = m->now;
	m->tx_acked = seq;
	while (!list_empty(&m->retained)) {
		struct piece *k = piece_of(m->retained.next);

		if (k->seq >= seq)
			return;
		piece_cut(m, k, (size_t)MIN(seq - k->seq, (uint64_t)k->n));
	}
}

static uint64_t
retained(const struct mux *m)
{
	return m->tx_seq - m->tx_acked;
}

bool
mux_may_retain(const struct mux *m, size_t n)
{
	const struct mux_pool *pool = m->conf.retained;
	uint64_t sum = retained(m) + n;

	return sum < m->conf.retain_max &&
		(sum < MUX_RETAIN_SURE || pool == NULL || pool->bytes + n < pool->max);
}

bool
mux_retains_too_much(const struct mux *m)
{
	return m->can_resume && mux_alive(m) &&
		retained(m) > m->conf.retain_max + MUX_RETAIN_MORE;
}

/* Where a frame ends, what concerns the link may come in between: the peer's own retained bytes
 * wait for our ACK. */
void
mux_output_again(struct mux *m, struct wr *w)
{
	while (m->again != NULL) {
		struct piece *k = m->again;
		size_t at = (size_t)(m->tx_at - k->seq), n;

		if (!m->again_inside)
			mux_output_link(m, w);
		n = MIN(wr_room(w), k->n - at);
		if (n == 0)
			break;
		wr_bytes(w, k->p + at, n);
		m->tx_at += n;
		m->again_inside = at + n < k->n;
		if (!m->again_inside)
			m->again = k->node.next != &m->retained ? piece_of(k->node.next) : NULL;
	}
	mux_output_outside(m, w);
	if (m->again == NULL && mux_over(m))
		mux_retained_free(m);
}

/* ---- Time ------------------------------------------------------------------------------------ */

static bool
owes_ack(const struct mux *m)
{
	return m->rx_seq > m->rx_acked && !m->ack_due;
}

static struct mono
progress_deadline(const struct mux *m)
{
	return m->tx_at > m->tx_acked ? mono_add_ms(m->progress_at, m->conf.dead_ms) : MONO_NEVER;
}

struct mono
mux_resume_deadline(const struct mux *m)
{
	if (!m->linked)
		return mono_add_ms(m->detached_at, m->resume_ms);
	return mono_min(owes_ack(m) ? mono_add_ms(m->ack_at, MUX_ACK_MS) : MONO_NEVER,
		progress_deadline(m));
}

/* The peer has never heard of streams that came and went while it was away. */
void
mux_drop_unsent(struct mux *m)
{
	struct list *n, *tmp;

	list_each(n, tmp, &m->due) {
		struct mux_stream *st = list_entry(n, struct mux_stream, due);

		if (st->send_open && st->tx_end == END_RESET) {
			list_remove(&st->due);
			mux_stream_unsent(st);
		}
	}
}

void
mux_resume_tick(struct mux *m)
{
	if (!m->linked) {
		if (mux_reached(m->now, mux_resume_deadline(m)))
			mux_end(m, CODE_LINK_LOST, "the link was lost and did not come back", true,
				0);
		return;
	}
	if (mux_reached(m->now, progress_deadline(m))) {
		mux_lost(m, CODE_NOTHING_HEARD, "nothing was acknowledged for too long");
		return;
	}
	if (owes_ack(m) && mux_reached(m->now, mono_add_ms(m->ack_at, MUX_ACK_MS))) {
		m->ack_due = true;
		mux_wake(m);
	}
}

void
mux_lost(struct mux *m, uint16_t code, const char *text)
{
	if (!m->can_resume) {
		mux_fail(m, code, text);
		return;
	}
	mux_detach(m, m->now);
	m->ops->lost(m, code, text);
}

/* ---- The fresh link -------------------------------------------------------------------------- */

bool
mux_agreed(const struct mux *m)
{
	return (m->peer.features & mux_features(m) & FEATURE_RESUME) != 0;
}

bool
mux_can_resume(const struct mux *m)
{
	return m->can_resume && mux_alive(m);
}

bool
mux_send_resume(struct mux *fresh, const struct mux *old)
{
	struct msg_resume r = {.session = old->session_id,
		.secret = {(const char *)old->secret, MSG_SECRET},
		.received = old->rx_seq};
	uint8_t p[64];

	if (fresh->state != SESSION_HANDSHAKEN || !mux_agreed(fresh) || !mux_can_resume(old))
		return false;
	must(!old->linked && fresh->login == LOGIN_AUTH);
	mux_queue(fresh, FRAME_RESUME, p, msg_resume_encode(p, sizeof(p), &r));
	fresh->login = LOGIN_RESUME;
	return true;
}

void
mux_send_resume_fail(struct mux *fresh, uint16_t code, const char *text)
{
	struct msg_end end = {code, text_of(text)};
	uint8_t p[512];

	if (fresh->state != SESSION_HANDSHAKEN)
		return;
	must(fresh->tried && fresh->login == LOGIN_WAIT);
	mux_queue(fresh, FRAME_RESUME_FAIL, p, msg_end_encode(p, sizeof(p), &end));
	fresh->login = LOGIN_AUTH;
}

void
mux_link_of(struct mux *fresh, struct mux_link *l_r)
{
	must(fresh->state == SESSION_HANDSHAKEN && fresh->linked);
	l_r->version = fresh->peer.version_max;
	memcpy(l_r->nonce, fresh->nonce, MSG_NONCE);
	memcpy(l_r->peer_nonce, fresh->peer.nonce, MSG_NONCE);
	fresh->given_away = true;
	fresh->linked = false;
	mux_move(fresh, SESSION_CLOSED);
}

const char *
mux_got_resume(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_resume r;
	const char *bad = msg_resume_decode(p, n, &r);

	if (bad != NULL)
		return bad;
	if (m->tried)
		return "a second RESUME on one link";
	if (m->hand.len > 0) /* it would be lost when the link goes to the session */
		return "RESUME before HELLO was answered";
	m->tried = true;
	m->login = LOGIN_WAIT;
	m->ops->resume(m, &r);
	return NULL;
}

const char *
mux_got_resume_ok(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_resume_ok ok;
	const char *bad = msg_resume_ok_decode(p, n, &ok);

	if (bad != NULL)
		return bad;
	if (m->hand.len > 0)
		return "RESUME_OK before RESUME was sent";
	m->ops->resume_ok(m, &ok);
	return NULL;
}

const char *
mux_got_resume_fail(struct mux *m, const uint8_t *p, size_t n)
{
	struct msg_end end;
	const char *bad = msg_end_decode(p, n, &end);

	if (bad != NULL)
		return bad;
	m->login = LOGIN_AUTH;
	m->ops->resume_fail(m, &end);
	return NULL;
}

/* ---- Another link ---------------------------------------------------------------------------- */

static void
send_resume_ok(struct mux *m)
{
	struct msg_resume_ok ok = {m->rx_seq};
	uint8_t p[16];

	mux_queue(m, FRAME_RESUME_OK, p, msg_resume_ok_encode(p, sizeof(p), &ok));
}

/* What concerned the old link alone is forgotten; what the new one is like, nobody knows. */
static void
restart(struct mux *m)
{
	mux_recv_restart(m);
	mux_datagrams_restart(m);
	bufq_fini(&m->hand);
	rate_restart(&m->rate, m->tx_acked);
	m->rtt_us = m->rtt_min_us = m->credit_rtt_us = 0;
	m->probe_id = 0;
	m->n_pongs = 0;
	m->ping_waiting = false;
	m->ping_due = m->conf.role == ROLE_AGENT &&
		mux_reached(m->now, mono_add_ms(m->ping_at, PING_APART_MS));
	m->ack_due = false;
	m->rx_acked = m->rx_seq; /* RESUME or RESUME_OK has said so */
	m->heard = m->progress_at = m->now;
}

/* The peer could not answer. */
static void
wait_anew(struct mux *m)
{
	for (struct list *n = m->zombies.next; n != &m->zombies; n = n->next)
		list_entry(n, struct mux_stream, wait)->since = m->now;
}

int
mux_attach(struct mux *m, struct mono now, const struct mux_link *l, uint64_t peer_got)
{
	must(mux_can_resume(m) && !m->linked);
	if (l->version != m->peer.version_max || peer_got < m->tx_acked || peer_got > m->tx_seq)
		return -EPROTO;
	m->now = now;
	mux_acked(m, peer_got);
	m->tx_at = peer_got;
	m->again = list_empty(&m->retained) ? NULL : piece_of(m->retained.next);
	m->again_inside = m->again != NULL;
	restart(m);
	memcpy(m->nonce, l->nonce, MSG_NONCE);
	memcpy(m->peer.nonce, l->peer_nonce, MSG_NONCE);
	m->n_auths = 0;
	wait_anew(m);
	must(session_may_move(SESSION_DETACHED, m->before));
	m->state = m->before;
	m->linked = true;
	if (m->conf.role == ROLE_SERVER)
		send_resume_ok(m);
	mux_wake(m);
	return 0;
}
