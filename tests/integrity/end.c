/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How one side of a stream sends, reads and ends. One thread. What always holds: an end notes what
 * it sees before it acts on it, and every byte received is compared with the byte that was sent. */

#include "end.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/compiler.h"

enum {
	IO_MAX = 65536,
	TURNS = 4, /* reads or writes before it is another's turn */
	PAUSES_MAX = 10,
	MAGIC = 0x41444954,
};

void
watch_set(struct watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (w->events != events)
		must(epoll_ctl(w->run->epoll, EPOLL_CTL_MOD, w->fd, &ev) == 0);
	w->events = events;
}

void
watch_close(struct watch *w)
{
	must(close(w->fd) == 0);
	w->fd = -1;
}

void
header_write(uint8_t out[HEADER_LEN], uint32_t number)
{
	uint32_t words[2] = {htonl(MAGIC ^ number), htonl(number)};

	memcpy(out, words, HEADER_LEN);
}

bool
header_read(const uint8_t in[HEADER_LEN], uint32_t *number_r)
{
	uint32_t words[2];

	memcpy(words, in, HEADER_LEN);
	if ((ntohl(words[0]) ^ ntohl(words[1])) != MAGIC)
		return false;
	*number_r = ntohl(words[1]);
	return true;
}

/* ---- Plan ---------------------------------------------------------------------------------- */

static struct end *
other(const struct end *e)
{
	return &e->pair->end[!e->side];
}

static bool
is_actor(const struct end *e)
{
	return e->pair->plan.actor == e->side;
}

static bool
will_abort(const struct end *e)
{
	return is_actor(e) && plan_aborts(&e->pair->plan);
}

static uint64_t
send_limit(const struct end *e)
{
	return will_abort(e) ? e->pair->plan.stop_sent : e->pair->plan.lane[e->side].len;
}

static bool
may_send(const struct end *e)
{
	return e->pair->plan.ending != HALF_CLOSE || is_actor(e) || e->fin_got;
}

static bool
may_fin(const struct end *e)
{
	if (will_abort(e))
		return e->pair->plan.ending == UNREAD && e->pair->plan.fin_before;
	return is_actor(e) || plan_aborts(&e->pair->plan) || e->pair->plan.ending == FIN_BOTH ||
	       e->fin_got;
}

/* The actor of UNREAD leaves bytes where they are. */
static uint64_t
read_limit(const struct end *e)
{
	bool stops = will_abort(e) && e->pair->plan.ending == UNREAD;

	return stops ? e->pair->plan.stop_got : UINT64_MAX;
}

static bool
all_sent(const struct end *e)
{
	return e->header_sent == HEADER_LEN && e->sent == send_limit(e);
}

/* ---- End ----------------------------------------------------------------------------------- */

static void
close_end(struct end *e)
{
	e->open = false;
	list_remove(&e->paused);
	watch_close(&e->watch);
	gnutls_hash_deinit(e->sent_hash, e->sent_sha);
	gnutls_hash_deinit(e->got_hash, e->got_sha);
	e->watch.run->progress = e->watch.run->now;
	e->watch.run->on_closed(e->watch.run, e);
}

static void
failed(struct end *e, int error)
{
	e->error = error;
	e->stray = !e->pair->end[e->pair->plan.actor].acted;
	close_end(e);
}

static void
send_fin(struct end *e)
{
	if (shutdown(e->watch.fd, SHUT_WR) < 0)
		failed(e, errno);
	else
		e->fin_sent = true;
}

static void
act_reset(struct end *e)
{
	const struct linger rst = {.l_onoff = 1};
	const struct end *o = other(e);
	enum moment moment = e->pair->plan.moment;

	if ((moment != AT_ONCE && !o->begun) || (moment == PEER_HAS && o->got < e->sent))
		return;
	must(setsockopt(e->watch.fd, SOL_SOCKET, SO_LINGER, &rst, sizeof(rst)) == 0);
	e->acted = true;
	close_end(e);
}

/* Closing a socket that still holds bytes sends RST. (If there came an end of file instead of them,
 * that is noted, and it is over.) */
static void
act_unread(struct end *e)
{
	int waiting = 0;

	must(ioctl(e->watch.fd, FIONREAD, &waiting) == 0);
	if (!e->fin_got && (e->got < read_limit(e) || waiting == 0))
		return;
	e->acted = true;
	close_end(e);
}

