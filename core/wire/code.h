/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The one list of reasons for every refusal and end: on the wire, in logs and on the command line
 * (protocol.md section 10). Constant; any thread. */

#ifndef ADIT_WIRE_CODE_H
#define ADIT_WIRE_CODE_H

#include <stdint.h>

/* number, name, text for people */
#define CODE_TABLE(X)                                                                              \
	X(0, NONE, "none", "no error")                                                             \
	X(1, PROTOCOL, "protocol", "malformed or illegal frame")                                   \
	X(2, VERSION, "version", "no common protocol version")                                     \
	X(3, AUTH_FAILED, "auth_failed", "login refused")                                          \
	X(4, BUSY, "busy", "busy, try again later")                                                \
	X(5, TIMEOUT, "timeout", "too slow")                                                       \
	X(6, NOTHING_HEARD, "nothing_heard", "nothing heard for too long")                         \
	X(7, LIMIT, "limit", "a limit was reached")                                                \
	X(8, REPLACED, "replaced", "replaced by a newer login of the same agent")                  \
	X(9, SHUTDOWN, "shutdown", "the server shuts down")                                        \
	X(10, LEAVING, "leaving", "the agent leaves")                                              \
	X(11, INTERNAL, "internal", "internal error")                                              \
	X(12, FLOW, "flow", "more data than credit")                                               \
	X(13, OVERLOAD, "overload", "out of descriptors or memory")                                \
	X(14, LOGIN_EXPIRED, "login_expired", "the login has expired")                             \
	X(20, NOT_PERMITTED, "not_permitted", "not permitted")                                     \
	X(21, IN_USE, "in_use", "already in use")                                                  \
	X(22, NO_SUCH_ROUTE, "no_such_route", "the server has no such route")                      \
	X(23, NO_ADDRESS, "no_address", "no address is left")                                      \
	X(24, BAD_REQUEST, "bad_request", "bad request")                                           \
	X(30, NO_SUCH_TUNNEL, "no_such_tunnel", "no such tunnel")                                  \
	X(31, REFUSED, "refused", "the target refuses the connection")                             \
	X(32, CONNECT_TIMEOUT, "connect_timeout", "the target does not answer")                    \
	X(33, UNREACHABLE, "unreachable", "the target cannot be reached")                          \
	X(34, NO_SUCH_HOST, "no_such_host", "the target's name does not resolve")                  \
	X(40, CLIENT_RESET, "client_reset", "the public connection was reset")                     \
	X(41, TARGET_RESET, "target_reset", "the target's connection was reset")                   \
	X(42, LINK_LOST, "link_lost", "the link broke")                                            \
	X(43, EXPIRED, "expired", "nothing was sent for a while")                                  \
	X(44, NO_SESSION, "no_session", "no such session to resume")

enum code {
#define X(number, id, name, text) CODE_##id = number,
	CODE_TABLE(X)
#undef X
};

/* The name ("auth_failed") and the text for people; those of INTERNAL for an unknown number. */
const char *code_name(uint16_t code);
const char *code_text(uint16_t code);

/* For a failed dial: ECONNREFUSED … to a code; anything else is UNREACHABLE. err is positive. */
uint16_t code_of_dial(int err);

#endif
