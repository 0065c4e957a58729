/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/wire/frame.c and code.c: headers, types, codes. */

#include <config.h>

#include <errno.h>

#include "tap.h"
#include "wire/code.h"
#include "wire/frame.h"

static void
test_header(void)
{
	static const uint8_t bytes[FRAME_HEADER] = {0x01, 0x02, 0x03, 0x23, 0x7f, 0x06, 0x07, 0x08};
	struct frame f;
	uint8_t b[FRAME_HEADER];

	frame_decode(bytes, &f);
	is_int(f.len, 0x010203, "three bytes of length");
	is_int(f.type, FRAME_DATA, "one of type");
	is_int(f.stream, 0x7f060708, "four of stream id");
	frame_encode(b, &f);
	is_mem(b, bytes, sizeof(b), "and back");
	f = (struct frame){0xffffff, 0xff, 0xffffffff};
	frame_encode(b, &f);
	f = (struct frame){0, 0, 0};
	frame_decode(b, &f);
	ok(f.len == 0xffffff && f.type == 0xff && f.stream == 0xffffffff, "the highest of each");
}

static bool
fine(uint32_t len, uint8_t type, uint32_t stream)
{
	return frame_check(&(struct frame){len, type, stream}, 20000) == NULL;
}

static void
test_check(void)
{
	ok(fine(1, FRAME_DATA, 1) && fine(20000, FRAME_DATA, STREAM_ID_MAX), "DATA");
	ok(!fine(0, FRAME_DATA, 1), "DATA is never empty");
	ok(!fine(20001, FRAME_DATA, 1), "nor longer than was announced");
	ok(!fine(1, FRAME_DATA, 0), "nor of the session");
	ok(fine(0, FRAME_FIN, 1) && !fine(0, FRAME_FIN, 0), "FIN belongs to a stream");
	ok(fine(8, FRAME_PING, 0) && !fine(8, FRAME_PING, 1), "PING belongs to the session");
	ok(fine(4, FRAME_CREDIT, 0) && fine(4, FRAME_CREDIT, 9), "CREDIT to either");
	ok(!fine(4, FRAME_CREDIT, STREAM_ID_MAX + 1), "but not to ids that cannot be");
	ok(fine(4096, FRAME_BIND, 0) && !fine(4097, FRAME_BIND, 0), "control frames have 4096 bytes");
	ok(fine(0, FRAME_DATAGRAM, 1) && fine(65507, FRAME_DATAGRAM, 1), "a datagram may be empty");
	ok(!fine(65508, FRAME_DATAGRAM, 1), "or as long as UDP carries");
	ok(!fine(1, FRAME_DATAGRAM, 0), "and has a stream");
	ok(fine(4096, 0x50, 5) && !fine(4097, 0x50, 5), "and so have unknown ones");
	ok(fine(0, 0xd0, UINT32_MAX), "whose stream id nobody knows");
}

static void
test_types(void)
{
	unsigned n = 0;
	bool sane = true;

	for (uint8_t t = frame_next_type(0); t != 0; t = frame_next_type(t), n++)
		sane &= frame_known(t) && !(t & FRAME_CRITICAL);
	is_int(n, 28, "the types of version 1");
	ok(sane, "each has a name, and the critical bit is free");
	n = 0;
	for (unsigned t = 0; t < 256; t++)
		n += frame_known((uint8_t)t);
	is_int(n, 28, "and there are no others");
	is_int(frame_next_type(FRAME_SPREAD), 0, "SPREAD is the last");
	is_int(frame_next_type(0xff), 0, "nothing follows the highest number");
	is_str(frame_name(FRAME_AUTH_CHALLENGE), "AUTH_CHALLENGE", "a name");
	n = 0;
	for (uint8_t t = frame_next_type(0); t != 0; t = frame_next_type(t))
		n += frame_numbered(t);
	is_int(n, 15, "so many kinds are numbered");
	ok(frame_numbered(FRAME_BIND) && frame_numbered(FRAME_CREDIT) && frame_numbered(FRAME_DATA) &&
			frame_numbered(FRAME_BLOCKED) && frame_numbered(FRAME_GOAWAY) &&
			frame_numbered(0x7f) && frame_numbered(0xff),
		"those of the session and its streams, and unknown ones");
	ok(!frame_numbered(FRAME_HELLO) && !frame_numbered(FRAME_RESUME_FAIL) &&
			!frame_numbered(FRAME_ACK) && !frame_numbered(FRAME_PING) &&
			!frame_numbered(FRAME_PONG) && !frame_numbered(FRAME_DATAGRAM),
		"not those of a link, and not datagrams");
	is_str(frame_name(0x7f), NULL, "none");
}

static void
test_codes(void)
{
	is_str(code_name(CODE_AUTH_FAILED), "auth_failed", "the name of a code");
	is_str(code_text(CODE_AUTH_FAILED), "login refused", "its text");
	is_str(code_name(999), "internal", "an unknown number is internal");
	is_str(code_text(999), "internal error", "in words, too");
	is_int(code_of_dial(ECONNREFUSED), CODE_REFUSED, "a refused dial");
	is_int(code_of_dial(ETIMEDOUT), CODE_CONNECT_TIMEOUT, "one that got no answer");
	is_int(code_of_dial(EMFILE), CODE_OVERLOAD, "no descriptors");
	is_int(code_of_dial(EADDRNOTAVAIL), CODE_OVERLOAD, "no ports");
	is_int(code_of_dial(ECONNRESET), CODE_TARGET_RESET, "a reset");
	is_int(code_of_dial(EHOSTUNREACH), CODE_UNREACHABLE, "no way");
	is_int(code_of_dial(EINVAL), CODE_UNREACHABLE, "anything else");
}

int
main(void)
{
	test_header();
	test_check();
	test_types();
	test_codes();
	return done_testing();
}
