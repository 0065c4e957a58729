/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The tables of protocol.md section 11. Constant; any thread.
 *
 * One letter is one cell: o ok, e err, s skip, g glitch, S stream, d drop, a answer, D data,
 * r reset, f feature, l renewal. Columns of the session tables: INIT, HANDSHAKEN/AUTH, /WAIT,
 * /ANSWER, /RESUME, AUTHENTICATED, BOUND, FORWARDING, DRAINING, DETACHED, CLOSED. Columns of the
 * stream tables: IDLE, OPENING, ACTIVE, CLOSING/open, CLOSING/ended, CLOSED; of renewals: NONE,
 * WAIT, ANSWER. */

#include <config.h>

#include <string.h>

#include "util/compiler.h"
#include "wire/frame.h"
#include "wire/state.h"

#define ILLEGAL "eeeeeeeeedd"

static const char *const session_rules[2][0x38] = {
	[ROLE_SERVER] =
		{
			[FRAME_HELLO] = "oeeeeeeeedd",
			[FRAME_AUTH] = "eoeeelllldd",
			[FRAME_AUTH_CHALLENGE] = ILLEGAL,
			[FRAME_AUTH_ANSWER] = "eeeoelllldd",
			[FRAME_AUTH_OK] = ILLEGAL,
			[FRAME_AUTH_FAIL] = ILLEGAL,
			[FRAME_RESUME] = "efeeeeeeedd",
			[FRAME_RESUME_OK] = ILLEGAL,
			[FRAME_RESUME_FAIL] = ILLEGAL,
			[FRAME_BIND] = "eeeeeoooodd",
			[FRAME_BIND_OK] = ILLEGAL,
			[FRAME_BIND_FAIL] = ILLEGAL,
			[FRAME_UNBIND] = "eeeeeoooodd",
			[FRAME_OPEN] = ILLEGAL,
			[FRAME_OPEN_OK] = "eeeeeeeSSdd",
			[FRAME_OPEN_FAIL] = "eeeeeeeSSdd",
			[FRAME_DATA] = "eeeeeeeSSdd",
			[FRAME_FIN] = "eeeeeeeSSdd",
			[FRAME_RESET] = "eeeeeeeSSdd",
			[FRAME_DATAGRAM] = "eeeeeeeSSdd",
			[FRAME_CREDIT] = "eeeeeooSSdd",
			[FRAME_BLOCKED] = "eeeeeooSSdd",
			[FRAME_ACK] = "eeeeeoooodd",
			[FRAME_PING] = "eeeeeoooodd",
			[FRAME_PONG] = "eeeeeoooodd",
			[FRAME_REPORT] = ILLEGAL,
			[FRAME_GOAWAY] = "ooooooooodd",
			[FRAME_SPREAD] = ILLEGAL,
		},
	[ROLE_AGENT] =
		{
			[FRAME_HELLO] = "oeeeeeeeedd",
			[FRAME_AUTH] = ILLEGAL,
			[FRAME_AUTH_CHALLENGE] = "eeeoelllldd",
			[FRAME_AUTH_ANSWER] = ILLEGAL,
			[FRAME_AUTH_OK] = "eeeoelllldd",
			[FRAME_AUTH_FAIL] = "eeeoelllldd",
			[FRAME_RESUME] = ILLEGAL,
			[FRAME_RESUME_OK] = "eeeeoeeeedd",
			[FRAME_RESUME_FAIL] = "eeeeoeeeedd",
			[FRAME_BIND] = ILLEGAL,
			[FRAME_BIND_OK] = "eeeeeoooodd",
			[FRAME_BIND_FAIL] = "eeeeeoooodd",
			[FRAME_UNBIND] = "eeeeeeooodd",
			[FRAME_OPEN] = "eeeeeeSSSdd",
			[FRAME_OPEN_OK] = ILLEGAL,
			[FRAME_OPEN_FAIL] = ILLEGAL,
			[FRAME_DATA] = "eeeeeeeSSdd",
			[FRAME_FIN] = "eeeeeeeSSdd",
			[FRAME_RESET] = "eeeeeeeSSdd",
			[FRAME_DATAGRAM] = "eeeeeeeSSdd",
			[FRAME_CREDIT] = "eeeeeooSSdd",
			[FRAME_BLOCKED] = "eeeeeooSSdd",
			[FRAME_ACK] = "eeeeeoooodd",
			[FRAME_PING] = "eeeeeoooodd",
			[FRAME_PONG] = "eeeeeoooodd",
			[FRAME_REPORT] = ILLEGAL,
			[FRAME_GOAWAY] = "ooooooooodd",
			[FRAME_SPREAD] = "eeeeeoooodd",
		},
};

static const char unknown_rule[] = "eeeeeggggdd";

static const struct {
	uint8_t type;
	const char *cells[2]; /* by role of the receiver; NULL: the session table says err */
} stream_rules[] = {
	{FRAME_OPEN, {[ROLE_AGENT] = "oeeeee"}},
	{FRAME_OPEN_OK, {[ROLE_SERVER] = "eoeaee"}},
	{FRAME_OPEN_FAIL, {[ROLE_SERVER] = "eoeaee"}},
	{FRAME_DATA, {[ROLE_SERVER] = "eeoDee", [ROLE_AGENT] = "eoooee"}},
	{FRAME_FIN, {[ROLE_SERVER] = "eeoDee", [ROLE_AGENT] = "eoooee"}},
	{FRAME_RESET, {[ROLE_SERVER] = "eooors", [ROLE_AGENT] = "eooors"}},
	{FRAME_DATAGRAM, {[ROLE_SERVER] = "eeoDee", [ROLE_AGENT] = "eoooee"}},
	{FRAME_CREDIT, {[ROLE_SERVER] = "eoooos", [ROLE_AGENT] = "eeooos"}},
	{FRAME_BLOCKED, {[ROLE_SERVER] = "eeoDes", [ROLE_AGENT] = "eoooes"}},
};

