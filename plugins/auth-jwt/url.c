/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* URLs: only as much of RFC 3986 as tells whether curl gets to see what the configuration means. */

#include "url.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "strict.h"

#define HTTP "http://"
#define HTTPS "https://"
#define WELL_KNOWN "/.well-known/openid-configuration"

bool
url_is_http(const char *url)
{
	return strncasecmp(url, HTTP, strlen(HTTP)) == 0;
}

static const char *
after_scheme(const char *url)
{
	if (url_is_http(url))
		return url + strlen(HTTP);
	return strncasecmp(url, HTTPS, strlen(HTTPS)) == 0 ? url + strlen(HTTPS) : NULL;
}

/* Of n characters. */
static bool
is_this_machine(const char *host, size_t n)
{
	static const char *const names[] = {"127.0.0.1", "[::1]", "localhost"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == n && strncasecmp(host, names[i], n) == 0)
			return true;
	return false;
}

/* Length of a name, an IPv4 address, or an IPv6 address in brackets. */
static size_t
host_length(const char *host)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
	size_t n = strspn(host, letters);

	if (host[0] != '[')
		return n;
	n = 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
	return host[n] == ']' ? n + 1 : 0;
}

const char *
url_wrong(const char *url)
{
	const char *host = after_scheme(url), *rest;
	size_t n, digits;

	if (strlen(url) >= URL_MAX)
		return "is too long";
	for (const char *p = url; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || strchr("\"\\<>^`{|}#", *p) != NULL)
			return "has a character that does not belong into it";
	if (host == NULL)
		return "does not begin with https://";
	n = host_length(host);
	if (n == 0)
		return "has no host";
	rest = host + n;
	if (*rest == ':') {
		digits = strspn(rest + 1, "0123456789");
		if (digits == 0 || digits > 5)
			return "has a port that is none";
		rest += 1 + digits;
	}
	if (*rest != '\0' && *rest != '/' && *rest != '?')
		return "has more in its host than a name and a port";
	if (url_is_http(url) && !is_this_machine(host, n))
		return "is not encrypted: only https:// will do beyond this machine";
	return NULL;
}

int
url_of_issuer(const char *issuer, char url_r[URL_MAX])
{
	size_t n = strlen(issuer);

	if (n > 0 && issuer[n - 1] == '/')
		n--;
	if (n + sizeof(WELL_KNOWN) > URL_MAX)
		return -1;
	memcpy(url_r, issuer, n);
	memcpy(url_r + n, WELL_KNOWN, sizeof(WELL_KNOWN));
	return 0;
}

/* What the description says, or NULL with why set. */
static const char *
address_in(json_t *o, const char *issuer, char *why, size_t cap)
{
	const char *said = json_string_value(json_object_get(o, "issuer")),
		   *uri = json_string_value(json_object_get(o, "jwks_uri")), *wrong = NULL;

	if (said == NULL || strcmp(said, issuer) != 0)
		snprintf(why, cap, "is the description of another issuer");
	else if (uri == NULL)
		snprintf(why, cap, "has no \"jwks_uri\"");
	else if ((wrong = url_wrong(uri)) != NULL)
		snprintf(why, cap, "has a \"jwks_uri\" that %s", wrong);
	else if (url_is_http(uri) && !url_is_http(issuer))
		snprintf(why, cap, "has a \"jwks_uri\" that is not encrypted");
	else
		return uri;
	return NULL;
}

int
url_discovered(const char *issuer, const char *text, size_t len, char url_r[URL_MAX], char *why,
	size_t cap)
{
	char what[STRICT_WHY];
	json_t *o = strict_parse(text, len, what);
	const char *uri = NULL;

	if (o == NULL)
		snprintf(why, cap, "%s", what);
	else
		uri = address_in(o, issuer, why, cap);
	if (uri != NULL)
		memcpy(url_r, uri, strlen(uri) + 1);
	json_decref(o);
	return uri != NULL ? 0 : -1;
}
