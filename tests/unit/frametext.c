/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* See frametext.h. */

#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frametext.h"
#include "util/compiler.h"
#include "util/cursor.h"

/* Fields: name:kind. 1 2 4 8: a number of that many bytes; x4 x32: bytes; t1 t2: text and b2: bytes
 * behind their length; p: parameters; a: address by the family before it; r: the rest; e: tail. */
static const struct {
	uint8_t type;
	const char *fields;
} layouts[] = {
	{FRAME_HELLO, "magic:x4 version_min:1 version_max:1 role:1 reserved:1 features:8 max_frame:4 "
		      "stream_window:4 session_window:4 nonce:x32 software:t1 tail:e"},
	{FRAME_AUTH, "method:t1 agent:t1 data:b2"},
	{FRAME_AUTH_CHALLENGE, "data:b2"},
	{FRAME_AUTH_ANSWER, "data:b2"},
	{FRAME_AUTH_OK, "session:8 account:t1 agent:t1 expires_ms:8 resume:b2 data:b2 tail:e"},
	{FRAME_AUTH_FAIL, "code:2 retry_after_ms:4 text:t1"},
	{FRAME_RESUME, "session:8 secret:b2 received:8"},
	{FRAME_RESUME_OK, "received:8"},
	{FRAME_RESUME_FAIL, "code:2 text:t1"},
	{FRAME_BIND, "tunnel:4 route:t1 name:t1 params:p tail:e"},
	{FRAME_BIND_OK, "tunnel:4 address:t2 tail:e"},
	{FRAME_BIND_FAIL, "tunnel:4 code:2 text:t2"},
	{FRAME_UNBIND, "tunnel:4 code:2 text:t2"},
	{FRAME_OPEN, "tunnel:4 family:1 port:2 address:a tail:e"},
	{FRAME_OPEN_OK, ""},
	{FRAME_OPEN_FAIL, "code:2 text:t1"},
	{FRAME_DATA, "bytes:r"},
	{FRAME_FIN, ""},
	{FRAME_RESET, "code:2 text:t1"},
	{FRAME_DATAGRAM, "bytes:r"},
	{FRAME_CREDIT, "bytes:4 taken:4"},
	{FRAME_BLOCKED, "position:8"},
	{FRAME_ACK, "received:8"},
	{FRAME_PING, "token:8"},
	{FRAME_PONG, "token:8"},
	{FRAME_REPORT, "bytes:r"},
	{FRAME_GOAWAY, "code:2 retry_after_ms:4 last:4 text:t1"},
	{FRAME_SPREAD, "ms:4"},
};

static const char *
fields_of(uint8_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(layouts); i++)
		if (layouts[i].type == type)
			return layouts[i].fields;
	return "bytes:r";
}

struct field {
	char name[32], kind;
	size_t n; /* the number behind the kind, or the kind itself if it is a number */
};

/* The next field of a layout, or false at its end. */
static bool
next_field(const char **at, struct field *f_r)
{
	int used = 0;
	char kind[8];

	if (sscanf(*at, " %31[a-z_]:%7[a-z0-9]%n", f_r->name, kind, &used) != 2)
		return false;
	*at += used;
	f_r->kind = kind[0] >= '0' && kind[0] <= '9' ? 'n' : kind[0];
	f_r->n = (size_t)atoi(f_r->kind == 'n' ? kind : kind + 1);
	return true;
}

/* ---- To text ----------------------------------------------------------------------------------- */

struct out {
	char *p;
	size_t cap, n;
};

__attribute__((format(printf, 2, 3))) static void
put(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	o->n += (size_t)vsnprintf(o->p + o->n, o->cap - o->n, fmt, ap);
	va_end(ap);
	must(o->n < o->cap);
}

static void
put_hex(struct out *o, const uint8_t *p, size_t n, const char *if_none)
{
	if (n == 0 || p == NULL)
		put(o, "%s", if_none);
	for (size_t i = 0; i < n && p != NULL; i++)
		put(o, "%02x", p[i]);
}

static void
put_text(struct out *o, struct rd *r, size_t length_bytes)
{
	size_t n = (size_t)rd_uint(r, length_bytes);
	const uint8_t *p = rd_bytes(r, n);

	for (size_t i = 0; i < n && p != NULL; i++)
		put(o, "%c", p[i]);
}

