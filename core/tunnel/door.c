/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Doors. No state, no I/O; runs on any thread. What must always hold: with ADIT_PROBE_MAX bytes
 * there is an answer, and the answer to some bytes never changes when more of them are known. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/door.h"
#include "util/compiler.h"
#include "wire/frame.h"

/* ---- Choosing -------------------------------------------------------------------------------- */

/* A HELLO's header: what a link of Adit's own frames begins with. */
static enum adit_probe
probe_frames(const uint8_t *p, size_t n)
{
	uint8_t head[FRAME_HEADER] = {0};
	struct frame f;

	memcpy(head, p, MIN(n, sizeof(head)));
	if (n > 3)
		frame_decode(head, &f);
	if (p[0] != 0 || (n > 1 && p[1] > FRAME_CONTROL_MAX >> 8))
		return ADIT_PROBE_NO;
	if (n > 3 && (f.type != FRAME_HELLO || f.len > FRAME_CONTROL_MAX || f.stream != 0))
		return ADIT_PROBE_NO;
	return n < sizeof(head) ? ADIT_PROBE_MORE : ADIT_PROBE_YES;
}

static enum adit_probe
probe_way(const struct door_way *w, const struct door_link *l)
{
	if (w->probe == NULL || !w->layered)
		return ADIT_PROBE_NO;
	return w->probe(w->inst, l->p, l->n);
}

/* Whether a way can be what comes next. */
static bool
open_here(const struct door_way *w, const struct door_link *l)
{
	return l->on == NULL || w->inner != NULL;
}

static const char *
name_here(const struct door_way *w, const struct door_link *l)
{
	return l->on == NULL ? w->name : w->inner;
}

static bool
takes_frames(const struct door *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (!d->way[i].layered)
			return true;
	return false;
}

/* "neither tls nor ws", "not tls" */
static void
say_neither(const struct door *d, const struct door_link *l, bool frames, char *buf, size_t cap)
{
	const char *names[DOOR_WAYS_MAX + 1];
	size_t n = 0, at;

	for (size_t i = 0; i < d->n; i++)
		if (d->way[i].layered && open_here(&d->way[i], l))
			names[n++] = name_here(&d->way[i], l);
	if (frames)
		names[n++] = "a link of Adit as it is";
	if (n == 0)
		names[n++] = "anything that is taken";
	at = (size_t)snprintf(buf, cap, "%s%s", n > 1 ? "neither " : "not ", names[0]);
	for (size_t i = 1; i < n && at < cap; i++)
		at += (size_t)snprintf(buf + at, cap - at, " nor %s", names[i]);
}

static enum door_answer
refuse(const struct door *d, const struct door_link *l, bool frames, char *text, size_t cap)
{
	char neither[300], first[3 * 4 + 1] = "";

	for (size_t i = 0; i < MIN(l->n, 4); i++)
		snprintf(first + 3 * i, sizeof(first) - 3 * i, " %02x", l->p[i]);
	say_neither(d, l, frames, neither, sizeof(neither));
	snprintf(text, cap, "what begins with the bytes%s%s%s is %s", first,
		l->on != NULL ? " inside " : "", l->on != NULL ? l->on->name : "", neither);
	return DOOR_REFUSED;
}

/* A link that would be understood, but is not to travel in the clear. */
static enum door_answer
refuse_plain(const struct door *d, const struct door_way *w, char *text, size_t cap)
{
	char where[300];

	door_addresses(d, &d->addr, where, sizeof(where));
	snprintf(text, cap, "a link by %s is not encrypted, and this address takes %s only%s",
		w != NULL ? w->name : "tcp", where,
		w != NULL ? ", because allow_plain is not set" : "");
	return w != NULL ? DOOR_REFUSED : DOOR_REFUSED_FRAMES;
}

