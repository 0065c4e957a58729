/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The desk's thread: it hands questions to processes, waits for whatever comes first (poll), and
 * answers. What must always hold: whoever takes a question's req, under the lock, is the one who
 * answers that login, so that nobody answers twice and nobody is forgotten. */

#include "desk.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define STRAYS_MAX 100 /* answers that nobody has asked for, before the program counts as broken */
#define NAP_MS 5
#define LONG_MS 60000

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
wake(struct desk *d)
{
	const uint64_t one = 1;

	while (write(d->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* ---- Answering ------------------------------------------------------------------------------- */

/* Takes over who waits for this question: NULL if nobody does. Under the lock. */
static struct adit_auth_req *
claim(struct question *q)
{
	struct adit_auth_req *req = q->req;

	q->req = NULL;
	return req;
}

/* Gives up on a question; it stays where it is. */
static void
give_up(struct desk *d, struct question *q, const char *why, const struct helper *from)
{
	struct adit_auth_req *req;

	pthread_mutex_lock(&d->lock);
	req = claim(q);
	pthread_mutex_unlock(&d->lock);
	if (req != NULL)
		desk_answered(req, NULL, why, from);
}

/* ---- Processes ------------------------------------------------------------------------------- */

static void
start(struct desk *d, struct helper *h, int64_t now)
{
	char why[512];

	if (helper_start(h, d->how.argv, now, why, sizeof(why)) == 0) {
		d->failing = false;
		adit_log(d->how.plugin, ADIT_LOG_INFO, "%s started as process %d", h->name,
			(int)h->c.pid);
		return;
	}
	if (!d->failing)
		adit_log(d->how.plugin, ADIT_LOG_ERROR, "%s; tried again and again", why);
	d->failing = true;
}

/* It is of no use any more: its questions fail, and it is started again later. */
__attribute__((format(printf, 3, 4))) static void
end(struct desk *d, struct helper *h, const char *fmt, ...)
{
	char why[256], how[40];
	struct question *q;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	helper_end(h, now_ms(), how, sizeof(how));
	adit_log(d->how.plugin, ADIT_LOG_WARN,
		"%s %s: ended (%s), %u questions unanswered, the next start in %lld ms", h->name,
		why, how, h->n_open, (long long)(h->start_at - now_ms()));
	pthread_mutex_lock(&d->lock);
	TAILQ_CONCAT(&d->done, &h->open, node);
	h->n_open = 0;
	pthread_mutex_unlock(&d->lock);
	while ((q = TAILQ_FIRST(&d->done)) != NULL) {
		TAILQ_REMOVE(&d->done, q, node);
		give_up(d, q, "the program has ended", h);
		question_free(q);
	}
}

static void
pass_on(struct adit_auth_req *req, const struct answer *a, enum answer_is is,
	const struct helper *from)
{
	char why[240];

	snprintf(why, sizeof(why), "the program's answer: %s", a->wrong);
	desk_answered(req, is == ANSWER_GOOD ? a : NULL, why, from);
}

/* True if the line was an answer, or at least no reason to end the program. */
static bool
take_line(struct desk *d, struct helper *h, const char *line, size_t n)
{
	struct answer a;
	enum answer_is is;
	struct question *q;
	struct adit_auth_req *req;

	if (strspn(line, " \t\r") == n)
		return true;
	is = answer_parse(line, n, &a);
	if (is == ANSWER_GARBAGE) {
		end(d, h, "wrote what is no answer: %s", a.wrong);
		answer_fini(&a);
		return false;
	}
	pthread_mutex_lock(&d->lock);
	q = helper_take(h, a.id, now_ms());
	req = q != NULL ? claim(q) : NULL;
	pthread_mutex_unlock(&d->lock);
	if (req != NULL)
		pass_on(req, &a, is, h);
	else if (q != NULL)
		adit_log(d->how.plugin, ADIT_LOG_DEBUG, "%s answered when nobody waited any more",
			h->name);
	else if (h->n_stray == 1)
		adit_log(d->how.plugin, ADIT_LOG_WARN,
			"%s answered a question that it has answered already or was not asked; "
			"ignored", h->name);
	question_free(q);
	answer_fini(&a);
	if (h->n_stray <= STRAYS_MAX)
		return true;
	end(d, h, "gave %u answers that nobody had asked for", h->n_stray);
	return false;
}

static void
read_answers(struct desk *d, struct helper *h)
{
	int rc = helper_read(h);
	char *line;
	size_t n;

	if (rc == 0)
		return;
	while ((line = helper_line(h, &n)) != NULL)
		if (!take_line(d, h, line, n))
			return;
	if (helper_overlong(h))
		end(d, h, "wrote a line of more than %u bytes", ANSWER_MAX);
	else if (rc == -EPIPE)
		end(d, h, "closed its output");
	else if (rc < 0)
		end(d, h, "cannot be read: %s", strerror(-rc));
}

static void
write_questions(struct desk *d, struct helper *h)
{
	int rc = helper_write(h);

	if (rc < 0)
		end(d, h, "does not listen: %s", strerror(-rc));
}

/* ---- Who is asked what ----------------------------------------------------------------------- */

/* Which process takes it: of those that have room the one with the least to do; NULL: none now.
 * *never_r: none will, as long as it waits. */
static struct helper *
pick(struct desk *d, const struct question *q, bool *never_r)
{
	struct helper *best = NULL;
	bool hope = false;

	for (unsigned i = 0; i < d->how.processes; i++) {
		struct helper *h = &d->helper[i];

		if (q->pinned && (i != q->slot || !h->up || h->generation != q->generation))
			continue;
		hope = hope || h->up || h->start_at < q->due;
		if (h->up && h->n_open < d->how.in_flight &&
			(best == NULL || h->n_open < best->n_open))
			best = h;
	}
	*never_r = !hope;
	return best;
}

/* Under the lock. Those that nobody will take are moved to d->done. */
static void
hand_out(struct desk *d, int64_t now)
{
	struct question *q = TAILQ_FIRST(&d->waiting), *next;
	bool full = false; /* those that come later need not ask */

	for (; q != NULL; q = next) {
		struct helper *h = NULL;
		bool never = false;

		next = TAILQ_NEXT(q, node);
		if (!full || q->pinned)
			h = pick(d, q, &never);
		if (h == NULL && !never && q->due > now) {
			full = full || !q->pinned;
			continue;
		}
		TAILQ_REMOVE(&d->waiting, q, node);
		d->n_waiting--;
		if (h != NULL && q->due > now)
			helper_ask(h, q, now);
		else
			TAILQ_INSERT_TAIL(&d->done, q, node);
	}
}

static void
refuse_done(struct desk *d, int64_t now)
{
	struct question *q;

	while ((q = TAILQ_FIRST(&d->done)) != NULL) {
		TAILQ_REMOVE(&d->done, q, node);
		give_up(d, q,
			q->due <= now ? "no process had time for it" : "the program does not run",
			NULL);
		question_free(q);
	}
}

/* What has waited too long for its answer, and a process that owes too much. */
static void
check_time(struct desk *d, struct helper *h, int64_t now)
{
	unsigned lost = 0;
	struct question *q;

	TAILQ_FOREACH(q, &h->open, node) {
		if (q->due <= now) {
			give_up(d, q, "the program did not answer in time", h);
			lost++;
		}
	}
	if (h->n_open > 0 && now - h->heard >= 2 * d->how.timeout_ms)
		end(d, h, "has not answered for %lld ms", (long long)(now - h->heard));
	else if (lost == d->how.in_flight)
		end(d, h, "owes %u answers", lost);
}

/* When something must be done even if nothing comes. */
static int64_t
next_time(struct desk *d, int64_t now)
{
	int64_t at = now + LONG_MS;
	struct question *q;

	pthread_mutex_lock(&d->lock);
	q = TAILQ_FIRST(&d->waiting);
	if (q != NULL && q->due < at)
		at = q->due;
	pthread_mutex_unlock(&d->lock);
	for (unsigned i = 0; i < d->how.processes; i++) {
		struct helper *h = &d->helper[i];

		if (!h->up && h->start_at < at)
			at = h->start_at;
		if (h->n_open > 0 && h->heard + 2 * d->how.timeout_ms < at)
			at = h->heard + 2 * d->how.timeout_ms;
		TAILQ_FOREACH(q, &h->open, node)
			if (q->due > now && q->due < at)
				at = q->due;
	}
	return at;
}

/* ---- The thread ------------------------------------------------------------------------------ */

/* Everything that time asks for. False: the desk closes. */
static bool
turn(struct desk *d)
{
	int64_t now = now_ms();
	bool stop;

	for (unsigned i = 0; i < d->how.processes; i++) {
		struct helper *h = &d->helper[i];

		if (h->up)
			check_time(d, h, now);
		else if (h->start_at <= now)
			start(d, h, now);
	}
	pthread_mutex_lock(&d->lock);
	stop = d->stop;
	hand_out(d, now);
	pthread_mutex_unlock(&d->lock);
	refuse_done(d, now);
	return !stop;
}

static void
wait_for_events(struct desk *d)
{
	struct pollfd p[1 + 3 * DESK_HELPERS_MAX] = {{.fd = d->wake, .events = POLLIN}};
	unsigned n = d->how.processes;
	int64_t now = now_ms(), left = next_time(d, now) - now;
	uint64_t count;

	for (unsigned i = 0; i < n; i++) {
		struct helper *h = &d->helper[i];

		p[1 + 3 * i] = (struct pollfd){.fd = h->writing != NULL ? h->c.in : -1,
			.events = POLLOUT};
		p[2 + 3 * i] = (struct pollfd){.fd = h->c.out, .events = POLLIN};
		p[3 + 3 * i] = (struct pollfd){.fd = h->c.err, .events = POLLIN};
	}
	if (poll(p, 1 + 3 * n, left > 0 ? (int)left : 0) <= 0)
		return;
	if (p[0].revents != 0 && read(d->wake, &count, sizeof(count)) < 0)
		count = 0; /* nothing new: the turn finds nothing either */
	for (unsigned i = 0; i < n; i++) {
		struct helper *h = &d->helper[i];

		if (p[3 + 3 * i].revents != 0 && h->up)
			helper_errors(h, now_ms());
		if (p[2 + 3 * i].revents != 0 && h->up)
			read_answers(d, h);
		if (p[1 + 3 * i].revents != 0 && h->up)
			write_questions(d, h);
	}
}

/* Reads and drops what those that are ending say, for so long or until all have ended. */
static void
attend(struct desk *d, int ms)
{
	int64_t until = now_ms() + ms, now;
	bool alive = true;

	while (alive && (now = now_ms()) < until) {
		alive = false;
		for (unsigned i = 0; i < d->how.processes; i++) {
			struct helper *h = &d->helper[i];

			if (!h->up || child_ended(&h->c))
				continue;
			alive = true;
			if (h->c.err >= 0)
				helper_errors(h, now);
			if (h->c.out >= 0 && helper_read(h) > 0)
				h->n_in = h->in_at = 0;
		}
		if (alive)
			(void)poll(NULL, 0, NAP_MS);
	}
}

static void
end_all(struct desk *d)
{
	for (unsigned i = 0; i < d->how.processes; i++) {
		struct helper *h = &d->helper[i];

		if (h->up && h->c.in >= 0)
			close(h->c.in);
		h->c.in = -1;
	}
	attend(d, d->how.grace_ms);
	for (unsigned i = 0; i < d->how.processes; i++)
		if (d->helper[i].up)
			child_signal(&d->helper[i].c, SIGTERM);
	attend(d, d->how.grace_ms);
	for (unsigned i = 0; i < d->how.processes; i++) {
		struct helper *h = &d->helper[i];
		char how[40];

		if (h->up)
			helper_end(h, now_ms(), how, sizeof(how));
	}
}

static void *
desk_main(void *arg)
{
	struct desk *d = arg;

	while (turn(d))
		wait_for_events(d);
	end_all(d);
	return NULL;
}

/* ---- What others call ------------------------------------------------------------------------ */

int
desk_open(struct desk *d, const struct desk_how *how)
{
	d->how = *how;
	d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->wake < 0)
		return -1;
	pthread_mutex_init(&d->lock, NULL);
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->done);
	for (unsigned i = 0; i < how->processes; i++) {
		struct helper *h = &d->helper[i];

		helper_init(h, how->plugin, i, now_ms());
		if (how->processes > 1)
			snprintf(h->name, sizeof(h->name), "%.200s (%u)", how->name, i + 1);
		else
			snprintf(h->name, sizeof(h->name), "%.200s", how->name);
	}
	return 0;
}

/* Signals are the program's. */
int
desk_start(struct desk *d)
{
	sigset_t all, before;
	int rc = 0;

	pthread_mutex_lock(&d->lock);
	if (!d->started) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		rc = pthread_create(&d->thread, NULL, desk_main, d) == 0 ? 0 : -1;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		d->started = rc == 0;
	}
	pthread_mutex_unlock(&d->lock);
	return rc;
}

