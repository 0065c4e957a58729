/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Fetching. Each fetch has a thread, which sleeps until refresh.c says that it is time, and runs
 * curl. Locks, from the outside in: all.lock (opening and closing, main thread only), a fetch's
 * own, which nobody holds while it blocks. Copies are counted and free themselves.
 *
 * The log has one line when keys come, when they change, and when fetching fails in another way
 * than before. */

#include "fetch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "curl.h"
#include "url.h"

/* `aditd --check` and the like make instances that live for milliseconds. */
#define FIRST_AFTER_MS 200
#define COMPLAINT_MAX 640
#define MISSED_MAX 16

struct fetched {
	atomic_uint refs;
	struct keys *keys;
	size_t len;
	char text[]; /* what it was parsed from: public keys only */
};

/* A kid that somebody has been told to come again for. */
struct missed {
	char kid[KEY_ID_MAX + 1];
	uint64_t answers; /* how many good ones there were before */
};

struct fetch {
	struct fetch *next;
	unsigned users; /* under all.lock */
	/* Constant: */
	struct fetch_how how;
	char *url, *ca_file;
	struct curl curl;
	int stop_fd;
	pthread_t thread;
	/* Under lock: */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
	struct refresh refresh;
	struct fetched *last;          /* of the last good fetch */
	char complaint[COMPLAINT_MAX]; /* "": the last fetch was good */
	bool said_old;
	uint64_t answers; /* good ones */
	struct missed missed[MISSED_MAX];
	unsigned n_missed, next_missed;
};

static struct {
	pthread_mutex_t lock;
	struct fetch *first;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- Copies ---------------------------------------------------------------------------------- */

/* Takes keys over. With one reference; NULL: no memory. */
static struct fetched *
fetched_new(struct keys *keys, const char *text, size_t len)
{
	struct fetched *d = malloc(sizeof(*d) + len);

	if (d == NULL) {
		keys_free(keys);
		return NULL;
	}
	atomic_init(&d->refs, 1);
	d->keys = keys;
	d->len = len;
	memcpy(d->text, text, len);
	return d;
}

static struct fetched *
fetched_ref(struct fetched *d)
{
	atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
	return d;
}

void
fetched_release(const struct fetched *constant)
{
	/* Ours: what takers see as constant are its keys. */
	struct fetched *d = (struct fetched *)(uintptr_t)constant;

	if (d == NULL || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1)
		return;
	keys_free(d->keys);
	free(d);
}

const struct keys *
fetched_keys(const struct fetched *d)
{
	return d->keys;
}

/* ---- One fetch, on the thread ---------------------------------------------------------------- */

static void
on_note(void *arg, enum adit_log_level level, const char *text)
{
	const struct fetch *f = arg;

	adit_log(&adit_plugin, level, "%s: %s", f->url, text);
}

static int
wrong_answer(const char *what, char *why, size_t cap)
{
	snprintf(why, cap, "the answer %s", what);
	return -1;
}

/* The text of the keys, from wherever the issuer has them. */
static int
get(struct fetch *f, char **text_r, size_t *len_r, char *why, size_t cap)
{
	char url[URL_MAX], found[URL_MAX], what[COMPLAINT_MAX - 16];
	int rc;

	if (!f->how.discover)
		return curl_get(&f->curl, f->url, text_r, len_r, why, cap);
	if (url_of_issuer(f->url, url) < 0) {
		snprintf(why, cap, "the issuer is too long");
		return -1;
	}
	rc = curl_get(&f->curl, url, text_r, len_r, why, cap);
	if (rc < 0)
		return rc;
	rc = url_discovered(f->url, *text_r, *len_r, found, what, sizeof(what));
	free(*text_r);
	if (rc < 0)
		return wrong_answer(what, why, cap);
	return curl_get(&f->curl, found, text_r, len_r, why, cap);
}

/* NULL with why set; or the new copy, or old with one reference more if nothing has changed. */
static struct fetched *
fetch_now(struct fetch *f, struct fetched *old, char *why, size_t cap)
{
	const struct keys_how how = {.from = KEYS_FROM_URL, .defaults = f->how.defaults,
		.note = on_note, .arg = f};
	struct fetched *d = NULL;
	char *text, what[COMPLAINT_MAX - 16];
	struct keys *keys;
	size_t len;

	if (get(f, &text, &len, why, cap) < 0)
		return NULL;
	if (old != NULL && old->len == len && memcmp(old->text, text, len) == 0) {
		d = fetched_ref(old);
	} else if (keys_parse(&how, text, len, &keys, what, sizeof(what)) < 0) {
		wrong_answer(what, why, cap);
	} else {
		d = fetched_new(keys, text, len);
		if (d == NULL)
			snprintf(why, cap, "out of memory");
	}
	free(text);
	return d;
}

static void
say_keys(const struct fetch *f, const struct fetched *d, bool first)
{
	adit_log(&adit_plugin, ADIT_LOG_INFO, "%s: %s%zu %s", f->url,
		first ? "" : "the keys have changed: ", d->keys->n,
		d->keys->n == 1 ? "key" : "keys");
}

/* Under the lock; returns the copy that is not needed any more. */
static struct fetched *
take_in(struct fetch *f, struct fetched *fresh, const char *why)
{
	struct fetched *old = f->last;

	if (fresh == NULL) {
		if (strcmp(f->complaint, why) != 0)
			adit_log(&adit_plugin, ADIT_LOG_WARN, "%s: the keys cannot be fetched: %s",
				f->url, why);
		snprintf(f->complaint, sizeof(f->complaint), "%s", why);
		return NULL;
	}
	if (fresh != old)
		say_keys(f, fresh, old == NULL);
	else if (f->complaint[0] != '\0')
		adit_log(&adit_plugin, ADIT_LOG_INFO, "%s: the keys can be fetched again", f->url);
	f->complaint[0] = '\0';
	f->said_old = false;
	f->answers++;
	f->last = fresh;
	return old;
}

/* Under the lock, which is left for the time of the fetch. */
static void
fetch_once(struct fetch *f)
{
	struct fetched *fresh, *old = f->last;
	char why[COMPLAINT_MAX] = "";

	refresh_begin(&f->refresh, now_ms());
	if (old != NULL)
		fetched_ref(old);
	pthread_mutex_unlock(&f->lock);
	fresh = fetch_now(f, old, why, sizeof(why));
	fetched_release(old);
	pthread_mutex_lock(&f->lock);
	if (f->stop && fresh == NULL)
		return;
	refresh_end(&f->refresh, now_ms(), fresh != NULL);
	fetched_release(take_in(f, fresh, why));
}

static void
wait_until(struct fetch *f, int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)pthread_cond_timedwait(&f->wake, &f->lock, &t);
}

