/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Replays the conversations *.scn of this folder (or the files named) against one real end of a
 * session with a clock that stands still; the other end is the text. One TAP line for each.
 *
 *	test server             which end is real (then the text speaks for the agent)
 *	set NAME NUMBER         a number of struct mux_conf, before the first frame
 *	include FILE            lines of another file
 *	agent> FRAME            the text's end sends it; fields as in doc/protocol.md section 12.
 *	agent> raw HEX          or these bytes
 *	server< FRAME           the real end must send it now; only the fields that are named count
 *	server< nothing         it must have nothing to say
 *	server! WHAT …          its owner acts: see the table below
 *	+30s  +500ms            time passes
 *
 * With `set resume_ms` a session can be resumed, by the secret of 32 bytes PAIR_SECRET (pair.h); behind
 * `link` frames are those of another link, until RESUME_OK of a fresh mux, then of the session.
 *	expect WHAT …           what its owner must have been told: see the other table
 *
 * Whatever the real end sends must be asked for, and its end of the session must be expected. */

#include <config.h>

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <stdlib.h>

#include "frametext.h"
#include "pairlink.h"
#include "tap.h"
#include "util/compiler.h"

struct play {
	struct pair p;
	struct end *e; /* the real end; NULL before `test` */
	struct mux_conf conf;
	bool begun, close_expected;
	const char *me, *peer;
	char folder[4096];
	char wrong[1024]; /* what went wrong first; empty: nothing */
};