int
desk_ask(struct desk *d, struct question *q)
{
	int rc = -1;

	q->due = now_ms() + d->how.timeout_ms;
	pthread_mutex_lock(&d->lock);
	if (d->n_waiting < d->how.queue) {
		TAILQ_INSERT_TAIL(&d->waiting, q, node);
		d->n_waiting++;
		rc = 0;
	}
	pthread_mutex_unlock(&d->lock);
	if (rc == 0)
		wake(d);
	return rc;
}

/* Under the lock. */
static struct question *
find(struct questions *all, const struct adit_auth_req *req)
{
	struct question *q;

	TAILQ_FOREACH(q, all, node)
		if (q->req == req)
			break;
	return q;
}

bool
desk_cancel(struct desk *d, const struct adit_auth_req *req)
{
	struct question *q, *unasked;

	pthread_mutex_lock(&d->lock);
	q = unasked = find(&d->waiting, req);
	if (unasked != NULL) {
		TAILQ_REMOVE(&d->waiting, unasked, node);
		d->n_waiting--;
	}
	for (unsigned i = 0; q == NULL && i < d->how.processes; i++)
		q = find(&d->helper[i].open, req);
	if (q != NULL)
		q->req = NULL; /* its answer is dropped */
	pthread_mutex_unlock(&d->lock);
	question_free(unasked);
	return q != NULL;
}

void
desk_close(struct desk *d)
{
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_mutex_unlock(&d->lock);
	wake(d);
	if (d->started)
		pthread_join(d->thread, NULL);
	for (unsigned i = 0; i < d->how.processes; i++) { /* nobody waits for these answers */
		struct question *q;

		while ((q = TAILQ_FIRST(&d->helper[i].open)) != NULL) {
			TAILQ_REMOVE(&d->helper[i].open, q, node);
			question_free(q);
		}
	}
	close(d->wake);
	pthread_mutex_destroy(&d->lock);
}
