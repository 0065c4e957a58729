/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The layers of a conn. Owner worker only. Each is opened when the one below is ready; what stands
 * above the topmost is known beforehand (agent) or chosen by the first bytes above it (server).
 *
 * What must always hold: a layer's state lives while a call of it is under way; a layer that has
 * failed is not called again, those above it neither; who failed first says why. */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/conn_priv.h"
#include "util/compiler.h"

/* ---- Calls ----------------------------------------------------------------------------------- */

/* Layer i has failed. It is the first: what those below it return follows from it. */
static void
fail(struct conn *c, unsigned i)
{
	if (c->broken || c->closed)
		return;
	c->broken = true;
	c->n_sound = (uint8_t)i;
}

/* Layer i has returned rc to what came from below. If the session above it has ended, that is no
 * failure. */
static int
judge(struct conn *c, unsigned i, int rc)
{
	if (rc < 0 && !c->finishing)
		fail(c, i);
	return rc < 0 || c->broken ? -1 : 0;
}

static void
leave(struct conn *c)
{
	c->in_layer--;
	if (c->closed)
		conn_layers_close(c);
}

static int
layer_input(struct conn *c, unsigned i, const uint8_t *p, size_t n)
{
	int rc;

	c->in_layer++;
	rc = judge(c, i, c->layer[i].level.ops->input(c->layer[i].state, p, n));
	leave(c);
	return rc;
}

static int
layer_output(struct conn *c, unsigned i, const uint8_t *p, size_t n)
{
	int rc;

	c->in_layer++;
	rc = c->layer[i].level.ops->output(c->layer[i].state, p, n);
	if (rc < 0)
		fail(c, i);
	leave(c);
	return rc < 0 ? -1 : 0;
}

static void
layer_open(struct conn *c)
{
	struct adit_layer *l = &c->layer[c->n_open];
	const struct conn_level *v = &l->level;
	void *share = v->per_worker != NULL ? v->per_worker[c->sock.w->index] : NULL;
	int rc;

	c->in_layer++;
	c->opening = true;
	rc = v->ops->open(v->inst, share, c->side, l, &l->state);
	c->opening = false;
	if (rc < 0)
		judge(c, c->n_open, -1);
	else
		c->n_open++;
	leave(c);
}

void
conn_layer_add(struct conn *c, const struct conn_level *level)
{
	must(c->n_layers < CONN_LAYERS_MAX);
	if (c->layer == NULL)
		c->layer = xcalloc(CONN_LAYERS_MAX, sizeof(*c->layer));
	c->layer[c->n_layers].conn = c;
	c->layer[c->n_layers++].level = *level;
}

static bool
all_ready(const struct conn *c, unsigned n)
{
	return c->n_open == n && (n == 0 || c->layer[n - 1].ready);
}

void
conn_advance(struct conn *c)
{
	if (c->opening) /* that loop goes on */
		return;
	while (!c->closed && !c->broken && c->n_open < c->n_layers && all_ready(c, c->n_open))
		layer_open(c);
	if (c->closed || c->broken || c->ready || !c->chosen || !all_ready(c, c->n_layers))
		return;
	c->ready = true;
	c->bare = c->n_layers == 0;
	if (c->ops->ready != NULL)
		c->ops->ready(c);
	conn_kick(c);
}

/* ---- In -------------------------------------------------------------------------------------- */

static int deliver(struct conn *c, unsigned level, const uint8_t *p, size_t n);

/* The first reason counts. */
static int ATTR_PRINTF(2, 0)
say_why(struct conn *c, const char *fmt, va_list ap)
{
	char text[240];

	if (c->error != NULL)
		return -1;
	vsnprintf(text, sizeof(text), fmt, ap);
	c->error = xstrdup(text);
	return -1;
}

int
conn_refuse(struct conn *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_why(c, fmt, ap);
	va_end(ap);
	return -1;
}

/* What stands above all layers is to be told by what comes first. A few bytes are kept until it
 * is. */
