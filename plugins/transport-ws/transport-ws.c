/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A link inside WebSocket: the handshake, then the session's bytes in binary frames. It passes
 * where only the web does: through proxies, and through fronts that end TLS. Runs on the link's
 * worker.
 *
 * What always holds: between the handshake and a link's end nothing is kept for a link but the
 * struct below, so an idle one costs no buffer; and what a peer can make us send by itself (pongs)
 * is bounded by what the session sends. */

#include <config.h>

#include <adit/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ws_conf.h"
#include "ws_frame.h"
#include "ws_shake.h"

#define PIECE	      65536u		     /* of the session, in one frame */
#define HANDSHAKE_MAX (HTTP_HEAD_MAX + 1024) /* and the beginning of a refusal's body */
#define PONGS_MAX     16   /* between two of the session's bytes; then only the last is answered */
#define KEYS	      1024 /* random bytes that are fetched at once */
#define LOGIN_MAX     4096 /* bytes that may be a login, and are not left in memory */

/* One worker's share: room for one call at a time, and random bytes for masks. */
struct share {
	uint8_t in[PIECE];
	uint8_t out[WS_HEAD_MAX + PIECE]; /* apart: what comes in can make something go out */
	uint8_t keys[KEYS];
	size_t n_keys; /* that are left */
};

struct link {
	const struct ws_conf *conf;
	struct share *share;
	struct adit_layer *layer;
	bool agent;
	bool up;       /* the handshake is done */
	bool said_end; /* our close frame is out: no frame may follow */
	bool pong_due;
	uint8_t pong_len;
	uint16_t pongs; /* sent since the session last sent something */
	uint8_t pong[WS_CONTROL_MAX];
	struct ws_reader reader;
	/* During the handshake only. */
	char *head;
	size_t head_len, head_cap, seen;
	char key[WS_KEY + 1];
};

/* ---- Frames out ------------------------------------------------------------------------------ */

/* A mask of its own for each frame (RFC 6455 section 10.3), without a system call for each. NULL on
 * the server, which must not mask. */
static const uint8_t *
next_key(struct link *l)
{
	struct share *s = l->share;

	if (!l->agent)
		return NULL;
	if (s->n_keys == 0) {
		adit_random(s->keys, sizeof(s->keys));
		s->n_keys = sizeof(s->keys);
	}
	s->n_keys -= 4;
	return s->keys + s->n_keys;
}

static int
send_control(struct link *l, enum ws_op op, const uint8_t *p, size_t n)
{
	uint8_t frame[WS_HEAD_MAX + WS_CONTROL_MAX];

	return adit_layer_down(l->layer, frame, ws_write(frame, op, p, n, next_key(l)));
}

static void
send_close(struct link *l, enum ws_code code, const char *reason)
{
	uint8_t payload[WS_CONTROL_MAX];

	if (l->said_end)
		return;
	l->said_end = true;
	(void)send_control(l, WS_CLOSE, payload, ws_close_payload(payload, code, reason));
}

static int
send_pong(struct link *l, const uint8_t *p, size_t n)
{
	l->pong_due = false;
	l->pongs++;
	return send_control(l, WS_PONG, p, n);
}

static int
on_output(void *state, const void *data, size_t n)
{
	struct link *l = state;
	const uint8_t *p = data;

	for (size_t len; n > 0; p += len, n -= len) {
		struct share *s = l->share;

		len = n < PIECE ? n : PIECE;
		if (adit_layer_down(
			    l->layer, s->out, ws_write(s->out, WS_BINARY, p, len, next_key(l))) < 0)
			return -1;
	}
	l->pongs = 0;
	return l->pong_due ? send_pong(l, l->pong, l->pong_len) : 0;
}

static void
on_finish(void *state)
{
	send_close(state, WS_NORMAL, "");
}

/* ---- Frames in ------------------------------------------------------------------------------- */

/* RFC 6455 section 5.5.3 lets us answer only the last of several pings. */
static int
got_ping(struct link *l, const struct ws_got *got)
{
	if (l->pongs < PONGS_MAX)
		return send_pong(l, got->p, got->n);
	memcpy(l->pong, got->p, got->n);
	l->pong_len = (uint8_t)got->n;
	l->pong_due = true;
	return 0;
}

