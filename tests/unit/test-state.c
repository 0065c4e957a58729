/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* doc/protocol.md against core/wire: the types of section 1, the codes of section 10, and every cell
 * of the six tables of section 11. A row or a cell that is missing, on either side, fails. */

#include <config.h>

#include <stdlib.h>

#include "tap.h"
#include "util/compiler.h"
#include "wire/code.h"
#include "wire/frame.h"
#include "wire/state.h"

#define CELLS 16

struct row {
	char cell[CELLS][80];
	unsigned n;
};

static FILE *page;
static char line[4096];

/* Reads on to the line that begins with start. */
static bool
find(const char *start)
{
	while (fgets(line, sizeof(line), page) != NULL)
		if (strncmp(line, start, strlen(start)) == 0)
			return true;
	return false;
}

/* "| a | b |" into cells, without the blanks around them. */
static void
split(struct row *r)
{
	char *at = line;

	memset(r, 0, sizeof(*r));
	while ((at = strchr(at, '|')) != NULL && strchr(at + 1, '|') != NULL && r->n < CELLS) {
		char *from = ++at, *to = strchr(at, '|');

		while (*from == ' ')
			from++;
		while (to > from && to[-1] == ' ')
			to--;
		snprintf(r->cell[r->n++], sizeof(r->cell[0]), "%.*s", (int)(to - from), from);
	}
}

/* The next row of the table that find() stands before; false behind its end. */
static bool
next_row(struct row *r)
{
	while (fgets(line, sizeof(line), page) != NULL) {
		if (line[0] != '|') {
			if (r->n > 0)
				return false;
			continue;
		}
		split(r);
		if (strncmp(r->cell[0], "---", 3) != 0)
			return true;
	}
	return false;
}

static int
type_of(const char *name)
{
	if (strcmp(name, "unknown") == 0)
		return 0x7f;
	if (strcmp(name, "unknown critical") == 0)
		return 0xff;
	for (uint8_t t = frame_next_type(0); t != 0; t = frame_next_type(t))
		if (strcmp(frame_name(t), name) == 0)
			return t;
	return -1;
}

/* ---- Section 1 ---- */

/* What frame_check() says of stream ids 0 and 1 as the page writes it. */
static const char *
ids_of(uint8_t type)
{
	bool zero = frame_check(&(struct frame){1, type, 0}, 16384) == NULL;
	bool one = frame_check(&(struct frame){1, type, 1}, 16384) == NULL;

	return zero && one ? "id or 0" : zero ? "0" : "id";
}

static void
test_types(void)
{
	struct row r = {.n = 0};
	unsigned seen = 0;

	must(find("| type | name | sent by |"));
	while (next_row(&r)) {
		unsigned long number = strtoul(r.cell[0], NULL, 16);

		must(number < 256);
		is_str(frame_name((uint8_t)number), r.cell[1], r.cell[1]);
		is_str(ids_of((uint8_t)number), r.cell[3], "its stream ids");
		/* Who sends it is what the other end's table does not call illegal everywhere. */
		seen++;
	}
	for (uint8_t t = frame_next_type(0); t != 0; t = frame_next_type(t))
		seen--;
	is_int(seen, 0, "the page lists exactly the types of frame.c");
}

/* ---- Section 10 ---- */

static void
test_codes(void)
{
	static const struct {
		unsigned number;
		const char *name;
	} codes[] = {
#define X(number, id, name, text) {number, name},
		CODE_TABLE(X)
#undef X
	};
	struct row r = {.n = 0};
	size_t n = 0;

	must(find("| code | name | meaning |"));
	while (next_row(&r)) {
		if (!ok(n < ARRAY_LEN(codes), "code.h has code %s", r.cell[0]))
			return;
		ok(codes[n].number == strtoul(r.cell[0], NULL, 10) &&
				strcmp(codes[n].name, r.cell[1]) == 0,
			"code %s is %s", r.cell[0], r.cell[1]);
		n++;
	}
	is_int(n, ARRAY_LEN(codes), "the page lists exactly the codes of code.h");
}