static int
choose(struct conn *c, const uint8_t *p, size_t n)
{
	unsigned level = c->n_layers;
	size_t had = c->n_first, more = MIN(n, sizeof(c->first) - had);
	struct conn_level chosen;
	uint8_t first[sizeof(c->first)];
	int choice;

	memcpy(c->first + had, p, more);
	choice = c->ops->choose(c, c->first, had + more, &chosen);
	if (choice < 0 || c->closed)
		return judge(c, level, -1);
	if (choice == CONN_MORE) {
		c->n_first = (uint8_t)(had + more);
		must(c->n_first < sizeof(c->first));
		return 0;
	}
	if (choice == CONN_LAYER)
		conn_layer_add(c, &chosen);
	else
		c->chosen = true;
	memcpy(first, c->first, had);
	c->n_first = 0;
	conn_advance(c);
	if (had > 0 && deliver(c, level, first, had) < 0)
		return -1;
	return deliver(c, level, p, n);
}

/* Bytes for what stands above `level` layers. */
static int
deliver(struct conn *c, unsigned level, const uint8_t *p, size_t n)
{
	if (c->closed || c->broken)
		return -1;
	if (level < c->n_open)
		return layer_input(c, level, p, n);
	return c->chosen ? conn_input(c, p, n) : choose(c, p, n);
}

void
conn_layers_input(struct conn *c, const uint8_t *p, size_t n)
{
	c->in_layer++;
	(void)deliver(c, 0, p, n);
	leave(c);
}

int
conn_layer_up(struct adit_layer *l, const void *data, size_t n)
{
	struct conn *c = l->conn;

	if (c->closed || c->broken || c->finishing || n == 0)
		return c->closed || c->broken || c->finishing ? -1 : 0;
	if (!l->ready)
		return conn_refuse(c, "the layer %s handed bytes up before it was ready",
			l->level.scheme);
	return deliver(c, (unsigned)(l - c->layer) + 1, data, n);
}

void
conn_layer_ready(struct adit_layer *l)
{
	if (l->ready)
		return;
	l->ready = true;
	conn_advance(l->conn);
}

/* ---- Out ------------------------------------------------------------------------------------- */

void
conn_layers_output(struct conn *c, const uint8_t *p, size_t n)
{
	(void)layer_output(c, c->n_layers - 1u, p, n);
}

int
conn_layer_down(struct adit_layer *l, const void *data, size_t n)
{
	struct conn *c = l->conn;
	unsigned i = (unsigned)(l - c->layer);

	if (c->closed)
		return -1;
	if (n == 0 || c->write_err != 0) /* what the peer has still said is read first */
		return 0;
	if (i > 0)
		return layer_output(c, i - 1, data, n);
	if (bufq_append(&c->below, data, n) < 0)
		return -1;
	conn_kick(c);
	return 0;
}

/* ---- Ends ------------------------------------------------------------------------------------ */

int
conn_layer_error(struct adit_layer *l, const char *fmt, va_list ap)
{
	return say_why(l->conn, fmt, ap);
}

void
conn_layers_finish(struct conn *c)
{
	unsigned n = c->broken ? c->n_sound : c->n_open;

	c->in_layer++;
	while (n-- > 0 && !c->closed) {
		const struct adit_layer *l = &c->layer[n];

		if (l->ready && l->level.ops->finish != NULL)
			l->level.ops->finish(l->state);
	}
	leave(c);
}

void
conn_layers_close(struct conn *c)
{
	if (c->in_layer > 0)
		return;
	while (c->n_open > 0) {
		const struct adit_layer *l = &c->layer[--c->n_open];

		l->level.ops->close(l->state);
	}
}

/* ---- What is known of the link --------------------------------------------------------------- */

const char *
conn_layer_upper(const struct adit_layer *l)
{
	const struct conn *c = l->conn;
	unsigned above = (unsigned)(l - c->layer) + 1;

	if (c->side == ADIT_SIDE_SERVER)
		return NULL;
	return above < c->n_layers ? c->layer[above].level.scheme : "";
}

bool
conn_encrypted(const struct conn *c)
{
	for (unsigned i = 0; i < c->n_layers; i++)
		if (c->layer[i].level.encrypted)
			return true;
	return c->encrypted;
}

const char *
conn_fact(const struct conn *c, const char *key)
{
	return facts_get(&c->facts, key);
}