static int
got_close(struct link *l, const struct ws_got *got)
{
	const char *who = l->agent ? "server" : "agent";
	char reason[100];

	send_close(l, got->code == WS_NO_CODE ? WS_NORMAL : got->code, "");
	if (got->code == WS_NO_CODE)
		return adit_layer_error(l->layer, "the %s closed the WebSocket", who);
	span_text((struct span){(const char *)got->p, got->n}, reason, sizeof(reason));
	return adit_layer_error(l->layer, "the %s closed the WebSocket: %d%s%s", who,
		(int)got->code, reason[0] != '\0' ? " " : "", reason);
}

static int
got_bad(struct link *l, const struct ws_got *got)
{
	send_close(l, got->code, got->why);
	return adit_layer_error(l->layer, "WebSocket: %s", got->why);
}

static int
read_frames(struct link *l, const uint8_t *p, size_t n)
{
	int rc = 0;

	while (rc == 0 && !l->said_end) {
		struct ws_got got;

		switch (ws_read(&l->reader, &p, &n, l->share->in, sizeof(l->share->in), &got)) {
		case WS_EV_MORE:
			return 0;
		case WS_EV_DATA:
			rc = adit_layer_up(l->layer, got.p, got.n);
			if (got.n <= LOGIN_MAX)
				explicit_bzero(l->share->in, got.n);
			break;
		case WS_EV_PING:
			rc = got_ping(l, &got);
			break;
		case WS_EV_CLOSE:
			return got_close(l, &got);
		case WS_EV_BAD:
			return got_bad(l, &got);
		}
	}
	return rc;
}

/* ---- The handshake --------------------------------------------------------------------------- */

/* Keeps what fits of n bytes behind what is there; how many, or -1. */
static ssize_t
keep(struct link *l, const void *data, size_t n)
{
	size_t take = n < HANDSHAKE_MAX - l->head_len ? n : HANDSHAKE_MAX - l->head_len;
	size_t cap = l->head_cap > 0 ? l->head_cap : 1024;

	while (cap < l->head_len + take)
		cap = cap * 2 < HANDSHAKE_MAX ? cap * 2 : HANDSHAKE_MAX;
	if (cap != l->head_cap) {
		char *head = realloc(l->head, cap);

		if (head == NULL)
			return adit_layer_error(l->layer, "out of memory");
		l->head = head;
		l->head_cap = cap;
	}
	memcpy(l->head + l->head_len, data, take);
	l->head_len += take;
	return (ssize_t)take;
}

static void
handshake_done(struct link *l)
{
	free(l->head);
	l->head = NULL;
	l->head_len = l->head_cap = 0;
	l->up = true;
	adit_layer_ready(l->layer);
}

/* Whom a proxy that is trusted speaks for. */
static void
say_origin(struct link *l, const struct ws_request *req)
{
	const char *peer = adit_layer_fact_get(l->layer, "peer-address");
	char origin[NETS_TEXT];

	if (peer != NULL &&
		nets_origin(&l->conf->trusted, peer, req->forwarded, req->n_forwarded, origin))
		(void)adit_layer_fact(l->layer, "peer-address", origin);
}

/* The server's turn. Above 0: the link is up, and so many bytes were the handshake. */
static ssize_t
serve(struct link *l)
{
	struct ws_request req;
	size_t used;
	struct ws_answer a =
		ws_request_judge(l->head, l->head_len, &l->seen, l->conf->path, &req, &used);
	char out[WS_ANSWER_MAX], method[16], target[60];

	if (a.status == 0)
		return 0;
	if (adit_layer_down(l->layer, out, ws_answer_format(out, a, &req)) < 0)
		return -1;
	if (a.status == 101) {
		say_origin(l, &req);
		return (ssize_t)used;
	}
	/* Health checks and the curious. Whoever wanted a link has a problem that is worth a line.
	 */
	if (a.status == 200 || (a.status == 404 && !req.upgrade))
		(void)adit_layer_fact(l->layer, "visitor", ws_status_text(a.status));
	span_text(req.method, method, sizeof(method));
	span_text(req.target, target, sizeof(target));
	return adit_layer_error(l->layer, "no link but HTTP, %s %s, answered %s%s%s", method,
		target, ws_status_text(a.status), a.why != NULL ? ": " : "",
		a.why != NULL ? a.why : "");
}

static const char *
path_of(const struct link *l)
{
	const char *path = adit_layer_path(l->layer);

	return path[0] != '\0' ? path : l->conf->path;
}

/* The agent's. */
static ssize_t
check(struct link *l)
{
	const struct ws_ask ask = {.path = path_of(l), .key = l->key};
	char text[150];
	size_t used;

	switch (ws_verdict(l->head, l->head_len, &l->seen, &ask, &used, text, sizeof(text))) {
	case WS_WAIT:
		return 0;
	case WS_UP:
		return (ssize_t)used;
	default:
		return adit_layer_error(l->layer, "%s", text);
	}
}

