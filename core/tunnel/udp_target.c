/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One flow at the agent: a UDP socket of its own, connected to the tunnel's target, so that the
 * target can tell clients apart and its answers can only be this client's. It lives as long as its
 * stream; what comes before the target's name is resolved waits, the oldest dropped first. Runs on
 * the agent's worker. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/dgram.h"
#include "io/listen.h"
#include "tunnel/agent_priv.h"
#include "util/log.h"

#define HELD_MAX 16
#define HELD_BYTES 131072u

struct held {
	struct list node;
	size_t len;
	uint8_t data[];
};

struct udp_target {
	struct dgram sock;
	struct mux_stream *ms; /* NULL: it is over */
	struct agent_worker *aw;
	const struct tunnel_conf *tunnel;
	struct resolve *resolve;
	struct list held; /* until the socket is there */
	size_t n_held, held_bytes;
	uint64_t unsent; /* what target or socket did not take */
	struct turn_end reap;
};

static void
on_reap(struct turn_end *t)
{
	free(container_of(t, struct udp_target, reap));
}

static void
drop_oldest(struct udp_target *t)
{
	struct held *h = list_entry(t->held.next, struct held, node);

	list_remove(&h->node);
	t->n_held--;
	t->held_bytes -= h->len;
	free(h);
}

/* The stream has ended, or will at once. */
static void
dismiss(struct udp_target *t, bool refused)
{
	struct agent_totals *a = &t->aw->a->totals;
	const struct mux_flow *f = t->ms->flow;

	log_debug("tunnel=%s flow ended: %" PRIu64 " datagrams to the target, %" PRIu64
		  " dropped; %" PRIu64 " to the client, %" PRIu64 " dropped",
		t->tunnel->name, f->got, t->unsent, f->sent, f->full + f->late);
	pthread_mutex_lock(&t->aw->a->lock);
	a->flows_open--;
	a->flows_refused += refused;
	a->datagrams_to_target += f->got - MIN(f->got, t->unsent);
	a->datagrams_to_client += f->sent;
	a->datagrams_unsent += t->unsent;
	a->datagrams_full += f->full;
	a->datagrams_late += f->late;
	pthread_mutex_unlock(&t->aw->a->lock);
	resolve_cancel(t->resolve);
	t->resolve = NULL;
	dgram_close(&t->sock);
	while (t->n_held > 0)
		drop_oldest(t);
	t->ms->user = NULL;
	t->ms = NULL;
	worker_reap(t->aw->w, &t->reap);
}

static void
failed(struct udp_target *t, uint16_t code, const char *why)
{
	static struct log_limit limit;
	struct mux_stream *ms = t->ms;
	char text[256];

	snprintf(text, sizeof(text), "target %s: %s", t->tunnel->target, why);
	log_limited(&limit, LOG_WARN, "tunnel=%s udp %s", t->tunnel->name, text);
	dismiss(t, true);
	mux_reset(ms, code, text); /* OPEN_FAIL, if OPEN was not answered */
}

/* ---- From the target ------------------------------------------------------------------------- */

static void
on_received(struct dgram *d, const struct dgram_path *path, const uint8_t *p, size_t n)
{
	struct udp_target *t = container_of(d, struct udp_target, sock);

	(void)path;
	atomic_fetch_add_explicit(&d->w->stats.rx_bytes, n, memory_order_relaxed);
	session_send_datagram(t->ms, p, n);
}

/* Nobody listens there, or there is no way: the flow is over, and the client's next datagram makes
 * a new one. */
static void
on_failed(struct dgram *d, int err)
{
	struct udp_target *t = container_of(d, struct udp_target, sock);

	failed(t, code_of_dial(-err), strerror(-err));
}

static const struct dgram_ops target_ops = {
	.received = on_received,
	.failed = on_failed,
	.what = "UDP target",
};

/* ---- To the target --------------------------------------------------------------------------- */

