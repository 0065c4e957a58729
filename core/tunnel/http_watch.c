/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Watches HTTP/1.x go by. Each direction is a small machine that gathers one line at a time, or
 * skips a body; of a line only its beginning is kept. Owner worker only, pure. What always holds: a
 * request whose head was seen stands in the list until its final answer's head, at most PENDING_MAX
 * of them; nothing else is allocated. Whatever is not understood ends the watching for good. */

#include "tunnel/http_watch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/compiler.h"
#include "util/log.h"

enum {
	PENDING_MAX = 32,     /* requests without an answer */
	HEAD_MAX = 64 * 1024, /* bytes of a head, of a chunk's line, of trailers */
	LINE_KEPT = 160,      /* of each line: method, space and the part of the target that is shown */
	TAIL_KEPT = 9,        /* the end of a long request line: " HTTP/1.1" */
	TARGET_KEPT = 128,    /* enough to fill http_exchange.path, so that log_safe() marks the cut */
};

enum half_state { FIRST_LINE, FIELDS, BODY, CHUNK_LINE, CHUNK, CHUNK_END, TRAILERS, IGNORED };

struct half {
	enum half_state state;
	bool coded, chunked; /* Transfer-Encoding is there; it ends in chunked */
	bool sized;          /* Content-Length is there */
	bool cut;            /* the line is longer than what was kept */
	uint16_t len;
	uint32_t head;
	uint64_t left; /* of the body or the chunk; while fields are read, the Content-Length */
	char tail[TAIL_KEPT + 1]; /* and a carriage return */
	char line[LINE_KEPT];
};

struct pending {
	struct pending *next;
	struct mono began;
	uint8_t method_len, target_len;
	char text[]; /* method, target as it came */
};

struct http_watch {
	void (*on_exchange)(void *ctx, const struct http_exchange *x);
	void *ctx;
	struct half request, answer;
	struct pending *first, **last;
	struct pending *reading; /* its fields are still coming */
	unsigned n_pending;
	int status;        /* of the answer whose fields are coming */
	struct mono began; /* the first byte of the request line that is coming */
	bool lost_bytes;   /* of the client: not understood, or sent before the answer to CONNECT */
	bool over;
};

struct http_watch *
http_watch_new(void (*on_exchange)(void *ctx, const struct http_exchange *x), void *ctx)
{
	struct http_watch *h = xcalloc(1, sizeof(*h));

	h->on_exchange = on_exchange;
	h->ctx = ctx;
	h->last = &h->first;
	return h;
}

static struct pending *
pop(struct http_watch *h)
{
	struct pending *q = h->first;

	h->first = q->next;
	if (h->first == NULL)
		h->last = &h->first;
	h->n_pending--;
	return q;
}

static void
give_up(struct http_watch *h)
{
	h->over = true;
	free(h->reading);
	h->reading = NULL;
	while (h->first != NULL)
		free(pop(h));
}

/* What the client says is no longer understood; what it has asked is still answered. */
static void
lose_requests(struct http_watch *h)
{
	h->request.state = IGNORED;
	h->lost_bytes = true;
	free(h->reading);
	h->reading = NULL;
	if (h->first == NULL)
		give_up(h);
}

static void
not_understood(struct http_watch *h, const struct half *d)
{
	if (d == &h->request)
		lose_requests(h);
	else
		give_up(h);
}

static bool
method_is(const struct pending *q, const char *name)
{
	return q->method_len == strlen(name) && memcmp(q->text, name, q->method_len) == 0;
}

/* Takes the oldest request off the list. */
static void
report(struct http_watch *h, int status, struct mono now)
{
	struct pending *q = pop(h);
	struct http_exchange x = {.status = status, .us = (now.ns - q->began.ns) / 1000};

	memcpy(x.method, q->text, q->method_len);
	log_safe(x.path, sizeof(x.path), q->text + q->method_len, q->target_len);
	h->on_exchange(h->ctx, &x);
	free(q);
}

/* ---- Messages ------------------------------------------------------------------------------- */

static void
message_done(struct half *d)
{
	d->state = FIRST_LINE;
	d->head = 0;
}