static const struct {
	uint8_t type;
	const char *cells[2];
} renewal_rules[] = {
	{FRAME_AUTH, {[ROLE_SERVER] = "oee"}},
	{FRAME_AUTH_ANSWER, {[ROLE_SERVER] = "eeo"}},
	{FRAME_AUTH_CHALLENGE, {[ROLE_AGENT] = "eeo"}},
	{FRAME_AUTH_OK, {[ROLE_AGENT] = "eeo"}},
	{FRAME_AUTH_FAIL, {[ROLE_AGENT] = "eeo"}},
};

static enum rule
rule_of(char cell)
{
	static const char letters[] = "oesgSdaDrfl";
	const char *at = strchr(letters, cell);

	must(at != NULL && cell != '\0');
	return (enum rule)(at - letters);
}

const char *
rule_name(enum rule r)
{
	static const char *const names[] = {
		"ok", "err", "skip", "glitch", "stream", "drop", "answer", "data", "reset",
		"feature", "renewal"};

	return names[r];
}

const char *
session_state_name(enum session_state s)
{
	static const char *const names[SESSION_STATES] = {"INIT", "HANDSHAKEN", "AUTHENTICATED",
		"BOUND", "FORWARDING", "DRAINING", "DETACHED", "CLOSED"};

	return names[s];
}

const char *
stream_state_name(enum stream_state s)
{
	static const char *const names[STREAM_STATES] = {
		"IDLE", "OPENING", "ACTIVE", "CLOSING", "CLOSED"};

	return names[s];
}

enum rule
session_rule(enum role receiver, enum session_state s, enum login_step login, uint8_t type)
{
	static const uint8_t column_of[SESSION_STATES] = {0, 1, 5, 6, 7, 8, 9, 10};
	unsigned column = column_of[s];

	if (s == SESSION_HANDSHAKEN)
		column += (unsigned)login;
	if (frame_known(type))
		return rule_of(session_rules[receiver][type][column]);
	if (type & FRAME_CRITICAL)
		return rule_of(ILLEGAL[column]);
	return rule_of(unknown_rule[column]);
}

enum rule
stream_rule(enum role receiver, enum stream_state s, bool ended, uint8_t type)
{
	static const uint8_t column_of[STREAM_STATES] = {0, 1, 2, 3, 5};
	unsigned column = column_of[s];

	if (s == STREAM_CLOSING && ended)
		column++;
	for (size_t i = 0; i < ARRAY_LEN(stream_rules); i++)
		if (stream_rules[i].type == type && stream_rules[i].cells[receiver] != NULL)
			return rule_of(stream_rules[i].cells[receiver][column]);
	return RULE_ERR;
}

enum rule
renewal_rule(enum role receiver, enum renewal r, uint8_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(renewal_rules); i++)
		if (renewal_rules[i].type == type && renewal_rules[i].cells[receiver] != NULL)
			return rule_of(renewal_rules[i].cells[receiver][r]);
	return RULE_ERR;
}

#define TO(s) (1u << (s))

bool
session_may_move(enum session_state from, enum session_state to)
{
	static const unsigned moves[SESSION_STATES] = {
		[SESSION_INIT] = TO(SESSION_HANDSHAKEN) | TO(SESSION_CLOSED),
		[SESSION_HANDSHAKEN] = TO(SESSION_AUTHENTICATED) | TO(SESSION_CLOSED),
		[SESSION_AUTHENTICATED] = TO(SESSION_BOUND) | TO(SESSION_DRAINING) |
			TO(SESSION_DETACHED) | TO(SESSION_CLOSED),
		[SESSION_BOUND] = TO(SESSION_FORWARDING) | TO(SESSION_DRAINING) |
			TO(SESSION_DETACHED) | TO(SESSION_CLOSED),
		[SESSION_FORWARDING] = TO(SESSION_DRAINING) | TO(SESSION_DETACHED) |
			TO(SESSION_CLOSED),
		[SESSION_DRAINING] = TO(SESSION_DETACHED) | TO(SESSION_CLOSED),
		[SESSION_DETACHED] = TO(SESSION_AUTHENTICATED) | TO(SESSION_BOUND) |
			TO(SESSION_FORWARDING) | TO(SESSION_DRAINING) | TO(SESSION_CLOSED),
		[SESSION_CLOSED] = 0,
	};

	return (moves[from] & TO(to)) != 0;
}

bool
stream_may_move(enum stream_state from, enum stream_state to)
{
	static const unsigned moves[STREAM_STATES] = {
		[STREAM_IDLE] = TO(STREAM_OPENING),
		[STREAM_OPENING] = TO(STREAM_ACTIVE) | TO(STREAM_CLOSING),
		[STREAM_ACTIVE] = TO(STREAM_CLOSING),
		[STREAM_CLOSING] = TO(STREAM_CLOSED),
		[STREAM_CLOSED] = 0,
	};

	return (moves[from] & TO(to)) != 0;
}
