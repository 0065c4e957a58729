/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One connection, and a proxy's handshake on it. Owner worker only. What the proxy says is looked
 * at before it is taken: everything up to the end of its answer is read off at once, so the loop is
 * never woken for the same bytes again, and what follows stays in the socket for the link. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/dialer.h"
#include "util/compiler.h"
#include "wire/code.h"

static void
talk_end(struct dialer *d)
{
	if (d->talk == NULL)
		return;
	proxy_talk_fini(d->talk);
	free(d->talk);
	d->talk = NULL;
}

void
dialer_close(struct dialer *d)
{
	timer_stop(&d->timer);
	talk_end(d);
	sock_close(&d->sock);
}

static void
failed(struct dialer *d, int err, uint16_t code, const char *text)
{
	dialer_close(d);
	d->ops->done(d, err, code, text);
}

/* ---- The proxy ------------------------------------------------------------------------------- */

/* It has not come to an answer. */
static void
talk_failed(struct dialer *d, int err)
{
	const char *proxy = d->through.proxy->name;

	if (err == -ETIMEDOUT)
		snprintf(d->text, sizeof(d->text), "the proxy at %s does not answer in time",
			proxy);
	else if (err == 0)
		snprintf(d->text, sizeof(d->text),
			"the proxy at %s closes the connection without an answer", proxy);
	else
		snprintf(d->text, sizeof(d->text), "the proxy at %s: %s", proxy, strerror(-err));
	failed(d, err == 0 ? -ECONNRESET : err,
		err == -ETIMEDOUT ? CODE_CONNECT_TIMEOUT : CODE_UNREACHABLE, d->text);
}

static void
on_writable(struct sock *s)
{
	struct dialer *d = container_of(s, struct dialer, sock);
	struct proxy_talk *t = d->talk;
	ssize_t n = sock_write(s, t->out + t->out_off, t->out_len - t->out_off);

	if (n > 0)
		t->out_off += (size_t)n;
	if ((n < 0 && n != -EAGAIN) || t->out_off == t->out_len) /* reading finds why it failed */
		t->out_off = t->out_len = 0;
	sock_want_write(s, t->out_len > 0);
}

static void
talk_done(struct dialer *d)
{
	if (d->talk->state == PROXY_REFUSED) {
		uint16_t code = d->talk->code;

		snprintf(d->text, sizeof(d->text), "%s", d->talk->error);
		failed(d, -ECONNREFUSED, code, d->text);
		return;
	}
	timer_stop(&d->timer);
	talk_end(d);
	d->ops->done(d, 0, CODE_NONE, NULL);
}

static void
on_readable(struct sock *s)
{
	struct dialer *d = container_of(s, struct dialer, sock);
	uint8_t p[2048];
	ssize_t n = sock_look(s, p, sizeof(p));

	if (n == -EAGAIN)
		return;
	if (n > 0)
		n = sock_read(s, p, proxy_talk_input(d->talk, p, (size_t)n));
	if (n <= 0)
		talk_failed(d, (int)n);
	else if (d->talk->state != PROXY_TALKING)
		talk_done(d);
	else if (d->talk->out_len > 0)
		on_writable(s);
}

static void
talk_begin(struct dialer *d)
{
	const struct dialer_through *to = &d->through;

	d->talk = xcalloc(1, sizeof(*d->talk));
	proxy_talk_start(d->talk, to->proxy, to->host, to->port);
	timer_start(&d->timer, to->answer_ms);
	sock_want_read(&d->sock, true);
	on_writable(&d->sock);
}

/* ---- The connection -------------------------------------------------------------------------- */

static void
on_connected(struct sock *s, int err)
{
	struct dialer *d = container_of(s, struct dialer, sock);

	if (err != 0) {
		failed(d, err, CODE_NONE, NULL);
	} else if (d->through.proxy != NULL) {
		talk_begin(d);
	} else {
		timer_stop(&d->timer);
		d->ops->done(d, 0, CODE_NONE, NULL);
	}
}

static void
on_timer(struct timer *timer)
{
	struct dialer *d = container_of(timer, struct dialer, timer);

	if (d->talk != NULL)
		talk_failed(d, -ETIMEDOUT);
	else
		failed(d, -ETIMEDOUT, CODE_NONE, NULL);
}

static const struct sock_ops dialer_sock_ops = {
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.what = "connecting",
};

void
dialer_init(struct dialer *d, struct worker *w, const struct dialer_ops *ops)
{
	memset(d, 0, sizeof(*d));
	d->ops = ops;
	sock_init_closed(&d->sock, w, &dialer_sock_ops);
	timer_init(&d->timer, w, ops->what, on_timer);
}

int
dialer_start(struct dialer *d, const struct addr *to, int64_t connect_ms,
	const struct dialer_through *through)
{
	int rc;

	must(d->talk == NULL);
	d->through = through != NULL ? *through : (struct dialer_through){.proxy = NULL};
	rc = sock_connect(&d->sock, to);
	if (rc == 0)
		timer_start(&d->timer, connect_ms);
	return rc;
}

int
dialer_release(struct dialer *d)
{
	must(d->talk == NULL);
	timer_stop(&d->timer);
	return sock_release(&d->sock);
}
