/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Payloads: the first byte chooses the decoder. What a decoder takes, its encoder must give back in
 * a form that decodes and encodes to the same bytes again (the tail of extensions is dropped). */

#include <config.h>

#include <string.h>

#include "fuzz.h"
#include "util/compiler.h"
#include "wire/frame.h"
#include "wire/msg.h"

/* Each message twice through its codec: the second time nothing may change. */
#define CODEC(kind)                                                                                \
	static void try_##kind(const uint8_t *p, size_t n)                                         \
	{                                                                                          \
		uint8_t once[2 * FRAME_CONTROL_MAX], twice[2 * FRAME_CONTROL_MAX];                 \
		struct msg_##kind m, again;                                                        \
		size_t len;                                                                        \
                                                                                                   \
		if (msg_##kind##_decode(p, n, &m) != NULL)                                         \
			return;                                                                    \
		len = msg_##kind##_encode(once, sizeof(once), &m);                                 \
		must(len > 0 && len <= n);                                                         \
		must(msg_##kind##_decode(once, len, &again) == NULL);                              \
		must(msg_##kind##_encode(twice, sizeof(twice), &again) == len);                    \
		must(memcmp(once, twice, len) == 0);                                               \
	}

CODEC(hello)
CODEC(auth)
CODEC(auth_ok)
CODEC(auth_fail)
CODEC(bind)
CODEC(bind_ok)
CODEC(bind_fail)
CODEC(open)
CODEC(end)
CODEC(goaway)
CODEC(credit)
CODEC(resume)

static void
try_data(const uint8_t *p, size_t n)
{
	uint8_t once[2 * FRAME_CONTROL_MAX];
	struct text t;

	if (msg_data_decode(p, n, &t) != NULL)
		return;
	must(msg_data_encode(once, sizeof(once), t) == n);
	must(memcmp(once, p, n) == 0);
}

static void
try_numbers(const uint8_t *p, size_t n)
{
	uint64_t v64;
	uint32_t v32;
	struct frame f;
	uint8_t back[FRAME_HEADER];

	must((msg_u64_decode(p, n, &v64) == NULL) == (n == 8));
	must((msg_u32_decode(p, n, &v32) == NULL) == (n == 4));
	must((msg_empty_decode(n) == NULL) == (n == 0));
	if (n != FRAME_HEADER)
		return;
	frame_decode(p, &f);
	frame_encode(back, &f);
	must(memcmp(back, p, FRAME_HEADER) == 0);
	must(frame_check(&f, FRAME_DATA_MAX_LIMIT) != NULL || f.len <= FRAME_DATA_MAX_LIMIT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const tries[])(const uint8_t *p, size_t n) = {try_hello, try_auth,
		try_auth_ok, try_auth_fail, try_bind, try_bind_ok, try_bind_fail, try_open, try_end,
		try_goaway, try_data, try_numbers, try_credit, try_resume};

	if (n >= 1 && n <= FRAME_CONTROL_MAX)
		tries[data[0] % ARRAY_LEN(tries)](data + 1, n - 1);
	return 0;
}
