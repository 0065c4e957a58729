/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Two ends in memory. */

#include "ends.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The core's side ------------------------------------------------------------------------- */

static void
buf_add(struct buf *b, const void *p, size_t n)
{
	while (b->n + n > b->cap) {
		b->cap = b->cap > 0 ? b->cap * 2 : 4096;
		b->p = realloc(b->p, b->cap);
		if (b->p == NULL)
			exit(99);
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

int
adit_layer_up(struct adit_layer *l, const void *data, size_t n)
{
	if (n == 0)
		abort();
	buf_add(&l->up, data, n);
	l->calls_up++;
	return 0;
}

int
adit_layer_down(struct adit_layer *l, const void *data, size_t n)
{
	buf_add(&l->down, data, n);
	return 0;
}

void
adit_layer_ready(struct adit_layer *l)
{
	if (l->ready)
		abort();
	l->ready = true;
}

int
adit_layer_error(struct adit_layer *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->error, sizeof(l->error), fmt, ap);
	va_end(ap);
	return -1;
}

const char *
adit_layer_host(const struct adit_layer *l)
{
	return l->host;
}

const char *
adit_layer_upper(const struct adit_layer *l)
{
	return l->upper;
}

int
adit_layer_fact(struct adit_layer *l, const char *key, const char *value)
{
	size_t at = strlen(l->facts);

	snprintf(l->facts + at, sizeof(l->facts) - at, "%s=%s\n", key, value);
	return 0;
}

const char *
fact(const struct adit_layer *l, const char *key)
{
	static char buf[4][512];
	static int turn;
	char *out = buf[turn++ % 4], start[64];
	const char *at;

	snprintf(start, sizeof(start), "%s=", key);
	at = strncmp(l->facts, start, strlen(start)) == 0 ? l->facts : NULL;
	if (at == NULL) {
		snprintf(start, sizeof(start), "\n%s=", key);
		at = strstr(l->facts, start);
	}
	if (at == NULL)
		return "";
	at += strlen(start);
	snprintf(out, sizeof(buf[0]), "%.*s", (int)strcspn(at, "\n"), at);
	return out;
}

/* ---- Two ends -------------------------------------------------------------------------------- */

static uint64_t seed = 1;

size_t
dice(size_t max)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(seed >> 33) % max;
}

int
carry(struct adit_layer *from, struct adit_layer *to, size_t piece)
{
	struct buf b = from->down;
	size_t at = 0;
	int rc = 0;

	from->down = (struct buf){.p = NULL};
	while (at < b.n && rc == 0) {
		size_t n = 1 + dice(piece);

		if (n > b.n - at)
			n = b.n - at;
		rc = tls_input(to->tls, b.p + at, n);
		at += n;
	}
	free(b.p);
	return rc;
}

void
settle(struct ends *e, size_t piece)
{
	while (e->agent.down.n + e->server.down.n > 0) {
		if (e->agent.down.n > 0)
			(void)carry(&e->agent, &e->server, piece);
		if (e->server.down.n > 0)
			(void)carry(&e->server, &e->agent, piece);
	}
}

void
ends_open(struct ends *e, struct creds *agent, struct creds *server, struct tls_worker *w,
	const char *host)
{
	memset(e, 0, sizeof(*e));
	e->agent.host = host;
	e->agent.upper = "";
	e->own[0] = tls_worker_new();
	e->own[1] = w == NULL ? tls_worker_new() : NULL;
	if (tls_open(server, e->own[0], &e->server, &e->server.tls) < 0 ||
		tls_open(agent, w != NULL ? w : e->own[1], &e->agent, &e->agent.tls) < 0)
		exit(99);
}

void
ends_close(struct ends *e)
{
	tls_close(e->agent.tls);
	tls_close(e->server.tls);
	tls_worker_free(e->own[0]);
	tls_worker_free(e->own[1]);
	free(e->agent.down.p);
	free(e->agent.up.p);
	free(e->server.down.p);
	free(e->server.up.p);
}

/* ---- Credentials ----------------------------------------------------------------------------- */

struct minted ca, other_ca, leaf, expired, early, stranger, client, purpose;
static struct minted *const leaves[] = {&leaf, &expired, &early, &stranger, &client, &purpose};
struct pin leaf_pin;

