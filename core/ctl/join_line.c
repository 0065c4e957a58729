/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Join lines. They come by mail and chat, through clipboards and shells, so what is wrong is said
 * in the terms of who copied one. */

#include <config.h>

#include "ctl/join_line.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/compiler.h"

#define SCHEME "adit://"
#define FORM "adit://TOKEN@HOST:PORT?pin=sha256-…"

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char host_letters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
static const char unreserved[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

/* ---- Parts ----------------------------------------------------------------------------------- */

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* n letters of the token, decoded. */
static int
take_token(const char *s, size_t n, struct join_line *l, struct err *e)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			int hi = i + 2 < n ? hex_value(s[i + 1]) : -1;
			int lo = i + 2 < n ? hex_value(s[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return err_set(e, "the token has a '%%' without two hexadecimal "
						  "digits behind it");
			c = hi << 4 | lo;
			i += 2;
		}
		if (c <= ' ' || c >= 0x7f)
			return err_set(e, "the token has a letter that cannot be in one");
		if (len == JOIN_TOKEN_MAX)
			return err_set(e, "the token is longer than %d letters", JOIN_TOKEN_MAX);
		l->token[len++] = (char)c;
	}
	if (len == 0)
		return err_set(e, "there is no token before the '@'");
	l->token[len] = '\0';
	return 0;
}

static bool
is_v6(const char *host)
{
	return strchr(host, ':') != NULL;
}

bool
join_host_valid(const char *host)
{
	size_t n = strnlen(host, HOST_MAX + 1);
	struct addr a;

	if (n == 0 || n > HOST_MAX || host[0] == '-' || host[0] == '.')
		return false;
	if (is_v6(host))
		return addr_parse(host, 1, &a) == 0;
	/* A number alone would be a port elsewhere. */
	return strspn(host, "0123456789") < n && strspn(host, host_letters) == n;
}

static int
take_port(const char *s, size_t n, struct join_line *l, struct err *e)
{
	long port = 0;

	for (size_t i = 0; i < n && i < 6; i++)
		port = isdigit((unsigned char)s[i]) ? port * 10 + (s[i] - '0') : 1000000;
	if (n == 0 || n > 5 || port < 1 || port > 65535)
		return err_set(e, "behind the host's ':' a port from 1 to 65535 is expected");
	l->port = (uint16_t)port;
	return 0;
}

/* "host", "host:port", "[v6]" or "[v6]:port". */
static int
take_host(const char *s, size_t n, struct join_line *l, struct err *e)
{
	bool bracket = n > 0 && s[0] == '[';
	const char *from = bracket ? s + 1 : s, *end = s + n, *to, *rest;

	to = memchr(from, bracket ? ']' : ':', (size_t)(end - from));
	if (bracket && to == NULL)
		return err_set(e, "the address lacks its ']'");
	if (to == NULL)
		to = end;
	rest = bracket ? to + 1 : to;
	if (to == from)
		return err_set(e, "there is no host behind the '@'");
	if (to - from > HOST_MAX)
		return err_set(e, "the host is longer than %d letters", HOST_MAX);
	memcpy(l->host, from, (size_t)(to - from));
	l->host[to - from] = '\0';
	if (strlen(l->host) != (size_t)(to - from) || is_v6(l->host) != bracket ||
		!join_host_valid(l->host))
		return err_set(e, "the host is no name and no address; one of IPv6 stands in "
				  "brackets");
	l->port = JOIN_PORT;
	if (rest == end)
		return 0;
	if (*rest != ':')
		return err_set(e, "behind the address only ':' and a port can follow");
	return take_port(rest + 1, (size_t)(end - rest - 1), l, e);
}