static enum door_answer
choose_by_bytes(const struct door *d, const struct door_link *l, bool frames,
	const struct door_way **way_r, char *text, size_t cap)
{
	enum adit_probe hello = probe_frames(l->p, l->n);
	bool more = false;

	for (size_t i = 0; i < d->n; i++) {
		const struct door_way *w = &d->way[i];
		enum adit_probe v = open_here(w, l) ? probe_way(w, l) : ADIT_PROBE_NO;

		if (v == ADIT_PROBE_YES && l->on == NULL && !w->plain)
			return refuse_plain(d, w, text, cap);
		if (v == ADIT_PROBE_YES) {
			*way_r = w;
			return DOOR_WAY;
		}
		more |= v == ADIT_PROBE_MORE;
	}
	if (hello == ADIT_PROBE_YES && (frames || l->on == NULL))
		return frames ? DOOR_FRAMES : refuse_plain(d, NULL, text, cap);
	if ((more || hello == ADIT_PROBE_MORE) && l->n < ADIT_PROBE_MAX)
		return DOOR_MORE;
	return refuse(d, l, frames, text, cap);
}

enum door_answer
door_choose(const struct door *d, const struct door_link *l, const struct door_way **way_r,
	char *text, size_t cap)
{
	if (l->on == NULL)
		return choose_by_bytes(d, l, takes_frames(d), way_r, text, cap);
	if (!l->on->encrypted || (l->alpn != NULL && strcmp(l->alpn, "adit/1") == 0))
		return DOOR_FRAMES;
	return choose_by_bytes(d, l, l->alpn == NULL, way_r, text, cap);
}

bool
door_is_plain(const struct door *d)
{
	return d->n == 1 && (!d->way[0].layered || d->way[0].probe == NULL);
}

/* ---- For people ------------------------------------------------------------------------------ */

static size_t
print(char *buf, size_t cap, size_t at, const char *scheme, const struct addr *addr)
{
	char where[ADDR_TEXT_MAX];

	return at + (size_t)snprintf(at < cap ? buf + at : NULL, at < cap ? cap - at : 0,
			    "%s%s://%s", at > 0 ? ", " : "", scheme,
			    addr_text(addr, where, sizeof(where)));
}

static bool
encrypts(const struct door *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->way[i].encrypted)
			return true;
	return false;
}

size_t
door_addresses(const struct door *d, const struct addr *addr, char *buf, size_t cap)
{
	bool inside = encrypts(d);
	size_t at = 0;

	for (size_t i = 0; i < d->n; i++) {
		const struct door_way *w = &d->way[i];

		if (w->plain)
			at = print(buf, cap, at, w->name, addr);
		if (inside && w->inner != NULL)
			at = print(buf, cap, at, w->inner, addr);
	}
	return at;
}

/* ---- Building -------------------------------------------------------------------------------- */

static void
way_init(struct door_way *w, const struct module *m, const struct addr *a)
{
	const struct adit_transport_ops *t = &m->transport;

	*w = (struct door_way){
		.name = t->scheme,
		.inner = m->layer.size != 0 ? t->secure_scheme : NULL,
		.probe = t->probe,
		.inst = m->inst,
		.layered = m->layer.size != 0,
		.encrypted = t->encrypted != 0,
		.plain = t->encrypted != 0 || m->allow_plain || addr_is_loopback(a),
		.transport = m,
	};
}

static struct door *
find(struct door *door, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (addr_equal(&door[i].addr, a))
			return &door[i];
	return NULL;
}

struct door *
doors_build(const struct modules *modules, size_t *n_r)
{
	struct door *door = NULL, *d;
	size_t n = 0;

	for (size_t i = 0; i < modules->n_transport; i++) {
		const struct module *m = modules->transport[i];

		for (size_t k = 0; k < m->n_listen; k++) {
			d = find(door, n, &m->listen[k]);
			if (d == NULL) {
				door = xrealloc(door, (n + 1) * sizeof(*door));
				d = &door[n++];
				*d = (struct door){.addr = m->listen[k]};
			}
			must(d->n < DOOR_WAYS_MAX); /* as the configuration was checked */
			way_init(&d->way[d->n++], m, &m->listen[k]);
		}
	}
	*n_r = n;
	return door;
}

const struct door *
door_find(const struct server_conf *conf, const struct addr *a)
{
	return find(conf->door, conf->n_doors, a);
}
