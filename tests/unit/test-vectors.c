/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The vectors of doc/protocol.md section 12 against core/wire: what is well formed is decoded, made
 * again and the same; what is malformed ends every session that receives it. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "frametext.h"
#include "pair.h"
#include "tap.h"
#include "util/compiler.h"

static unsigned n_ok, n_err, n_skip;

/* Decodes a payload and encodes it again; returns the length, or 0 if it is refused. */
static size_t
recode(uint8_t type, const uint8_t *p, size_t n, uint8_t *out, size_t cap)
{
	union {
		struct msg_hello hello;
		struct msg_auth auth;
		struct text data;
		struct msg_auth_ok auth_ok;
		struct msg_auth_fail auth_fail;
		struct msg_resume resume;
		struct msg_resume_ok resume_ok;
		struct msg_bind bind;
		struct msg_bind_ok bind_ok;
		struct msg_bind_fail bind_fail;
		struct msg_open open;
		struct msg_end end;
		struct msg_goaway goaway;
	} m;

#define TRY(kind, arg) \
	return msg_##kind##_decode(p, n, &m.arg) == NULL ? msg_##kind##_encode(out, cap, &m.arg) : 0

	switch (type) {
	case FRAME_HELLO:
		TRY(hello, hello);
	case FRAME_AUTH:
		TRY(auth, auth);
	case FRAME_AUTH_CHALLENGE:
	case FRAME_AUTH_ANSWER:
		return msg_data_decode(p, n, &m.data) == NULL ? msg_data_encode(out, cap, m.data) : 0;
	case FRAME_AUTH_OK:
		TRY(auth_ok, auth_ok);
	case FRAME_AUTH_FAIL:
		TRY(auth_fail, auth_fail);
	case FRAME_RESUME:
		TRY(resume, resume);
	case FRAME_RESUME_OK:
		TRY(resume_ok, resume_ok);
	case FRAME_BIND:
		TRY(bind, bind);
	case FRAME_BIND_OK:
		TRY(bind_ok, bind_ok);
	case FRAME_BIND_FAIL:
	case FRAME_UNBIND:
		TRY(bind_fail, bind_fail);
	case FRAME_OPEN:
		TRY(open, open);
	case FRAME_OPEN_FAIL:
	case FRAME_RESET:
	case FRAME_RESUME_FAIL:
		TRY(end, end);
	case FRAME_GOAWAY:
		TRY(goaway, goaway);
	default:
		memcpy(out, p, n);
		return n;
	}
}

static bool
fixed_size(uint8_t type, const uint8_t *p, size_t n)
{
	struct msg_credit credit;
	uint64_t v64;
	uint32_t v32;

	switch (type) {
	case FRAME_OPEN_OK:
	case FRAME_FIN:
		return msg_empty_decode(n) == NULL;
	case FRAME_CREDIT:
		return msg_credit_decode(p, n, &credit) == NULL;
	case FRAME_BLOCKED:
	case FRAME_ACK:
	case FRAME_PING:
	case FRAME_PONG:
		return msg_u64_decode(p, n, &v64) == NULL;
	case FRAME_SPREAD:
		return msg_u32_decode(p, n, &v32) == NULL;
	default:
		return true;
	}
}

static void
well_formed(const char *name, uint8_t *b, size_t n, const char *verdict)
{
	static char line[FRAMETEXT_MAX];
	uint8_t again[FRAME_CONTROL_MAX + FRAME_HEADER], *p = b + FRAME_HEADER;
	char err[200] = "";
	struct frame f;
	bool lossy;

	frame_decode(b, &f);
	must(n == FRAME_HEADER + f.len);
	ok(frame_check(&f, FRAME_DATA_MAX_LIMIT) == NULL, "%s: the header is fine", name);
	must(frametext_print(line, sizeof(line), &f, p) == 0);
	ok(strcmp(line, verdict + strlen("ok type=")) == 0, "%s: says %s", name, verdict);
	is_int(frametext_parse(again, sizeof(again), line, err), n, "as long from text");
	is_mem(again, b, n, "and the same bytes");
	/* msg.c drops tails and what is reserved. */
	lossy = (strstr(line, " tail=") != NULL && strstr(line, " tail=-") == NULL) ||
		(strstr(line, " reserved=") != NULL && strstr(line, " reserved=0") == NULL);
	if (lossy) {
		ok(recode(f.type, p, f.len, again, sizeof(again)) > 0, "%s: is decoded", name);
	} else {
		is_int(recode(f.type, p, f.len, again, sizeof(again)), f.len, name);
		is_mem(again, p, f.len, "decoded and encoded it is the same");
	}
	ok(fixed_size(f.type, p, f.len), "%s: numbers have their size", name);
	n_ok++;
}

