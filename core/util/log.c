/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The log. Lines are formatted by the calling thread, copied into a ring under one short lock and
 * written by a thread of their own. What must hold: lines come out in the order in which they went
 * in, a lost line is counted and said at the place where it is missing, and no caller ever waits
 * for the reader of the log.
 *
 * The writer asks poll() before each write and writes at most PIPE_BUF bytes, which a pipe that is
 * ready takes without blocking. The descriptor's flags are left alone: it may be shared. */

#define _GNU_SOURCE 1

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"

#define RING_SIZE (1u << 20)
/* After a loss lines are taken again when this much is free, not line by line. */
#define RING_LOW (RING_SIZE / 16)
#define MSG_MAX 1000
/* Each byte of a message becomes six at most (\u001b); time and level need less than 128. */
#define LINE_MAX_BYTES (MSG_MAX * 6 + 128)
/* How long log_stop() waits beyond its limit for a writer that hangs inside write(2). */
#define STOP_GRACE_MS 500

#define LIMIT_BURST 5
#define LIMIT_PERIOD_MS 10000

struct ring {
	char buf[RING_SIZE];
	uint64_t head, tail; /* bytes ever put in, ever taken out */
	uint64_t lost;       /* lines lost that have not been said yet */
	int fd;              /* where lines go */
	int wake;            /* eventfd: takes the writer out of poll() */
	bool idle;           /* the writer waits for a line */
	bool stop;           /* log_stop() was called */
	bool done;           /* the writer will not touch the ring again */
	bool abandoned;      /* log_stop() gave up: the writer frees the ring */
	uint64_t last;       /* where head was when stop was set */
	struct mono deadline; /* valid when stop is set */
};

/* Protects ring and everything in it. Held for a copy of one line or one chunk, never for I/O. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;     /* a line, or stop */
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER; /* done was set */
static struct ring *ring;                                  /* NULL: write directly */

static _Atomic int cur_level = LOG_INFO;
static _Atomic int cur_format = LOG_TEXT;
static _Atomic uint64_t dropped;

static const char *const level_name[] = {"error", "warn", "info", "debug"};

/* --- text --- */

/* The length of the valid UTF-8 sequence at p, or 0. C1 controls (U+0080 to U+009F) count as
 * invalid: terminals obey them. */