const char *
join_pin_wrong(const char *pin)
{
	size_t n = strnlen(pin, JOIN_PIN_LENGTH + 1);

	if (strncmp(pin, "sha256-", MIN(n, (size_t)7)) != 0)
		return "the pin does not begin with \"sha256-\"";
	if (n < JOIN_PIN_LENGTH)
		return "the pin is too short: was the line copied whole?";
	if (n > JOIN_PIN_LENGTH)
		return "the pin is too long: was something added to the line?";
	/* 43 letters have two bits too many, which are zero. */
	if (strspn(pin + 7, base64url) != 43 || strchr("AEIMQUYcgkosw048", pin[49]) == NULL)
		return "the pin is damaged: it is not base64url of 32 bytes";
	return NULL;
}

/* "pin=…", and nothing else. */
static int
take_query(const char *s, size_t n, struct join_line *l, struct err *e)
{
	char pin[JOIN_PIN_LENGTH + 2]; /* one more shows that it is too long */
	size_t len;
	const char *wrong;

	if (n < 4 || memcmp(s, "pin=", 4) != 0)
		return err_set(e, "behind the '?' \"pin=sha256-…\" is expected");
	if (memchr(s, '&', n) != NULL || memchr(s, '#', n) != NULL)
		return err_set(e, "nothing can follow the pin");
	len = MIN(n - 4, sizeof(pin) - 1);
	memcpy(pin, s + 4, len);
	pin[len] = '\0';
	wrong = join_pin_wrong(pin);
	if (wrong != NULL)
		return err_set(e, "%s", wrong);
	memcpy(l->pin, pin, sizeof(l->pin));
	return 0;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int
take_line(const char *s, size_t n, struct join_line *l, struct err *e)
{
	const char *end = s + n, *at, *query;

	if (n < sizeof(SCHEME) - 1 || memcmp(s, SCHEME, sizeof(SCHEME) - 1) != 0)
		return err_set(e, "a join line begins with \"adit://\": expected " FORM);
	s += sizeof(SCHEME) - 1;
	for (const char *p = s; p < end; p++)
		if (is_blank(*p))
			return err_set(e, "there is a blank or a line break inside: it must be one "
					  "line");
	at = memchr(s, '@', (size_t)(end - s));
	if (at == NULL)
		return err_set(e, "there is no '@': expected " FORM);
	if (take_token(s, (size_t)(at - s), l, e) < 0)
		return -EINVAL;
	query = memchr(at, '?', (size_t)(end - at));
	if (query == NULL)
		return err_set(e,
			"there is no pin: expected " FORM "; was the line put in quotes?");
	s = at + 1;
	if (query > s && query[-1] == '/')
		n = (size_t)(query - 1 - s);
	else
		n = (size_t)(query - s);
	if (take_host(s, n, l, e) < 0)
		return -EINVAL;
	return take_query(query + 1, (size_t)(end - query - 1), l, e);
}

int
join_line_parse(const char *text, size_t n, struct join_line *l_r, struct err *e)
{
	struct join_line l = {.port = 0};
	int rc;

	while (n > 0 && is_blank(text[n - 1]))
		n--;
	for (; n > 0 && is_blank(*text); n--)
		text++;
	if (n == 0)
		return err_set(e, "the join line is empty: expected " FORM);
	if (n > JOIN_LINE_MAX)
		return err_set(e, "the join line is longer than %d letters", JOIN_LINE_MAX);
	rc = take_line(text, n, &l, e);
	if (rc == 0)
		*l_r = l;
	join_line_wipe(&l);
	return rc;
}

char *
join_line_format(const struct join_line *l)
{
	char token[3 * JOIN_TOKEN_MAX + 1], *line;
	bool v6 = is_v6(l->host);
	size_t n = 0;

	for (const char *p = l->token; *p != '\0'; p++) {
		if (strchr(unreserved, *p) != NULL)
			token[n++] = *p;
		else
			n += (size_t)snprintf(token + n, 4, "%%%02X", (unsigned char)*p);
	}
	token[n] = '\0';
	line = xasprintf(SCHEME "%s@%s%s%s:%u?pin=%s", token, v6 ? "[" : "", l->host, v6 ? "]" : "",
		l->port, l->pin);
	explicit_bzero(token, sizeof(token));
	return line;
}

void
join_line_wipe(struct join_line *l)
{
	explicit_bzero(l, sizeof(*l));
}
