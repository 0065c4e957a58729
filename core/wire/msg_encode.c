/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Payloads of control frames, written. Pure; any thread. What leaves here the peer's msg.c takes:
 * names and lengths are our own, and texts are made tame. */

#include <config.h>

#include <string.h>

#include "util/cursor.h"
#include "wire/frame.h"
#include "wire/msg.h"

static void
wr_blob(struct wr *w, struct text t, size_t length_bytes)
{
	must(t.n < (size_t)1 << 8 * length_bytes);
	wr_uint(w, t.n, length_bytes);
	wr_bytes(w, t.p, t.n);
}

/* A text for people is cut, and what is not a character is replaced, rather than refused: it may
 * come from a plugin or the system, and the peer would take it for an attack. */
static void
wr_text(struct wr *w, struct text t, size_t length_bytes)
{
	const uint8_t *p = (const uint8_t *)t.p;
	uint8_t tame[MSG_TEXT_MAX];
	size_t n = 0;

	for (size_t i = 0, len; i < t.n && n < sizeof(tame); i += MAX(len, 1)) {
		len = msg_character(p + i, t.n - i);
		if (n + len > sizeof(tame))
			break;
		if (len == 0)
			tame[n++] = '?';
		else
			memcpy(tame + n, p + i, len);
		n += len;
	}
	wr_blob(w, (struct text){(const char *)tame, n}, length_bytes);
}

static void
wr_datagram(struct wr *w, bool datagram)
{
	if (!datagram)
		return;
	wr_u16(w, MSG_EXT_DATAGRAM);
	wr_u16(w, 0);
}

static size_t
wr_done(const struct wr *w)
{
	return w->bad ? 0 : wr_len(w);
}

size_t
msg_hello_encode(uint8_t *p, size_t cap, const struct msg_hello *m)
{
	struct wr w = wr_init(p, cap);

	wr_bytes(&w, "ADIT", 4);
	wr_u8(&w, m->version_min);
	wr_u8(&w, m->version_max);
	wr_u8(&w, m->role);
	wr_u8(&w, 0);
	wr_u64(&w, m->features);
	wr_u32(&w, m->max_frame);
	wr_u32(&w, m->stream_window);
	wr_u32(&w, m->session_window);
	wr_bytes(&w, m->nonce, MSG_NONCE);
	wr_text(&w, m->software, 1);
	if (m->instance != 0) {
		wr_u16(&w, MSG_EXT_MEMBER);
		wr_u16(&w, 9);
		wr_u64(&w, m->instance);
		wr_u8(&w, m->member);
	}
	if (m->streams > 0) {
		wr_u16(&w, MSG_EXT_STREAMS);
		wr_u16(&w, 4);
		wr_u32(&w, m->streams);
	}
	return wr_done(&w);
}

size_t
msg_auth_encode(uint8_t *p, size_t cap, const struct msg_auth *m)
{
	struct wr w = wr_init(p, cap);

	wr_blob(&w, m->method, 1);
	wr_blob(&w, m->agent, 1);
	wr_blob(&w, m->data, 2);
	return wr_done(&w);
}

size_t
msg_data_encode(uint8_t *p, size_t cap, struct text data)
{
	struct wr w = wr_init(p, cap);

	wr_blob(&w, data, 2);
	return wr_done(&w);
}

size_t
msg_auth_ok_encode(uint8_t *p, size_t cap, const struct msg_auth_ok *m)
{
	struct wr w = wr_init(p, cap);

	wr_u64(&w, m->session);
	wr_blob(&w, m->account, 1);
	wr_blob(&w, m->agent, 1);
	wr_u64(&w, m->expires_ms);
	must(m->secret.n == (m->resume_ms > 0 ? MSG_SECRET : 0));
	wr_u16(&w, (uint16_t)(m->resume_ms > 0 ? 4 + MSG_SECRET : 0));
	if (m->resume_ms > 0)
		wr_u32(&w, m->resume_ms);
	wr_bytes(&w, m->secret.p, m->secret.n);
	wr_blob(&w, m->data, 2);
	return wr_done(&w);
}

size_t
msg_auth_fail_encode(uint8_t *p, size_t cap, const struct msg_auth_fail *m)
{
	struct wr w = wr_init(p, cap);

	wr_u16(&w, m->code);
	wr_u32(&w, m->retry_after_ms);
	wr_text(&w, m->text, 1);
	return wr_done(&w);
}

size_t
msg_resume_encode(uint8_t *p, size_t cap, const struct msg_resume *m)
{
	struct wr w = wr_init(p, cap);

	must(m->secret.n == MSG_SECRET);
	wr_u64(&w, m->session);
	wr_blob(&w, m->secret, 2);
	wr_u64(&w, m->received);
	return wr_done(&w);
}

size_t
msg_resume_ok_encode(uint8_t *p, size_t cap, const struct msg_resume_ok *m)
{
	struct wr w = wr_init(p, cap);

	wr_u64(&w, m->received);
	return wr_done(&w);
}

size_t
msg_bind_encode(uint8_t *p, size_t cap, const struct msg_bind *m)
{
	struct wr w = wr_init(p, cap);

	must(m->n_params <= MSG_PARAMS_MAX);
	wr_u32(&w, m->tunnel);
	wr_blob(&w, m->route, 1);
	wr_blob(&w, m->name, 1);
	wr_u8(&w, (uint8_t)m->n_params);
	for (unsigned i = 0; i < m->n_params; i++) {
		wr_blob(&w, m->param[i].key, 1);
		wr_blob(&w, m->param[i].value, 2);
	}
	wr_datagram(&w, m->datagram);
	return wr_done(&w);
}

size_t
msg_bind_ok_encode(uint8_t *p, size_t cap, const struct msg_bind_ok *m)
{
	struct wr w = wr_init(p, cap);

	wr_u32(&w, m->tunnel);
	wr_blob(&w, m->address, 2);
	return wr_done(&w);
}

size_t
msg_bind_fail_encode(uint8_t *p, size_t cap, const struct msg_bind_fail *m)
{
	struct wr w = wr_init(p, cap);

	wr_u32(&w, m->tunnel);
	wr_u16(&w, m->code);
	wr_text(&w, m->text, 2);
	return wr_done(&w);
}

size_t
msg_open_encode(uint8_t *p, size_t cap, const struct msg_open *m)
{
	struct wr w = wr_init(p, cap);

	wr_u32(&w, m->tunnel);
	wr_u8(&w, m->family);
	wr_u16(&w, m->port);
	wr_bytes(&w, m->ip, m->family == 4 ? 4 : m->family == 6 ? 16 : 0);
	wr_datagram(&w, m->datagram);
	return wr_done(&w);
}

size_t
msg_end_encode(uint8_t *p, size_t cap, const struct msg_end *m)
{
	struct wr w = wr_init(p, cap);

	wr_u16(&w, m->code);
	wr_text(&w, m->text, 1);
	return wr_done(&w);
}

size_t
msg_credit_encode(uint8_t *p, size_t cap, const struct msg_credit *m)
{
	struct wr w = wr_init(p, cap);

	wr_u32(&w, m->bytes);
	wr_u32(&w, m->taken);
	return wr_done(&w);
}

size_t
msg_goaway_encode(uint8_t *p, size_t cap, const struct msg_goaway *m)
{
	struct wr w = wr_init(p, cap);

	wr_u16(&w, m->code);
	wr_u32(&w, m->retry_after_ms);
	wr_u32(&w, m->last);
	wr_text(&w, m->text, 1);
	return wr_done(&w);
}
