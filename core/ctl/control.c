/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The control socket's clients. Main thread. A client that is closed is freed at the end of the
 * turn; a call of its that is still under way is freed when it is answered. */

#include <config.h>

#include "ctl/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/control_path.h"
#include "io/listen.h"
#include "io/local.h"
#include "io/sock.h"
#include "util/log.h"

struct client {
	struct list node;
	struct control *c;
	struct sock sock;
	struct timer timer;
	struct turn_end reap;
	struct control_call *call; /* under way, or being written */
	bool writing, last; /* last: it is closed when the answer is out */
	size_t written;
	char in[CONTROL_LINE_MAX];
	size_t n_in;
};

struct control {
	struct worker *w;
	struct listener listener;
	char *path;
	control_fn *fn;
	void *ctx;
	struct list clients; /* the longest here first */
	unsigned n_clients;
};

/* ---- The end of a client --------------------------------------------------------------------- */

static void
on_reap(struct turn_end *t)
{
	struct client *cl = container_of(t, struct client, reap);

	explicit_bzero(cl->in, sizeof(cl->in));
	free(cl);
}

static void
client_close(struct client *cl)
{
	if (cl->sock.fd < 0)
		return;
	timer_stop(&cl->timer);
	sock_close(&cl->sock);
	if (cl->writing)
		control_call_free(cl->call);
	else if (cl->call != NULL)
		cl->call->owner = NULL;
	cl->call = NULL;
	list_remove(&cl->node);
	cl->c->n_clients--;
	worker_reap(cl->c->w, &cl->reap);
}

