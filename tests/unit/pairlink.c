/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* See pairlink.h. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "pairlink.h"
#include "util/compiler.h"
#include "wire/mux_priv.h"

struct mux_conf
pairlink_conf(enum role role)
{
	struct mux_conf conf = pair_conf(role);

	conf.resume_ms = 60000;
	conf.retain_max = 1048576;
	return conf;
}

/* ---- The fresh mux ------------------------------------------------------------------------------- */

static struct end *
end_of(struct mux *fresh)
{
	return fresh->owner;
}

static void
on_hello(struct mux *fresh, const struct msg_hello *hello)
{
	struct end *e = end_of(fresh);

	must(hello->role != fresh->conf.role);
	if (fresh->conf.role == ROLE_AGENT && !mux_send_resume(fresh, &e->m))
		mux_fail(fresh, CODE_LEAVING, "too late");
}

/* As a server's registry does: the session and its secret must be right. */
static void
on_resume(struct mux *fresh, const struct msg_resume *r)
{
	struct end *e = end_of(fresh);
	struct mux_link link;

	if (!mux_can_resume(&e->m) || r->session != e->m.session_id ||
		memcmp(r->secret.p, PAIR_SECRET, MSG_SECRET) != 0) {
		e->n_refused++;
		mux_send_resume_fail(fresh, CODE_NO_SESSION, code_text(CODE_NO_SESSION));
		return;
	}
	if (e->m.linked)
		mux_detach(&e->m, e->pair->now);
	mux_link_of(fresh, &link);
	e->n_resumed++;
	e->attach_rc = mux_attach(&e->m, e->pair->now, &link, r->received);
}

static void
on_resume_ok(struct mux *fresh, const struct msg_resume_ok *ok)
{
	struct end *e = end_of(fresh);
	struct mux_link link;

	if (!mux_can_resume(&e->m)) { /* it has ended meanwhile */
		mux_fail(fresh, CODE_LEAVING, "too late");
		return;
	}
	mux_link_of(fresh, &link);
	e->n_resumed++;
	e->attach_rc = mux_attach(&e->m, e->pair->now, &link, ok->received);
}

static void
on_resume_fail(struct mux *fresh, const struct msg_end *fail)
{
	struct end *e = end_of(fresh);

	must(fresh->conf.role == ROLE_AGENT && fail->text.p != NULL);
	e->n_refused++;
	e->goaway_code = fail->code;
}

static void
on_wake(struct mux *fresh)
{
	end_of(fresh)->awake = true;
}

static void
on_closed(struct mux *fresh, uint16_t code, const char *text, bool local, uint32_t retry_ms)
{
	(void)text;
	(void)local;
	(void)retry_ms;
	end_of(fresh)->fresh_code = code;
}

static const struct mux_ops fresh_ops = {
	.hello = on_hello,
	.resume = on_resume,
	.resume_ok = on_resume_ok,
	.resume_fail = on_resume_fail,
	.wake = on_wake,
	.closed = on_closed,
};

void
pairlink_begin(struct end *e)
{
	static unsigned links;
	uint8_t nonce[MSG_NONCE] = "another link, of number ";

	links++; /* no two links have the same */
	memcpy(nonce + 24, &links, sizeof(links));
	pairlink_fini(e);
	e->fresh = xcalloc(1, sizeof(*e->fresh));
	mux_init(e->fresh, &e->m.conf, &fresh_ops, e, nonce, e->pair->now);
	e->fresh_code = CODE_NONE;
	e->out.from = e->out.to = 0;
}

void
pairlink_fini(struct end *e)
{
	if (e->fresh == NULL)
		return;
	mux_fini(e->fresh);
	free(e->fresh);
	e->fresh = NULL;
}

struct mux *
pairlink_mux(const struct end *e)
{
	return e->fresh != NULL && !e->fresh->given_away ? e->fresh : (struct mux *)&e->m;
}

void
pairlink_given(struct end *e, const uint8_t *p, size_t n, int rest)
{
	if (e->attach_rc < 0)
		return;
	must(rest >= 0 && (size_t)rest <= n);
	if (rest > 0)
		mux_recv(&e->m, e->pair->now, p + n - rest, (size_t)rest);
}

/* ---- Links --------------------------------------------------------------------------------------- */

void
pairlink_cut_at(struct end *e)
{
	struct end *other = pair_peer(e);

	mux_detach(&e->m, e->pair->now);
	other->out.from = other->out.to; /* nobody reads it any more */
	pairlink_fini(e);
	e->awake = false;
}

void
pairlink_cut(struct pair *p)
{
	pairlink_cut_at(&p->agent);
	pairlink_cut_at(&p->server);
}

void
pairlink_open(struct pair *p)
{
	must(!p->agent.m.linked);
	pairlink_begin(&p->agent);
	pairlink_begin(&p->server);
}

bool
pairlink_resume(struct pair *p)
{
	pairlink_open(p);
	pair_pump(p);
	return p->agent.m.linked && p->server.m.linked;
}