__attribute__((format(printf, 2, 3))) static void
wrong(struct play *y, const char *fmt, ...)
{
	va_list ap;

	if (y->wrong[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(y->wrong, sizeof(y->wrong), fmt, ap);
	va_end(ap);
}

static uint16_t
code_of(const char *name)
{
	for (uint16_t c = 1; c < 100; c++)
		if (strcmp(code_name(c), name) == 0 && (c == CODE_INTERNAL || strcmp(name, "internal")))
			return c;
	return CODE_NONE;
}

static void
begin(struct play *y)
{
	if (y->begun)
		return;
	y->begun = true;
	y->p.now = (struct mono){1000000000};
	end_init(y->e, &y->p, &y->conf);
	y->e->untrusted = y->e->silent = y->e->hold_open = true;
}

/* ---- Frames ------------------------------------------------------------------------------------ */

static void
receive(struct end *e, const uint8_t *b, size_t n)
{
	struct mux *m = pairlink_mux(e);
	int rc = mux_recv(m, e->pair->now, b, n);

	if (m->given_away)
		pairlink_given(e, b, n, rc);
}

static void
feed(struct play *y, const char *text)
{
	static uint8_t b[FRAME_HEADER + FRAME_DATA_MAX_LIMIT];
	char err[200] = "";
	struct frame f;
	size_t n;

	memset(b, 0, sizeof(b));
	if (strncmp(text, "raw ", 4) == 0) {
		n = frametext_hex(b, sizeof(b), text + 4);
	} else {
		n = frametext_parse(b, sizeof(b), text, err);
		frame_decode(b, &f);
		if ((f.type == FRAME_DATA || f.type == FRAME_DATAGRAM) &&
			f.len <= FRAME_DATA_MAX_LIMIT)
			n = FRAME_HEADER + f.len;
	}
	if (n == 0)
		wrong(y, "%s", err);
	receive(y->e, b, n);
	end_check(y->e);
}

static void
fill(struct play *y)
{
	while (end_wants_output(y->e) && end_output(y->e, 65536) > 0)
		;
	end_check(y->e);
}

/* The next frame that the real end has sent, as text; false when there is none. */
static bool
next_frame(struct play *y, char *line, size_t cap)
{
	struct link *l = &y->e->out;
	struct frame f;
	size_t used;

	if (l->to - l->from < FRAME_HEADER)
		return false;
	frame_decode(l->p + l->from, &f);
	must(l->to - l->from >= FRAME_HEADER + f.len);
	if (f.type == FRAME_DATA || f.type == FRAME_DATAGRAM)
		snprintf(line, cap, "%s id=%u", frame_name(f.type), f.stream);
	else
		must(frametext_print(line, cap, &f, l->p + l->from + FRAME_HEADER) == 0);
	used = strlen(line);
	snprintf(line + used, cap - used, " len=%u", f.len);
	l->from += FRAME_HEADER + f.len;
	return true;
}

/* The end of the word at p: a quoted text belongs to it. */
static const char *
word_end(const char *p)
{
	for (; *p != ' ' && *p != '\0'; p++)
		if (*p == '"')
			p = strchrnul(p + 1, '"');
	return p;
}

/* Whether every word of want is a word of got, the first one as its first. */
static bool
matches(const char *got, const char *want)
{
	bool first = true;

	for (const char *end; *want != '\0'; want = end + strspn(end, " "), first = false) {
		const char *g = got, *g_end = word_end(g);

		end = word_end(want);
		while (!(g_end - g == end - want && memcmp(g, want, (size_t)(end - want)) == 0)) {
			if (*g_end == '\0' || first)
				return false;
			g = g_end + 1;
			g_end = word_end(g);
		}
	}
	return true;
}

static void
demand(struct play *y, const char *want)
{
	static char got[FRAMETEXT_MAX];
	bool any;

	fill(y);
	any = next_frame(y, got, sizeof(got));
	if (strcmp(want, "nothing") == 0 && any)
		wrong(y, "wanted nothing, got %s", got);
	else if (strcmp(want, "nothing") != 0 && !any)
		wrong(y, "got nothing");
	else if (any && !matches(got, want))
		wrong(y, "got %s", got);
}

/* ---- What the owner does ----------------------------------------------------------------------- */

static struct sock *
sock_by_id(struct play *y, const char *id)
{
	for (size_t i = 0; i < y->e->n_socks; i++)
		if (y->e->socks[i]->id == strtoul(id, NULL, 10))
			return y->e->socks[i];
	wrong(y, "there is no stream %s", id);
	return NULL;
}

static void
act_auth(struct play *y, char **a)
{
	struct msg_auth auth = {text_of("token"), text_of(a[1]), text_of("proof")};

	mux_send_auth(&y->e->m, &auth);
}

static void
act_answer(struct play *y, char **a)
{
	mux_send_answer(&y->e->m, text_of(a[1]));
}

static void
act_challenge(struct play *y, char **a)
{
	mux_send_challenge(&y->e->m, text_of(a[1]));
}

static void
act_auth_ok(struct play *y, char **a)
{
	struct msg_auth_ok m = {.session = 7,
		.account = text_of("acme"),
		.agent = text_of(a[1]),
		.expires_ms = strtoull(a[2], NULL, 10),
		.secret = text_of(PAIR_SECRET),
		.data = text_of(NULL)};

	mux_expire_at(&y->e->m, m.expires_ms > 0 ?
		mono_add_ms(y->p.now, (int64_t)m.expires_ms) : MONO_NEVER);
	mux_send_auth_ok(&y->e->m, &m);
}

static void
act_auth_fail(struct play *y, char **a)
{
	mux_send_auth_fail(&y->e->m, code_of(a[1]), (uint32_t)atoi(a[2]), "login refused");
}

static void
act_bind(struct play *y, char **a)
{
	struct msg_bind b = {.tunnel = (uint32_t)atoi(a[1]), .route = text_of("port"),
		.name = text_of(a[2])};

	mux_send_bind(&y->e->m, &b);
}

static void
act_bind_ok(struct play *y, char **a)
{
	mux_send_bind_ok(&y->e->m, (uint32_t)atoi(a[1]), a[2]);
}

static void
act_bind_fail(struct play *y, char **a)
{
	mux_send_bind_fail(&y->e->m, (uint32_t)atoi(a[1]), code_of(a[2]), "no");
}

static void
act_unbind(struct play *y, char **a)
{
	mux_send_unbind(&y->e->m, (uint32_t)atoi(a[1]), code_of(a[2]), "");
}

static void
act_open(struct play *y, char **a)
{
	bool refused = pair_open(&y->p) == NULL;

	if (refused != (strcmp(a[1], "refused") == 0))
		wrong(y, "the stream was%s opened", refused ? " not" : "");
}

static void
act_open_flow(struct play *y, char **a)
{
	(void)a;
	if (pair_open_flow(&y->p) == NULL)
		wrong(y, "the stream was not opened");
}

static void
act_open_ok(struct play *y, char **a)
{
	struct sock *k = sock_by_id(y, a[1]);

	if (k != NULL)
		sock_answer(k);
}

static void
act_open_fail(struct play *y, char **a)
{
	struct sock *k = sock_by_id(y, a[1]);

	if (k == NULL)
		return;
	k->aborted = true;
	mux_open_fail(k->st, code_of(a[2]), "no");
}

static void
act_send(struct play *y, char **a)
{
	struct sock *k = sock_by_id(y, a[1]);

	if (k != NULL)
		sock_send(k, strtoull(a[2], NULL, 10));
}

static void
act_datagram(struct play *y, char **a)
{
	struct sock *k = sock_by_id(y, a[1]);

	if (k != NULL)
		sock_datagram(k, strtoull(a[2], NULL, 10));
}

static void
act_end(struct play *y, char **a)
{
	struct sock *k = sock_by_id(y, a[1]);

	if (k != NULL)
		sock_end(k);
}

static void
act_break(struct play *y, char **a)
{
	struct sock *k = sock_by_id(y, a[1]);

	if (k != NULL)
		sock_break(k);
}

static void
act_reset(struct play *y, char **a)
{
	struct sock *k = sock_by_id(y, a[1]);

	if (k != NULL)
		sock_abort(k, code_of(a[2]));
}

static void
act_hold(struct play *y, char **a)
{
	y->e->hold_data = strcmp(a[1], "off") != 0;
}

static void
act_consume(struct play *y, char **a)
{
	struct sock *k = sock_by_id(y, a[1]);

	if (k != NULL)
		sock_consume(k, strtoull(a[2], NULL, 10));
}

static void
act_drain(struct play *y, char **a)
{
	mux_drain(&y->e->m, code_of(a[1]), (uint32_t)atoi(a[2]), "");
}

static void
act_fail(struct play *y, char **a)
{
	mux_fail(&y->e->m, code_of(a[1]), "");
}

static void
act_detach(struct play *y, char **a)
{
	(void)a;
	mux_detach(&y->e->m, y->p.now);
}

static void
act_link(struct play *y, char **a)
{
	(void)a;
	pairlink_begin(y->e);
}

static void
act_fresh_auth(struct play *y, char **a)
{
	struct msg_auth auth = {text_of("token"), text_of(a[1]), text_of("proof")};

	mux_send_auth(y->e->fresh, &auth);
}

static const struct {
	const char *name;
	void (*act)(struct play *y, char **a);
} acts[] = {
	{"auth", act_auth},           /* AGENT */
	{"answer", act_answer},       /* TEXT */
	{"challenge", act_challenge}, /* TEXT */
	{"auth_ok", act_auth_ok},     /* AGENT, and for how many ms or nothing */
	{"auth_fail", act_auth_fail}, /* CODE RETRY_MS */
	{"bind", act_bind},           /* TUNNEL NAME */
	{"bind_ok", act_bind_ok},     /* TUNNEL ADDRESS */
	{"bind_fail", act_bind_fail}, /* TUNNEL CODE */
	{"unbind", act_unbind},       /* TUNNEL CODE */
	{"open", act_open},           /* a public connection; "refused" when there must be no stream */
	{"open_flow", act_open_flow}, /* for datagrams */
	{"open_ok", act_open_ok},     /* STREAM */
	{"open_fail", act_open_fail}, /* STREAM CODE */
	{"send", act_send},           /* STREAM BYTES: its socket has them */
	{"datagram", act_datagram},   /* STREAM BYTES */
	{"end", act_end},             /* STREAM: its socket's end of file */
	{"break", act_break},         /* STREAM: its socket was reset */
	{"reset", act_reset},         /* STREAM CODE */
	{"hold", act_hold},           /* what comes is not consumed; "hold off" */
	{"consume", act_consume},     /* STREAM BYTES */
	{"drain", act_drain},         /* CODE RETRY_MS */
	{"fail", act_fail},           /* CODE */
	{"detach", act_detach},       /* the link is lost */
	{"link", act_link},           /* there is another: its first frames are a fresh mux's */
	{"fresh_auth", act_fresh_auth}, /* AGENT: that one logs in */
};

/* ---- What the owner was told ------------------------------------------------------------------- */

/* What must be true, and what is, as text. */
static bool
expectation(struct play *y, char **a, char *is, size_t cap)
{
	const struct end *e = y->e;
	struct sock *k;

	snprintf(is, cap, "state %s, closed %s (%s)", session_state_name(e->m.state),
		e->closed ? code_name(e->code) : "no", e->text);
	if (strcmp(a[0], "state") == 0)
		return strcmp(session_state_name(e->m.state), a[1]) == 0;
	if (strcmp(a[0], "closed") == 0) { /* CODE, and "by_peer" or nothing */
		y->close_expected = true;
		return e->closed && e->code == code_of(a[1]) &&
			e->local != (strcmp(a[2], "by_peer") == 0);
	}
	if (strcmp(a[0], "retry") == 0)
		return e->retry_ms == strtoul(a[1], NULL, 10);
	if (strcmp(a[0], "goaway") == 0)
		return e->n_goaway > 0 && e->goaway_code == code_of(a[1]);
	if (strcmp(a[0], "resumed") == 0)
		return e->n_resumed == strtoul(a[1], NULL, 10) && e->attach_rc == 0;
	if (strcmp(a[0], "lied") == 0)
		return e->attach_rc < 0;
	if (strcmp(a[0], "refused") == 0)
		return e->n_refused == strtoul(a[1], NULL, 10);
	if (strcmp(a[0], "lost") == 0)
		return e->n_lost == strtoul(a[1], NULL, 10);
	if (strcmp(a[0], "retained") == 0)
		return e->retained.bytes == strtoul(a[1], NULL, 10);
	if (strcmp(a[0], "fresh_closed") == 0)
		return e->fresh_code == code_of(a[1]);
	if (strcmp(a[0], "logins") == 0) /* as many as an agent was allowed, refused */
		return e->n_auth_ok == strtoul(a[1], NULL, 10) &&
			e->n_auth_fail == strtoul(a[2], NULL, 10);
	if (strcmp(a[0], "asked") == 0) /* as often as a server */
		return e->n_auth == strtoul(a[1], NULL, 10);
	if (strcmp(a[0], "bound") == 0)
		return e->n_bind_ok == strtoul(a[1], NULL, 10);
	if (strcmp(a[0], "rtt") == 0)
		return e->m.rtt_us == strtol(a[1], NULL, 10) * 1000;
	k = sock_by_id(y, a[1]);
	if (k == NULL)
		return false;
	snprintf(is, cap, "got %llu, answered %d, fin %d, reset %d (%s), gone %d",
		(unsigned long long)k->got, k->opened, k->fin, k->reset, code_name(k->code),
		k->st == NULL);
	if (strcmp(a[0], "got") == 0)
		return k->got == strtoull(a[2], NULL, 10);
	if (strcmp(a[0], "datagrams") == 0)
		return k->n_got == strtoull(a[2], NULL, 10);
	if (strcmp(a[0], "answered") == 0)
		return k->opened;
	if (strcmp(a[0], "fin") == 0)
		return k->fin;
	if (strcmp(a[0], "reset") == 0)
		return k->reset && k->code == code_of(a[2]);
	if (strcmp(a[0], "gone") == 0)
		return k->st == NULL;
	if (strcmp(a[0], "alive") == 0)
		return k->st != NULL && !k->reset;
	snprintf(is, cap, "nobody knows what %s means", a[0]);
	return false;
}

/* ---- Lines ------------------------------------------------------------------------------------- */

static bool play_file(struct play *y, const char *path);

static void
split(char *text, char **a, size_t n)
{
	char *save = NULL;

	for (size_t i = 0; i < n; i++) {
		a[i] = strtok_r(i == 0 ? text : NULL, " ", &save);
		if (a[i] == NULL)
			a[i] = (char *)"";
	}
}

static void
test_which(struct play *y, const char *who)
{
	bool server = strcmp(who, "server") == 0;

	y->e = server ? &y->p.server : &y->p.agent;
	y->me = server ? "server" : "agent";
	y->peer = server ? "agent" : "server";
	y->conf = pair_conf(server ? ROLE_SERVER : ROLE_AGENT);
}

static void
set(struct play *y, const char *name, const char *value)
{
	uint32_t v = (uint32_t)strtoul(value, NULL, 10);

	if (strcmp(name, "max_streams") == 0)
		y->conf.max_streams = v;
	else if (strcmp(name, "stream_window") == 0)
		y->conf.stream_window = y->conf.stream_window_max = v;
	else if (strcmp(name, "session_window") == 0)
		y->conf.session_window = v;
	else if (strcmp(name, "max_frame") == 0)
		y->conf.max_frame = v;
	else if (strcmp(name, "resume_ms") == 0)
		y->conf.resume_ms = v;
	else if (strcmp(name, "retain_max") == 0)
		y->conf.retain_max = v;
	else
		wrong(y, "nothing is called %s", name);
}

static void
pass_time(struct play *y, const char *text)
{
	char *unit;
	long n = strtol(text, &unit, 10);

	if (strcmp(unit, "s") != 0 && strcmp(unit, "ms") != 0)
		wrong(y, "time passes in s or ms");
	y->p.now = mono_add_ms(y->p.now, strcmp(unit, "s") == 0 ? n * 1000 : n);
	mux_tick(&y->e->m, y->p.now);
}

static void
act(struct play *y, char **a)
{
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		if (strcmp(acts[i].name, a[0]) != 0)
			continue;
		acts[i].act(y, a);
		end_check(y->e);
		return;
	}
	wrong(y, "an owner cannot %s", a[0]);
}

static void
play_line(struct play *y, char *line)
{
	char copy[1024], is[600], path[8192], *a[6];
	size_t me = y->me != NULL ? strlen(y->me) : 0, peer = y->me != NULL ? strlen(y->peer) : 0;

	snprintf(copy, sizeof(copy), "%s", line);
	split(copy, a, ARRAY_LEN(a));
	if (strcmp(a[0], "test") == 0) {
		test_which(y, a[1]);
	} else if (strcmp(a[0], "include") == 0) {
		snprintf(path, sizeof(path), "%s/%s", y->folder, a[1]);
		if (!play_file(y, path))
			wrong(y, "%s: %s", a[1], strerror(errno));
	} else if (y->e == NULL) {
		wrong(y, "`test server` or `test agent` comes first");
	} else if (strcmp(a[0], "set") == 0) {
		set(y, a[1], a[2]);
	} else {
		begin(y);
		if (a[0][0] == '+')
			pass_time(y, a[0] + 1);
		else if (strcmp(a[0], "expect") == 0 && !expectation(y, a + 1, is, sizeof(is)))
			wrong(y, "it is: %s", is);
		else if (strncmp(line, y->peer, peer) == 0 && line[peer] == '>')
			feed(y, line + peer + 2);
		else if (strncmp(line, y->me, me) == 0 && line[me] == '<')
			demand(y, line + me + 2);
		else if (strncmp(line, y->me, me) == 0 && line[me] == '!')
			act(y, a + 1);
		else if (strcmp(a[0], "expect") != 0)
			wrong(y, "what does this mean?");
	}
}

static bool
play_file(struct play *y, const char *path)
{
	FILE *f = fopen(path, "r");
	static char report[8192];
	char line[1024];
	int number = 0;

	if (f == NULL)
		return false;
	while (y->wrong[0] == '\0' && fgets(line, sizeof(line), f) != NULL) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		play_line(y, line);
		if (y->wrong[0] == '\0' || strchr(y->wrong, '\n') != NULL)
			continue;
		snprintf(report, sizeof(report), "%s line %d: %s\n# %s", path, number, line, y->wrong);
		memcpy(y->wrong, report, sizeof(y->wrong) - 1);
	}
	fclose(f);
	return true;
}