static int
on_input(void *state, const void *data, size_t n)
{
	struct link *l = state;
	size_t had = l->head_len;
	ssize_t used;

	if (l->said_end)
		return 0;
	if (l->up)
		return read_frames(l, data, n);
	used = keep(l, data, n);
	if (used >= 0)
		used = l->agent ? check(l) : serve(l);
	if (used <= 0)
		return (int)used;
	handshake_done(l);
	/* Of this call's bytes those behind the handshake, some of which may not have been kept. */
	return read_frames(
		l, (const uint8_t *)data + ((size_t)used - had), n - ((size_t)used - had));
}

/* ---- Life ------------------------------------------------------------------------------------ */

static int
ask(struct link *l)
{
	bool secure = adit_layer_fact_get(l->layer, "tls-version") != NULL;
	const struct ws_ask ask = {
		.host = adit_layer_host(l->layer),
		.port = adit_layer_port(l->layer),
		.default_port = secure ? 443 : 80,
		.path = path_of(l),
		.key = l->key,
		.fields = l->conf->fields,
		.no_host = l->conf->host,
	};
	const char *why = ws_path_check(ask.path, true);
	char request[HTTP_HEAD_MAX];
	uint8_t random[16];
	size_t n;

	if (why != NULL)
		return adit_layer_error(l->layer, "the path of the server's address %s", why);
	adit_random(random, sizeof(random));
	ws_key_format(random, l->key);
	n = ws_ask_format(request, sizeof(request), &ask);
	if (n == 0)
		return adit_layer_error(l->layer, "the request is longer than 8 KiB");
	return adit_layer_down(l->layer, request, n);
}

static int
on_open(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
	void **state_r)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return adit_layer_error(layer, "out of memory");
	l->conf = inst;
	l->share = worker;
	l->layer = layer;
	l->agent = side == ADIT_SIDE_AGENT;
	ws_reader_init(&l->reader, !l->agent);
	if (l->agent && ask(l) < 0) {
		free(l);
		return -1;
	}
	*state_r = l;
	return 0;
}

static void
on_close(void *state)
{
	struct link *l = state;

	free(l->head);
	free(l);
}

static void
on_moved(void *state, void *worker)
{
	struct link *l = state;

	l->share = worker;
}

/* ---- The plugin ------------------------------------------------------------------------------ */

static int
worker_init(const void *inst, void **worker_r)
{
	struct share *s = malloc(sizeof(*s)); /* its pages are used when a link is */

	(void)inst;
	if (s == NULL)
		return -1;
	s->n_keys = 0;
	*worker_r = s;
	return 0;
}

static void
worker_fini(const void *inst, void *worker)
{
	(void)inst;
	free(worker);
}

/* HTTP begins with a method and a blank. Not only GET: whoever speaks HTTP gets an answer in it. */
static enum adit_probe
probe(const void *inst, const void *data, size_t n)
{
	static const char *const methods[] = {"GET ", "HEAD ", "POST ", "PUT ", "DELETE ",
		"OPTIONS ", "PATCH ", "TRACE ", "CONNECT ", "PRI ", NULL};

	(void)inst;
	for (size_t i = 0; methods[i] != NULL; i++) {
		size_t len = strlen(methods[i]);

		if (memcmp(data, methods[i], n < len ? n : len) == 0)
			return n < len ? ADIT_PROBE_MORE : ADIT_PROBE_YES;
	}
	return ADIT_PROBE_NO;
}

static const struct adit_layer_ops layer_ops = {
	.size = sizeof(layer_ops),
	.open = on_open,
	.input = on_input,
	.output = on_output,
	.finish = on_finish,
	.close = on_close,
	.moved = on_moved,
};

static const struct adit_transport_ops ops = {
	.size = sizeof(ops),
	.encrypted = 0,
	.scheme = "ws",
	.layer = &layer_ops,
	.probe = probe,
	.secure_scheme = "wss",
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_TRANSPORT,
	.run = ADIT_RUN_LOOP,
	.name = "transport-ws",
	.version = "1",
	.summary = "links inside WebSocket, which pass where only the web does",
	.options = ws_options,
	.ops = &ops,
	.create = ws_conf_create,
	.destroy = ws_conf_destroy,
	.worker_init = worker_init,
	.worker_fini = worker_fini,
};