/* False when that has ended the flow. */
static bool
send_one(struct udp_target *t, const uint8_t *p, size_t n)
{
	int rc = dgram_send(&t->sock, NULL, p, n);

	if (rc == 0) {
		atomic_fetch_add_explicit(&t->aw->w->stats.tx_bytes, n, memory_order_relaxed);
		return true;
	}
	t->unsent++;
	if (rc != -ECONNREFUSED && rc != -EHOSTUNREACH && rc != -ENETUNREACH)
		return true; /* no room, too long, forbidden: it concerns this one only */
	failed(t, code_of_dial(-rc), strerror(-rc));
	return false;
}

static void
hold(struct udp_target *t, const uint8_t *p, size_t n)
{
	struct held *h = xmalloc(sizeof(*h) + n);

	while (t->n_held > 0 && (t->n_held == HELD_MAX || t->held_bytes + n > HELD_BYTES)) {
		drop_oldest(t);
		t->unsent++;
	}
	h->len = n;
	if (n > 0)
		memcpy(h->data, p, n);
	list_init(&h->node);
	list_push(&t->held, &h->node);
	t->n_held++;
	t->held_bytes += n;
}

void
udp_target_datagram(struct mux *m, struct mux_stream *ms, const uint8_t *p, size_t n)
{
	struct udp_target *t = ms->user;

	(void)m;
	if (t == NULL)
		return;
	if (t->sock.fd >= 0)
		(void)send_one(t, p, n);
	else
		hold(t, p, n);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void
connected(struct udp_target *t)
{
	struct list *n, *tmp;

	mux_open_ok(t->ms);
	list_each(n, tmp, &t->held) {
		struct held *h = list_entry(n, struct held, node);

		if (!send_one(t, h->data, h->len))
			return; /* which has dropped the rest */
		drop_oldest(t);
	}
}

/* The first address to which there is a way. */
static void
try_addresses(struct udp_target *t, const struct addr *a, int n)
{
	int rc = -EADDRNOTAVAIL;

	if (fdcount_limit() - fdcount_used() < t->aw->conf->limits.fd_reserve) {
		failed(t, CODE_OVERLOAD, "only the reserve of descriptors is left");
		return;
	}
	for (int i = 0; i < n && t->sock.fd < 0; i++)
		rc = dgram_connect(&t->sock, &a[i]);
	if (t->sock.fd >= 0)
		connected(t);
	else
		failed(t, code_of_dial(-rc), strerror(-rc));
}

static void
on_resolved(void *owner, const struct addr *a, int n, int err)
{
	struct udp_target *t = owner;

	t->resolve = NULL;
	if (n == 0)
		failed(t, CODE_NO_SUCH_HOST, gai_strerror(err));
	else
		try_addresses(t, a, n);
}

void
udp_target_open(struct agent_session *as, struct mux_stream *ms, const struct tunnel_conf *tunnel)
{
	struct agent_worker *aw = as->aw;
	struct udp_target *t = xcalloc(1, sizeof(*t));
	struct addr a;

	t->ms = ms;
	ms->user = t;
	t->aw = aw;
	t->tunnel = tunnel;
	list_init(&t->held);
	list_init(&t->reap.node);
	t->reap.run = on_reap;
	dgram_init(&t->sock, aw->w, &target_ops);
	pthread_mutex_lock(&aw->a->lock);
	aw->a->totals.flows++;
	aw->a->totals.flows_open++;
	pthread_mutex_unlock(&aw->a->lock);
	if (addr_parse(tunnel->host, tunnel->port, &a) == 0) {
		try_addresses(t, &a, 1);
		return;
	}
	t->resolve = resolve_start(aw->w, tunnel->host, tunnel->port, on_resolved, t);
	if (t->resolve == NULL)
		failed(t, CODE_OVERLOAD, "too many names are being resolved");
}

void
udp_target_end(struct mux_stream *ms)
{
	if (ms->user != NULL)
		dismiss(ms->user, false);
}