/* ---- Section 11: sessions ---- */

static const struct {
	const char *name;
	enum session_state state;
	enum login_step login;
} session_columns[] = {
	{"INIT", SESSION_INIT, LOGIN_AUTH},
	{"HS/AUTH", SESSION_HANDSHAKEN, LOGIN_AUTH},
	{"HS/WAIT", SESSION_HANDSHAKEN, LOGIN_WAIT},
	{"HS/ANSWER", SESSION_HANDSHAKEN, LOGIN_ANSWER},
	{"HS/RESUME", SESSION_HANDSHAKEN, LOGIN_RESUME},
	{"AUTHENTICATED", SESSION_AUTHENTICATED, LOGIN_WAIT},
	{"BOUND", SESSION_BOUND, LOGIN_AUTH},
	{"FORWARDING", SESSION_FORWARDING, LOGIN_AUTH},
	{"DRAINING", SESSION_DRAINING, LOGIN_AUTH},
	{"DETACHED", SESSION_DETACHED, LOGIN_AUTH},
	{"CLOSED", SESSION_CLOSED, LOGIN_AUTH},
};

static void
test_session(enum role role, const char *title)
{
	struct row r = {.n = 0};
	bool seen[256] = {false}, all = true;

	must(find(title) && next_row(&r));
	is_int(r.n, 1 + ARRAY_LEN(session_columns), title);
	for (size_t i = 0; i < ARRAY_LEN(session_columns); i++)
		is_str(r.cell[1 + i], session_columns[i].name, "column");
	while (next_row(&r)) {
		int type = type_of(r.cell[0]);

		if (!ok(type >= 0 && r.n == 1 + ARRAY_LEN(session_columns), "row %s", r.cell[0]))
			continue;
		seen[type] = true;
		for (size_t i = 0; i < ARRAY_LEN(session_columns); i++) {
			enum rule rule = session_rule(role, session_columns[i].state,
				session_columns[i].login, (uint8_t)type);

			ok(strcmp(rule_name(rule), r.cell[1 + i]) == 0, "%s in %s: %s", r.cell[0],
				session_columns[i].name, r.cell[1 + i]);
		}
	}
	for (uint8_t t = frame_next_type(0); t != 0; t = frame_next_type(t))
		all &= seen[t];
	ok(all && seen[0x7f] && seen[0xff], "every type has a row, and so have unknown ones");
}

/* ---- Section 11: renewals ---- */

static void
test_renewals(enum role role, const char *title)
{
	static const char *const columns[RENEWALS] = {"NONE", "WAIT", "ANSWER"};
	struct row r = {.n = 0};
	bool seen[256] = {false};

	must(find(title) && next_row(&r));
	is_int(r.n, 1 + RENEWALS, title);
	for (unsigned i = 0; i < RENEWALS; i++)
		is_str(r.cell[1 + i], columns[i], "column");
	while (next_row(&r)) {
		int type = type_of(r.cell[0]);

		if (!ok(type >= 0 && r.n == 1 + RENEWALS, "row %s", r.cell[0]))
			continue;
		seen[type] = true;
		for (unsigned i = 0; i < RENEWALS; i++)
			ok(strcmp(rule_name(renewal_rule(role, (enum renewal)i, (uint8_t)type)),
				   r.cell[1 + i]) == 0,
				"%s in %s: %s", r.cell[0], columns[i], r.cell[1 + i]);
	}
	for (uint8_t t = frame_next_type(0); t != 0; t = frame_next_type(t)) {
		bool any = false;

		for (size_t i = 0; i < ARRAY_LEN(session_columns); i++)
			any |= session_rule(role, session_columns[i].state, session_columns[i].login,
				       t) == RULE_RENEWAL;
		ok(seen[t] == any, "%s %s", frame_name(t),
			any ? "is of renewals" : "is not of renewals");
		ok(seen[t] || renewal_rule(role, RENEWAL_ANSWER, t) == RULE_ERR,
			"and illegal in one if it is not");
	}
}

/* ---- Section 11: streams ---- */

