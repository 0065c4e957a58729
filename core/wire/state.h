/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* States of sessions and streams, the moves that are allowed, and what every frame type is in every
 * state (protocol.md section 11; a test compares the page with these tables). Constant; any
 * thread. */

#ifndef ADIT_WIRE_STATE_H
#define ADIT_WIRE_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum role { ROLE_AGENT = 0, ROLE_SERVER = 1 };

enum session_state {
	SESSION_INIT,
	SESSION_HANDSHAKEN,
	SESSION_AUTHENTICATED,
	SESSION_BOUND,
	SESSION_FORWARDING,
	SESSION_DRAINING,
	SESSION_DETACHED,
	SESSION_CLOSED,
	SESSION_STATES
};

/* What HANDSHAKEN waits for; see protocol.md section 11. */
enum login_step { LOGIN_AUTH, LOGIN_WAIT, LOGIN_ANSWER, LOGIN_RESUME };

/* What a live session's renewal of its login waits for: nothing, this end's mind, the other end's
 * answer (at the server to a challenge, at the agent to AUTH or an answer). */
enum renewal { RENEWAL_NONE, RENEWAL_WAIT, RENEWAL_ANSWER, RENEWALS };

enum stream_state {
	STREAM_IDLE,
	STREAM_OPENING,
	STREAM_ACTIVE,
	STREAM_CLOSING,
	STREAM_CLOSED,
	STREAM_STATES
};

/* How one direction of a stream has ended. */
enum stream_end { END_OPEN, END_FIN, END_RESET };

/* What a received frame is. ANSWER, DATA and RESET depend on the stream's history, FEATURE on
 * HELLO. */
enum rule {
	RULE_OK,
	RULE_ERR,
	RULE_SKIP,
	RULE_GLITCH,
	RULE_STREAM, /* ask stream_rule() */
	RULE_DROP,
	RULE_ANSWER, /* ok if OPEN was not answered before */
	RULE_DATA,   /* ok if OPEN was answered with OPEN_OK */
	RULE_RESET,  /* ok if the sender ended with FIN */
	RULE_FEATURE, /* ok if the feature was agreed */
	RULE_RENEWAL, /* ask renewal_rule() */
};

const char *rule_name(enum rule r);
const char *session_state_name(enum session_state s);
const char *stream_state_name(enum stream_state s);

/* What frame type (known or not) is to a receiver of that role. login matters in HANDSHAKEN
 * only. */
enum rule session_rule(enum role receiver, enum session_state s, enum login_step login,
	uint8_t type);

/* The same for stream frames. ended: the sender has ended its own direction (CLOSING only). */
enum rule stream_rule(enum role receiver, enum stream_state s, bool ended, uint8_t type);

/* The same for frames of a login in a live session: OK or ERR. */
enum rule renewal_rule(enum role receiver, enum renewal r, uint8_t type);

bool session_may_move(enum session_state from, enum session_state to);
bool stream_may_move(enum stream_state from, enum stream_state to);

#endif
