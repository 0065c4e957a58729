/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Layers for tests. On whatever worker the link is; the log is read when that one is quiet. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layers.h"
#include "util/compiler.h"

char layers_log[256];
char layers_upper[64];

struct state {
	struct adit_layer *layer;
	const char *mark;
	uint8_t kept[2 + 65536];
	size_t n_kept;
	bool greeted;
};

static void
note(char what, const char *mark)
{
	size_t n = strlen(layers_log);

	if (n + 3 < sizeof(layers_log))
		snprintf(layers_log + n, sizeof(layers_log) - n, "%c%s", what, mark);
}

void
layer_xor(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] ^= 0x5a;
}

static int
open_any(const void *inst, struct adit_layer *layer, void **state_r)
{
	struct state *s = xcalloc(1, sizeof(*s));
	const char *upper = adit_layer_upper(layer);
	size_t n = strlen(layers_upper);

	s->layer = layer;
	s->mark = inst;
	snprintf(layers_upper + n, sizeof(layers_upper) - n, "<%s",
		upper != NULL ? upper : "(null)");
	note('o', s->mark);
	*state_r = s;
	return 0;
}

static void
say_ready(struct state *s)
{
	note('r', s->mark);
	adit_layer_ready(s->layer);
}

static void
finish_any(void *state)
{
	struct state *s = state;

	note('f', s->mark);
	if (s->mark[0] == 'B') /* the one of the tests that has something to say at its end */
		(void)adit_layer_down(s->layer, "bye", 3);
}

static void
close_any(void *state)
{
	struct state *s = state;

	note('c', s->mark);
	free(s);
}

static void
moved_any(void *state, void *worker)
{
	struct state *s = state;

	note(worker == s->mark ? 'm' : '!', s->mark);
}

static int
pass_down(void *state, const void *data, size_t n)
{
	struct state *s = state;

	return adit_layer_down(s->layer, data, n);
}

/* ---- Xor ------------------------------------------------------------------------------------- */

static int
xor_open(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
	void **state_r)
{
	(void)worker;
	(void)side;
	open_any(inst, layer, state_r);
	say_ready(*state_r);
	return 0;
}

static int
xored(struct state *s, const void *data, size_t n,
	int (*to)(struct adit_layer *layer, const void *data, size_t n))
{
	char *copy = xmalloc(n);
	int rc;

	memcpy(copy, data, n);
	layer_xor(copy, n);
	rc = to(s->layer, copy, n);
	free(copy);
	return rc;
}

static int
xor_input(void *state, const void *data, size_t n)
{
	return xored(state, data, n, adit_layer_up);
}

static int
xor_output(void *state, const void *data, size_t n)
{
	return xored(state, data, n, adit_layer_down);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static int
frame_open(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
	void **state_r)
{
	(void)worker;
	(void)side;
	open_any(inst, layer, state_r);
	return adit_layer_down(layer, "HI", 2);
}

/* One byte more. */
static int
frame_byte(struct state *s, uint8_t b)
{
	size_t len, n;

	s->kept[s->n_kept++] = b;
	if (s->n_kept < 2)
		return 0;
	if (!s->greeted) {
		if (memcmp(s->kept, "HI", 2) != 0)
			return adit_layer_error(s->layer, "no greeting");
		s->greeted = true;
		s->n_kept = 0;
		adit_layer_fact(s->layer, "greeted", s->mark);
		say_ready(s);
		return 0;
	}
	len = (size_t)s->kept[0] << 8 | s->kept[1];
	if (s->n_kept < 2 + len)
		return 0;
	n = s->n_kept - 2;
	s->n_kept = 0;
	return n > 0 ? adit_layer_up(s->layer, s->kept + 2, n) : 0;
}

static int
frame_input(void *state, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		if (frame_byte(state, p[i]) < 0)
			return -1;
	return 0;
}

static int
frame_output(void *state, const void *data, size_t n)
{
	struct state *s = state;
	const uint8_t *p = data;

	while (n > 0) {
		size_t len = MIN(n, 1000);
		const uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};

		if (adit_layer_down(s->layer, head, 2) < 0 || adit_layer_down(s->layer, p, len) < 0)
			return -1;
		p += len;
		n -= len;
	}
	return 0;
}

/* ---- Those that fail ------------------------------------------------------------------------- */

static int
waiting_open(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
	void **state_r)
{
	(void)worker;
	(void)side;
	return open_any(inst, layer, state_r);
}

static int
refuses_input(void *state, const void *data, size_t n)
{
	struct state *s = state;

	(void)data;
	(void)adit_layer_down(s->layer, "no", 2);
	(void)adit_layer_error(s->layer, "refused after %zu bytes", n);
	return adit_layer_error(s->layer, "the first reason counts");
}

static int
answers_input(void *state, const void *data, size_t n)
{
	struct state *s = state;

	if (*(const char *)data != '?')
		return adit_layer_up(s->layer, data, n);
	(void)adit_layer_down(s->layer, "gone", 4);
	return adit_layer_error(s->layer, "it was a question");
}

static int
never_open(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
	void **state_r)
{
	(void)inst;
	(void)worker;
	(void)side;
	(void)state_r;
	return adit_layer_error(layer, "it cannot be opened");
}

static int
hasty_input(void *state, const void *data, size_t n)
{
	struct state *s = state;

	return adit_layer_up(s->layer, data, n);
}

/* ---- All ------------------------------------------------------------------------------------- */

#define LAYER(open_fn, input_fn, output_fn)                                                        \
	{                                                                                          \
		.size = sizeof(struct adit_layer_ops), .open = open_fn, .input = input_fn,         \
		.output = output_fn, .finish = finish_any, .close = close_any, .moved = moved_any, \
	}

static const struct {
	const char *scheme;
	struct adit_layer_ops ops;
} layers[] = {
	[LAYER_XOR] = {"xor", LAYER(xor_open, xor_input, xor_output)},
	[LAYER_FRAME] = {"frame", LAYER(frame_open, frame_input, frame_output)},
	[LAYER_REFUSES] = {"refuses", LAYER(waiting_open, refuses_input, pass_down)},
	[LAYER_ANSWERS] = {"answers", LAYER(xor_open, answers_input, pass_down)},
	[LAYER_NEVER] = {"never", LAYER(never_open, hasty_input, pass_down)},
	[LAYER_HASTY] = {"hasty", LAYER(waiting_open, hasty_input, pass_down)},
};

struct conn_level
layer_level(enum test_layer kind, const char *mark, void *const *per_worker)
{
	return (struct conn_level){.ops = &layers[kind].ops, .inst = mark,
		.per_worker = per_worker, .scheme = layers[kind].scheme,
		.encrypted = kind == LAYER_XOR};
}