static size_t
utf8_len(const uint8_t *p, size_t n)
{
	uint32_t c = p[0], low;
	size_t len;

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	c &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	low = len == 2 ? 0xa0 : len == 3 ? 0x800 : 0x10000;
	return c < low || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

/* One byte that must not go out as it is; returns how many characters it became. */
static size_t
escape_byte(char *out, uint8_t c, enum log_format format)
{
	if (format == LOG_TEXT)
		return (size_t)sprintf(out, "\\x%02x", c);
	if (c == '"' || c == '\\')
		return (size_t)sprintf(out, "\\%c", c);
	/* A byte that is not UTF-8 cannot stand in JSON; it is shown as in text. */
	return (size_t)sprintf(out, c < 0x80 ? "\\u%04x" : "\\\\x%02x", c);
}

static size_t
escape(char *out, const char *msg, size_t n, enum log_format format)
{
	const uint8_t *p = (const uint8_t *)msg, *end = p + n;
	char *o = out;

	while (p < end) {
		size_t len = utf8_len(p, (size_t)(end - p));
		bool quoted = format == LOG_JSON && (*p == '"' || *p == '\\');

		if (len == 0 || *p < 0x20 || *p == 0x7f || quoted) {
			o += escape_byte(o, *p++, format);
			continue;
		}
		memcpy(o, p, len);
		o += len;
		p += len;
	}
	return (size_t)(o - out);
}

/* Cuts msg, which is too long, to make room for a mark, and not inside a character. */
static size_t
cut(char msg[MSG_MAX + 1])
{
	static const char mark[] = "…";
	size_t n = MSG_MAX - (sizeof(mark) - 1);

	for (int i = 0; i < 3 && ((uint8_t)msg[n] & 0xc0) == 0x80; i++)
		n--;
	memcpy(msg + n, mark, sizeof(mark));
	return n + sizeof(mark) - 1;
}

/* The whole line with its newline; returns its length. */
static size_t
format_line(char out[LINE_MAX_BYTES], enum log_level level, const char *msg, size_t n)
{
	enum log_format format = (enum log_format)atomic_load(&cur_format);
	struct timespec ts;
	struct tm tm;
	char when[40];
	size_t len;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	len = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(when + len, sizeof(when) - len, ".%03dZ", (int)(ts.tv_nsec / 1000000));
	len = (size_t)sprintf(out,
		format == LOG_JSON ? "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":\"" : "%s %-5s ",
		when, level_name[level]);
	len += escape(out + len, msg, n, format);
	len += (size_t)sprintf(out + len, format == LOG_JSON ? "\"}\n" : "\n");
	return len;
}

const char *
log_safe(char *dst, size_t cap, const void *src, size_t n)
{
	static const char mark[] = "…";
	const uint8_t *p = src;
	size_t need = 0, room, len = 0;

	must(cap > 0);
	for (size_t i = 0; i < n; i++)
		need += p[i] >= 0x20 && p[i] < 0x7f ? 1 : 4;
	room = need < cap ? cap - 1 : cap >= sizeof(mark) ? cap - sizeof(mark) : 0;
	for (size_t i = 0; i < n; i++) {
		bool plain = p[i] >= 0x20 && p[i] < 0x7f;

		if (room - len < (plain ? 1 : 4))
			break;
		if (plain)
			dst[len++] = (char)p[i];
		else
			len += (size_t)sprintf(dst + len, "\\x%02x", p[i]);
	}
	dst[len] = '\0';
	if (need >= cap && cap >= sizeof(mark))
		strcpy(dst + len, mark);
	return dst;
}

/* --- the ring; all of it under the lock --- */

static size_t
ring_room(const struct ring *r)
{
	return RING_SIZE - (size_t)(r->head - r->tail);
}

static void
ring_put(struct ring *r, const char *p, size_t n)
{
	size_t at = r->head % RING_SIZE, first = MIN(n, RING_SIZE - at);

	memcpy(r->buf + at, p, first);
	memcpy(r->buf, p + first, n - first);
	r->head += n;
	if (r->idle)
		pthread_cond_signal(&more);
}

/* Copies what stands at the tail, whole lines if there is one in cap bytes; returns how much. */
static size_t
ring_peek(const struct ring *r, char *p, size_t cap)
{
	size_t n = MIN((size_t)(r->head - r->tail), cap);
	size_t at = r->tail % RING_SIZE, first = MIN(n, RING_SIZE - at);
	const char *newline;

	memcpy(p, r->buf + at, first);
	memcpy(p + first, r->buf, n - first);
	newline = memrchr(p, '\n', n);
	return newline != NULL ? (size_t)(newline - p) + 1 : n;
}

/* Says how many lines are missing here, when there is room again. */
static void
ring_say_lost(struct ring *r)
{
	char line[LINE_MAX_BYTES], msg[128];
	int n;

	if (r->lost == 0 || ring_room(r) < RING_LOW)
		return;
	n = snprintf(msg, sizeof(msg), "%llu log lines are missing here",
		(unsigned long long)r->lost);
	r->lost = 0;
	ring_put(r, line, format_line(line, LOG_WARN, msg, (size_t)n));
}

static void
ring_add(struct ring *r, const char *line, size_t n)
{
	ring_say_lost(r);
	if (r->lost > 0 || ring_room(r) < n) {
		r->lost++;
		atomic_fetch_add(&dropped, 1);
		return;
	}
	ring_put(r, line, n);
}

/* Takes n bytes off unwritten; the lines that end in them are lost. */
static void
ring_lose(struct ring *r, size_t n)
{
	uint64_t lines = 0;

	for (; n > 0; n--)
		lines += r->buf[r->tail++ % RING_SIZE] == '\n';
	r->lost += lines;
	atomic_fetch_add(&dropped, lines);
}

/* --- the writer --- */

static void
ring_free(struct ring *r)
{
	if (r->wake >= 0)
		close(r->wake);
	free(r);
}

/* True while there is something to write. Sets how long its reader may be waited for. */
static bool
writer_wait(struct ring *r, int *timeout_ms_r)
{
	int64_t left;

	while (r->head == r->tail && !r->stop) {
		r->idle = true;
		pthread_cond_wait(&more, &lock);
		r->idle = false;
	}
	if (r->head == r->tail)
		return false;
	*timeout_ms_r = -1;
	if (r->stop) {
		left = (r->deadline.ns - mono_now().ns + 999999) / 1000000;
		/* Lines that came after the stop do not keep it waiting. */
		if (left <= 0 && r->tail >= r->last)
			return false;
		*timeout_ms_r = left > 0 ? (int)left : 0;
	}
	return !r->abandoned;
}

/* Waits until fd takes bytes, without the lock. False: woken or out of time. */
static bool
writer_poll(const struct ring *r, int timeout_ms)
{
	struct pollfd p[2] = {{r->fd, POLLOUT, 0}, {r->wake, POLLIN, 0}};

	/* With a limit the stop is known already, and wake stays readable. */
	return poll(p, timeout_ms < 0 ? 2 : 1, timeout_ms) > 0 && p[0].revents != 0;
}

/* Writes one chunk; called with the lock, gives it up for the I/O. False: out of time. */
static bool
writer_step(struct ring *r, int timeout_ms)
{
	char chunk[PIPE_BUF];
	size_t n = ring_peek(r, chunk, sizeof(chunk));
	ssize_t done = 0;
	bool ready;

	pthread_mutex_unlock(&lock);
	ready = writer_poll(r, timeout_ms);
	if (ready)
		done = write(r->fd, chunk, n);
	if (done < 0 && (errno == EAGAIN || errno == EINTR))
		done = 0;
	pthread_mutex_lock(&lock);
	if (done < 0) {
		/* Disk full, reader gone: these lines are lost, the next ones are tried again. */
		ring_lose(r, n);
		return true;
	}
	r->tail += (size_t)done;
	if (done > 0)
		ring_say_lost(r);
	return ready || timeout_ms < 0 || mono_before(mono_now(), r->deadline);
}

static void *
writer(void *arg)
{
	struct ring *r = arg;
	bool abandoned;
	int timeout_ms;

	pthread_mutex_lock(&lock);
	while (writer_wait(r, &timeout_ms) && writer_step(r, timeout_ms))
		;
	ring_lose(r, (size_t)(r->head - r->tail));
	/* From here on lines go the direct way; none can fall in between. */
	if (ring == r)
		ring = NULL;
	r->done = true;
	abandoned = r->abandoned;
	pthread_cond_broadcast(&finished);
	pthread_mutex_unlock(&lock);
	if (abandoned)
		ring_free(r);
	return NULL;
}

/* --- start and stop --- */

/* Under the lock, which also tells which log_stop() belongs to the thread. */
static pthread_t thread;

static int
start_thread(struct ring *r)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, writer, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

int
log_start(int fd, enum log_format format, enum log_level level)
{
	struct ring *r;
	int rc = -EALREADY;

	pthread_mutex_lock(&lock);
	if (ring == NULL) {
		r = xcalloc(1, sizeof(*r));
		r->fd = fd;
		r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		rc = r->wake < 0 ? -errno : start_thread(r);
		if (rc == 0) {
			ring = r;
			atomic_store(&cur_format, format);
			atomic_store(&cur_level, level);
		} else {
			ring_free(r);
		}
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

/* Waits, with the lock, until the writer is done; false when it does not come back in time. */
static bool
wait_done(struct ring *r)
{
	struct mono end = mono_add_ms(r->deadline, STOP_GRACE_MS);
	struct timespec ts = {end.ns / 1000000000, end.ns % 1000000000};

	while (!r->done)
		if (pthread_cond_clockwait(&finished, &lock, CLOCK_MONOTONIC, &ts) == ETIMEDOUT)
			return r->done;
	return true;
}

void
log_stop(int timeout_ms)
{
	struct ring *r;
	pthread_t t;
	bool done;

	pthread_mutex_lock(&lock);
	r = ring;
	if (r == NULL || r->stop) {
		pthread_mutex_unlock(&lock);
		return;
	}
	t = thread;
	r->stop = true;
	r->last = r->head;
	r->deadline = mono_add_ms(mono_now(), MAX(timeout_ms, 0));
	pthread_cond_signal(&more);
	must(eventfd_write(r->wake, 1) == 0);
	done = wait_done(r);
	if (!done) {
		/* It hangs inside write(2), as on a stopped terminal. It frees the ring if it
		 * ever returns. */
		r->abandoned = true;
		ring = NULL;
	}
	pthread_mutex_unlock(&lock);
	if (!done) {
		pthread_detach(t);
		return;
	}
	pthread_join(t, NULL);
	ring_free(r);
}

/* --- lines --- */

void
log_set_level(enum log_level level)
{
	atomic_store(&cur_level, level);
}

bool
log_wants(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&cur_level, memory_order_relaxed);
}

int
log_level_parse(const char *name, enum log_level *level_r)
{
	for (size_t i = 0; i < ARRAY_LEN(level_name); i++) {
		if (strcmp(name, level_name[i]) == 0) {
			*level_r = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

uint64_t
log_dropped(void)
{
	return atomic_load(&dropped);
}

/* Before the start and after the stop: straight to stderr, whole unless stderr refuses. */
static void
write_direct(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(STDERR_FILENO, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

static void
emit(enum log_level level, const char *msg, size_t n)
{
	char line[LINE_MAX_BYTES];
	int saved = errno;
	size_t len = format_line(line, level, msg, n);
	bool direct;

	pthread_mutex_lock(&lock);
	direct = ring == NULL;
	if (!direct)
		ring_add(ring, line, len);
	pthread_mutex_unlock(&lock);
	if (direct)
		write_direct(line, len);
	errno = saved;
}

/* Formats into msg; returns the length, cut to MSG_MAX. */
static size_t ATTR_PRINTF(2, 0)
format_msg(char msg[MSG_MAX + 1], const char *fmt, va_list ap)
{
	int n = vsnprintf(msg, MSG_MAX + 1, fmt, ap);

	if (n < 0)
		return 0;
	return n > MSG_MAX ? cut(msg) : (size_t)n;
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	char msg[MSG_MAX + 1];
	va_list ap;
	size_t n;

	if (!log_wants(level))
		return;
	va_start(ap, fmt);
	n = format_msg(msg, fmt, ap);
	va_end(ap);
	emit(level, msg, n);
}

/* Counts one line; false when it is to be held back. Threads that race at the turn of a window may
 * let a line more or less through: what is counted stays right. */
static bool
limit_pass(struct log_limit *l, uint32_t *held_r)
{
	int64_t now = mono_now().ns, start = atomic_load(&l->window_ns);

	if ((start == 0 || now - start >= LIMIT_PERIOD_MS * INT64_C(1000000)) &&
		atomic_compare_exchange_strong(&l->window_ns, &start, now))
		atomic_store(&l->passed, 0);
	if (atomic_load(&l->passed) >= LIMIT_BURST ||
		atomic_fetch_add(&l->passed, 1) >= LIMIT_BURST) {
		atomic_fetch_add(&l->held, 1);
		return false;
	}
	*held_r = atomic_exchange(&l->held, 0);
	return true;
}

void
log_limited(struct log_limit *l, enum log_level level, const char *fmt, ...)
{
	char msg[MSG_MAX + 1], more_like[40];
	uint32_t held;
	va_list ap;
	size_t n;

	if (!log_wants(level) || !limit_pass(l, &held))
		return;
	va_start(ap, fmt);
	n = format_msg(msg, fmt, ap);
	va_end(ap);
	if (held > 0) {
		int len = snprintf(more_like, sizeof(more_like), " (and %u more like this)", held);

		/* The count is worth more than the end of a long message. */
		n = MIN(n, (size_t)(MSG_MAX - len));
		memcpy(msg + n, more_like, (size_t)len);
		n += (size_t)len;
	}
	emit(level, msg, n);
}