static void
put_params(struct out *o, struct rd *r)
{
	unsigned count = rd_u8(r);

	for (unsigned i = 0; i < count && !r->bad; i++) {
		put(o, "%s", i > 0 ? "," : "");
		put_text(o, r, 1);
		put(o, ":");
		put_text(o, r, 2);
	}
	if (count == 0)
		put(o, "-");
}

static void
put_tail(struct out *o, struct rd *r)
{
	bool first = true;

	for (; rd_left(r) > 0; first = false) {
		unsigned type = rd_u16(r);
		size_t n = rd_u16(r);

		put(o, "%s%u:", first ? "" : ",", type);
		put_hex(o, rd_bytes(r, n), n, "");
	}
	if (first)
		put(o, "-");
}

static void
put_field(struct out *o, struct rd *r, const struct field *f, uint64_t family)
{
	size_t n = f->n;

	switch (f->kind) {
	case 'x':
		put_hex(o, rd_bytes(r, n), n, "-");
		break;
	case 't':
		put(o, "\"");
		put_text(o, r, n);
		put(o, "\"");
		break;
	case 'b':
		n = (size_t)rd_uint(r, n);
		put_hex(o, rd_bytes(r, n), n, "-");
		break;
	case 'a':
		n = family == 4 ? 4 : family == 6 ? 16 : 0;
		put_hex(o, rd_bytes(r, n), n, "-");
		break;
	case 'r':
		n = rd_left(r);
		put_hex(o, rd_bytes(r, n), n, "-");
		break;
	case 'p':
		put_params(o, r);
		break;
	default:
		put_tail(o, r);
		break;
	}
}

int
frametext_print(char *out, size_t cap, const struct frame *f, const uint8_t *payload)
{
	struct out o = {out, cap, 0};
	struct rd r = rd_init(payload, f->len);
	const char *name = frame_name(f->type), *at = fields_of(f->type);
	struct field field;
	uint64_t number = 0, family = 0;

	if (name != NULL)
		put(&o, "%s id=%u", name, f->stream);
	else
		put(&o, "0x%02x id=%u", f->type, f->stream);
	while (next_field(&at, &field)) {
		put(&o, " %s=", field.name);
		if (field.kind == 'n') {
			number = rd_uint(&r, field.n);
			put(&o, "%" PRIu64, number);
			if (strcmp(field.name, "family") == 0)
				family = number;
		} else {
			put_field(&o, &r, &field, family);
		}
	}
	return r.bad || r.p != r.end ? -1 : 0;
}

/* ---- From text --------------------------------------------------------------------------------- */

size_t
frametext_hex(uint8_t *out, size_t cap, const char *hex)
{
	unsigned v;
	size_t n = 0;

	while (n < cap && sscanf(hex + 2 * n, "%2x", &v) == 1 && hex[2 * n] != ' ')
		out[n++] = (uint8_t)v;
	return n;
}

/* The value of a field in "a=1 b=\"x y\" c=3": its first byte and its length, quotes left out. */
static const char *
value_of(const char *text, const char *name, size_t *n_r)
{
	size_t len = strlen(name);

	while (*text != '\0') {
		const char *eq, *value, *end;

		text += strspn(text, " ");
		eq = text + strcspn(text, "= ");
		value = *eq == '=' ? eq + 1 : eq;
		if (*value == '"')
			end = strchrnul(value + 1, '"');
		else
			end = value + strcspn(value, " ");
		if ((size_t)(eq - text) == len && memcmp(text, name, len) == 0) {
			*n_r = (size_t)(end - value) - (*value == '"');
			return *value == '"' ? value + 1 : value;
		}
		text = *value == '"' && *end == '"' ? end + 1 : end;
	}
	return NULL;
}

static const char *
default_of(uint8_t type, const char *name)
{
	static const char *const hello[][2] = {{"magic", "41444954"}, {"version_min", "1"},
		{"version_max", "1"}, {"max_frame", "16384"}, {"stream_window", "16384"},
		{"session_window", "65536"}};

	for (size_t i = 0; i < ARRAY_LEN(hello) && type == FRAME_HELLO; i++)
		if (strcmp(hello[i][0], name) == 0)
			return hello[i][1];
	return "";
}

static void
take_hex(struct wr *w, const char *v, size_t n, size_t length_bytes)
{
	uint8_t b[2048];
	size_t len = 0;

	while (2 * len + 1 < n && len < sizeof(b) && sscanf(v + 2 * len, "%2hhx", &b[len]) == 1)
		len++;
	if (length_bytes > 0)
		wr_uint(w, len, length_bytes);
	wr_bytes(w, b, len);
}

