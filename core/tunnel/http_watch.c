/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Watches HTTP/1.x go by. Each direction is a small machine that gathers one line at a time, or
 * skips a body; of a line only its beginning is kept. Owner worker only, pure. What always holds: a
 * request whose head was seen stands in the list until its final answer's head, at most PENDING_MAX
 * of them; a line has memory only while it has begun and not ended. Nothing else is allocated.
 * Whatever is not understood ends the watching for good. */

#include "tunnel/http_watch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/compiler.h"
#include "util/log.h"

enum {
	PENDING_MAX = 32,     /* requests without an answer */
	HEAD_MAX = 64 * 1024, /* bytes of a head, of a chunk's line, of trailers */
	LINE_KEPT = 160,      /* of each line: method, space and what is shown of the target */
	TAIL_KEPT = 9,        /* the end of a long request line: " HTTP/1.1" */
	TARGET_KEPT = 128,    /* fills http_exchange.path, so that log_safe() marks the cut */
};

enum half_state { FIRST_LINE, FIELDS, BODY, CHUNK_LINE, CHUNK, CHUNK_END, TRAILERS, IGNORED };

/* The line that is coming. */
struct line {
	uint16_t len;
	bool cut;                 /* it is longer than what was kept */
	char tail[TAIL_KEPT + 1]; /* and a carriage return */
	char text[LINE_KEPT];
};

struct half {
	struct line *line;           /* NULL between two lines, except inside feed() */
	uint64_t left;               /* of the body or the chunk; in fields the Content-Length */
	uint32_t head;               /* bytes of it so far */
	uint8_t state;               /* enum half_state */
	bool coded : 1, chunked : 1; /* Transfer-Encoding is there; it ends in chunked */
	bool sized : 1;              /* Content-Length is there */
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
	struct mono began;       /* the first byte of the request line that is coming */
	uint16_t n_pending;
	uint16_t status; /* of the answer whose fields are coming */
	bool lost_bytes; /* of the client: not understood, or sent before the answer to CONNECT */
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
	const struct line *l = h->request.line;
	const char *line = l->text, *end = line + l->len, *space, *target, *stop;

	if (l->len == 0) /* section 2.2: an empty line before a request is skipped */
		return;
	space = memchr(line, ' ', l->len);
	if (space == NULL || space == line || memcmp(l->tail, " HTTP/1.", TAIL_KEPT - 1) != 0 ||
		!is_digit(l->tail[TAIL_KEPT - 1])) {
		lose_requests(h);
		return;
	}
	target = space + 1;
	stop = memchr(target, ' ', (size_t)(end - target));
	if (stop == NULL)
		stop = end;
	if (stop == target || (!l->cut && end - stop != TAIL_KEPT)) {
		lose_requests(h);
		return;
	}
	h->reading = pending_new(line, (size_t)(space - line), target, (size_t)(stop - target));
	h->reading->began = h->began;
	fields_begin(&h->request);
}