static void *
fetch_main(void *arg)
{
	struct fetch *f = arg;

	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		if (now_ms() >= f->refresh.due)
			fetch_once(f);
		else
			wait_until(f, f->refresh.due);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The same keys at the same place; how often it is looked there may differ. */
static bool
same_place(const struct fetch_how *a, const struct fetch_how *b)
{
	return strcmp(a->url, b->url) == 0 && a->discover == b->discover &&
		same_text(a->ca_file, b->ca_file) && a->defaults.rsa == b->defaults.rsa;
}

static bool
same_how(const struct fetch_how *a, const struct fetch_how *b)
{
	return same_place(a, b) && a->when.max_age == b->when.max_age &&
		a->when.min_interval == b->when.min_interval &&
		a->when.stale_for == b->when.stale_for && a->timeout_ms == b->timeout_ms;
}

static void
inherit(struct fetch *f, struct fetch *from)
{
	pthread_mutex_lock(&from->lock);
	if (from->last != NULL) {
		f->last = fetched_ref(from->last);
		refresh_inherit(&f->refresh, from->refresh.good);
	}
	pthread_mutex_unlock(&from->lock);
}

static void
fetch_free(struct fetch *f)
{
	fetched_release(f->last);
	if (f->stop_fd >= 0)
		close(f->stop_fd);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	free(f->url);
	free(f->ca_file);
	free(f);
}

/* Without its thread. */
static struct fetch *
fetch_new(const struct fetch_how *how)
{
	struct fetch *f = calloc(1, sizeof(*f));
	pthread_condattr_t attr;

	if (f == NULL)
		return NULL;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &attr);
	pthread_condattr_destroy(&attr);
	f->users = 1;
	f->how = *how;
	f->how.url = f->url = strdup(how->url);
	if (how->ca_file != NULL)
		f->how.ca_file = f->ca_file = strdup(how->ca_file);
	f->stop_fd = eventfd(0, EFD_CLOEXEC);
	f->curl = (struct curl){.ca_file = f->ca_file, .timeout_ms = how->timeout_ms,
		.max = KEYS_TEXT_MAX, .stop_fd = f->stop_fd};
	refresh_init(&f->refresh, &how->when, now_ms() + FIRST_AFTER_MS);
	if (f->url != NULL && same_text(f->ca_file, how->ca_file) && f->stop_fd >= 0)
		return f;
	fetch_free(f);
	return NULL;
}

