/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* core/tunnel/server_worker.c: clients that wait in the mailbox of a busy worker count as
 * descriptors until they are taken out, whatever becomes of them then. The worker has no sessions. */

#include <config.h>

#include <errno.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include "post.h"
#include "tap.h"
#include "tunnel/server_priv.h"
#include "util/compiler.h"

#define CLIENTS 3

static struct server_worker here;
static sem_t busy, go_on;
static const struct addr from = {.in = {.sin_family = AF_INET}, .len = sizeof(from.in)};

static int
init(struct worker *w, void *arg ATTR_UNUSED)
{
	w->app = &here;
	return 0;
}

static void
be_busy(void *arg ATTR_UNUSED)
{
	sem_post(&busy);
	while (sem_wait(&go_on) != 0)
		;
}

/* What is posted while this runs comes late. */
static void
fini(struct worker *w ATTR_UNUSED)
{
	be_busy(NULL);
	idmap_fini(&here.by_id);
}

static void
nothing(void *arg ATTR_UNUSED)
{
}

/* Posts clients to w when it is busy; their other ends are far. */
static void
post_clients(struct worker *w, int far[CLIENTS])
{
	while (sem_wait(&busy) != 0)
		;
	for (int i = 0; i < CLIENTS; i++) {
		int fd[2];

		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
		must(post_client(w, fd[0], &from, 4711, 1) == 0);
		far[i] = fd[1];
	}
}

static bool
all_closed(const int far[CLIENTS])
{
	int n = 0;
	char c;

	for (int i = 0; i < CLIENTS; i++) {
		n += recv(far[i], &c, 1, MSG_DONTWAIT) == 0;
		close(far[i]);
	}
	return n == CLIENTS;
}

static void
test_delivered(struct worker *w)
{
	int far[CLIENTS];

	post_call(w, be_busy, NULL);
	post_clients(w, far);
	is_int(fdcount_used(), CLIENTS, "clients on their way count");
	sem_post(&go_on);
	call_on(w, nothing, NULL);
	is_int(fdcount_used(), 0, "when they have come somebody else counts them");
	ok(all_closed(far), "who finds no session is closed");
}

static void
test_late(struct worker *w)
{
	int far[CLIENTS];

	worker_ref(w);
	worker_stop(w);
	post_clients(w, far);
	is_int(fdcount_used(), CLIENTS, "clients on their way to a worker that ends count");
	sem_post(&go_on);
	worker_join(w);
	is_int(fdcount_used(), 0, "until it has ended");
	ok(all_closed(far), "they are closed");
	is_int(post_client(w, 0, &from, 4711, 1), -ESHUTDOWN, "then it takes none");
	is_int(fdcount_used(), 0, "and what it does not take is not counted");
	worker_unref(w);
}

int
main(void)
{
	struct worker *w;

	must(sem_init(&busy, 0, 0) == 0 && sem_init(&go_on, 0, 0) == 0);
	must(worker_start(0, "server", init, fini, NULL, &w) == 0);
	test_delivered(w);
	test_late(w);
	return done_testing();
}
