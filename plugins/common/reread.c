/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Whether a file has changed is told by its number, size and times. The clock of a file system is
 * coarse, so a file that was read within two seconds of its last change may have changed once more
 * behind the same times: until then it is read at every look. So is one that could not be read at
 * all, because what was in the way (too many open files) leaves no mark on it.
 *
 * What must always hold: there is a copy; the look that a copy stands for was taken before its file
 * was read, so that whatever comes later shows at the next look. */

#include "reread.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define COARSE_S 2

/* What stat() has said of a file. */
struct look {
	int error; /* errno, and nothing else then */
	dev_t dev;
	ino_t ino;
	off_t size;
	uid_t uid;
	mode_t mode;
	struct timespec modified, changed;
	bool young; /* changed too recently to be told from the next change */
	bool unread; /* it could not be read, which may be over without a change of the file */
};

struct reread_copy {
	void *data;
	unsigned refs; /* under the lock */
};

struct reread {
	struct reread_how how;
	char *path;
	pthread_mutex_t lock; /* protects all below */
	struct reread_copy *copy;
	struct look seen;
	bool reading;
	char said[REREAD_WHY_MAX]; /* the last complaint; not repeated */
};

/* ---- Looking --------------------------------------------------------------------------------- */

static void
look_at(const char *path, struct look *l)
{
	struct timespec now;
	struct stat st;

	memset(l, 0, sizeof(*l));
	if (stat(path, &st) < 0) {
		l->error = errno;
		return;
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	l->size = st.st_size;
	l->uid = st.st_uid;
	l->mode = st.st_mode;
	l->modified = st.st_mtim;
	l->changed = st.st_ctim;
	clock_gettime(CLOCK_REALTIME, &now);
	/* A time in the future is no reason to read for ever. */
	l->young = now.tv_sec >= st.st_ctim.tv_sec && now.tv_sec - st.st_ctim.tv_sec < COARSE_S;
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
same_look(const struct look *a, const struct look *b)
{
	return a->error == b->error && a->dev == b->dev && a->ino == b->ino &&
		a->size == b->size && a->uid == b->uid && a->mode == b->mode &&
		same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* A fresh copy with one reference, or NULL with why set. Whether the file was what was wrong, and
 * not that there were too many open files or too little memory to read it, is *judged_r. */
static struct reread_copy *
load(const struct reread *r, bool *judged_r, char *why, size_t cap)
{
	struct reread_copy *c;
	char *text;
	size_t len;
	int rc = -1;

	*judged_r = false;
	if (adit_file_read(r->path, r->how.rule, r->how.max, &text, &len, why, cap) < 0)
		return NULL;
	c = calloc(1, sizeof(*c));
	*judged_r = c != NULL;
	if (c == NULL)
		snprintf(why, cap, "%s: out of memory", r->path);
	else if (strlen(text) != len)
		snprintf(why, cap, "%s: has a zero byte in it", r->path);
	else
		rc = r->how.parse(r->how.arg, r->path, text, len, &c->data, why, cap);
	adit_secret_free(text, len);
	if (rc < 0) {
		free(c);
		return NULL;
	}
	c->refs = 1;
	return c;
}

static void
copy_free(const struct reread *r, struct reread_copy *c)
{
	r->how.free_data(c->data);
	free(c);
}

/* One reference less; under the lock. Returns the copy if it is to be freed. */
static struct reread_copy *
copy_drop(struct reread_copy *c)
{
	return --c->refs == 0 ? c : NULL;
}

/* Under the lock: what has come of reading, and returns what is to be freed. */
static struct reread_copy *
take_in(struct reread *r, const struct look *now, struct reread_copy *fresh, const char *why)
{
	struct reread_copy *old = NULL;
	bool other = !same_look(&r->seen, now);

	r->seen = *now;
	r->reading = false;
	if (fresh != NULL) {
		old = copy_drop(r->copy);
		r->copy = fresh;
		if (other || r->said[0] != '\0')
			adit_log(r->how.plugin, ADIT_LOG_INFO, "%s has changed and was read again",
				r->path);
		r->said[0] = '\0';
	} else if (strcmp(r->said, why) != 0) {
		snprintf(r->said, sizeof(r->said), "%s", why);
		adit_log(r->how.plugin, ADIT_LOG_ERROR,
			"%s; what was read before still counts", why);
	}
	return old;
}

/* The file is not the one that was read. Without the lock. */
static void
read_again(struct reread *r, const struct look *now)
{
	struct reread_copy *fresh, *old;
	char why[REREAD_WHY_MAX] = "";
	bool judged;

	fresh = load(r, &judged, why, sizeof(why));
	pthread_mutex_lock(&r->lock);
	old = take_in(r, now, fresh, why);
	r->seen.unread = !judged;
	pthread_mutex_unlock(&r->lock);
	if (old != NULL)
		copy_free(r, old);
}

/* ---- For plugins ----------------------------------------------------------------------------- */

struct reread *
reread_open(const struct reread_how *how, char *why, size_t cap)
{
	struct reread *r = calloc(1, sizeof(*r));
	bool judged;

	if (r != NULL) {
		r->how = *how;
		r->path = strdup(how->path);
		r->how.path = r->path;
	}
	if (r == NULL || r->path == NULL) {
		snprintf(why, cap, "out of memory");
		free(r);
		return NULL;
	}
	look_at(r->path, &r->seen);
	r->copy = load(r, &judged, why, cap);
	if (r->copy == NULL) {
		free(r->path);
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void
reread_close(struct reread *r)
{
	if (r == NULL)
		return;
	copy_free(r, r->copy);
	pthread_mutex_destroy(&r->lock);
	free(r->path);
	free(r);
}

const struct reread_copy *
reread_take(struct reread *r)
{
	struct reread_copy *c;
	struct look now;
	bool due;

	look_at(r->path, &now);
	pthread_mutex_lock(&r->lock);
	due = !r->reading &&
		(r->seen.young || r->seen.unread || !same_look(&r->seen, &now));
	r->reading |= due;
	pthread_mutex_unlock(&r->lock);
	if (due)
		read_again(r, &now);
	pthread_mutex_lock(&r->lock);
	c = r->copy;
	c->refs++;
	pthread_mutex_unlock(&r->lock);
	return c;
}

const void *
reread_data(const struct reread_copy *c)
{
	return c->data;
}

void
reread_release(struct reread *r, const struct reread_copy *copy)
{
	/* Ours: what takers see as constant is its data. */
	struct reread_copy *c = (struct reread_copy *)copy, *last;

	pthread_mutex_lock(&r->lock);
	last = copy_drop(c);
	pthread_mutex_unlock(&r->lock);
	if (last != NULL)
		copy_free(r, last);
}