static void
body_begins(struct half *d)
{
	d->head = 0;
	if (d->chunked)
		d->state = CHUNK_LINE;
	else if (d->left > 0)
		d->state = BODY;
	else
		message_done(d);
}

static void
request_head_done(struct http_watch *h)
{
	struct half *d = &h->request;
	struct pending *q = h->reading;

	if (h->n_pending == PENDING_MAX) {
		give_up(h);
		return;
	}
	h->reading = NULL;
	*h->last = q;
	h->last = &q->next;
	h->n_pending++;
	if (d->coded && !d->chunked) {
		lose_requests(h); /* a body without an end: RFC 9112 section 6.3 */
	} else if (method_is(q, "CONNECT")) {
		d->state = IGNORED; /* until the answer says what follows */
	} else {
		body_begins(d);
	}
}

static void
answer_head_done(struct http_watch *h, struct mono now)
{
	struct half *d = &h->answer;
	bool head = method_is(h->first, "HEAD"), tunnel = method_is(h->first, "CONNECT");
	int status = h->status;

	if (status < 200 && status != 101) {
		message_done(d); /* interim: the answer is still to come */
		return;
	}
	report(h, status, now);
	if (status == 101 || (tunnel && status < 300)) {
		give_up(h); /* from here on it is another protocol */
		return;
	}
	if (tunnel && !h->lost_bytes)
		message_done(&h->request); /* refused: the client may try again */
	if (head || status == 204 || status == 304)
		message_done(d);
	else if (d->chunked || (d->sized && !d->coded))
		body_begins(d);
	else
		d->state = IGNORED; /* until the connection closes */
	if (h->first == NULL && h->lost_bytes)
		give_up(h); /* there is nothing left that could be reported */
}

/* ---- Lines ---------------------------------------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct pending *
pending_new(const char *method, size_t method_len, const char *target, size_t target_len)
{
	struct pending *q;

	target_len = MIN(target_len, (size_t)TARGET_KEPT);
	q = xmalloc(sizeof(*q) + method_len + target_len);
	q->next = NULL;
	q->method_len = (uint8_t)method_len;
	q->target_len = (uint8_t)target_len;
	memcpy(q->text, method, method_len);
	memcpy(q->text + method_len, target, target_len);
	return q;
}

static void
fields_begin(struct half *d)
{
	d->state = FIELDS;
	d->chunked = d->coded = d->sized = false;
	d->left = 0;
}

/* "METHOD target HTTP/1.x" (RFC 9112 section 3); the method's letters were checked as they came. */
static void
request_line(struct http_watch *h)
{
	struct half *d = &h->request;
	const char *line = d->line, *end = line + d->len, *space, *target, *stop;

	if (d->len == 0) /* section 2.2: an empty line before a request is skipped */
		return;
	space = memchr(line, ' ', d->len);
	if (space == NULL || space == line || memcmp(d->tail, " HTTP/1.", TAIL_KEPT - 1) != 0 ||
		!is_digit(d->tail[TAIL_KEPT - 1])) {
		lose_requests(h);
		return;
	}
	target = space + 1;
	stop = memchr(target, ' ', (size_t)(end - target));
	if (stop == NULL)
		stop = end;
	if (stop == target || (!d->cut && end - stop != TAIL_KEPT)) {
		lose_requests(h);
		return;
	}
	h->reading = pending_new(line, (size_t)(space - line), target, (size_t)(stop - target));
	h->reading->began = h->began;
	fields_begin(d);
}

/* "HTTP/1.x NNN reason" (section 4); the first letters were checked as they came. */
static void
status_line(struct http_watch *h)
{
	struct half *d = &h->answer;
	const char *line = d->line;

	if (d->len < 12 || line[8] != ' ' || line[9] < '1' || line[9] > '5' ||
		!is_digit(line[10]) || !is_digit(line[11]) || (d->len > 12 && line[12] != ' ')) {
		give_up(h);
		return;
	}
	h->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
	fields_begin(d);
}

static bool
name_is(const char *name, size_t n, const char *want)
{
	return n == strlen(want) && strncasecmp(name, want, n) == 0;
}

