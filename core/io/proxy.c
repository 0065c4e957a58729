/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A proxy's URL. Any thread. What is wrong is said without the user and password that may stand in
 * front of the host. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/proxy.h"
#include "util/compiler.h"

static const struct {
	const char *scheme;
	enum proxy_kind kind;
	uint16_t port; /* if the URL has none */
} schemes[] = {
	{"http", PROXY_HTTP, 80},
	{"socks5", PROXY_SOCKS, 1080},
	{"socks5h", PROXY_SOCKS, 1080}, /* curl's word for: the proxy resolves the name */
	{"socks", PROXY_SOCKS, 1080},
};

static void
secret_free(char *s)
{
	if (s == NULL)
		return;
	explicit_bzero(s, strlen(s));
	free(s);
}

void
proxy_fini(struct proxy *p)
{
	free(p->host);
	free(p->name);
	secret_free(p->user);
	secret_free(p->password);
	memset(p, 0, sizeof(*p));
}

/* ---- User and password ----------------------------------------------------------------------- */

static const char *
login_problem(const struct proxy *p, const char *user, const char *password)
{
	if (user[0] == '\0')
		return "the user is empty";
	if (strlen(user) > PROXY_USER_MAX || strlen(password) > PROXY_USER_MAX)
		return "user and password have at most 255 bytes";
	if (p->kind == PROXY_SOCKS && password[0] == '\0')
		return "a SOCKS proxy takes no empty password";
	if (p->kind == PROXY_HTTP && strchr(user, ':') != NULL)
		return "the user of an HTTP proxy has no colon";
	for (const char *s = user; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return "the user has control characters";
	for (const char *s = password; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return "the password has control characters";
	return NULL;
}

const char *
proxy_login(struct proxy *p, const char *user, const char *password)
{
	const char *problem = login_problem(p, user, password);

	if (problem != NULL)
		return problem;
	secret_free(p->user);
	secret_free(p->password);
	p->user = xstrdup(user);
	p->password = xstrdup(password);
	return NULL;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Resolves %-encoding; NULL if it is broken or stands for a zero byte. */
static char *
decoded(const char *s, size_t n)
{
	char *out = xmalloc(n + 1), *to = out;

	for (size_t i = 0; i < n; i++) {
		int high, low;

		if (s[i] != '%') {
			*to++ = s[i];
			continue;
		}
		high = i + 2 < n ? hex_digit(s[i + 1]) : -1;
		low = high >= 0 ? hex_digit(s[i + 2]) : -1;
		if (low < 0 || high + low == 0) {
			explicit_bzero(out, n);
			free(out);
			return NULL;
		}
		*to++ = (char)(high << 4 | low);
		i += 2;
	}
	*to = '\0';
	return out;
}

/* "user" or "user:password". */
static int
take_login(struct proxy *p, const char *s, size_t n, struct err *e)
{
	const char *colon = memchr(s, ':', n);
	size_t n_user = colon != NULL ? (size_t)(colon - s) : n;
	char *user = decoded(s, n_user), *password;
	const char *problem = "user or password is not %-encoded as it should be";

	password = decoded(colon != NULL ? colon + 1 : s, colon != NULL ? n - n_user - 1 : 0);
	if (user != NULL && password != NULL)
		problem = proxy_login(p, user, password);
	secret_free(user);
	secret_free(password);
	return problem == NULL ? 0 : err_set(e, "%s", problem);
}

/* ---- The URL --------------------------------------------------------------------------------- */

/* The entry of schemes[], or -1. *rest_r is what follows "://". */
static int
find_scheme(const char *url, const char **rest_r)
{
	const char *sep = strstr(url, "://");
	size_t n;

	*rest_r = url;
	if (sep == NULL)
		return 0;
	n = (size_t)(sep - url);
	*rest_r = sep + 3;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (strlen(schemes[i].scheme) == n && strncasecmp(schemes[i].scheme, url, n) == 0)
			return (int)i;
	return -1;
}

static int
take_host(struct proxy *p, const char *s, size_t n, uint16_t port)
{
	char text[HOST_MAX + 16], host[HOST_MAX + 1];

	if (n == 0 || n >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, n);
	text[n] = '\0';
	/* "3128" would be a port of this machine; here it is a mistake. */
	if (text[strspn(text, "0123456789")] == '\0' || text[0] == '*' ||
		hostport_parse(text, port, host, &p->port) < 0 || p->port == 0)
		return -EINVAL;
	p->host = xstrdup(host);
	p->name = xasprintf(strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, p->port);
	return 0;
}

/* What can be shown of it: a '/' in a password ends the host, but not the password. */
static int
fail_url(struct err *e, const char *url)
{
	const char *at = strrchr(url, '@');

	return err_set(e,
		"expected \"http://host:port\" or \"socks5://host:port\", found \"%s%.80s\"",
		at != NULL ? "***@" : "", at != NULL ? at + 1 : url);
}

int
proxy_parse(const char *url, struct proxy *p_r, struct err *e)
{
	struct proxy p = {.kind = PROXY_HTTP};
	const char *rest, *at = NULL, *end;
	int i = find_scheme(url, &rest), rc = 0;

	if (i < 0 && memchr(url, ':', (size_t)(rest - url) - 3) != NULL)
		return fail_url(e, url); /* no scheme, but perhaps a password */
	if (i < 0)
		return err_set(e, "a proxy's address begins with http:// or socks5://, not %.*s",
			(int)MIN(rest - url, 20), url);
	p.kind = schemes[i].kind;
	end = rest + strcspn(rest, "/?#");
	for (const char *s = rest; s < end; s++)
		if (*s == '@') /* the last one: many do not encode that of a password */
			at = s;
	if (at != NULL)
		rc = take_login(&p, rest, (size_t)(at - rest), e);
	if (at != NULL)
		rest = at + 1;
	if (rc == 0 && ((end[0] != '\0' && strcmp(end, "/") != 0) ||
			       take_host(&p, rest, (size_t)(end - rest), schemes[i].port) < 0))
		rc = fail_url(e, url);
	if (rc < 0)
		proxy_fini(&p);
	else
		*p_r = p;
	return rc;
}