static void
end_if_due(struct end *e)
{
	if (all_sent(e) && may_fin(e) && !e->fin_sent)
		send_fin(e);
	if (!e->open)
		return;
	if (will_abort(e)) {
		if (!all_sent(e))
			return;
		if (e->pair->plan.ending == RESET)
			act_reset(e);
		else
			act_unread(e);
	} else if (e->fin_sent && e->fin_got) {
		close_end(e);
	}
}

/* ---- Sending ------------------------------------------------------------------------------- */

static void
pause_until(struct end *e, struct mono *at, unsigned max_ms)
{
	*at = mono_add_ms(e->watch.run->now, 1 + (int64_t)rng_below(&e->rng, max_ms));
	if (!list_linked(&e->paused))
		list_push(&e->watch.run->paused, &e->paused);
}

static bool
would_block(int error)
{
	return error == EAGAIN || error == EINTR;
}

static bool
put_header(struct end *e)
{
	uint8_t header[HEADER_LEN];
	ssize_t n;

	header_write(header, e->pair->number);
	n = send(e->watch.fd, header + e->header_sent, HEADER_LEN - e->header_sent, MSG_NOSIGNAL);
	if (n >= 0)
		e->header_sent += (size_t)n;
	else if (!would_block(errno))
		failed(e, errno);
	return n > 0 && e->header_sent == HEADER_LEN;
}

/* False: nothing more to be written now. */
static bool
put_some(struct end *e)
{
	static uint64_t room[IO_MAX / 8 + 2];
	const struct lane *lane = &e->pair->plan.lane[e->side];
	const uint8_t *p;
	ssize_t n;

	if (e->write_left == 0)
		e->write_left = 1 + rng_log_uniform(&e->rng, IO_MAX - 1);
	e->write_left = MIN(e->write_left, send_limit(e) - e->sent);
	p = plan_bytes(lane->seed, e->sent, e->write_left, room);
	n = send(e->watch.fd, p, e->write_left, MSG_NOSIGNAL);
	if (n < 0) {
		if (!would_block(errno))
			failed(e, errno);
		return false;
	}
	must(gnutls_hash(e->sent_hash, p, (size_t)n) == 0);
	e->sent += (uint64_t)n;
	e->write_left -= (size_t)n;
	if (e->write_left == 0 && lane->write_pauses && e->write_pauses < PAUSES_MAX &&
		rng_below(&e->rng, 32) == 0) {
		e->write_pauses++;
		pause_until(e, &e->write_at, 30);
	}
	return e->write_left == 0 && e->write_at.ns == 0;
}

static void
put_out(struct end *e)
{
	if (e->header_sent < HEADER_LEN && !put_header(e))
		return;
	for (int i = 0; i < TURNS && may_send(e) && !all_sent(e) && e->write_at.ns == 0; i++) {
		if (!put_some(e))
			return;
	}
}

/* ---- Reading ------------------------------------------------------------------------------- */

static void
check(struct end *e, const uint8_t *p, size_t n)
{
	static uint64_t room[IO_MAX / 8 + 2];
	const struct lane *lane = &e->pair->plan.lane[!e->side];
	const uint8_t *want = plan_bytes(lane->seed, e->got, n, room);
	size_t i = 0;

	if (e->wrong_at != UINT64_MAX)
		return;
	if (memcmp(p, want, n) != 0) {
		while (p[i] == want[i])
			i++;
		e->wrong_at = e->got + i;
	} else if (e->got + n > other(e)->sent) {
		e->wrong_at = other(e)->sent; /* more than was sent: not from there */
	}
}

static void
pause_reading(struct end *e)
{
	/* Once surely, so that the windows of every such stream fill. */
	if (e->read_pauses > 0 && (e->read_pauses == PAUSES_MAX || rng_below(&e->rng, 32) != 0))
		return;
	e->read_pauses++;
	pause_until(e, &e->read_at, 100);
}

/* Returns the number of bytes, or 0 if there are none or will be none, which is noted. */
static ssize_t
receive(struct end *e, void *buf, size_t size, int flags)
{
	ssize_t n = recv(e->watch.fd, buf, size, flags);

	if (n < 0) {
		if (!would_block(errno))
			failed(e, errno);
		return 0;
	}
	e->watch.run->progress = e->watch.run->now;
	if (n == 0)
		e->fin_got = true;
	return n;
}