/* A second Content-Length must say the same. */
static bool
content_length(struct half *d, const char *v, size_t n)
{
	uint64_t sum = 0;

	if (n == 0 || n > 18)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(v[i]))
			return false;
		sum = sum * 10 + (uint64_t)(v[i] - '0');
	}
	if (d->sized && d->left != sum)
		return false;
	d->sized = true;
	d->left = sum;
	return true;
}

/* Only the last coding frames the body (section 6.3). */
static void
transfer_encoding(struct half *d, const char *v, size_t n)
{
	const char *comma = memrchr(v, ',', n);

	if (comma != NULL) {
		n -= (size_t)(comma + 1 - v);
		v = comma + 1;
		while (n > 0 && (*v == ' ' || *v == '\t'))
			v++, n--;
	}
	d->coded = true;
	d->chunked = name_is(v, n, "chunked");
}

/* False: not a field, or one that decides about the body and cannot be understood. */
static bool
field(struct half *d)
{
	const char *line = d->line, *colon = memchr(line, ':', d->len), *v, *end = line + d->len;
	size_t name_len;
	bool length, coding;

	if (colon == NULL || colon == line)
		return false;
	for (const char *c = line; c < colon; c++) {
		if (*c <= ' ' || *c >= 0x7f) /* also no folded line, no blank before the colon */
			return false;
	}
	name_len = (size_t)(colon - line);
	length = name_is(line, name_len, "content-length");
	coding = name_is(line, name_len, "transfer-encoding");
	if ((length || coding) && d->cut)
		return false;
	for (v = colon + 1; v < end && (*v == ' ' || *v == '\t'); v++)
		;
	while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (coding)
		transfer_encoding(d, v, (size_t)(end - v));
	return !length || content_length(d, v, (size_t)(end - v));
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1a2b;extension=value" (section 7.1). */
static bool
chunk_line(struct half *d)
{
	uint64_t sum = 0;
	size_t i = 0;

	for (; i < d->len && hex_value(d->line[i]) >= 0; i++) {
		if (i == 15)
			return false;
		sum = sum << 4 | (uint64_t)hex_value(d->line[i]);
	}
	if (i == 0 || (i < d->len && d->line[i] != ';' && d->line[i] != ' ' && d->line[i] != '\t'))
		return false;
	d->left = sum;
	d->state = sum > 0 ? CHUNK : TRAILERS;
	d->head = 0;
	return true;
}

static void
on_fields(struct http_watch *h, struct half *d, struct mono now)
{
	if (d->len > 0) {
		if (!field(d))
			not_understood(h, d);
	} else if (d == &h->request) {
		request_head_done(h);
	} else {
		answer_head_done(h, now);
	}
}

/* A whole line is here, without its end. */
static void
on_line(struct http_watch *h, struct half *d, struct mono now)
{
	bool good = true;

	switch (d->state) {
	case FIRST_LINE:
		if (d == &h->request)
			request_line(h);
		else
			status_line(h);
		break;
	case FIELDS:
		on_fields(h, d, now);
		break;
	case CHUNK_LINE:
		good = chunk_line(d);
		break;
	case CHUNK_END:
		good = d->len == 0;
		d->state = CHUNK_LINE;
		break;
	case TRAILERS:
		if (d->len == 0)
			message_done(d);
		break;
	case BODY:
	case CHUNK:
	case IGNORED:
		must(false); /* they have no lines */
	}
	if (!good)
		not_understood(h, d);
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

static bool
status_looks_right(const struct half *d, size_t from)
{
	static const char version[] = "HTTP/1.";

	for (size_t i = from; i < d->len && i < sizeof(version) - 1; i++) {
		if (d->line[i] != version[i])
			return false;
	}
	return d->len < sizeof(version) || is_digit(d->line[sizeof(version) - 1]);
}

/* A method as all registered ones are, then nothing that is not text. */
static bool
request_looks_right(const struct half *d, size_t from)
{
	const char *space = memchr(d->line, ' ', d->len);
	size_t method_len = space != NULL ? (size_t)(space - d->line) : d->len;

	for (size_t i = from; i < d->len; i++) {
		unsigned char c = (unsigned char)d->line[i];

		if (c == '\r' && i + 1 == d->len)
			break;
		if (c < ' ' || c == 0x7f)
			return false;
		if (i < method_len && (c < 'A' || c > 'Z') && c != '-' && c != '_')
			return false;
	}
	return method_len < sizeof(((struct http_exchange *)NULL)->method);
}

/* What is no HTTP shows in its first bytes, so the first line is looked at as it comes. */
static bool
looks_right(const struct http_watch *h, const struct half *d, size_t from)
{
	from -= from > 0; /* again the last one: a carriage return ends the line or is wrong */
	return d == &h->request ? request_looks_right(d, from) : status_looks_right(d, from);
}

static void
keep(struct half *d, const char *p, size_t n)
{
	size_t room = sizeof(d->line) - d->len, copy = MIN(room, n);

	memcpy(d->line + d->len, p, copy);
	d->len = (uint16_t)(d->len + copy);
	d->cut = d->cut || copy < n;
	if (n >= sizeof(d->tail)) {
		memcpy(d->tail, p + n - sizeof(d->tail), sizeof(d->tail));
	} else {
		memmove(d->tail, d->tail + n, sizeof(d->tail) - n);
		memcpy(d->tail + sizeof(d->tail) - n, p, n);
	}
}

/* The carriage return before the newline does not belong to the line; afterwards the tail begins
 * with the last TAIL_KEPT bytes. */
static void
strip_return(struct half *d)
{
	if (d->tail[sizeof(d->tail) - 1] != '\r')
		memmove(d->tail, d->tail + 1, sizeof(d->tail) - 1);
	else if (!d->cut && d->len > 0)
		d->len--;
}

static size_t
gather(struct http_watch *h, struct half *d, const char *p, size_t n, struct mono now)
{
	const char *newline = memchr(p, '\n', n);
	size_t part = newline != NULL ? (size_t)(newline - p) : n;
	size_t used = part + (newline != NULL), from = d->len;

	if (d == &h->request && d->len == 0 && d->state == FIRST_LINE)
		h->began = now;
	if ((d == &h->answer && d->state == FIRST_LINE && h->first == NULL) ||
		used > HEAD_MAX - d->head) {
		not_understood(h, d);
		return n;
	}
	d->head += (uint32_t)used;
	keep(d, p, part);
	if (d->state == FIRST_LINE && !looks_right(h, d, from)) {
		not_understood(h, d);
		return n;
	}
	if (newline != NULL) {
		strip_return(d);
		on_line(h, d, now);
		d->len = 0;
		d->cut = false;
		memset(d->tail, 0, sizeof(d->tail));
	}
	return used;
}

static size_t
skip(struct half *d, size_t n)
{
	size_t part = (size_t)MIN((uint64_t)n, d->left);

	d->left -= part;
	if (d->left == 0 && d->state == CHUNK)
		d->state = CHUNK_END;
	else if (d->left == 0)
		message_done(d);
	return part;
}

static void
feed(struct http_watch *h, struct half *d, const char *p, size_t n, struct mono now)
{
	while (n > 0 && !h->over) {
		size_t used = n;

		if (d->state == BODY || d->state == CHUNK)
			used = skip(d, n);
		else if (d->state != IGNORED)
			used = gather(h, d, p, n, now);
		else if (d == &h->request)
			h->lost_bytes = true;
		p += used;
		n -= used;
	}
}

void
http_watch_request(struct http_watch *h, const void *p, size_t n, struct mono now)
{
	if (h != NULL)
		feed(h, &h->request, p, n, now);
}

void
http_watch_response(struct http_watch *h, const void *p, size_t n, struct mono now)
{
	if (h != NULL)
		feed(h, &h->answer, p, n, now);
}

void
http_watch_end(struct http_watch *h, struct mono now)
{
	if (h == NULL)
		return;
	while (h->first != NULL)
		report(h, 0, now);
	give_up(h);
}

void
http_watch_free(struct http_watch *h)
{
	if (h == NULL)
		return;
	give_up(h);
	free(h);
}