/* How far a session is when the frame comes. */
enum place { AGENT_INIT, AGENT_LOGIN, AGENT_BOUND, AGENT_STREAM, SERVER_INIT, SERVER_LOGIN,
	SERVER_AUTH, SERVER_BOUND, SERVER_OPENING, SERVER_STREAM, PLACES };

static struct end *
go_to(struct pair *p, enum place place)
{
	struct end *e = place >= SERVER_INIT ? &p->server : &p->agent;
	struct mux_conf agent = pair_conf(ROLE_AGENT), server = pair_conf(ROLE_SERVER);

	agent.max_frame = server.max_frame = FRAME_DATA_MAX_LIMIT;
	pair_init(p, &agent, &server);
	p->agent.silent = place == SERVER_LOGIN;
	p->server.silent = place == AGENT_LOGIN || place == SERVER_AUTH;
	p->agent.hold_open = place == SERVER_OPENING;
	if (place == AGENT_INIT || place == SERVER_INIT)
		return e;
	pair_pump(p);
	if (place == AGENT_LOGIN || place == SERVER_LOGIN || place == SERVER_AUTH)
		return e;
	pair_login(p);
	if (place != AGENT_BOUND && place != SERVER_BOUND)
		must(pair_open(p) != NULL);
	pair_pump(p);
	e->untrusted = true;
	return e;
}

static int
feed(enum place place, const uint8_t *b, size_t n)
{
	struct pair p;
	struct end *e = go_to(&p, place);
	int rc = mux_recv(&e->m, p.now, b, n);

	pair_fini(&p);
	return rc;
}

static void
malformed(const char *name, const uint8_t *b, size_t n, const char *verdict)
{
	bool all = true;

	for (enum place place = 0; place < PLACES; place++)
		all &= feed(place, b, n) == -EPROTO;
	ok(all, "%s: ends every session (%s)", name, verdict);
	n_err++;
}

static void
skipped(const char *name, const uint8_t *b, size_t n)
{
	ok(feed(AGENT_BOUND, b, n) == 0 && feed(AGENT_STREAM, b, n) == 0 &&
			feed(SERVER_BOUND, b, n) == 0 && feed(SERVER_STREAM, b, n) == 0,
		"%s: is skipped after login", name);
	ok(feed(AGENT_INIT, b, n) < 0 && feed(SERVER_INIT, b, n) < 0 &&
			feed(SERVER_AUTH, b, n) < 0,
		"%s: is illegal before", name);
	n_skip++;
}

static void
try_line(char *line)
{
	static uint8_t b[FRAME_CONTROL_MAX + FRAME_HEADER];
	char *hex = strstr(line, " | "), *verdict;
	size_t n;

	must(hex != NULL);
	*hex = '\0';
	hex += 3;
	verdict = strstr(hex, " | ");
	must(verdict != NULL);
	*verdict = '\0';
	verdict += 3;
	verdict[strcspn(verdict, "\n")] = '\0';
	n = frametext_hex(b, sizeof(b), hex);
	must(n == strlen(hex) / 2 && n >= FRAME_HEADER);
	if (strncmp(verdict, "ok ", 3) == 0)
		well_formed(line, b, n, verdict);
	else if (strncmp(verdict, "err ", 4) == 0)
		malformed(line, b, n, verdict);
	else if (ok(strcmp(verdict, "skip") == 0, "%s: has a verdict", line))
		skipped(line, b, n);
}

int
main(void)
{
	const char *top = getenv("top_srcdir");
	static char line[FRAMETEXT_MAX];
	bool section = false, inside = false;
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/doc/protocol.md", top != NULL ? top : ".");
	f = fopen(path, "r");
	if (!ok(f != NULL, "the page is there"))
		return done_testing();
	while (fgets(line, sizeof(line), f) != NULL) {
		section |= strncmp(line, "## 12. ", 7) == 0;
		if (strncmp(line, "```", 3) == 0)
			inside = section && strncmp(line, "```vectors", 10) == 0;
		else if (inside)
			try_line(line);
	}
	fclose(f);
	diag("%u well formed, %u malformed, %u skipped", n_ok, n_err, n_skip);
	ok(n_ok > 20 && n_err > 20 && n_skip > 0, "and holds vectors of all kinds");
	return done_testing();
}