/* "HTTP/1.x NNN reason" (section 4); the first letters were checked as they came. */
static void
status_line(struct http_watch *h)
{
	const struct line *l = h->answer.line;
	const char *line = l->text;

	if (l->len < 12 || line[8] != ' ' || line[9] < '1' || line[9] > '5' ||
		!is_digit(line[10]) || !is_digit(line[11]) || (l->len > 12 && line[12] != ' ')) {
		give_up(h);
		return;
	}
	h->status = (uint16_t)((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
	fields_begin(&h->answer);
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
	const struct line *l = d->line;
	const char *line = l->text, *end = line + l->len, *colon = memchr(line, ':', l->len), *v;
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
	if ((length || coding) && l->cut)
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
	const char *line = d->line->text;
	size_t len = d->line->len, i = 0;
	uint64_t sum = 0;

	for (; i < len && hex_value(line[i]) >= 0; i++) {
		if (i == 15)
			return false;
		sum = sum << 4 | (uint64_t)hex_value(line[i]);
	}
	if (i == 0 || (i < len && line[i] != ';' && line[i] != ' ' && line[i] != '\t'))
		return false;
	d->left = sum;
	d->state = sum > 0 ? CHUNK : TRAILERS;
	d->head = 0;
	return true;
}

static void
on_fields(struct http_watch *h, struct half *d, struct mono now)
{
	if (d->line->len > 0) {
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

	switch ((enum half_state)d->state) {
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
		good = d->line->len == 0;
		d->state = CHUNK_LINE;
		break;
	case TRAILERS:
		if (d->line->len == 0)
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
status_looks_right(const struct line *l, size_t from)
{
	static const char version[] = "HTTP/1.";

	for (size_t i = from; i < l->len && i < sizeof(version) - 1; i++) {
		if (l->text[i] != version[i])
			return false;
	}
	return l->len < sizeof(version) || is_digit(l->text[sizeof(version) - 1]);
}

/* A method as all registered ones are, then nothing that is not text. */
static bool
request_looks_right(const struct line *l, size_t from)
{
	const char *space = memchr(l->text, ' ', l->len);
	size_t method_len = space != NULL ? (size_t)(space - l->text) : l->len;

	for (size_t i = from; i < l->len; i++) {
		unsigned char c = (unsigned char)l->text[i];

		if (c == '\r' && i + 1 == l->len)
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
	return d == &h->request ? request_looks_right(d->line, from)
				: status_looks_right(d->line, from);
}

static void
keep(struct line *l, const char *p, size_t n)
{
	size_t room = sizeof(l->text) - l->len, copy = MIN(room, n);

	memcpy(l->text + l->len, p, copy);
	l->len = (uint16_t)(l->len + copy);
	l->cut = l->cut || copy < n;
	if (n >= sizeof(l->tail)) {
		memcpy(l->tail, p + n - sizeof(l->tail), sizeof(l->tail));
	} else {
		memmove(l->tail, l->tail + n, sizeof(l->tail) - n);
		memcpy(l->tail + sizeof(l->tail) - n, p, n);
	}
}

/* The carriage return before the newline does not belong to the line; afterwards the tail begins
 * with the last TAIL_KEPT bytes. */
static void
strip_return(struct line *l)
{
	if (l->tail[sizeof(l->tail) - 1] != '\r')
		memmove(l->tail, l->tail + 1, sizeof(l->tail) - 1);
	else if (!l->cut && l->len > 0)
		l->len--;
}

static void
line_begins(struct line *l)
{
	l->len = 0;
	l->cut = false;
	memset(l->tail, 0, sizeof(l->tail));
}

static size_t
gather(struct http_watch *h, struct half *d, const char *p, size_t n, struct mono now)
{
	const char *newline = memchr(p, '\n', n);
	size_t part = newline != NULL ? (size_t)(newline - p) : n;
	size_t used = part + (newline != NULL), from;

	if (d->line == NULL) {
		d->line = xmalloc(sizeof(*d->line));
		line_begins(d->line);
	}
	from = d->line->len;
	if (d == &h->request && from == 0 && d->state == FIRST_LINE)
		h->began = now;
	if ((d == &h->answer && d->state == FIRST_LINE && h->first == NULL) ||
		used > HEAD_MAX - d->head) {
		not_understood(h, d);
		return n;
	}
	d->head += (uint32_t)used;
	keep(d->line, p, part);
	if (d->state == FIRST_LINE && !looks_right(h, d, from)) {
		not_understood(h, d);
		return n;
	}
	if (newline != NULL) {
		strip_return(d->line);
		on_line(h, d, now);
		line_begins(d->line);
	}
	return used;
}

static void
free_line(struct half *d)
{
	free(d->line);
	d->line = NULL;
}

static void
skip(struct half *d, uint64_t n)
{
	d->left -= n;
	if (d->left == 0 && d->state == CHUNK)
		d->state = CHUNK_END;
	else if (d->left == 0)
		message_done(d);
}

static void
feed(struct http_watch *h, struct half *d, const char *p, size_t n, struct mono now)
{
	while (n > 0 && !h->over) {
		size_t used = n;

		if (d->state == BODY || d->state == CHUNK) {
			used = (size_t)MIN((uint64_t)n, d->left);
			skip(d, used);
		} else if (d->state != IGNORED) {
			used = gather(h, d, p, n, now);
		} else if (d == &h->request) {
			h->lost_bytes = true;
		}
		p += used;
		n -= used;
	}
	if (d->line != NULL && (d->line->len == 0 || d->state == IGNORED || h->over))
		free_line(d);
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

/* ---- Bytes that nobody sees ----------------------------------------------------------------- */

static uint64_t
blind(const struct http_watch *h, const struct half *d)
{
	if (h->over)
		return UINT64_MAX;
	if (d->state == BODY || d->state == CHUNK)
		return d->left;
	/* A client that waits for the answer to CONNECT is still looked at: what it sends too early
	 * decides what can be understood afterwards. */
	if (d->state == IGNORED && (d == &h->answer || h->lost_bytes))
		return UINT64_MAX;
	return 0;
}

uint64_t
http_watch_blind_request(const struct http_watch *h)
{
	return h != NULL ? blind(h, &h->request) : UINT64_MAX;
}

uint64_t
http_watch_blind_response(const struct http_watch *h)
{
	return h != NULL ? blind(h, &h->answer) : UINT64_MAX;
}

static void
pass(const struct http_watch *h, struct half *d, uint64_t n)
{
	must(n <= blind(h, d));
	if (n > 0 && !h->over && d->state != IGNORED)
		skip(d, n);
}

void
http_watch_skip_request(struct http_watch *h, uint64_t n)
{
	if (h != NULL)
		pass(h, &h->request, n);
}

void
http_watch_skip_response(struct http_watch *h, uint64_t n)
{
	if (h != NULL)
		pass(h, &h->answer, n);
}

/* ---- The end -------------------------------------------------------------------------------- */

bool
http_watch_done(const struct http_watch *h)
{
	return h == NULL || h->over;
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
	free_line(&h->request);
	free_line(&h->answer);
	free(h);
}
