/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The conversation that makes a proxy connect to the server, from its first byte to the last that
 * is not the server's: bytes in, bytes out, no socket and no clock. It never takes a byte of what
 * comes behind the proxy's answer, and nothing that a proxy says makes it grow. Any thread. */

#ifndef ADIT_IO_PROXY_TALK_H
#define ADIT_IO_PROXY_TALK_H

#include <stddef.h>

#include "io/proxy.h"

#define PROXY_ASK_MAX 2048       /* bytes that we have to say at once */
#define PROXY_HEAD_MAX 16384     /* of all heads of an HTTP proxy's answer together */
#define PROXY_LINE_MAX 256       /* of one line, as much as is looked at */
#define PROXY_SOCKS_ANSWER_MAX 262 /* RFC 1928 section 6, with the longest name */

enum proxy_state {
	PROXY_TALKING,
	PROXY_OPEN,    /* what comes next is the server's */
	PROXY_REFUSED, /* code and error say why */
};

struct proxy_talk {
	const struct proxy *proxy; /* borrowed, as is host */
	const char *host;          /* of the server; never resolved here */
	uint16_t port;
	enum proxy_state state;
	uint8_t out[PROXY_ASK_MAX]; /* what is still to be sent is out[out_off, out_len) */
	size_t out_off, out_len;
	union {
		struct {
			char line[PROXY_LINE_MAX]; /* the beginning of the one under way */
			size_t line_len, total;
			int status; /* 0: before the status line */
			char reason[80];
			char wants[32]; /* the last scheme of Proxy-Authenticate but Basic */
			bool cr, basic;
		} http;
		struct {
			uint8_t in[PROXY_SOCKS_ANSWER_MAX];
			size_t len, need;
			int step;
		} socks;
	};
	uint16_t code; /* wire/code.h */
	char error[300];
};

/* Begins; the first bytes to send are in out. proxy and host must live as long. */
void proxy_talk_start(struct proxy_talk *t, const struct proxy *proxy, const char *host,
	uint16_t port);

/* Bytes of the proxy. Returns how many were the proxy's; the others are the server's. */
size_t proxy_talk_input(struct proxy_talk *t, const uint8_t *p, size_t n);

/* Wipes; what was said may hold a password. */
void proxy_talk_fini(struct proxy_talk *t);

/* ---- Of the files that know one kind of proxy ------------------------------------------------ */
void proxy_http_start(struct proxy_talk *t);
void proxy_http_byte(struct proxy_talk *t, uint8_t c);
void proxy_socks_start(struct proxy_talk *t);
void proxy_socks_byte(struct proxy_talk *t, uint8_t c);

/* Bytes to send; proxy_talk_refused() ends with a code and "the proxy at host:port <text>". */
void proxy_talk_say(struct proxy_talk *t, const void *p, size_t n);
void proxy_talk_refused(struct proxy_talk *t, uint16_t code, const char *fmt, ...)
	ATTR_PRINTF(3, 4);
/* The server as the proxy reads it: "host:port", "[v6]:port". */
#define PROXY_TARGET_MAX (HOST_MAX + 16)
const char *proxy_talk_target(const struct proxy_talk *t, char buf[PROXY_TARGET_MAX]);

#endif
