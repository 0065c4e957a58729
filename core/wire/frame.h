/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Frame headers and the table of frame types (protocol.md section 1). Pure; any thread. */

#ifndef ADIT_WIRE_FRAME_H
#define ADIT_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER 8u          /* bytes */
#define FRAME_CONTROL_MAX 4096u  /* payload of every frame but DATA and DATAGRAM */
#define FRAME_DATAGRAM_MAX 65507u /* the most that UDP over IPv4 carries */
#define FRAME_DATA_MIN_LIMIT 16384u
#define FRAME_DATA_MAX_LIMIT 262144u /* no HELLO may announce more */
#define FRAME_CRITICAL 0x80u
#define STREAM_ID_MAX 0x7fffffffu

enum frame_type {
	FRAME_HELLO = 0x01,
	FRAME_AUTH = 0x02,
	FRAME_AUTH_CHALLENGE = 0x03,
	FRAME_AUTH_ANSWER = 0x04,
	FRAME_AUTH_OK = 0x05,
	FRAME_AUTH_FAIL = 0x06,
	FRAME_RESUME = 0x07,
	FRAME_RESUME_OK = 0x08,
	FRAME_RESUME_FAIL = 0x09,
	FRAME_BIND = 0x10,
	FRAME_BIND_OK = 0x11,
	FRAME_BIND_FAIL = 0x12,
	FRAME_UNBIND = 0x13,
	FRAME_OPEN = 0x20,
	FRAME_OPEN_OK = 0x21,
	FRAME_OPEN_FAIL = 0x22,
	FRAME_DATA = 0x23,
	FRAME_FIN = 0x24,
	FRAME_RESET = 0x25,
	FRAME_DATAGRAM = 0x26,
	FRAME_CREDIT = 0x30,
	FRAME_BLOCKED = 0x31,
	FRAME_ACK = 0x32,
	FRAME_PING = 0x33,
	FRAME_PONG = 0x34,
	FRAME_REPORT = 0x35, /* reserved */
	FRAME_GOAWAY = 0x36,
	FRAME_SPREAD = 0x37,
};

/* Which stream ids a type may carry. */
enum frame_on { FRAME_ON_SESSION, FRAME_ON_STREAM, FRAME_ON_EITHER };

struct frame {
	uint32_t len;
	uint8_t type;
	uint32_t stream;
};

void frame_encode(uint8_t p[FRAME_HEADER], const struct frame *f);
void frame_decode(const uint8_t p[FRAME_HEADER], struct frame *f_r);

/* "DATA", or NULL for a type that version 1 does not know. */
const char *frame_name(uint8_t type);
static inline bool
frame_known(uint8_t type)
{
	return frame_name(type) != NULL;
}

/* Whether its bytes count in the numbered sequence of the session (protocol.md section 7). All do
 * but those that concern a link only, and datagrams. */
bool frame_numbered(uint8_t type);

/* Length and stream id against the type's own rules; data_max is what we announced for DATA.
 * Returns NULL, or what is wrong with it. */
const char *frame_check(const struct frame *f, uint32_t data_max);

/* Walks the known types: the first above type, or 0. */
uint8_t frame_next_type(uint8_t type);

#endif