/* Signals are the program's. */
static int
start(struct fetch *f)
{
	sigset_t every, before;
	int rc;

	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	rc = pthread_create(&f->thread, NULL, fetch_main, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* Under all.lock. */
static struct fetch *
open_new(const struct fetch_how *how, struct fetch *like, char *why, size_t cap)
{
	struct fetch *f = fetch_new(how);

	if (f == NULL) {
		snprintf(why, cap, "out of memory");
		return NULL;
	}
	if (curl_find(f->curl.path, why, cap) < 0) {
		fetch_free(f);
		return NULL;
	}
	if (like != NULL)
		inherit(f, like);
	if (start(f) != 0) {
		snprintf(why, cap, "no thread can be had");
		fetch_free(f);
		return NULL;
	}
	f->next = all.first;
	all.first = f;
	return f;
}

struct fetch *
fetch_open(const struct fetch_how *how, char *why, size_t cap)
{
	struct fetch *f, *like = NULL;

	pthread_mutex_lock(&all.lock);
	for (f = all.first; f != NULL && !same_how(&f->how, how); f = f->next)
		if (same_place(&f->how, how))
			like = f;
	if (f == NULL) {
		f = open_new(how, like, why, cap);
	} else {
		f->users++;
		(void)fetch_want(f, NULL); /* a reload is a good moment */
	}
	pthread_mutex_unlock(&all.lock);
	return f;
}

static void
stop(struct fetch *f)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	if (write(f->stop_fd, &one, sizeof(one)) < 0)
		abort(); /* an eventfd that nobody has written to takes it */
	pthread_join(f->thread, NULL);
}

void
fetch_close(struct fetch *f)
{
	struct fetch **at;

	if (f == NULL)
		return;
	pthread_mutex_lock(&all.lock);
	if (--f->users > 0)
		f = NULL;
	for (at = &all.first; f != NULL && *at != f; at = &(*at)->next)
		;
	if (f != NULL)
		*at = f->next;
	pthread_mutex_unlock(&all.lock);
	if (f == NULL)
		return;
	stop(f);
	fetch_free(f);
}

/* ---- For logins ------------------------------------------------------------------------------ */

const struct fetched *
fetch_take(struct fetch *f)
{
	struct fetched *d = NULL;

	pthread_mutex_lock(&f->lock);
	if (f->last != NULL && refresh_usable(&f->refresh, now_ms())) {
		d = fetched_ref(f->last);
	} else if (f->last != NULL && !f->said_old) {
		f->said_old = true;
		adit_log(&adit_plugin, ADIT_LOG_ERROR,
			"%s: the keys were fetched too long ago and do not count any more: %s",
			f->url, f->complaint);
	}
	pthread_mutex_unlock(&f->lock);
	return d;
}

/* Under the lock. NULL: nobody was told to come again for it, as far as is remembered. */
static struct missed *
find_missed(struct fetch *f, const char *kid)
{
	for (unsigned i = 0; i < f->n_missed; i++)
		if (strcmp(f->missed[i].kid, kid) == 0)
			return &f->missed[i];
	return NULL;
}

static void
note_missed(struct fetch *f, const char *kid)
{
	struct missed *m = &f->missed[f->next_missed];

	snprintf(m->kid, sizeof(m->kid), "%s", kid);
	m->answers = f->answers;
	f->next_missed = (f->next_missed + 1) % MISSED_MAX;
	if (f->n_missed < MISSED_MAX)
		f->n_missed++;
}

bool
fetch_want(struct fetch *f, const char *kid)
{
	const struct missed *m;
	bool comes;

	pthread_mutex_lock(&f->lock);
	comes = refresh_want(&f->refresh, now_ms());
	m = kid != NULL ? find_missed(f, kid) : NULL;
	if (m != NULL && m->answers < f->answers)
		comes = false; /* whoever has come again is not sent away again */
	else if (m == NULL && kid != NULL && comes)
		note_missed(f, kid);
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	return comes;
}

void
fetch_complaint(struct fetch *f, char *text, size_t cap)
{
	pthread_mutex_lock(&f->lock);
	if (f->complaint[0] == '\0')
		snprintf(text, cap, "%s: the keys have not been fetched yet", f->url);
	else
		snprintf(text, cap, "%s: the keys cannot be fetched: %s", f->url, f->complaint);
	pthread_mutex_unlock(&f->lock);
}
