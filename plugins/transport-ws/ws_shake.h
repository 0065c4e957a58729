/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The handshake of WebSocket (RFC 6455 section 4) by HTTP/1.1: the agent's request, the server's
 * judgement and answer, the agent's judgement of that. Pure: whole heads in, text out; what a peer
 * has sent is pointed at and not copied. */

#ifndef ADIT_WS_SHAKE_H
#define ADIT_WS_SHAKE_H

#include "http_head.h"
#include "ws_key.h"

#define WS_PROTOCOL_NAME "adit.1" /* the subprotocol; see doc/protocol.md */
#define WS_PATH_DEFAULT	 "/adit"

/* ---- The server ------------------------------------------------------------------------------ */

#define WS_FORWARDED 8 /* lines that are kept */

struct ws_request {
	struct span method, target; /* for the log; empty if the first line is none */
	struct span key;
	const char *bad; /* what is wrong with it as HTTP, NULL */
	unsigned status; /* the answer to that */
	bool old;	 /* HTTP/1.0 */
	bool upgrade, upgrade_websocket, connection_upgrade;
	bool body;
	bool offers, offers_adit; /* subprotocols */
	unsigned hosts, keys, versions;
	bool version_13;
	struct span forwarded[WS_FORWARDED]; /* X-Forwarded-For, the last lines of it */
	size_t n_forwarded;
};

struct ws_answer {
	unsigned status; /* 0: its head is not whole yet; 101: the link is up */
	const char *why; /* for people, one line; NULL with 0, 101 and 200 */
};

/* Judges the n first bytes of what a client has sent; path is where links are. *seen is 0 at first
 * and kept by the caller between the calls. With an answer, *used_r bytes were the request, and
 * req_r is filled as far as it could be read. */
struct ws_answer ws_request_judge(const char *p, size_t n, size_t *seen, const char *path,
	struct ws_request *req_r, size_t *used_r);

/* Writes the answer, head and body, to out, which has room for WS_ANSWER_MAX. Returns its length.
 */
#define WS_ANSWER_MAX 1024
size_t ws_answer_format(char out[WS_ANSWER_MAX], struct ws_answer a, const struct ws_request *req);

/* "200 OK" */
const char *ws_status_text(unsigned status);

/* ---- The agent ------------------------------------------------------------------------------- */

struct ws_ask {
	const char *host; /* as the user has written it: name, IPv4 or IPv6 address */
	unsigned port, default_port;
	const char *path;
	const char *key;
	const char *fields; /* more of the head, every line with its CRLF */
	bool no_host; /* because Host is among them */
};

/* Writes the request; returns its length, or 0 when it does not fit into cap. */
size_t ws_ask_format(char *out, size_t cap, const struct ws_ask *ask);

/* NULL, or why a line of the option headers cannot be sent. */
const char *ws_field_check(const char *line);

/* Judges the n first bytes of what the server has answered; n is not 0. *seen is 0 at first and
 * kept by the caller between the calls. */
enum ws_verdict {
	WS_WAIT, /* more bytes are needed */
	WS_UP,	 /* used_r of them were the answer; frames follow */
	WS_NO,	 /* text says why */
};
enum ws_verdict ws_verdict(const char *p, size_t n, size_t *seen, const struct ws_ask *ask,
	size_t *used_r, char *text, size_t cap);

#endif
