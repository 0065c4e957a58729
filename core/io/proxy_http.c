/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* CONNECT through an HTTP/1.1 proxy (RFC 9110 section 9.3.6, RFC 9112). Of the answer only its
 * status and what login the proxy wants are looked at; the rest is skipped byte by byte, with one
 * bound for all of it. Any thread. */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "io/proxy_talk.h"
#include "util/compiler.h"
#include "wire/code.h"

/* ---- The request ----------------------------------------------------------------------------- */

static void
say_text(struct proxy_talk *t, const char *text)
{
	proxy_talk_say(t, text, strlen(text));
}

static void
say_base64(struct proxy_talk *t, const uint8_t *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;
		char four[4] = {0, 0, '=', '='};

		if (i + 1 < n)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n)
			v |= p[i + 2];
		four[0] = digits[v >> 18];
		four[1] = digits[v >> 12 & 63];
		if (i + 1 < n)
			four[2] = digits[v >> 6 & 63];
		if (i + 2 < n)
			four[3] = digits[v & 63];
		proxy_talk_say(t, four, sizeof(four));
	}
}

/* RFC 7617. */
static void
say_login(struct proxy_talk *t)
{
	uint8_t both[2 * PROXY_USER_MAX + 1];
	size_t n_user = strlen(t->proxy->user), n_password = strlen(t->proxy->password);

	must(n_user <= PROXY_USER_MAX && n_password <= PROXY_USER_MAX);
	memcpy(both, t->proxy->user, n_user);
	both[n_user] = ':';
	memcpy(both + n_user + 1, t->proxy->password, n_password);
	say_text(t, "Proxy-Authorization: Basic ");
	say_base64(t, both, n_user + 1 + n_password);
	say_text(t, "\r\n");
	explicit_bzero(both, sizeof(both));
}

void
proxy_http_start(struct proxy_talk *t)
{
	char target[PROXY_TARGET_MAX];

	proxy_talk_target(t, target);
	say_text(t, "CONNECT ");
	say_text(t, target);
	say_text(t, " HTTP/1.1\r\nHost: ");
	say_text(t, target);
	say_text(t, "\r\nUser-Agent: adit/" PACKAGE_VERSION "\r\n");
	if (t->proxy->user != NULL)
		say_login(t);
	say_text(t, "\r\n");
}

/* ---- The answer ------------------------------------------------------------------------------ */

/* The status and its reason, of which only printable characters are kept. */
static bool
take_status(struct proxy_talk *t)
{
	const char *s = t->http.line;
	size_t n = MIN(t->http.line_len, sizeof(t->http.line)), i;

	if (n < 12 || s[7] < '0' || s[7] > '9' || s[8] != ' ' || (n > 12 && s[12] != ' '))
		return false;
	for (i = 9; i < 12; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		t->http.status = t->http.status * 10 + (s[i] - '0');
	}
	n = n > 13 ? MIN(n - 13, sizeof(t->http.reason) - 1) : 0;
	for (i = 0; i < n; i++)
		t->http.reason[i] = s[13 + i] >= ' ' && s[13 + i] < 0x7f ? s[13 + i] : '?';
	t->http.reason[n] = '\0';
	return t->http.status >= 100 && t->http.status <= 599;
}

static bool
is_token(char c)
{
	return c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

/* RFC 9110 section 11.7.1: which logins the proxy offers. */
static void
take_challenge(struct proxy_talk *t, const char *value)
{
	size_t n = 0;

	value += strspn(value, " \t");
	while (is_token(value[n]))
		n++;
	if (n == 5 && strncasecmp(value, "Basic", 5) == 0)
		t->http.basic = true;
	else
		snprintf(t->http.wants, sizeof(t->http.wants), "%.*s", (int)MIN(n, 31), value);
}

static bool
take_field(struct proxy_talk *t)
{
	static const char name[] = "Proxy-Authenticate";
	char *s = t->http.line;
	size_t n = 0;

	s[MIN(t->http.line_len, sizeof(t->http.line) - 1)] = '\0';
	while (is_token(s[n]))
		n++;
	if (n == sizeof(t->http.line) - 1) /* the rest of a name as long as that was not kept */
		return true;
	if (n == 0 || s[n] != ':')
		return false;
	if (n == sizeof(name) - 1 && strncasecmp(s, name, n) == 0)
		take_challenge(t, s + n + 1);
	return true;
}

static void
login_wanted(struct proxy_talk *t)
{
	if (t->http.wants[0] != '\0' && !t->http.basic)
		proxy_talk_refused(t, CODE_AUTH_FAILED,
			"wants a login by %s, and adit knows Basic only: 407 %s", t->http.wants,
			t->http.reason);
	else if (t->proxy->user == NULL)
		proxy_talk_refused(t, CODE_AUTH_FAILED, "wants a user and a password: 407 %s",
			t->http.reason);
	else
		proxy_talk_refused(t, CODE_AUTH_FAILED,
			"refuses the user or the password: 407 %s", t->http.reason);
}

/* A proxy's word on what would come of asking again. */
static uint16_t
code_of_status(int status)
{
	switch (status) {
	case 403:
	case 405:
	case 501:
		return CODE_NOT_PERMITTED;
	case 504:
		return CODE_CONNECT_TIMEOUT;
	default:
		return CODE_UNREACHABLE;
	}
}

static void
head_done(struct proxy_talk *t)
{
	char target[PROXY_TARGET_MAX];
	int status = t->http.status;

	t->http.status = 0;
	if (status == 407) {
		login_wanted(t);
	} else if (status >= 200 && status <= 299) {
		t->state = PROXY_OPEN;
	} else if (status >= 200 || status == 101) {
		proxy_talk_refused(t, code_of_status(status),
			"refuses to connect to %.120s: %d %s", proxy_talk_target(t, target), status,
			t->http.reason);
	}
}

static void
line_done(struct proxy_talk *t)
{
	bool first = t->http.status == 0, good = true;

	if (first)
		good = take_status(t);
	else if (t->http.line_len == 0)
		head_done(t);
	else
		good = take_field(t);
	if (!good)
		proxy_talk_refused(t, CODE_PROTOCOL, "sends a bad answer: %s",
			first ? "its first line is no status line" : "its head has a wrong line");
	t->http.line_len = 0;
}

/* What cannot become a status line is seen at its first wrong byte: whoever speaks another protocol
 * may wait for us. */
static bool
may_begin(const struct proxy_talk *t, uint8_t c)
{
	static const char begin[] = "HTTP/1.";

	return t->http.status != 0 || t->http.line_len >= sizeof(begin) - 1 ||
		c == (uint8_t)begin[t->http.line_len];
}

void
proxy_http_byte(struct proxy_talk *t, uint8_t c)
{
	if (++t->http.total > PROXY_HEAD_MAX) {
		proxy_talk_refused(t, CODE_PROTOCOL, "sends a head of more than %d bytes",
			PROXY_HEAD_MAX);
	} else if (!may_begin(t, c)) {
		proxy_talk_refused(t, CODE_PROTOCOL, "does not answer as an HTTP proxy does");
	} else if (c == '\n') { /* with or without a CR: RFC 9112 section 2.2 */
		t->http.cr = false;
		line_done(t);
	} else if (t->http.cr || (c < ' ' && c != '\t' && c != '\r') || c == 0x7f) {
		proxy_talk_refused(t, CODE_PROTOCOL, "sends a byte 0x%02x in its head", c);
	} else if (c == '\r') {
		t->http.cr = true;
	} else {
		if (t->http.line_len < sizeof(t->http.line))
			t->http.line[t->http.line_len] = (char)c;
		t->http.line_len++;
	}
}
