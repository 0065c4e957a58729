/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One process. What must always hold: a question that it has a part of is written to the end or the
 * process ends, so that lines never run into each other. */

#include "helper.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define GOOD_AFTER_MS 10000 /* one that has answered and lived as long begins anew with the least */
#define LAST_WORDS_MS 100   /* for one that has closed its output to be gone by itself */
#define NAP_MS 2
#define ERR_BURST 20        /* lines on standard error */
#define ERR_EACH_MS 200     /* and one more in each so many */

void
question_free(struct question *q)
{
	if (q == NULL)
		return;
	line_wipe(&q->line);
	free(q);
}

/* ---- Life ------------------------------------------------------------------------------------ */

void
helper_init(struct helper *h, const struct adit_plugin *plugin, unsigned slot, int64_t now)
{
	h->plugin = plugin;
	h->slot = slot;
	h->c = CHILD_NONE;
	h->start_at = now;
	h->backoff_ms = BACKOFF_MIN_MS;
	h->err_tokens = ERR_BURST;
	h->err_tokens_at = now;
	TAILQ_INIT(&h->open);
}

static void
back_off(struct helper *h, int64_t now)
{
	if (h->answered && now - h->started >= GOOD_AFTER_MS)
		h->backoff_ms = BACKOFF_MIN_MS;
	h->start_at = now + h->backoff_ms;
	h->backoff_ms *= 2;
	if (h->backoff_ms > BACKOFF_MAX_MS)
		h->backoff_ms = BACKOFF_MAX_MS;
}

int
helper_start(struct helper *h, char *const *argv, int64_t now, char *why, size_t cap)
{
	char path[PATH_MAX];

	h->started = now;
	h->answered = false;
	if (child_find(argv[0], path, why, cap) < 0 ||
		child_start(&h->c, path, (const char *const *)argv, why, cap) < 0) {
		back_off(h, now);
		return -1;
	}
	h->generation++;
	h->up = true;
	h->n_in = h->in_at = h->n_err = 0;
	h->n_stray = 0;
	return 0;
}

/* What is still in the pipe, and for one that has closed its output until it is gone. */
static void
last_words(struct helper *h, int64_t now)
{
	struct pollfd p = {.events = POLLIN};

	for (int i = 0; i < LAST_WORDS_MS / NAP_MS; i++) {
		bool over = child_ended(&h->c) || h->c.out >= 0;

		p.fd = h->c.err;
		p.revents = 0;
		if (poll(&p, 1, over ? 0 : NAP_MS) > 0)
			helper_errors(h, now);
		else if (over)
			break;
	}
}

void
helper_end(struct helper *h, int64_t now, char *how_r, size_t cap)
{
	if (h->c.in >= 0)
		close(h->c.in);
	h->c.in = -1;
	last_words(h, now);
	(void)child_stop(&h->c, 0);
	child_how_ended(&h->c, how_r, cap);
	explicit_bzero(h->in, sizeof(h->in));
	h->up = false;
	h->writing = NULL;
	back_off(h, now);
}

/* ---- Questions ------------------------------------------------------------------------------- */

void
helper_ask(struct helper *h, struct question *q, int64_t now)
{
	if (h->n_open == 0)
		h->heard = now;
	TAILQ_INSERT_TAIL(&h->open, q, node);
	h->n_open++;
	if (h->writing == NULL)
		h->writing = q;
}

int
helper_write(struct helper *h)
{
	while (h->writing != NULL) {
		struct question *q = h->writing;
		ssize_t n = write(h->c.in, q->line.p + q->written, q->line.n - q->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		q->written += (size_t)n;
		if (q->written < q->line.n)
			continue;
		line_wipe(&q->line);
		h->writing = TAILQ_NEXT(q, node);
	}
	return 0;
}

struct question *
helper_take(struct helper *h, const char *id, int64_t now)
{
	struct question *q;

	TAILQ_FOREACH(q, &h->open, node)
		if (strcmp(q->id, id) == 0)
			break;
	if (q == NULL || q->line.p != NULL) { /* an answer before it could read the question */
		h->n_stray++;
		return NULL;
	}
	TAILQ_REMOVE(&h->open, q, node);
	h->n_open--;
	h->heard = now;
	h->answered = true;
	h->n_stray = 0;
	return q;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

int
helper_read(struct helper *h)
{
	ssize_t n = read(h->c.out, h->in + h->n_in, sizeof(h->in) - h->n_in);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		close(h->c.out);
		h->c.out = -1;
		return -EPIPE;
	}
	h->n_in += (size_t)n;
	return 1;
}

/* What was handed out goes. */
static void
compact(struct helper *h)
{
	h->n_in -= h->in_at;
	memmove(h->in, h->in + h->in_at, h->n_in);
	explicit_bzero(h->in + h->n_in, h->in_at);
	h->in_at = 0;
}

char *
helper_line(struct helper *h, size_t *n_r)
{
	char *line = h->in + h->in_at, *end = memchr(line, '\n', h->n_in - h->in_at);

	if (end == NULL) {
		compact(h);
		return NULL;
	}
	*end = '\0';
	*n_r = (size_t)(end - line);
	h->in_at += *n_r + 1;
	return line;
}

bool
helper_overlong(const struct helper *h)
{
	return h->n_in - h->in_at == sizeof(h->in);
}

/* ---- Standard error -------------------------------------------------------------------------- */

static bool
err_allowed(struct helper *h, int64_t now)
{
	int64_t more = (now - h->err_tokens_at) / ERR_EACH_MS;

	if (more > 0) {
		h->err_tokens_at += more * ERR_EACH_MS;
		h->err_tokens = more + h->err_tokens > ERR_BURST ? ERR_BURST
								 : h->err_tokens + (unsigned)more;
	}
	if (h->err_tokens == 0)
		return false;
	h->err_tokens--;
	return true;
}

/* Whatever it is, it is one line of printable characters. */
static void
log_err(struct helper *h, int64_t now)
{
	char text[4 * sizeof(h->err) + 1];
	size_t at = 0;

	if (!err_allowed(h, now)) {
		h->err_dropped++;
		return;
	}
	for (size_t i = 0; i < h->n_err; i++) {
		unsigned char c = (unsigned char)h->err[i];

		if (c >= ' ' && c < 0x7f)
			text[at++] = (char)c;
		else
			at += (size_t)snprintf(text + at, 5, "\\x%02x", c);
	}
	text[at] = '\0';
	if (h->err_dropped > 0)
		adit_log(h->plugin, ADIT_LOG_INFO, "%s says: (%u lines not shown)", h->name,
			h->err_dropped);
	h->err_dropped = 0;
	adit_log(h->plugin, ADIT_LOG_INFO, "%s says: %s", h->name, text);
}

/* A line that is too long is cut, what follows of it dropped. */
static void
err_byte(struct helper *h, char c, int64_t now)
{
	if (c != '\n' && h->n_err < sizeof(h->err)) {
		h->err[h->n_err++] = c;
		return;
	}
	if (c != '\n')
		return;
	if (h->n_err > 0)
		log_err(h, now);
	h->n_err = 0;
}

void
helper_errors(struct helper *h, int64_t now)
{
	char buf[4096];
	ssize_t n = read(h->c.err, buf, sizeof(buf));

	for (ssize_t i = 0; i < n; i++)
		err_byte(h, buf[i], now);
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	err_byte(h, '\n', now); /* a last line without an end */
	close(h->c.err);
	h->c.err = -1;
}
