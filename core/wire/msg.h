/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Payloads of control frames, decoded and encoded (protocol.md sections 2 to 8). Pure; any thread.
 *
 * Decoded strings and bytes point into the payload and live as long as it does. str8/str16 are not
 * terminated: struct text carries the length. Decoders check everything that does not depend on a
 * state and return NULL, or a constant text of what is wrong. Encoders return the payload's
 * length, or 0 when it does not fit (lengths above the protocol's own are our mistake and
 * asserted). */

#ifndef ADIT_WIRE_MSG_H
#define ADIT_WIRE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSG_NONCE 32u
#define MSG_PARAMS_MAX 16u
#define MSG_VERSION 1u
#define MSG_NAME_MAX 64u
#define MSG_TEXT_MAX 255u
#define MSG_MEMBERS_MAX 16u
#define MSG_SECRET 32u

#define MSG_EXT_STREAMS 1u /* of the agent's HELLO: so many it takes; u32 */
#define MSG_EXT_DATAGRAM 2u /* of BIND and OPEN: datagrams instead of bytes; empty */
#define MSG_EXT_MEMBER 3u /* of the agent's HELLO: which session of which agent; u64 u8 */

#define FEATURE_RESUME 0x1u
#define FEATURE_REPORT 0x2u

struct text {
	const char *p;
	size_t n;
};

struct text text_of(const char *s); /* of a terminated string; NULL is empty */

/* Copies into a terminated string, cut at cap - 1; returns dst. */
char *text_copy(char *dst, size_t cap, struct text t);

/* Bytes of the UTF-8 character at the beginning of n > 0 bytes; 0: it is none, or a control
 * character. */
size_t msg_character(const uint8_t *p, size_t n);

/* instance: which running agent this is, 0 if it does not say; member: which of its sessions, from
 * 1. */
struct msg_hello {
	uint8_t version_min, version_max, role;
	uint64_t features;
	uint32_t max_frame, stream_window, session_window;
	uint32_t streams; /* that the agent takes at a time; 0: it does not say */
	uint8_t nonce[MSG_NONCE];
	struct text software;
	uint64_t instance;
	uint8_t member;
};

struct msg_auth {
	struct text method, agent, data;
};

/* expires_ms: for how long the login is good; 0: for ever. secret: MSG_SECRET bytes with which the
 * session can be resumed, for as long as resume_ms says; empty, and 0: it cannot. */
struct msg_auth_ok {
	uint64_t session;
	struct text account, agent;
	uint64_t expires_ms;
	uint32_t resume_ms;
	struct text secret, data;
};

struct msg_resume {
	uint64_t session;
	struct text secret; /* MSG_SECRET bytes */
	uint64_t received;
};

struct msg_resume_ok {
	uint64_t received;
};

struct msg_auth_fail {
	uint16_t code;
	uint32_t retry_after_ms;
	struct text text;
};

struct msg_bind {
	uint32_t tunnel;
	struct text route, name;
	bool datagram; /* by the extension of this name */
	unsigned n_params;
	struct {
		struct text key, value;
	} param[MSG_PARAMS_MAX];
};

struct msg_bind_ok {
	uint32_t tunnel;
	struct text address;
};

struct msg_bind_fail { /* also UNBIND */
	uint32_t tunnel;
	uint16_t code;
	struct text text;
};

struct msg_open {
	uint32_t tunnel;
	uint8_t family; /* 4, 6, 0 */
	uint16_t port;
	uint8_t ip[16];
	bool datagram; /* by the extension of this name */
};

struct msg_end { /* OPEN_FAIL, RESET, RESUME_FAIL */
	uint16_t code;
	struct text text;
};

struct msg_credit {
	uint32_t bytes; /* more may be sent */
	uint32_t taken; /* have left the receiver */
};

struct msg_goaway {
	uint16_t code;
	uint32_t retry_after_ms, last;
	struct text text;
};

const char *msg_hello_decode(const uint8_t *p, size_t n, struct msg_hello *m_r);
const char *msg_auth_decode(const uint8_t *p, size_t n, struct msg_auth *m_r);
/* CHALLENGE, ANSWER */
const char *msg_data_decode(const uint8_t *p, size_t n, struct text *data_r);
const char *msg_auth_ok_decode(const uint8_t *p, size_t n, struct msg_auth_ok *m_r);
const char *msg_auth_fail_decode(const uint8_t *p, size_t n, struct msg_auth_fail *m_r);
const char *msg_resume_decode(const uint8_t *p, size_t n, struct msg_resume *m_r);
const char *msg_resume_ok_decode(const uint8_t *p, size_t n, struct msg_resume_ok *m_r);
const char *msg_bind_decode(const uint8_t *p, size_t n, struct msg_bind *m_r);
const char *msg_bind_ok_decode(const uint8_t *p, size_t n, struct msg_bind_ok *m_r);
const char *msg_bind_fail_decode(const uint8_t *p, size_t n, struct msg_bind_fail *m_r);
const char *msg_open_decode(const uint8_t *p, size_t n, struct msg_open *m_r);
const char *msg_end_decode(const uint8_t *p, size_t n, struct msg_end *m_r);
const char *msg_goaway_decode(const uint8_t *p, size_t n, struct msg_goaway *m_r);
const char *msg_credit_decode(const uint8_t *p, size_t n, struct msg_credit *m_r);
/* BLOCKED, ACK, PING, PONG */
const char *msg_u64_decode(const uint8_t *p, size_t n, uint64_t *v_r);
const char *msg_u32_decode(const uint8_t *p, size_t n, uint32_t *v_r); /* SPREAD */
const char *msg_empty_decode(size_t n); /* OPEN_OK, FIN */

size_t msg_hello_encode(uint8_t *p, size_t cap, const struct msg_hello *m);
size_t msg_auth_encode(uint8_t *p, size_t cap, const struct msg_auth *m);
size_t msg_data_encode(uint8_t *p, size_t cap, struct text data);
size_t msg_auth_ok_encode(uint8_t *p, size_t cap, const struct msg_auth_ok *m);
size_t msg_auth_fail_encode(uint8_t *p, size_t cap, const struct msg_auth_fail *m);
size_t msg_resume_encode(uint8_t *p, size_t cap, const struct msg_resume *m);
size_t msg_resume_ok_encode(uint8_t *p, size_t cap, const struct msg_resume_ok *m);
size_t msg_bind_encode(uint8_t *p, size_t cap, const struct msg_bind *m);
size_t msg_bind_ok_encode(uint8_t *p, size_t cap, const struct msg_bind_ok *m);
size_t msg_bind_fail_encode(uint8_t *p, size_t cap, const struct msg_bind_fail *m);
size_t msg_open_encode(uint8_t *p, size_t cap, const struct msg_open *m);
size_t msg_end_encode(uint8_t *p, size_t cap, const struct msg_end *m);
size_t msg_credit_encode(uint8_t *p, size_t cap, const struct msg_credit *m);
size_t msg_goaway_encode(uint8_t *p, size_t cap, const struct msg_goaway *m);

#endif
