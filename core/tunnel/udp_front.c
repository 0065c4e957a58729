/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The public front of a UDP tunnel: one socket for each claimed address, on the worker of the
 * session that has the claim, because datagrams cannot be handed from worker to worker like
 * connections. Of an agent with several sessions it leads to those of its worker. When the agent
 * comes back on another, the socket moves there with what waits in it.
 *
 * What must hold: a datagram leaves only for a client that has sent one, from the address that it
 * was sent to, and only as long as its flow lives; what is not passed on is counted by its reason.
 * Owner: its worker. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tunnel/flow.h"
#include "tunnel/server_priv.h"
#include "util/log.h"

#define EXPIRY_MS 1000 /* flows are looked at no more often than that */

/* Why datagrams of clients were not passed on. */
enum lost { LOST_AWAY, LOST_FLOWS, LOST_SOURCE, LOST_UNSENT, N_LOST };

static const char *const lost_text[N_LOST] = {
	[LOST_AWAY] = "while the agent was away",
	[LOST_FLOWS] = "for want of flows",
	[LOST_SOURCE] = "because their source has all its flows",
	[LOST_UNSENT] = "on the way back, not taken by the network",
};

struct udp_front {
	struct dgram sock;
	struct flows flows;
	struct server_worker *sw;
	uint64_t claim;
	char name[NAME_MAX_LEN + 1]; /* of the tunnel */
	struct timer expiry;
	struct mono expiry_at;
	uint64_t begun, in, out, lost[N_LOST], lost_said;
	struct turn_end reap;
};

static void
add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* ---- What is said ---------------------------------------------------------------------------- */

static uint64_t
lost_sum(const struct udp_front *f)
{
	uint64_t n = 0;

	for (size_t i = 0; i < N_LOST; i++)
		n += f->lost[i];
	return n;
}

/* ", lost 3 for want of flows, 1 …"; empty when nothing was. */
static const char *
lost_list(const struct udp_front *f, char *buf, size_t cap)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < N_LOST && at < cap; i++)
		if (f->lost[i] > 0)
			at += (size_t)snprintf(buf + at, cap - at, "%s%" PRIu64 " %s",
				at > 0 ? ", " : ", lost ", f->lost[i], lost_text[i]);
	return buf;
}

static void
lose(struct udp_front *f, enum lost why)
{
	f->lost[why]++;
	add(&f->sw->w->stats.datagrams_dropped, 1);
}

/* With the timer of expiry, so at most once a second, and then limited. */
static void
say_losses(struct udp_front *f)
{
	static struct log_limit limit;
	char text[256], where[ADDR_TEXT_MAX];
	uint64_t sum = lost_sum(f);

	if (sum == f->lost_said)
		return;
	f->lost_said = sum;
	log_limited(&limit, LOG_WARN, "udp://%s tunnel=%s so far%s",
		addr_text(&f->sock.addr, where, sizeof(where)), f->name,
		lost_list(f, text, sizeof(text)) + 1);
}

static void
say_end(const struct udp_front *f)
{
	char text[256], where[ADDR_TEXT_MAX];

	log_info("udp://%s tunnel=%s closed: %" PRIu64 " flows, %" PRIu64 " datagrams in, %" PRIu64
		 " out%s",
		addr_text(&f->sock.addr, where, sizeof(where)), f->name, f->begun, f->in, f->out,
		lost_list(f, text, sizeof(text)));
}

static void
say_flow(const struct flow *fl, const struct udp_front *f, const char *why)
{
	char from[ADDR_TEXT_MAX];
	const struct mux_stream *ms = fl->user;

	if (!log_wants(LOG_DEBUG))
		return;
	log_debug("udp tunnel=%s flow from %s ended: %s (%" PRIu64 " datagrams in, %" PRIu64
		  " dropped; %" PRIu64 " out, %" PRIu64 " dropped)",
		f->name, addr_text(&fl->path.peer, from, sizeof(from)), why, fl->in,
		ms->flow->full + ms->flow->late, fl->out, fl->unsent);
}

/* ---- Ends of flows --------------------------------------------------------------------------- */

static struct udp_front *
front_of(const struct flow *fl)
{
	return container_of(fl->table, struct udp_front, flows);
}

static void
forget(struct flow *fl, const char *why)
{
	struct mux_stream *ms = fl->user;

	say_flow(fl, front_of(fl), why);
	ms->user = NULL;
	flow_free(fl);
}

static void
end_flow(struct flow *fl, uint16_t code)
{
	struct mux_stream *ms = fl->user;

	forget(fl, code_name(code));
	mux_reset(ms, code, NULL);
}