static void
play(const char *path)
{
	struct play *y = xcalloc(1, sizeof(*y));
	static char line[FRAMETEXT_MAX];
	char title[1024] = "", name[4096], copy[4096];
	FILE *f = fopen(path, "r");

	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(name, sizeof(name), "%s", basename(copy));
	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(y->folder, sizeof(y->folder), "%s", dirname(copy));
	if (f == NULL || fgets(title, sizeof(title), f) == NULL || title[0] != '#')
		wrong(y, "%s does not begin with a line that says what it shows", path);
	if (f != NULL)
		fclose(f);
	title[strcspn(title, "\n")] = '\0';
	if (!play_file(y, path) || !y->begun)
		wrong(y, "%s: nothing happens", path);
	if (y->begun && y->wrong[0] == '\0') {
		fill(y);
		if (next_frame(y, line, sizeof(line)))
			wrong(y, "at the end it has also sent %s", line);
		if (y->e->closed && !y->close_expected)
			wrong(y, "it has closed: %s, %s", code_name(y->e->code), y->e->text);
	}
	ok(y->wrong[0] == '\0', "%s:%s", name, title + (title[0] != '\0'));
	if (y->wrong[0] != '\0')
		diag("%s", y->wrong);
	if (y->begun)
		end_fini(y->e);
	free(y);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char pattern[4096];
	glob_t found = {.gl_pathc = 0};

	for (int i = 1; i < argc; i++)
		play(argv[i]);
	if (argc > 1)
		return done_testing();
	snprintf(pattern, sizeof(pattern), "%s/tests/scenario/*.scn", top != NULL ? top : ".");
	ok(glob(pattern, 0, NULL, &found) == 0, "there are scenarios");
	for (size_t i = 0; i < found.gl_pathc; i++)
		play(found.gl_pathv[i]);
	globfree(&found);
	return done_testing();
}