void
mint_all(void)
{
	mint(&(struct mint_ask){.cn = "Test CA", .from = -9, .to = 9, .ca = 1}, NULL, &ca);
	mint(&(struct mint_ask){.cn = "Other CA", .from = -9, .to = 9, .ca = 1}, NULL, &other_ca);
	mint(&(struct mint_ask){.cn = "x",
		     .names = "a.example,*.b.example,192.0.2.1,2001:db8::1",
		     .from = -1,
		     .to = 9},
		&ca, &leaf);
	mint(&(struct mint_ask){.cn = "x", .names = "a.example", .from = -3, .to = -2}, &ca,
		&expired);
	mint(&(struct mint_ask){.cn = "x", .names = "a.example", .from = 2, .to = 3}, &ca, &early);
	mint(&(struct mint_ask){.cn = "x", .names = "a.example", .from = -1, .to = 9}, &other_ca,
		&stranger);
	mint(&(struct mint_ask){.cn = "web1",
		     .names = "web1.agents,other",
		     .from = -1,
		     .to = 9,
		     .purpose = "client"},
		&ca, &client);
	mint(
		&(struct mint_ask){
			.cn = "x", .names = "a.example", .from = -1, .to = 9, .purpose = "client"},
		&ca, &purpose);
	if (pin_of(leaf.crt, &leaf_pin) < 0)
		exit(99);
}

void
mint_none(void)
{
	mint_fini(&ca);
	mint_fini(&other_ca);
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		mint_fini(leaves[i]);
}

char reason[CREDS_WHY];

static struct creds *
side_with(enum adit_side side, const struct minted *own)
{
	struct creds *c = creds_new(side);
	time_t end;

	if (c == NULL ||
		(own != NULL && creds_add_pair(c, &own->certificate, &own->key, &end, reason) < 0))
		exit(99);
	return c;
}

struct creds *
server_with(const struct minted *own)
{
	return side_with(ADIT_SIDE_SERVER, own);
}

struct creds *
agent_with_ca(const struct minted *trusted)
{
	struct creds *c = side_with(ADIT_SIDE_AGENT, NULL);

	if (creds_add_trust(c, &trusted->certificate, reason) < 0)
		exit(99);
	return c;
}

struct creds *
agent_with_pin(const struct pin *pin)
{
	struct creds *c = side_with(ADIT_SIDE_AGENT, NULL);

	if (pins_add(&c->pins, pin) < 0)
		exit(99);
	return c;
}

struct creds *
agent_with_nothing(void)
{
	return side_with(ADIT_SIDE_AGENT, NULL);
}

struct creds *
server_asking(enum client_certificate how)
{
	struct creds *s = server_with(&leaf);

	if (creds_add_trust(s, &ca.certificate, reason) < 0)
		exit(99);
	s->client = how;
	return s;
}

struct creds *
agent_showing(const struct minted *m)
{
	struct creds *a = agent_with_ca(&ca);
	time_t end;

	if (m != NULL && creds_add_pair(a, &m->certificate, &m->key, &end, reason) < 0)
		exit(99);
	return a;
}

/* ---- What passes and what does not ----------------------------------------------------------- */

uint8_t *
random_bytes(size_t n)
{
	uint8_t *p = malloc(n);

	if (p == NULL)
		exit(99);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)dice(256);
	return p;
}

bool
ends_pass(struct adit_layer *from, struct adit_layer *to, size_t n, size_t piece)
{
	uint8_t *p = random_bytes(n);
	bool same;

	to->up.n = 0;
	same = tls_output(from->tls, p, n) == 0 && carry(from, to, piece) == 0 && to->up.n == n &&
	       memcmp(to->up.p, p, n) == 0;
	free(p);
	return same;
}

/* Says what is there in place of what was wanted. */
static bool
has(const char *error, const char *want)
{
	if (want[0] == '\0' ? error[0] == '\0' : strstr(error, want) != NULL)
		return true;
	printf("# wanted: %s\n#    got: %s\n", want, error);
	return false;
}

bool
ends_refuse(struct creds *a, struct creds *s, const char *host, const char *agent_says,
	const char *server_says)
{
	struct ends e;
	bool agent, server, over;

	ends_open(&e, a, s, NULL, host);
	settle(&e, 1000);
	agent = has(e.agent.error, agent_says);
	server = has(e.server.error, server_says);
	over = e.agent.error[0] != '\0' && e.server.error[0] != '\0';
	ends_close(&e);
	return agent && server && over;
}

bool
ends_agree(struct creds *a, struct creds *s, const char *host)
{
	struct ends e;
	bool agree;

	ends_open(&e, a, s, NULL, host);
	settle(&e, 1000);
	agree = has(e.agent.error, "") && has(e.server.error, "") && e.agent.ready &&
		e.server.ready;
	ends_close(&e);
	return agree;
}
