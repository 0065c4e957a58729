/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One end of a session whose peer is the input. The first bytes choose the role, how far the login
 * has come, how many streams are open, whether the agent logs in again, and the size of the pieces.
 * Then follow bytes of the link as they are, or (framed) a shorter form that always makes whole
 * frames: type, stream, length, payload. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "pair.h"
#include "util/compiler.h"

/* Of the number of streams; two bits of it are challenges of the next login. */
enum { REFUSE = 32, RENEW = 64 };

enum { LOGGED_IN = 1, SERVER = 2, FRAMED = 4, HOLD_OPEN = 8, HOLD_DATA = 16, SILENT = 32, DRAIN = 64,
	FLOWS = 128 };

struct input {
	const uint8_t *p, *end;
};

static unsigned
byte(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

/* Login, a tunnel and some streams; the peer's frames are made here. */
static void
log_in(struct end *e, unsigned streams, bool flows)
{
	struct end *other = pair_peer(e);

	pair_login(e->pair);
	while (streams-- > 0) {
		struct sock *k = flows && streams % 2 > 0 ? pair_open_flow(e->pair)
							  : pair_open(e->pair);

		pair_pump(e->pair);
		if (k != NULL && streams % 2 > 0)
			sock_send(k, 3000);
	}
	other->out.from = other->out.to; /* from here on the input speaks */
}

/* The far sockets: take what came, send a little, end now and then. */
static void
stir(struct end *e, unsigned how)
{
	for (size_t i = 0; i < e->n_socks; i++) {
		struct sock *k = e->socks[i];

		if (k->st == NULL)
			continue;
		if (how & 1)
			sock_consume(k, 5000);
		if (how & 2 && k->st->flow != NULL)
			sock_datagram(k, how * 30);
		else if (how & 2 && !k->eof)
			sock_send(k, 9000);
		if ((how & 28) == 4)
			sock_end(k);
		else if ((how & 28) == 8)
			sock_abort(k, CODE_CLIENT_RESET);
		else if ((how & 28) == 12 && e->m.conf.role == ROLE_AGENT)
			sock_answer(k);
	}
}

static void
feed(struct end *e, const uint8_t *p, size_t n, unsigned how)
{
	uint8_t *copy = xmalloc(n);

	memcpy(copy, p, n);
	mux_recv(&e->m, e->pair->now, copy, n);
	free(copy);
	end_check(e);
	stir(e, how);
	if (how & 32) {
		e->pair->now = mono_add_ms(e->pair->now, 700);
		mux_tick(&e->m, e->pair->now);
	}
	while (mux_wants_output(&e->m) && end_output(e, MUX_OUTPUT_MIN) > 0)
		e->out.from = e->out.to;
	end_check(e);
}

static void
feed_raw(struct end *e, struct input *in, size_t piece, unsigned how)
{
	while (in->p < in->end) {
		size_t n = MIN(piece, (size_t)(in->end - in->p));

		feed(e, in->p, n, how);
		in->p += n;
	}
}

static void
feed_framed(struct end *e, struct input *in, unsigned how)
{
	static uint8_t b[FRAME_HEADER + 256 * 64];

	while (in->p < in->end) {
		struct frame f = {.type = (uint8_t)byte(in), .stream = byte(in)};
		size_t given, cut;

		how ^= byte(in);
		f.len = byte(in);
		given = MIN(f.len, (size_t)(in->end - in->p));
		if (f.type == FRAME_DATA || f.type == FRAME_DATAGRAM)
			f.len *= 64;
		frame_encode(b, &f);
		memset(b + FRAME_HEADER, 0, f.len);
		memcpy(b + FRAME_HEADER, in->p, given);
		in->p += given;
		cut = how & 64 ? MIN(FRAME_HEADER + (how >> 7) % 2, FRAME_HEADER + f.len) : 0;
		if (cut > 0) /* what the owner does in between may end the stream */
			feed(e, b, cut, how);
		feed(e, b + cut, FRAME_HEADER + f.len - cut, how);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = {data, data + n};
	unsigned flags = byte(&in), streams = byte(&in), piece = byte(&in), how = byte(&in);
	struct mux_conf agent = pair_conf(ROLE_AGENT), server = pair_conf(ROLE_SERVER);
	struct pair p;
	struct end *e;

	agent.max_streams = 8;
	agent.session_window = server.session_window = 65536;
	pair_init(&p, &agent, &server);
	e = flags & SERVER ? &p.server : &p.agent;
	p.agent.hold_open = flags & HOLD_OPEN;
	if (flags & LOGGED_IN)
		log_in(e, streams % 8, flags & FLOWS);
	else if (!(flags & SERVER))
		end_output(e, 65536); /* its HELLO */
	e->untrusted = true;
	p.server.challenges = streams >> 3 & 3;
	p.server.refuse = streams & REFUSE;
	if (streams & RENEW)
		pair_renew(&p);
	e->silent = flags & SILENT;
	e->hold_data = flags & HOLD_DATA;
	if (flags & DRAIN)
		mux_drain(&e->m, CODE_LEAVING, 0, NULL);
	if (flags & FRAMED)
		feed_framed(e, &in, how);
	else
		feed_raw(e, &in, piece + 1, how);
	pair_fini(&p);
	return 0;
}