static const struct {
	const char *name;
	enum stream_state state;
	bool ended;
} stream_columns[] = {
	{"IDLE", STREAM_IDLE, false},
	{"OPENING", STREAM_OPENING, false},
	{"ACTIVE", STREAM_ACTIVE, false},
	{"CLOSING/open", STREAM_CLOSING, false},
	{"CLOSING/ended", STREAM_CLOSING, true},
	{"CLOSED", STREAM_CLOSED, false},
};

/* Types that the session's table hands to this one. */
static bool
of_streams(enum role role, uint8_t type)
{
	return session_rule(role, SESSION_FORWARDING, LOGIN_AUTH, type) == RULE_STREAM;
}

static void
test_streams(enum role role, const char *title)
{
	struct row r = {.n = 0};
	bool seen[256] = {false};

	must(find(title) && next_row(&r));
	is_int(r.n, 1 + ARRAY_LEN(stream_columns), title);
	while (next_row(&r)) {
		int type = type_of(r.cell[0]);

		if (!ok(type >= 0 && r.n == 1 + ARRAY_LEN(stream_columns), "row %s", r.cell[0]))
			continue;
		seen[type] = true;
		for (size_t i = 0; i < ARRAY_LEN(stream_columns); i++) {
			enum rule rule = stream_rule(role, stream_columns[i].state,
				stream_columns[i].ended, (uint8_t)type);

			ok(strcmp(rule_name(rule), r.cell[1 + i]) == 0, "%s in %s: %s", r.cell[0],
				stream_columns[i].name, r.cell[1 + i]);
		}
	}
	for (uint8_t t = frame_next_type(0); t != 0; t = frame_next_type(t)) {
		ok(seen[t] == of_streams(role, t), "%s %s", frame_name(t),
			seen[t] ? "is about streams" : "is not about streams");
		ok(seen[t] || stream_rule(role, STREAM_ACTIVE, false, t) == RULE_ERR,
			"and illegal for one if it is not");
	}
}

/* ---- Moves ---- */

static void
test_moves(void)
{
	unsigned n = 0;

	for (enum session_state s = SESSION_INIT; s < SESSION_CLOSED; s++) {
		ok(session_may_move(s, SESSION_CLOSED), "%s may close", session_state_name(s));
		ok(!session_may_move(SESSION_CLOSED, s), "CLOSED is not left for it");
		for (enum session_state t = SESSION_INIT; t < SESSION_STATES; t++)
			n += session_may_move(s, t);
	}
	is_int(n, 22, "the moves of a session are counted");
	ok(!session_may_move(SESSION_HANDSHAKEN, SESSION_DETACHED), "only a login can be resumed");
	ok(!session_may_move(SESSION_DETACHED, SESSION_HANDSHAKEN), "and needs no login again");
	ok(session_may_move(SESSION_DETACHED, SESSION_FORWARDING), "but goes on where it was");
	ok(session_may_move(SESSION_BOUND, SESSION_DRAINING), "BOUND may drain");
	n = 0;
	for (enum stream_state s = STREAM_IDLE; s < STREAM_STATES; s++)
		for (enum stream_state t = STREAM_IDLE; t < STREAM_STATES; t++)
			n += stream_may_move(s, t);
	is_int(n, 5, "and so are those of a stream");
	is_str(stream_state_name(STREAM_CLOSING), "CLOSING", "states have names");
}

int
main(void)
{
	const char *top = getenv("top_srcdir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/doc/protocol.md", top != NULL ? top : ".");
	page = fopen(path, "r");
	if (!ok(page != NULL, "the page is there"))
		return done_testing();
	test_types();
	test_codes();
	test_session(ROLE_SERVER, "### Received by the server");
	test_session(ROLE_AGENT, "### Received by the agent");
	test_renewals(ROLE_SERVER, "In a renewal, received by the server:");
	test_renewals(ROLE_AGENT, "In a renewal, received by the agent:");
	test_streams(ROLE_SERVER, "Received by the server:");
	test_streams(ROLE_AGENT, "Received by the agent:");
	test_moves();
	fclose(page);
	return done_testing();
}