static void
on_timer(struct timer *t)
{
	client_close(container_of(t, struct client, timer));
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void next_request(struct client *cl);

static void
on_written(struct client *cl)
{
	control_call_free(cl->call);
	cl->call = NULL;
	cl->writing = false;
	sock_want_write(&cl->sock, false);
	timer_start(&cl->timer, CONTROL_IDLE_MS);
}

/* True when all of it is out. */
static bool
write_some(struct client *cl)
{
	const struct json *out = &cl->call->out;

	while (cl->written < out->n) {
		ssize_t n = sock_write(&cl->sock, out->p + cl->written, out->n - cl->written);

		if (n == -EAGAIN) {
			sock_want_write(&cl->sock, true);
			return false;
		}
		if (n < 0) {
			client_close(cl);
			return false;
		}
		cl->written += (size_t)n;
		timer_start(&cl->timer, CONTROL_WRITE_MS);
	}
	return true;
}

static void
on_writable(struct sock *s)
{
	struct client *cl = container_of(s, struct client, sock);

	if (!write_some(cl))
		return;
	on_written(cl);
	if (cl->last)
		client_close(cl);
	else
		next_request(cl);
}

/* The call is answered. */
static void
on_done(void *owner, struct control_call *call)
{
	struct client *cl = owner;

	if (cl == NULL) {
		control_call_free(call);
		return;
	}
	must(cl->call == call && !cl->writing);
	call->out.p = xrealloc(call->out.p, call->out.n + 1);
	call->out.p[call->out.n++] = '\n'; /* in the place of the end */
	cl->writing = true;
	cl->written = 0;
	timer_start(&cl->timer, CONTROL_WRITE_MS);
	sock_want_write(&cl->sock, true); /* and not here: it may be inside next_request() */
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void
begin(struct client *cl, struct control_call *call)
{
	call->done = on_done;
	call->owner = cl;
	cl->call = call;
	sock_want_read(&cl->sock, false);
	timer_stop(&cl->timer); /* whoever answers has its own */
	if (call->bad)
		on_done(cl, call);
	else
		cl->c->fn(cl->c->ctx, call);
}

/* Takes the next whole line, or reads on. */
static void
next_request(struct client *cl)
{
	char *nl = memchr(cl->in, '\n', cl->n_in);
	char line[CONTROL_LINE_MAX];
	size_t n;

	if (nl == NULL && cl->n_in < sizeof(cl->in)) {
		sock_want_read(&cl->sock, true);
		return;
	}
	if (nl == NULL) { /* where the next one begins is not to be known */
		cl->last = true;
		begin(cl, control_call_bad("it is longer than 8191 letters"));
		return;
	}
	n = (size_t)(nl - cl->in);
	memcpy(line, cl->in, n);
	cl->n_in -= n + 1;
	memmove(cl->in, nl + 1, cl->n_in);
	begin(cl, control_call_new(line, n));
	explicit_bzero(line, n);
}

static void
on_readable(struct sock *s)
{
	struct client *cl = container_of(s, struct client, sock);
	ssize_t n = sock_read(s, cl->in + cl->n_in, sizeof(cl->in) - cl->n_in);

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		client_close(cl);
		return;
	}
	cl->n_in += (size_t)n;
	next_request(cl);
}

/* ---- Clients --------------------------------------------------------------------------------- */

static const struct sock_ops client_ops = {
	.readable = on_readable,
	.writable = on_writable,
	.what = "control socket",
};

/* The file's mode keeps others out; this does so wherever a mode counts for nothing. */
static bool
may_control(int fd)
{
	static struct log_limit limit;
	uid_t uid = 0;
	pid_t pid = 0;

	if (local_peer(fd, &uid, &pid) == 0 && (uid == 0 || uid == geteuid()))
		return true;
	log_limited(&limit, LOG_WARN, "control: user %u (process %d) may not use the socket",
		(unsigned)uid, (int)pid);
	return false;
}

/* The one that has been here longest and waits for nothing but itself. */
static void
make_room(struct control *c)
{
	struct list *n, *tmp;

	list_each(n, tmp, &c->clients) {
		struct client *cl = list_entry(n, struct client, node);

		if (cl->call == NULL || cl->writing) {
			client_close(cl);
			return;
		}
	}
}

static void
on_client(struct listener *l, int fd, const struct addr *from)
{
	struct control *c = container_of(l, struct control, listener);
	struct client *cl;

	(void)from;
	if (!may_control(fd)) { /* and nobody makes room for it */
		close(fd);
		return;
	}
	if (c->n_clients >= CONTROL_CLIENTS_MAX)
		make_room(c);
	if (c->n_clients >= CONTROL_CLIENTS_MAX) {
		close(fd);
		return;
	}
	cl = xcalloc(1, sizeof(*cl));
	cl->c = c;
	list_init(&cl->node);
	list_push(&c->clients, &cl->node);
	c->n_clients++;
	list_init(&cl->reap.node);
	cl->reap.run = on_reap;
	timer_init(&cl->timer, c->w, "control socket", on_timer);
	sock_init(&cl->sock, c->w, fd, &client_ops);
	timer_start(&cl->timer, CONTROL_IDLE_MS);
	sock_want_read(&cl->sock, true);
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* The folder of the installed server's socket is made by the service manager, or here by root. */
static void
make_run_dir(const char *path)
{
	if (strncmp(path, CONTROL_RUN_DIR "/", sizeof(CONTROL_RUN_DIR)) == 0)
		(void)mkdir(CONTROL_RUN_DIR, 0755);
}

int
control_open(struct worker *main, const char *path, control_fn *fn, void *ctx,
	struct control **control_r, struct err *e)
{
	struct control *c;
	int fd;

	make_run_dir(path);
	fd = local_listen(path);
	if (fd == -EADDRINUSE) {
		err_set(e, "control socket %s: another aditd has it", path);
		return fd;
	}
	if (fd < 0) {
		err_set(e, "control socket %s: %s", path, strerror(-fd));
		return fd;
	}
	c = xcalloc(1, sizeof(*c));
	c->w = main;
	c->path = xstrdup(path);
	c->fn = fn;
	c->ctx = ctx;
	list_init(&c->clients);
	listener_open(&c->listener, main, fd, 0, on_client);
	*control_r = c;
	return 0;
}

void
control_close(struct control *c)
{
	struct list *n, *tmp;

	if (c == NULL)
		return;
	listener_close(&c->listener);
	local_unlink(c->path);
	list_each(n, tmp, &c->clients)
		client_close(list_entry(n, struct client, node));
	free(c->path);
	free(c);
}
