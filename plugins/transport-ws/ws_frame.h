/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* WebSocket frames (RFC 6455 section 5) for a stream of bytes: what a binary message holds is
 * handed on as it arrives, and where messages and frames end means nothing. Control frames are put
 * together. Pure: bytes in, events out; no memory beyond the structs. One owner; any thread. */

#ifndef ADIT_WS_FRAME_H
#define ADIT_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_HEAD_MAX    14	  /* bytes before the payload */
#define WS_CONTROL_MAX 125	  /* payload of a control frame */
#define WS_FRAME_MAX   (1u << 24) /* payload of a data frame that is taken */

enum ws_op {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

enum ws_code { /* of a close frame, RFC 6455 section 7.4 */
	WS_NORMAL = 1000,
	WS_GOING_AWAY = 1001,
	WS_PROTOCOL = 1002,
	WS_NOT_TAKEN = 1003,
	WS_NO_CODE = 1005, /* never sent: the close frame had none */
	WS_BAD_TEXT = 1007,
	WS_TOO_BIG = 1009,
};

/* ---- Reading --------------------------------------------------------------------------------- */

enum ws_event {
	WS_EV_MORE,  /* all bytes are used up */
	WS_EV_DATA,  /* p, n: payload, at least one byte */
	WS_EV_PING,  /* p, n: what the pong must hold */
	WS_EV_CLOSE, /* code and p, n: the reason, UTF-8. No frame may follow. */
	WS_EV_BAD,   /* code and why: the link must be closed */
};

struct ws_got {
	const uint8_t *p;
	size_t n;
	enum ws_code code;
	const char *why;
};

struct ws_reader {
	uint64_t left; /* bytes of the payload still to come */
	uint8_t head[WS_HEAD_MAX];
	uint8_t head_len, head_need;
	uint8_t key[4]; /* for the next byte of the payload */
	uint8_t op;	/* of the frame whose payload is read */
	bool masked;	/* what the peer's frames must be */
	bool payload;	/* the frame's head is done */
	bool message;	/* a message of several frames has begun */
	uint8_t control_len;
	uint8_t control[WS_CONTROL_MAX];
};

/* masked: the peer is a client. */
void ws_reader_init(struct ws_reader *r, bool masked);

/* Takes from the *n bytes at *p, moving both on, until there is an event. Masked data is written to
 * room (cap bytes, not 0) unmasked; else got_r points into the bytes given or into r. Pongs are
 * passed over. Not to be called again after WS_EV_CLOSE and WS_EV_BAD. */
enum ws_event ws_read(struct ws_reader *r, const uint8_t **p, size_t *n, uint8_t *room, size_t cap,
	struct ws_got *got_r);

/* ---- Writing --------------------------------------------------------------------------------- */

/* A whole frame (its message begins and ends with it) into out, which has room for WS_HEAD_MAX + n
 * bytes and does not overlap p. key: what a client masks with; NULL on a server. Returns its
 * length. */
size_t ws_write(uint8_t *out, enum ws_op op, const void *p, size_t n, const uint8_t key[4]);

/* The payload of a close frame: code and as much of the reason as fits. Returns its length. */
size_t ws_close_payload(uint8_t out[WS_CONTROL_MAX], enum ws_code code, const char *reason);

/* Copies n bytes, masking or unmasking them; dst may be src. key is moved on to the byte behind. */
void ws_mask(uint8_t *dst, const uint8_t *src, size_t n, uint8_t key[4]);

#endif
