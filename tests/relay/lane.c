/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * See lane.h. The bytes lie in a ring whose pages cost nothing until they were used; a mark for each
 * read says until when. A link with a rate is busy with one read after the other, and a read is due
 * when its last byte has been sent and has travelled.
 */
#include "lane.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "die.h"

#define MARKS 65536u
#define READ_MAX (256u << 10)
#define READ_MIN 1448u

struct mark {
	uint64_t end;			/* bytes ever read, this one's included */
	uint64_t due;
};

static void *
map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);

	if (p == MAP_FAILED)
		die("mmap", errno);
	return p;
}

void
lane_init(struct lane *l, int from, int to, const struct path *path)
{
	memset(l, 0, sizeof(*l));
	l->from = from;
	l->to = to;
	l->path = path;
	l->cap = (size_t)path->buffer;
	l->ring = map(l->cap);
	l->marks = map(MARKS * sizeof(*l->marks));
}

void
lane_fini(struct lane *l)
{
	munmap(l->ring, l->cap);
	munmap(l->marks, MARKS * sizeof(*l->marks));
}

static uint64_t
sending_ns(const struct lane *l, uint64_t bytes)
{
	return l->path->rate ? (uint64_t)((double)bytes * 8e9 / (double)l->path->rate) : 0;
}

/* The largest read: about a millisecond of a link with a rate. */
static size_t
read_size(const struct lane *l)
{
	uint64_t n = l->path->rate ? l->path->rate / 8000 : READ_MAX;
	size_t at = (size_t)(l->got % l->cap), room = l->cap - (size_t)(l->got - l->put);

	n = n < READ_MIN ? READ_MIN : n > READ_MAX ? READ_MAX : n;
	room = room < l->cap - at ? room : l->cap - at;
	return n < room ? (size_t)n : room;
}

static bool
has_room(const struct lane *l)
{
	return l->end == LANE_OPEN && l->got - l->put < l->cap && l->n_marks < MARKS;
}

bool
lane_reads(const struct lane *l, uint64_t now)
{
	return has_room(l) && l->free_at <= now + LANE_QUEUE_NS;
}

void
lane_read(struct lane *l, uint64_t now)
{
	ssize_t n = recv(l->from, l->ring + l->got % l->cap, read_size(l), 0);
	uint64_t due;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	l->free_at = (l->free_at > now ? l->free_at : now) + sending_ns(l, n > 0 ? (uint64_t)n : 0);
	due = l->free_at + l->path->delay_ns;
	l->last_due = due > l->last_due ? due : l->last_due;	/* the delay may have shrunk */
	if (n <= 0) {
		l->end = n == 0 ? LANE_FIN : LANE_RESET;
		l->end_due = l->last_due;
		return;
	}
	l->got += (uint64_t)n;
	l->most = l->got - l->put > l->most ? l->got - l->put : l->most;
	l->marks[(l->first + l->n_marks++) % MARKS] = (struct mark){ l->got, l->last_due };
}

/* How many bytes may go now, from one piece of the ring. */
static size_t
write_size(const struct lane *l, uint64_t now)
{
	size_t at = (size_t)(l->put % l->cap), n = 0;

	for (unsigned i = 0; i < l->n_marks && n < READ_MAX; i++) {
		const struct mark *m = &l->marks[(l->first + i) % MARKS];

		if (m->due > now)
			break;
		n = (size_t)(m->end - l->put);
	}
	return n < l->cap - at ? n : l->cap - at;
}

bool
lane_write(struct lane *l, uint64_t now)
{
	size_t n;
	ssize_t done;

	l->full = false;
	while ((n = write_size(l, now)) > 0) {
		done = send(l->to, l->ring + l->put % l->cap, n, MSG_NOSIGNAL);
		if (done < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		l->put += done > 0 ? (uint64_t)done : 0;
		while (l->n_marks > 0 && l->marks[l->first].end <= l->put) {
			l->first = (l->first + 1) % MARKS;
			l->n_marks--;
		}
		if (done < (ssize_t)n) {
			l->full = true;
			return true;
		}
	}
	if (l->end != LANE_OPEN && !l->ended && l->got == l->put && l->end_due <= now) {
		l->ended = true;
		if (l->end == LANE_FIN)
			shutdown(l->to, SHUT_WR);
	}
	return true;
}

uint64_t
lane_due(const struct lane *l, uint64_t now)
{
	uint64_t next = NEVER;

	if (l->full || l->ended)
		next = NEVER;
	else if (l->n_marks > 0)
		next = l->marks[l->first].due;
	else if (l->end != LANE_OPEN)
		next = l->end_due;
	if (has_room(l) && l->free_at > now + LANE_QUEUE_NS && l->free_at - LANE_QUEUE_NS < next)
		next = l->free_at - LANE_QUEUE_NS;
	return next;
}
