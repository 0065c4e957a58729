/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Payloads of control frames, read; msg_encode.c writes them. Pure; any thread. A payload must hold
 * exactly its fields: shorter and longer are both refused, but for the tail of extensions, which is
 * walked and skipped. */

#include <config.h>

#include <string.h>

#include "util/cursor.h"
#include "wire/frame.h"
#include "wire/msg.h"

struct text
text_of(const char *s)
{
	return (struct text){s != NULL ? s : "", s != NULL ? strlen(s) : 0};
}

char *
text_copy(char *dst, size_t cap, struct text t)
{
	size_t n = MIN(t.n, cap - 1);

	if (n > 0)
		memcpy(dst, t.p, n);
	dst[n] = '\0';
	return dst;
}

static struct text
rd_blob(struct rd *r, size_t length_bytes)
{
	size_t n = (size_t)rd_uint(r, length_bytes);
	const uint8_t *p = rd_bytes(r, n);

	return p != NULL ? (struct text){(const char *)p, n} : (struct text){"", 0};
}

size_t
msg_character(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000}; /* below 0xa0: control */
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t c;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
		return 0;
	c = p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

/* Text for people or names: anything but UTF-8 without control characters makes the reader bad, so
 * that what a peer sends cannot forge log lines, drive a terminal or spoil JSON. */
static struct text
rd_text(struct rd *r, size_t length_bytes)
{
	struct text t = rd_blob(r, length_bytes);

	for (size_t i = 0, n; i < t.n; i += n) {
		n = msg_character((const uint8_t *)t.p + i, t.n - i);
		if (n == 0) {
			r->bad = true;
			break;
		}
	}
	return t;
}

/* One extension of a tail; its type is the result. */
static uint16_t
rd_extension(struct rd *r, struct text *bytes_r)
{
	uint16_t type = rd_u16(r);

	*bytes_r = rd_blob(r, 2);
	return type;
}

static void
rd_tail(struct rd *r)
{
	struct text bytes;

	while (rd_left(r) > 0)
		rd_extension(r, &bytes);
}

/* The same where the extension DATAGRAM may stand; true if it does. */
static bool
rd_tail_datagram(struct rd *r)
{
	bool datagram = false;

	while (rd_left(r) > 0) {
		bool is = rd_u16(r) == MSG_EXT_DATAGRAM;
		struct text t = rd_blob(r, 2);

		if (is && t.n > 0)
			r->bad = true;
		datagram = datagram || is;
	}
	return datagram;
}

static const char *
rd_done(const struct rd *r)
{
	if (r->bad)
		return "payload or extension of a wrong length, or text that is not UTF-8 or has "
		       "control characters";
	if (r->p != r->end)
		return "payload longer than its fields";
	return NULL;
}