void
udp_front_reset(struct mux_stream *ms, uint16_t code)
{
	if (ms->user != NULL)
		forget(ms->user, code_name(code));
}

static void
end_flows(struct udp_front *f, uint16_t code)
{
	struct list *lists[] = {&f->flows.brief, &f->flows.lasting};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		while (!list_empty(lists[i]))
			end_flow(list_entry(lists[i]->next, struct flow, use), code);
}

/* Later deadlines are found when the timer fires. */
static void
arm(struct udp_front *f)
{
	struct mono now = f->sw->w->now, at = flows_deadline(&f->flows);
	struct mono soon = mono_add_ms(now, EXPIRY_MS);

	if (lost_sum(f) != f->lost_said || mono_before(at, soon))
		at = soon;
	if (!mono_before(at, f->expiry_at))
		return;
	f->expiry_at = at;
	timer_start_at(&f->expiry, at);
}

static void
on_expiry(struct timer *t)
{
	struct udp_front *f = container_of(t, struct udp_front, expiry);
	struct flow *fl;

	f->expiry_at = MONO_NEVER;
	while ((fl = flows_expired(&f->flows, f->sw->w->now)) != NULL)
		end_flow(fl, CODE_EXPIRED);
	say_losses(f);
	arm(f);
	front_follow(f->sw, f->claim); /* its sessions may be elsewhere only by now */
}

/* ---- From clients ---------------------------------------------------------------------------- */

/* Nothing more can be opened now. TCP has half of what may wait for targets for itself. */
static bool
session_full(const struct server_session *ss)
{
	const struct limits *l = ss->base.limits;
	const struct mux *m = &ss->base.mux;

	return m->n_streams >= (size_t)l->streams_per_session ||
		(int64_t)m->n_streams >= ss->max_streams ||
		(m->peer.streams != 0 && m->n_streams >= m->peer.streams) ||
		m->n_opening > (size_t)l->opening_per_session / 2;
}

/* The session that the claim leads to, if it is here. */
static struct server_session *
session_of(const struct udp_front *f, uint32_t *tunnel_r)
{
	struct session_ref to;
	struct server_session *ss;

	if (!registry_route(f->sw->srv->registry, f->claim, f->sw->w->index, true, &to, tunnel_r))
		return NULL;
	ss = idmap_get(&f->sw->by_id, to.id);
	if (ss == NULL || (!ss->base.ended && idmap_get(&ss->tunnels, *tunnel_r) != NULL))
		return ss;
	server_session_less(ss);
	return NULL;
}

/* A place for one more, if need be of flows that were not used for some time: one of the source's
 * in this tunnel, and one of the session's, whichever of its tunnels has it. */
static bool
make_room(struct udp_front *f, struct server_session *ss, const struct dgram_path *path)
{
	bool full = ss->held.n >= (size_t)ss->base.limits->flows_per_session, refused;
	struct flow *own = flows_victim(&f->flows, path, f->sw->w->now, &refused), *other = NULL;

	if (own != NULL && own->holder == &ss->held)
		full = false; /* its place will do */
	if (full)
		other = flow_holder_victim(&ss->held, f->sw->w->now);
	if (refused || session_full(ss) || (full && other == NULL)) {
		lose(f, refused ? LOST_SOURCE : LOST_FLOWS);
		return false;
	}
	if (own != NULL)
		end_flow(own, CODE_EXPIRED);
	if (other != NULL)
		end_flow(other, CODE_EXPIRED);
	return true;
}

static struct flow *
begin_flow(struct udp_front *f, const struct dgram_path *path)
{
	struct msg_open open = {.port = addr_port(&path->peer), .datagram = true};
	struct server_session *ss = session_of(f, &open.tunnel);
	struct mux_stream *ms;
	struct flow *fl;

	if (ss == NULL) {
		lose(f, LOST_AWAY);
		return NULL;
	}
	if (!make_room(f, ss, path)) {
		server_session_less(ss);
		return NULL;
	}
	open.family = (uint8_t)addr_to_bytes(&path->peer, open.ip, &open.port);
	session_clock(&ss->base); /* walks what is due: not for each datagram of a flood */
	ms = mux_open(&ss->base.mux, &open, NULL);
	if (ms == NULL) {
		lose(f, LOST_AWAY);
		server_session_less(ss);
		if (ss->base.mux.last_id == STREAM_ID_MAX)
			session_fail(&ss->base, CODE_LIMIT, "the session's stream ids are used up");
		return NULL;
	}
	fl = flow_new(&f->flows, &ss->held, path, f->sw->w->now);
	if (fl == NULL) {
		mux_reset(ms, CODE_INTERNAL, NULL);
		return NULL;
	}
	fl->user = ms;
	ms->user = fl;
	ss->flows++;
	f->begun++;
	add(&f->sw->w->stats.flows, 1);
	session_rearm(&ss->base);
	return fl;
}

