/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Reading and writing of bytes: order, ends, and that an error sticks. */

#include "tap.h"
#include "util/cursor.h"

static void
test_read(void)
{
	static const uint8_t in[] = {1, 0xff, 2, 0x80, 0, 3, 0xde, 0xad, 0xbe, 0xef, 0x80, 1, 2, 3,
		4, 5, 6, 7, 'x', 'y'};
	struct rd r = rd_init(in, sizeof(in));

	is_int(rd_u8(&r), 1, "u8");
	is_int(rd_u16(&r), 0xff02, "u16 in network order");
	is_int(rd_u24(&r), 0x800003, "u24");
	is_int(rd_u32(&r), 0xdeadbeef, "u32");
	ok(rd_u64(&r) == UINT64_C(0x8001020304050607), "u64");
	is_int(rd_left(&r), 2, "two bytes left");
	is_mem(rd_bytes(&r, 2), "xy", 2, "bytes");
	ok(!r.bad && rd_left(&r) == 0, "read to the end is not bad");
	ok(rd_bytes(&r, 0) != NULL && !r.bad, "nothing can be read at the end");
	is_int(rd_u8(&r), 0, "one more is zero");
	ok(r.bad, "and bad");
}

static void
test_read_short(void)
{
	static const uint8_t in[] = {1, 2, 3};
	struct rd r = rd_init(in, sizeof(in));

	is_int(rd_u32(&r), 0, "four bytes of three are zero");
	ok(r.bad && rd_left(&r) == 0, "the reader is bad and has nothing left");
	is_int(rd_u8(&r), 0, "though one byte would have been there");
	ok(rd_bytes(&r, 0) == NULL, "not even nothing can be read then");
	r = rd_init(in, sizeof(in));
	ok(rd_bytes(&r, SIZE_MAX) == NULL && r.bad, "an absurd length does not wrap");
	r = rd_init(in, 0);
	ok(rd_u8(&r) == 0 && r.bad, "an empty reader");
}

static void
test_write(void)
{
	static const uint8_t want[] = {1, 0xff, 2, 0x80, 0, 3, 0xde, 0xad, 0xbe, 0xef, 0x80, 1, 2,
		3, 4, 5, 6, 7, 'x', 'y'};
	uint8_t out[sizeof(want) + 1];
	struct wr w = wr_init(out, sizeof(want));

	memset(out, 0xa5, sizeof(out));
	wr_u8(&w, 1);
	wr_u16(&w, 0xff02);
	wr_u24(&w, 0x800003);
	wr_u32(&w, 0xdeadbeef);
	wr_u64(&w, UINT64_C(0x8001020304050607));
	is_int(wr_room(&w), 2, "room for two");
	wr_bytes(&w, "xy", 2);
	ok(!w.bad && wr_room(&w) == 0, "full is not bad");
	is_int(wr_len(&w), sizeof(want), "all written");
	is_mem(out, want, sizeof(want), "what rd reads");
	wr_bytes(&w, NULL, 0);
	ok(!w.bad, "nothing fits everywhere");
	wr_u8(&w, 9);
	ok(w.bad && wr_room(&w) == 0, "one more is bad");
	is_int(out[sizeof(want)], 0xa5, "and not written");
}

static void
test_write_sticks(void)
{
	uint8_t out[4] = {9, 9, 9, 9};
	struct wr w = wr_init(out, 3);

	wr_u16(&w, 0x0102);
	wr_u32(&w, 0xffffffff);
	ok(w.bad, "too long a field is bad");
	wr_u8(&w, 3);
	is_mem(out, ((uint8_t[]){1, 2, 9, 9}), 4, "nothing of it, nor of what follows, is written");
	is_int(wr_len(&w), 2, "the length stays");
}

int
main(void)
{
	test_read();
	test_read_short();
	test_write();
	test_write_sticks();
	return done_testing();
}
