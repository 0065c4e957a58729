/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Frame headers. Pure; any thread. Lengths are compared with constants before anybody acts on
 * them. */

#include <config.h>

#include <stddef.h>

#include "wire/frame.h"

static const struct {
	const char *name;
	enum frame_on on;
} types[0x38] = {
	[FRAME_HELLO] = {"HELLO", FRAME_ON_SESSION},
	[FRAME_AUTH] = {"AUTH", FRAME_ON_SESSION},
	[FRAME_AUTH_CHALLENGE] = {"AUTH_CHALLENGE", FRAME_ON_SESSION},
	[FRAME_AUTH_ANSWER] = {"AUTH_ANSWER", FRAME_ON_SESSION},
	[FRAME_AUTH_OK] = {"AUTH_OK", FRAME_ON_SESSION},
	[FRAME_AUTH_FAIL] = {"AUTH_FAIL", FRAME_ON_SESSION},
	[FRAME_RESUME] = {"RESUME", FRAME_ON_SESSION},
	[FRAME_RESUME_OK] = {"RESUME_OK", FRAME_ON_SESSION},
	[FRAME_RESUME_FAIL] = {"RESUME_FAIL", FRAME_ON_SESSION},
	[FRAME_BIND] = {"BIND", FRAME_ON_SESSION},
	[FRAME_BIND_OK] = {"BIND_OK", FRAME_ON_SESSION},
	[FRAME_BIND_FAIL] = {"BIND_FAIL", FRAME_ON_SESSION},
	[FRAME_UNBIND] = {"UNBIND", FRAME_ON_SESSION},
	[FRAME_OPEN] = {"OPEN", FRAME_ON_STREAM},
	[FRAME_OPEN_OK] = {"OPEN_OK", FRAME_ON_STREAM},
	[FRAME_OPEN_FAIL] = {"OPEN_FAIL", FRAME_ON_STREAM},
	[FRAME_DATA] = {"DATA", FRAME_ON_STREAM},
	[FRAME_FIN] = {"FIN", FRAME_ON_STREAM},
	[FRAME_RESET] = {"RESET", FRAME_ON_STREAM},
	[FRAME_DATAGRAM] = {"DATAGRAM", FRAME_ON_STREAM},
	[FRAME_CREDIT] = {"CREDIT", FRAME_ON_EITHER},
	[FRAME_BLOCKED] = {"BLOCKED", FRAME_ON_EITHER},
	[FRAME_ACK] = {"ACK", FRAME_ON_SESSION},
	[FRAME_PING] = {"PING", FRAME_ON_SESSION},
	[FRAME_PONG] = {"PONG", FRAME_ON_SESSION},
	[FRAME_REPORT] = {"REPORT", FRAME_ON_SESSION},
	[FRAME_GOAWAY] = {"GOAWAY", FRAME_ON_SESSION},
	[FRAME_SPREAD] = {"SPREAD", FRAME_ON_SESSION},
};

#define N_TYPES (sizeof(types) / sizeof(types[0]))

void
frame_encode(uint8_t p[FRAME_HEADER], const struct frame *f)
{
	p[0] = (uint8_t)(f->len >> 16);
	p[1] = (uint8_t)(f->len >> 8);
	p[2] = (uint8_t)f->len;
	p[3] = f->type;
	p[4] = (uint8_t)(f->stream >> 24);
	p[5] = (uint8_t)(f->stream >> 16);
	p[6] = (uint8_t)(f->stream >> 8);
	p[7] = (uint8_t)f->stream;
}

void
frame_decode(const uint8_t p[FRAME_HEADER], struct frame *f_r)
{
	f_r->len = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	f_r->type = p[3];
	f_r->stream = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];
}

const char *
frame_name(uint8_t type)
{
	return type < N_TYPES ? types[type].name : NULL;
}

bool
frame_numbered(uint8_t type)
{
	return type > FRAME_RESUME_FAIL && type != FRAME_DATAGRAM &&
		(type < FRAME_ACK || type > FRAME_PONG);
}

const char *
frame_check(const struct frame *f, uint32_t data_max)
{
	if (f->type == FRAME_DATA) {
		if (f->len == 0)
			return "DATA without payload";
		if (f->len > data_max)
			return "DATA longer than was announced";
	} else if (f->type == FRAME_DATAGRAM) {
		if (f->len > FRAME_DATAGRAM_MAX)
			return "DATAGRAM longer than UDP carries";
	} else if (f->len > FRAME_CONTROL_MAX) {
		return "control frame too long";
	}
	if (!frame_known(f->type))
		return NULL;
	if (f->stream > STREAM_ID_MAX)
		return "stream id out of range";
	if (types[f->type].on == FRAME_ON_SESSION && f->stream != 0)
		return "stream id on a session frame";
	if (types[f->type].on == FRAME_ON_STREAM && f->stream == 0)
		return "stream frame without stream id";
	return NULL;
}

uint8_t
frame_next_type(uint8_t type)
{
	for (unsigned t = type + 1u; t < N_TYPES; t++)
		if (types[t].name != NULL)
			return (uint8_t)t;
	return 0;
}