static void
on_received(struct dgram *d, const struct dgram_path *path, const uint8_t *p, size_t n)
{
	struct udp_front *f = container_of(d, struct udp_front, sock);
	struct flow *fl;

	f->in++;
	add(&f->sw->w->stats.datagrams_in, 1);
	if (addr_port(&path->peer) == 0)
		return; /* nobody who could be answered */
	fl = flows_find(&f->flows, path);
	if (fl == NULL)
		fl = begin_flow(f, path);
	arm(f);
	if (fl == NULL)
		return;
	flow_heard(fl, f->sw->w->now);
	add(&f->sw->w->stats.rx_bytes, n);
	session_send_datagram(fl->user, p, n);
}

/* ---- To clients ------------------------------------------------------------------------------ */

void
udp_front_answer(struct mux_stream *ms, const uint8_t *p, size_t n)
{
	struct flow *fl = ms->user;
	struct udp_front *f;
	int rc;

	if (fl == NULL)
		return;
	f = front_of(fl);
	flow_answered(fl, f->sw->w->now);
	rc = dgram_send(&f->sock, &fl->path, p, n);
	if (rc < 0) {
		fl->unsent++;
		lose(f, LOST_UNSENT);
		return;
	}
	fl->out++;
	f->out++;
	add(&f->sw->w->stats.datagrams_out, 1);
	add(&f->sw->w->stats.tx_bytes, n);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static const struct dgram_ops front_ops = {
	.received = on_received,
	.what = "UDP front",
};

static void
on_reap(struct turn_end *t)
{
	struct udp_front *f = container_of(t, struct udp_front, reap);

	flows_fini(&f->flows);
	free(f);
}

void
udp_front_take(struct server_worker *sw, uint64_t claim, const char *name, int fd)
{
	const struct limits *l = &sw->conf->conf->limits;
	struct udp_front *f = xcalloc(1, sizeof(*f));

	f->sw = sw;
	f->claim = claim;
	snprintf(f->name, sizeof(f->name), "%s", name);
	list_init(&f->reap.node);
	f->reap.run = on_reap;
	flows_init(&f->flows, l->flow_idle, l->flow_idle_lasting, (size_t)l->flows_per_source);
	f->expiry_at = MONO_NEVER;
	timer_init(&f->expiry, sw->w, "expiry of flows", on_expiry);
	dgram_init(&f->sock, sw->w, &front_ops);
	dgram_open(&f->sock, fd);
	idmap_put(&sw->udp_fronts, claim, f);
}

int
udp_front_open(struct server_worker *sw, uint64_t claim, const char *name, const struct addr *a)
{
	int fd = dgram_socket(a);

	if (fd < 0)
		return fd;
	udp_front_take(sw, claim, name, fd);
	return 0;
}

/* Everything but the socket. */
static void
dismiss(struct udp_front *f, uint16_t code)
{
	idmap_del(&f->sw->udp_fronts, f->claim);
	timer_stop(&f->expiry);
	end_flows(f, code);
	worker_reap(f->sw->w, &f->reap);
}

void
udp_front_close(struct server_worker *sw, uint64_t claim)
{
	struct udp_front *f = idmap_get(&sw->udp_fronts, claim);

	if (f == NULL)
		return;
	say_end(f);
	dgram_close(&f->sock);
	dismiss(f, CODE_SHUTDOWN);
}

void
udp_fronts_close(struct server_worker *sw)
{
	struct udp_front *f;
	size_t pos = 0;

	while ((f = idmap_next(&sw->udp_fronts, &pos, NULL)) != NULL)
		udp_front_close(sw, f->claim);
}

void
udp_front_follow(struct server_worker *sw, uint64_t claim, uint32_t to)
{
	struct udp_front *f = idmap_get(&sw->udp_fronts, claim);
	char name[NAME_MAX_LEN + 1];
	int fd;

	if (f == NULL)
		return;
	snprintf(name, sizeof(name), "%s", f->name);
	fd = dgram_release(&f->sock);
	dismiss(f, CODE_REPLACED);
	if (post_front(sw->srv->workers[to], fd, claim, name) < 0)
		close(fd);
}