/* "key:value,key:value" as parameters, "7:00ff" as extensions. */
static void
take_list(struct wr *w, const char *v, size_t n, bool params)
{
	uint8_t *count = w->p;
	const char *end = v + n;

	if (params)
		wr_u8(w, 0);
	while (v < end && *v != '-') {
		const char *colon = memchr(v, ':', (size_t)(end - v));
		const char *stop = memchr(v, ',', (size_t)(end - v));
		size_t len;

		stop = stop != NULL ? stop : end;
		if (colon == NULL || colon > stop)
			return;
		len = (size_t)(stop - colon) - 1;
		if (params) {
			wr_u8(w, (uint8_t)(colon - v));
			wr_bytes(w, v, (size_t)(colon - v));
			wr_u16(w, (uint16_t)len);
			wr_bytes(w, colon + 1, len);
			(*count)++;
		} else {
			wr_u16(w, (uint16_t)atoi(v));
			take_hex(w, colon + 1, len, 2);
		}
		v = stop < end ? stop + 1 : end;
	}
}

static void
take_field(struct wr *w, const struct field *f, const char *v, size_t n)
{
	bool none = n == 1 && *v == '-';

	switch (f->kind) {
	case 'n':
		wr_uint(w, strtoull(v, NULL, 0), f->n);
		break;
	case 'x':
		if (n == 0)
			for (size_t i = 0; i < f->n; i++)
				wr_u8(w, 0);
		take_hex(w, v, n, 0);
		break;
	case 't':
		wr_uint(w, n, f->n);
		wr_bytes(w, v, n);
		break;
	case 'b':
		take_hex(w, v, none ? 0 : n, f->n);
		break;
	case 'p':
	case 'e':
		take_list(w, v, n, f->kind == 'p');
		break;
	default:
		take_hex(w, v, none ? 0 : n, 0);
		break;
	}
}

static int
type_of(const char *name)
{
	for (uint8_t t = frame_next_type(0); t != 0; t = frame_next_type(t))
		if (strcmp(frame_name(t), name) == 0)
			return t;
	return strncmp(name, "0x", 2) == 0 ? (int)strtol(name, NULL, 16) : -1;
}

/* Every name in the text must be a field: a slip in a test must not pass for a default. */
static bool
all_known(const char *text, const char *fields)
{
	char name[64], pattern[68];
	const char *eq;

	for (; (eq = strchr(text, '=')) != NULL; text = eq) {
		const char *start = eq;
		bool known;

		while (start > text && start[-1] != ' ')
			start--;
		snprintf(name, sizeof(name), "%.*s", (int)(eq - start), start);
		snprintf(pattern, sizeof(pattern), "%s:", name);
		known = strcmp(name, "id") == 0 || strcmp(name, "len") == 0 ||
			strstr(fields, pattern) != NULL;
		if (!known)
			return false;
		eq++;
		if (*eq == '"')
			eq = strchrnul(eq + 1, '"');
	}
	return true;
}

size_t
frametext_parse(uint8_t *out, size_t cap, const char *text, char *err)
{
	struct wr w = wr_init(out + FRAME_HEADER, cap - FRAME_HEADER);
	char name[64] = "";
	const char *rest, *at, *v;
	struct frame f = {0};
	struct field field;
	size_t n;
	int type;

	sscanf(text, " %63s", name);
	type = type_of(name);
	rest = text + strspn(text, " ") + strlen(name);
	if (type < 0 || !all_known(rest, fields_of((uint8_t)type))) {
		snprintf(err, 200, "no such frame, or no such field: %.150s", text);
		return 0;
	}
	f.type = (uint8_t)type;
	at = fields_of(f.type);
	while (next_field(&at, &field)) {
		v = value_of(rest, field.name, &n);
		if (v == NULL) {
			v = default_of(f.type, field.name);
			n = strlen(v);
		}
		take_field(&w, &field, v, n);
	}
	v = value_of(rest, "id", &n);
	f.stream = v != NULL ? (uint32_t)strtoul(v, NULL, 0) : 0;
	v = value_of(rest, "len", &n); /* a header that lies, or many bytes without writing them */
	f.len = v != NULL ? (uint32_t)strtoul(v, NULL, 0) : (uint32_t)wr_len(&w);
	frame_encode(out, &f);
	must(!w.bad);
	return FRAME_HEADER + wr_len(&w);
}
