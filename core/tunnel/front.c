/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The public front: one listener for each claimed address, on the worker of the session that bound
 * it first. It stays when the agent leaves, and follows when it comes back on another worker. A
 * client for a session of another worker moves once, as a descriptor, before anything is known
 * about it. Owner: its worker. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tunnel/server_priv.h"
#include "util/log.h"

#define FRONT_BACKLOG 1024

struct front {
	struct listener listener;
	struct server_worker *sw;
	uint64_t claim;
	struct turn_end reap;
};

static void
on_reap(struct turn_end *t)
{
	free(container_of(t, struct front, reap));
}

static void
on_client(struct listener *l, int fd, const struct addr *from)
{
	struct front *f = container_of(l, struct front, listener);
	struct server_worker *sw = f->sw;
	struct session_ref to;
	uint32_t tunnel;

	atomic_fetch_add_explicit(&sw->w->stats.clients, 1, memory_order_relaxed);
	if (!registry_route(sw->srv->registry, f->claim, sw->w->index, false, &to, &tunnel)) {
		sock_abort_fd(fd); /* the agent is away */
	} else if (to.worker == sw->w->index) {
		struct server_session *ss = idmap_get(&sw->by_id, to.id);

		if (ss != NULL)
			server_session_client(ss, fd, from, tunnel);
		else
			sock_abort_fd(fd);
	} else if (post_client(sw->srv->workers[to.worker], fd, from, to.id, tunnel) < 0) {
		sock_abort_fd(fd);
	}
}

static void
front_new(struct server_worker *sw, uint64_t claim, int fd)
{
	struct front *f = xcalloc(1, sizeof(*f));

	f->sw = sw;
	f->claim = claim;
	list_init(&f->reap.node);
	f->reap.run = on_reap;
	listener_open(&f->listener, sw->w, fd, sw->conf->conf->limits.fd_reserve, on_client);
	idmap_put(&sw->fronts, claim, f);
}

int
front_open(struct server_worker *sw, uint64_t claim, const struct addr *a)
{
	int fd = listen_socket(a, FRONT_BACKLOG);

	if (fd < 0)
		return fd;
	sock_end_by_reset(fd, true);
	sock_keep_alive(fd);
	sock_unsent(fd, STREAM_UNSENT);
	front_new(sw, claim, fd);
	return 0;
}

void
front_follow(struct server_worker *sw, uint64_t claim)
{
	struct front *f = idmap_get(&sw->fronts, claim);
	uint32_t to = registry_place(sw->srv->registry, claim, sw->w->index);
	int fd;

	if (to == sw->w->index)
		return;
	if (f == NULL) {
		udp_front_follow(sw, claim, to);
		return;
	}
	idmap_del(&sw->fronts, claim);
	fd = listener_release(&f->listener);
	worker_reap(sw->w, &f->reap);
	if (post_front(sw->srv->workers[to], fd, claim, NULL) < 0)
		close(fd);
}

void
front_arrived(struct server_worker *sw, uint64_t claim, const char *name, int fd)
{
	if (name != NULL)
		udp_front_take(sw, claim, name, fd);
	else
		front_new(sw, claim, fd);
	if (sw->draining || !registry_fronted(sw->srv->registry, claim, sw->w->index))
		front_close(sw, claim); /* given up meanwhile */
	else
		front_follow(sw, claim); /* the agent may have gone on */
}

void
front_close(struct server_worker *sw, uint64_t claim)
{
	struct front *f = idmap_del(&sw->fronts, claim);

	if (f == NULL) {
		udp_front_close(sw, claim);
		return;
	}
	listener_close(&f->listener);
	worker_reap(sw->w, &f->reap);
}

void
fronts_close(struct server_worker *sw)
{
	struct front *f;
	size_t pos = 0;

	while ((f = idmap_next(&sw->fronts, &pos, NULL)) != NULL)
		front_close(sw, f->claim);
	udp_fronts_close(sw);
}
