/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* CONNECT through a SOCKS5 proxy (RFC 1928), with user and password (RFC 1929) if there are any. A
 * name goes to the proxy as a name. Any thread. */

#include <config.h>

#include <string.h>

#include "io/proxy_talk.h"
#include "util/compiler.h"
#include "wire/code.h"

enum { SOCKS_VERSION = 5, LOGIN_VERSION = 1, DO_CONNECT = 1 };
enum { METHOD_NONE = 0, METHOD_PASSWORD = 2, METHOD_REFUSED = 0xff };
enum { IS_V4 = 1, IS_NAME = 3, IS_V6 = 4 };
enum { STEP_METHOD, STEP_LOGIN, STEP_REPLY, STEP_ADDRESS };

/* RFC 1928 section 6. */
static const struct {
	uint16_t code;
	const char *text;
} replies[] = {
	[1] = {CODE_UNREACHABLE, "general failure"},
	[2] = {CODE_NOT_PERMITTED, "not allowed by its rules"},
	[3] = {CODE_UNREACHABLE, "network unreachable"},
	[4] = {CODE_UNREACHABLE, "host unreachable"},
	[5] = {CODE_REFUSED, "connection refused"},
	[6] = {CODE_CONNECT_TIMEOUT, "TTL expired"},
	[7] = {CODE_NOT_PERMITTED, "command not supported"},
	[8] = {CODE_NOT_PERMITTED, "address type not supported"},
};

static void
say_byte(struct proxy_talk *t, unsigned byte)
{
	proxy_talk_say(t, &(uint8_t){(uint8_t)byte}, 1);
}

/* A length and so many bytes. */
static void
say_counted(struct proxy_talk *t, const char *s)
{
	size_t n = strlen(s);

	must(n >= 1 && n <= 255);
	say_byte(t, (unsigned)n);
	proxy_talk_say(t, s, n);
}

static void
expect(struct proxy_talk *t, int step, size_t need)
{
	t->socks.step = step;
	t->socks.need = need;
}

void
proxy_socks_start(struct proxy_talk *t)
{
	bool login = t->proxy->user != NULL;

	say_byte(t, SOCKS_VERSION);
	say_byte(t, login ? 2 : 1);
	say_byte(t, METHOD_NONE);
	if (login)
		say_byte(t, METHOD_PASSWORD);
	expect(t, STEP_METHOD, 2);
}

static void
say_request(struct proxy_talk *t)
{
	struct addr a;
	uint8_t ip[16];
	uint16_t port;
	int family = addr_parse(t->host, t->port, &a) == 0 ? addr_to_bytes(&a, ip, &port) : 0;

	say_byte(t, SOCKS_VERSION);
	say_byte(t, DO_CONNECT);
	say_byte(t, 0);
	say_byte(t, family == 4 ? IS_V4 : family == 6 ? IS_V6 : IS_NAME);
	if (family == 0)
		say_counted(t, t->host);
	else
		proxy_talk_say(t, ip, family == 4 ? 4 : 16);
	say_byte(t, t->port >> 8);
	say_byte(t, t->port & 0xff);
	t->socks.len = 0;
	expect(t, STEP_REPLY, 4);
}

static void
no_method(struct proxy_talk *t)
{
	if (t->proxy->user == NULL)
		proxy_talk_refused(t, CODE_AUTH_FAILED,
			"wants a login: it refuses to work without user and password");
	else
		proxy_talk_refused(t, CODE_AUTH_FAILED,
			"takes no login by user and password, nor none");
}

static void
on_method(struct proxy_talk *t)
{
	const uint8_t *in = t->socks.in;

	if (in[1] == METHOD_REFUSED) {
		no_method(t);
	} else if (in[1] == METHOD_PASSWORD && t->proxy->user != NULL) {
		say_byte(t, LOGIN_VERSION);
		say_counted(t, t->proxy->user);
		say_counted(t, t->proxy->password);
		t->socks.len = 0;
		expect(t, STEP_LOGIN, 2);
	} else if (in[1] == METHOD_NONE) {
		say_request(t);
	} else {
		proxy_talk_refused(t, CODE_PROTOCOL,
			"chooses a login that was not offered (0x%02x)", in[1]);
	}
}

static void
on_login(struct proxy_talk *t)
{
	if (t->socks.in[0] != LOGIN_VERSION)
		proxy_talk_refused(t, CODE_PROTOCOL,
			"sends a bad answer to the login (version %u)", t->socks.in[0]);
	else if (t->socks.in[1] != 0)
		proxy_talk_refused(t, CODE_AUTH_FAILED, "refuses the user or the password");
	else
		say_request(t);
}

static void
refused(struct proxy_talk *t, uint8_t reply)
{
	char target[PROXY_TARGET_MAX];

	proxy_talk_target(t, target);
	if (reply < ARRAY_LEN(replies))
		proxy_talk_refused(t, replies[reply].code, "refuses to connect to %.120s: %s",
			target, replies[reply].text);
	else
		proxy_talk_refused(t, CODE_UNREACHABLE,
			"refuses to connect to %.120s: unknown reply 0x%02x", target, reply);
}

/* Some close right behind the code: a refusal is not waited for to its end. */
static void
on_reply(struct proxy_talk *t)
{
	const uint8_t *in = t->socks.in;

	if (in[1] != 0)
		refused(t, in[1]);
	else if (in[2] != 0)
		proxy_talk_refused(t, CODE_PROTOCOL, "sends a bad answer (reserved byte 0x%02x)",
			in[2]);
	else if (in[3] == IS_V4)
		expect(t, STEP_ADDRESS, 4 + 4 + 2);
	else if (in[3] == IS_V6)
		expect(t, STEP_ADDRESS, 4 + 16 + 2);
	else if (in[3] == IS_NAME)
		expect(t, STEP_ADDRESS, 5);
	else
		proxy_talk_refused(t, CODE_PROTOCOL, "sends a bad answer (address type %u)", in[3]);
}

/* Where the proxy connected from; nobody asks. */
static void
on_address(struct proxy_talk *t)
{
	const uint8_t *in = t->socks.in;

	if (in[3] == IS_NAME && t->socks.len == 5)
		expect(t, STEP_ADDRESS, 5 + (size_t)in[4] + 2);
	else
		t->state = PROXY_OPEN;
}

void
proxy_socks_byte(struct proxy_talk *t, uint8_t c)
{
	static void (*const steps[])(struct proxy_talk *) = {
		[STEP_METHOD] = on_method,
		[STEP_LOGIN] = on_login,
		[STEP_REPLY] = on_reply,
		[STEP_ADDRESS] = on_address,
	};

	must(t->socks.len < sizeof(t->socks.in));
	t->socks.in[t->socks.len++] = c;
	if (t->socks.len == 1 && t->socks.step != STEP_LOGIN && c != SOCKS_VERSION)
		proxy_talk_refused(t, CODE_PROTOCOL, "does not answer as a SOCKS5 proxy does");
	else if (t->socks.len == 2 && t->socks.step == STEP_REPLY && c != 0)
		refused(t, c);
	else if (t->socks.len == t->socks.need)
		steps[t->socks.step](t);
}
