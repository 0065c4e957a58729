/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Reading and writing of bytes in network order with an error that sticks: take field after
 * field, ask once at the end. A reader never runs past its end, a writer never past its room;
 * after the first failure every read gives zero and every write does nothing. */

#ifndef ADIT_UTIL_CURSOR_H
#define ADIT_UTIL_CURSOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/compiler.h"

struct rd {
	const uint8_t *p, *end;
	bool bad;
};

struct wr {
	uint8_t *p, *start, *end;
	bool bad;
};

static inline struct rd
rd_init(const void *p, size_t n)
{
	return (struct rd){p, (const uint8_t *)p + n, false};
}

static inline size_t
rd_left(const struct rd *r)
{
	return r->bad ? 0 : (size_t)(r->end - r->p);
}

/* n bytes, or NULL and the reader is bad. */
static inline const uint8_t *
rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || (size_t)(r->end - r->p) < n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	return p;
}

static inline uint64_t
rd_uint(struct rd *r, size_t n)
{
	const uint8_t *p = rd_bytes(r, n);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint8_t
rd_u8(struct rd *r)
{
	return (uint8_t)rd_uint(r, 1);
}

static inline uint16_t
rd_u16(struct rd *r)
{
	return (uint16_t)rd_uint(r, 2);
}

static inline uint32_t
rd_u24(struct rd *r)
{
	return (uint32_t)rd_uint(r, 3);
}

static inline uint32_t
rd_u32(struct rd *r)
{
	return (uint32_t)rd_uint(r, 4);
}

static inline uint64_t
rd_u64(struct rd *r)
{
	return rd_uint(r, 8);
}

static inline struct wr
wr_init(void *p, size_t n)
{
	return (struct wr){p, p, (uint8_t *)p + n, false};
}

static inline size_t
wr_len(const struct wr *w)
{
	return (size_t)(w->p - w->start);
}

static inline size_t
wr_room(const struct wr *w)
{
	return w->bad ? 0 : (size_t)(w->end - w->p);
}

static inline void
wr_bytes(struct wr *w, const void *p, size_t n)
{
	if (w->bad || (size_t)(w->end - w->p) < n) {
		w->bad = true;
		return;
	}
	if (n > 0)
		memcpy(w->p, p, n);
	w->p += n;
}

static inline void
wr_uint(struct wr *w, uint64_t v, size_t n)
{
	uint8_t b[8];

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> 8 * (n - 1 - i));
	wr_bytes(w, b, n);
}

static inline void
wr_u8(struct wr *w, uint8_t v)
{
	wr_uint(w, v, 1);
}

static inline void
wr_u16(struct wr *w, uint16_t v)
{
	wr_uint(w, v, 2);
}

static inline void
wr_u24(struct wr *w, uint32_t v)
{
	wr_uint(w, v, 3);
}

static inline void
wr_u32(struct wr *w, uint32_t v)
{
	wr_uint(w, v, 4);
}

static inline void
wr_u64(struct wr *w, uint64_t v)
{
	wr_uint(w, v, 8);
}

#endif