static bool
is_name(struct text t)
{
	if (t.n == 0 || t.n > MSG_NAME_MAX)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		char c = t.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

static const char *
rd_member(struct text bytes, struct msg_hello *m)
{
	struct rd r = rd_init((const uint8_t *)bytes.p, bytes.n);
	const char *bad;

	m->instance = rd_u64(&r);
	m->member = rd_u8(&r);
	bad = rd_done(&r);
	if (bad == NULL && (m->instance == 0 || m->member == 0 || m->member > MSG_MEMBERS_MAX))
		bad = "HELLO: no such member of an agent";
	return bad;
}

static const char *
rd_streams(struct text bytes, struct msg_hello *m)
{
	struct rd r = rd_init((const uint8_t *)bytes.p, bytes.n);
	const char *bad;

	m->streams = rd_u32(&r);
	bad = rd_done(&r);
	return bad == NULL && m->streams == 0 ? "HELLO: streams is not above 0" : bad;
}

/* The tail of HELLO; of an extension that is there twice the last one counts. */
static const char *
rd_hello_tail(struct rd *r, struct msg_hello *m)
{
	const char *bad = NULL;
	struct text bytes;

	while (bad == NULL && rd_left(r) > 0) {
		uint16_t type = rd_extension(r, &bytes);

		if (r->bad)
			break;
		if (type == MSG_EXT_MEMBER)
			bad = rd_member(bytes, m);
		else if (type == MSG_EXT_STREAMS)
			bad = rd_streams(bytes, m);
	}
	return bad != NULL ? bad : rd_done(r);
}

const char *
msg_hello_decode(const uint8_t *p, size_t n, struct msg_hello *m_r)
{
	struct rd r = rd_init(p, n);
	const uint8_t *magic = rd_bytes(&r, 4), *nonce;
	struct msg_hello m = {0};
	const char *bad;

	if (magic == NULL || memcmp(magic, "ADIT", 4) != 0)
		return "HELLO without the magic ADIT";
	m.version_min = rd_u8(&r);
	m.version_max = rd_u8(&r);
	m.role = rd_u8(&r);
	rd_u8(&r);
	m.features = rd_u64(&r);
	m.max_frame = rd_u32(&r);
	m.stream_window = rd_u32(&r);
	m.session_window = rd_u32(&r);
	nonce = rd_bytes(&r, MSG_NONCE);
	if (nonce != NULL)
		memcpy(m.nonce, nonce, MSG_NONCE);
	m.software = rd_text(&r, 1);
	bad = rd_hello_tail(&r, &m);
	if (bad != NULL)
		return bad;
	if (m.version_min > m.version_max || m.role > 1)
		return "HELLO with impossible versions or role";
	if (m.max_frame < FRAME_DATA_MIN_LIMIT || m.max_frame > FRAME_DATA_MAX_LIMIT)
		return "HELLO: max_frame out of range";
	if (m.stream_window < 16384 || m.stream_window > 16777216)
		return "HELLO: stream_window out of range";
	if (m.session_window < 65536 || m.session_window > 1073741824)
		return "HELLO: session_window out of range";
	*m_r = m;
	return NULL;
}

const char *
msg_auth_decode(const uint8_t *p, size_t n, struct msg_auth *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_auth m;
	const char *bad;

	m.method = rd_text(&r, 1);
	m.agent = rd_text(&r, 1);
	m.data = rd_blob(&r, 2);
	bad = rd_done(&r);
	if (bad == NULL && (!is_name(m.method) || !is_name(m.agent)))
		bad = "AUTH: method or agent is not a name";
	if (bad == NULL)
		*m_r = m;
	return bad;
}

const char *
msg_data_decode(const uint8_t *p, size_t n, struct text *data_r)
{
	struct rd r = rd_init(p, n);
	struct text data = rd_blob(&r, 2);
	const char *bad = rd_done(&r);

	if (bad == NULL)
		*data_r = data;
	return bad;
}

/* The field `resume` of AUTH_OK: nothing, or how long and with what. */
static const char *
rd_grant(struct text bytes, struct msg_auth_ok *m)
{
	struct rd r = rd_init((const uint8_t *)bytes.p, bytes.n);

	m->resume_ms = 0;
	m->secret = (struct text){"", 0};
	if (bytes.n == 0)
		return NULL;
	m->resume_ms = rd_u32(&r);
	m->secret = (struct text){(const char *)rd_bytes(&r, MSG_SECRET), MSG_SECRET};
	if (r.bad || r.p != r.end || m->resume_ms == 0)
		return "AUTH_OK: resume is not a time and a secret";
	return NULL;
}

const char *
msg_auth_ok_decode(const uint8_t *p, size_t n, struct msg_auth_ok *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_auth_ok m;
	struct text resume;
	const char *bad;

	m.session = rd_u64(&r);
	m.account = rd_text(&r, 1);
	m.agent = rd_text(&r, 1);
	m.expires_ms = rd_u64(&r);
	resume = rd_blob(&r, 2);
	m.data = rd_blob(&r, 2);
	rd_tail(&r);
	bad = rd_done(&r);
	if (bad == NULL)
		bad = rd_grant(resume, &m);
	if (bad == NULL && (!is_name(m.account) || !is_name(m.agent)))
		bad = "AUTH_OK: account or agent is not a name";
	if (bad == NULL)
		*m_r = m;
	return bad;
}

const char *
msg_auth_fail_decode(const uint8_t *p, size_t n, struct msg_auth_fail *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_auth_fail m;
	const char *bad;

	m.code = rd_u16(&r);
	m.retry_after_ms = rd_u32(&r);
	m.text = rd_text(&r, 1);
	bad = rd_done(&r);
	if (bad == NULL)
		*m_r = m;
	return bad;
}

const char *
msg_resume_decode(const uint8_t *p, size_t n, struct msg_resume *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_resume m;
	const char *bad;

	m.session = rd_u64(&r);
	m.secret = rd_blob(&r, 2);
	m.received = rd_u64(&r);
	bad = rd_done(&r);
	if (bad == NULL && m.secret.n != MSG_SECRET)
		bad = "RESUME: a secret has 32 bytes";
	if (bad == NULL)
		*m_r = m;
	return bad;
}

const char *
msg_resume_ok_decode(const uint8_t *p, size_t n, struct msg_resume_ok *m_r)
{
	return msg_u64_decode(p, n, &m_r->received);
}

const char *
msg_bind_decode(const uint8_t *p, size_t n, struct msg_bind *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_bind m;
	const char *bad;

	memset(&m, 0, sizeof(m));
	m.tunnel = rd_u32(&r);
	m.route = rd_text(&r, 1);
	m.name = rd_text(&r, 1);
	m.n_params = rd_u8(&r);
	if (m.n_params > MSG_PARAMS_MAX)
		return "BIND: too many parameters";
	for (unsigned i = 0; i < m.n_params; i++) {
		m.param[i].key = rd_text(&r, 1);
		m.param[i].value = rd_text(&r, 2);
	}
	m.datagram = rd_tail_datagram(&r);
	bad = rd_done(&r);
	if (bad != NULL)
		return bad;
	if (m.tunnel == 0)
		return "BIND: tunnel id 0";
	if (!is_name(m.route) || !is_name(m.name))
		return "BIND: route or name is not a name";
	for (unsigned i = 0; i < m.n_params; i++)
		if (!is_name(m.param[i].key))
			return "BIND: a parameter's key is not a name";
	*m_r = m;
	return NULL;
}

const char *
msg_bind_ok_decode(const uint8_t *p, size_t n, struct msg_bind_ok *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_bind_ok m;
	const char *bad;

	m.tunnel = rd_u32(&r);
	m.address = rd_text(&r, 2);
	rd_tail(&r);
	bad = rd_done(&r);
	if (bad == NULL)
		*m_r = m;
	return bad;
}

const char *
msg_bind_fail_decode(const uint8_t *p, size_t n, struct msg_bind_fail *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_bind_fail m;
	const char *bad;

	m.tunnel = rd_u32(&r);
	m.code = rd_u16(&r);
	m.text = rd_text(&r, 2);
	bad = rd_done(&r);
	if (bad == NULL)
		*m_r = m;
	return bad;
}

const char *
msg_open_decode(const uint8_t *p, size_t n, struct msg_open *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_open m = {0};
	const uint8_t *ip;
	size_t len;
	const char *bad;

	m.tunnel = rd_u32(&r);
	m.family = rd_u8(&r);
	m.port = rd_u16(&r);
	if (m.family != 0 && m.family != 4 && m.family != 6)
		return "OPEN: unknown address family";
	len = m.family == 4 ? 4 : m.family == 6 ? 16 : 0;
	ip = rd_bytes(&r, len);
	if (ip != NULL)
		memcpy(m.ip, ip, len);
	m.datagram = rd_tail_datagram(&r);
	bad = rd_done(&r);
	if (bad == NULL)
		*m_r = m;
	return bad;
}

const char *
msg_end_decode(const uint8_t *p, size_t n, struct msg_end *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_end m;
	const char *bad;

	m.code = rd_u16(&r);
	m.text = rd_text(&r, 1);
	bad = rd_done(&r);
	if (bad == NULL)
		*m_r = m;
	return bad;
}

const char *
msg_goaway_decode(const uint8_t *p, size_t n, struct msg_goaway *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_goaway m;
	const char *bad;

	m.code = rd_u16(&r);
	m.retry_after_ms = rd_u32(&r);
	m.last = rd_u32(&r);
	m.text = rd_text(&r, 1);
	bad = rd_done(&r);
	if (bad == NULL)
		*m_r = m;
	return bad;
}

const char *
msg_credit_decode(const uint8_t *p, size_t n, struct msg_credit *m_r)
{
	struct rd r = rd_init(p, n);
	struct msg_credit m;
	const char *bad;

	m.bytes = rd_u32(&r);
	m.taken = rd_u32(&r);
	bad = rd_done(&r);
	if (bad == NULL && m.bytes == 0 && m.taken == 0)
		bad = "CREDIT of nothing";
	if (bad == NULL)
		*m_r = m;
	return bad;
}

const char *
msg_u64_decode(const uint8_t *p, size_t n, uint64_t *v_r)
{
	struct rd r = rd_init(p, n);
	uint64_t v = rd_u64(&r);
	const char *bad = rd_done(&r);

	if (bad == NULL)
		*v_r = v;
	return bad;
}

const char *
msg_u32_decode(const uint8_t *p, size_t n, uint32_t *v_r)
{
	struct rd r = rd_init(p, n);
	uint32_t v = rd_u32(&r);
	const char *bad = rd_done(&r);

	if (bad == NULL)
		*v_r = v;
	return bad;
}

const char *
msg_empty_decode(size_t n)
{
	return n == 0 ? NULL : "payload longer than its fields";
}