/* False: nothing more to be read now. */
static bool
take_some(struct end *e)
{
	static uint8_t buf[IO_MAX];
	enum reading how = e->pair->plan.lane[!e->side].reading;
	size_t want = how == READ_SMALL ? 1 + rng_log_uniform(&e->rng, 4095) : sizeof(buf);
	ssize_t n;

	want = (size_t)MIN((uint64_t)want, read_limit(e) - e->got);
	n = receive(e, buf, want, 0);
	if (n <= 0)
		return false;
	check(e, buf, (size_t)n);
	must(gnutls_hash(e->got_hash, buf, (size_t)n) == 0);
	e->got += (uint64_t)n;
	e->watch.run->bytes += (uint64_t)n;
	if (how == READ_PAUSES)
		pause_reading(e);
	return (size_t)n == want && e->read_at.ns == 0;
}

static void
take_in(struct end *e)
{
	uint8_t byte;

	if (e->got == read_limit(e)) { /* bytes stay where they are, but an end must be seen */
		receive(e, &byte, 1, MSG_PEEK);
		return;
	}
	for (int i = 0; i < TURNS && e->read_at.ns == 0 && e->got < read_limit(e); i++) {
		if (e->fin_got || !take_some(e))
			break;
	}
}

/* ---- Events -------------------------------------------------------------------------------- */

static uint32_t
wanted(const struct end *e)
{
	bool at_limit = e->got == read_limit(e), in, out;

	in = !e->fin_got && e->read_at.ns == 0 && (!at_limit || all_sent(e));
	out = e->header_sent < HEADER_LEN ||
	      (may_send(e) && !all_sent(e) && e->write_at.ns == 0);
	return (in ? EPOLLIN : 0) | (out ? EPOLLOUT : 0);
}

static void
go_on(struct end *e, uint32_t events)
{
	bool fin_before = e->fin_got;

	if (events & (EPOLLERR | EPOLLHUP))
		e->read_at.ns = e->write_at.ns = 0; /* else it would be said again and again */
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !e->fin_got)
		take_in(e);
	if (e->open && (events & (EPOLLOUT | EPOLLERR) || (e->fin_got && !fin_before)))
		put_out(e);
	if (e->open)
		end_if_due(e);
	if (e->open)
		watch_set(&e->watch, wanted(e));
}

static void
on_event(struct watch *w, uint32_t events)
{
	struct end *e = container_of(w, struct end, watch), *o = other(e);

	go_on(e, events);
	if (o->open && will_abort(o))
		go_on(o, 0); /* may have waited for this end */
}

void
end_resume(struct end *e)
{
	struct mono now = e->watch.run->now;

	if (e->read_at.ns != 0 && !mono_before(now, e->read_at))
		e->read_at.ns = 0;
	if (e->write_at.ns != 0 && !mono_before(now, e->write_at))
		e->write_at.ns = 0;
	if (e->read_at.ns == 0 && e->write_at.ns == 0)
		list_remove(&e->paused);
	watch_set(&e->watch, wanted(e));
}

void
end_begin(struct end *e, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.ptr = &e->watch};
	const int small = 32768; /* the kernel doubles it */

	must(!e->begun);
	if (e->pair->plan.lane[e->side].small_buffers)
		must(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) == 0);
	if (e->pair->plan.lane[!e->side].small_buffers)
		must(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
	must(gnutls_hash_init(&e->sent_hash, GNUTLS_DIG_SHA256) == 0);
	must(gnutls_hash_init(&e->got_hash, GNUTLS_DIG_SHA256) == 0);
	e->begun = e->open = true;
	e->watch.fd = fd;
	e->watch.events = ev.events;
	e->watch.run->progress = e->watch.run->now;
	must(epoll_ctl(e->watch.run->epoll, EPOLL_CTL_ADD, fd, &ev) == 0);
}

void
pair_init(struct pair *p, struct run *run, uint32_t number, uint64_t seed, uint64_t max_size)
{
	*p = (struct pair){.number = number};
	plan_make(seed, number, max_size, &p->plan);
	for (unsigned side = 0; side < 2; side++) {
		struct end *e = &p->end[side];

		e->watch = (struct watch){.on_event = on_event, .run = run, .fd = -1};
		e->pair = p;
		e->side = side;
		e->rng.state = p->plan.lane[side].seed ^ number;
		e->wrong_at = UINT64_MAX;
		e->header_sent = side == 0 ? 0 : HEADER_LEN; /* the target has read it */
		list_init(&e->paused);
	}
}
