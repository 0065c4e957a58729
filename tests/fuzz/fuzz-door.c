/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What a link is, by its first bytes: a door and the links that come to it. The first byte says
 * which transports share the door and whether it is on loopback, the second how many bytes come at
 * a time, the rest is the link. What must hold: an answer does not change when more bytes are known,
 * and there is one after ADIT_PROBE_MAX; in whatever pieces the bytes come, the same layers are put
 * on the link, and what is above them gets every byte once and in order. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/conn_priv.h"
#include "layers.h"
#include "probe.h"
#include "tunnel/door.h"
#include "util/compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST 4096

static struct worker *w;

/* ---- A door ---------------------------------------------------------------------------------- */

/* Also what its layer, which changes each byte, makes into a request or a HELLO. */
static enum adit_probe
probe_tls(const void *inst, const void *data, size_t n)
{
	const uint8_t first = *(const uint8_t *)data ^ 0x5a;

	(void)inst;
	if (first == 'G' || first == 0)
		return ADIT_PROBE_YES;
	return probe_prefix(data, n, "\x16\x03");
}

static enum adit_probe
probe_ws(const void *inst, const void *data, size_t n)
{
	(void)inst;
	return probe_prefix(data, n, "GET ");
}

/* Wants as much as it may have. */
static enum adit_probe
probe_slow(const void *inst, const void *data, size_t n)
{
	(void)inst;
	if (*(const char *)data != 'w')
		return ADIT_PROBE_NO;
	return n < ADIT_PROBE_MAX ? ADIT_PROBE_MORE : ADIT_PROBE_YES;
}

static void
door_make(struct door *d, uint8_t which)
{
	const struct door_way ways[] = {
		{.name = "tcp"},
		{.name = "tls", .probe = probe_tls, .layered = true, .plain = true,
			.encrypted = true},
		{.name = "ws", .inner = "wss", .probe = probe_ws, .layered = true,
			.plain = which & 16},
		{.name = "slow", .inner = "slows", .probe = probe_slow, .layered = true,
			.plain = true},
	};

	memset(d, 0, sizeof(*d));
	must(addr_parse("127.0.0.1", 7835, &d->addr) == 0);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		if (which & (1u << i))
			d->way[d->n++] = ways[i];
	if (d->n == 0)
		d->way[d->n++] = ways[1];
}

/* ---- A link ---------------------------------------------------------------------------------- */

struct link {
	struct door door;
	const struct door_way *on;
	const char *alpn;
	uint8_t got[MOST];
	size_t n_got;
	bool ended, refused;
	unsigned layers;
};

static int
on_choose(struct conn *c, const uint8_t *p, size_t n, struct conn_level *level_r)
{
	struct link *l = c->owner;
	const struct door_link at = {.on = l->on, .alpn = l->alpn, .p = p, .n = n};
	char text[400];

	switch (door_choose(&l->door, &at, &l->on, text, sizeof(text))) {
	case DOOR_MORE:
		must(n < ADIT_PROBE_MAX);
		return CONN_MORE;
	case DOOR_WAY:
		*level_r = layer_level(LAYER_XOR, "1", NULL);
		level_r->encrypted = l->on->encrypted;
		return CONN_LAYER;
	case DOOR_FRAMES:
		return CONN_SESSION;
	default:
		must(text[0] != '\0');
		l->refused = true;
		return conn_refuse(c, "%s", text);
	}
}

static int
on_input(struct conn *c, const uint8_t *p, size_t n)
{
	struct link *l = c->owner;

	must(l->n_got + n <= sizeof(l->got));
	memcpy(l->got + l->n_got, p, n);
	l->n_got += n;
	return 0;
}

static size_t
on_output(struct conn *c, uint8_t *p, size_t cap, struct pipe **aside_r)
{
	(void)c;
	(void)p;
	(void)cap;
	(void)aside_r;
	return 0;
}

static void
on_closed(struct conn *c, int err, const char *text)
{
	(void)err;
	(void)text;
	((struct link *)c->owner)->ended = true;
}

static const struct conn_ops ops = {
	.input = on_input,
	.output = on_output,
	.closed = on_closed,
	.choose = on_choose,
};

static void
turn(void)
{
	worker_stop(w);
	worker_run(w);
}

/* The whole life of one, whose bytes come in pieces. */
static void
live(struct link *l, uint8_t which, const uint8_t *p, size_t n, size_t piece)
{
	const struct conn_setup setup = {.ops = &ops, .owner = l, .side = ADIT_SIDE_SERVER};
	struct conn *c;
	int fd[2];

	memset(l, 0, sizeof(*l));
	door_make(&l->door, which);
	l->alpn = which & 32 ? "adit/1" : which & 64 ? "http/1.1" : NULL;
	layers_log[0] = layers_upper[0] = '\0';
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0);
	c = conn_open(w, fd[0], &setup);
	for (size_t at = 0; at < n && !c->broken; at += piece)
		conn_layers_input(c, p + at, MIN(piece, n - at));
	l->layers = c->n_layers;
	must(!c->broken || l->refused);
	must(l->layers <= 2);
	conn_close(c);
	turn();
	close(fd[1]);
	must(!l->ended);
}

/* ---- Both ------------------------------------------------------------------------------------ */

/* Answers to 1, 2, 3 … bytes. */
static void
check_answers(uint8_t which, const uint8_t *p, size_t n)
{
	const struct door_way *way = NULL, *first_way = NULL;
	enum door_answer first = DOOR_MORE, a;
	struct door d;
	char text[400];

	door_make(&d, which);
	for (size_t k = 1; k <= MIN(n, ADIT_PROBE_MAX); k++) {
		const struct door_link l = {.p = p, .n = k};

		way = NULL;
		a = door_choose(&d, &l, &way, text, sizeof(text));
		must(first == DOOR_MORE || (a == first && way == first_way));
		must(a != DOOR_MORE || k < ADIT_PROBE_MAX);
		must((a == DOOR_WAY) == (way != NULL));
		must(a != DOOR_WAY || way->plain);
		first = a;
		first_way = way;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct link whole, pieces;

	if (size < 3 || size - 2 > MOST)
		return 0;
	if (w == NULL)
		w = worker_new_main();
	check_answers(data[0], data + 2, size - 2);
	live(&whole, data[0], data + 2, size - 2, size - 2);
	live(&pieces, data[0], data + 2, size - 2, 1 + data[1] % 20);
	must(whole.refused == pieces.refused && whole.layers == pieces.layers);
	must(whole.n_got == pieces.n_got && memcmp(whole.got, pieces.got, whole.n_got) == 0);
	/* With layers all of it is changed once or twice; nothing of it is lost. */
	must(whole.refused || whole.n_got == 0 || whole.n_got == size - 2);
	for (size_t i = 0; i < whole.n_got; i++)
		must(whole.got[i] == (data[2 + i] ^ (whole.layers == 1 ? 0x5a : 0)));
	return 0;
}
