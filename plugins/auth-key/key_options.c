/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The options in front of a key: name or name="value", separated by commas, where \" inside of
 * quotes is a quote. As in OpenSSH no blank is outside of quotes, and names are taken in capitals,
 * too. What an option means is checked here, so that a file that was read has no surprises. */

#include "keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define HOST_LENGTH 253

/* One line's options while they are read. */
struct reading {
	struct key *key;
	unsigned seen; /* bits, by place in the table */
	char *why;
	size_t cap;
};

__attribute__((format(printf, 2, 3))) static int
fail(struct reading *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, r->cap, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- Values ---------------------------------------------------------------------------------- */

bool
key_name_valid(const char *name)
{
	static const char good[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strnlen(name, KEYS_NAME);

	return n > 0 && n < KEYS_NAME && strspn(name, good) == n;
}

static int
take_account(struct reading *r, char *value)
{
	if (!key_name_valid(value))
		return fail(r, "account=\"%.80s\": expected 1 to 64 of A-Z a-z 0-9 . _ -", value);
	strcpy(r->key->account, value);
	return 0;
}

static int
take_agent(struct reading *r, char *value)
{
	if (!key_name_valid(value))
		return fail(r, "agent=\"%.80s\": expected 1 to 64 of A-Z a-z 0-9 . _ -", value);
	strcpy(r->key->agent, value);
	return 0;
}

static int
take_from(struct reading *r, char *value)
{
	return from_parse(value, &r->key->from, r->why, r->cap);
}

static int
take_revoked(struct reading *r, char *value)
{
	(void)value;
	r->key->revoked = true;
	return 0;
}

/* Digits of a fixed place, as a number; -1: they are none. */
static int
digits(const char *p, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = 10 * v + (p[i] - '0');
	}
	return v;
}

/* "2027-01-31", "2027-01-31T12:00", "2027-01-31T12:00:00", these two maybe with a Z behind. */
static bool
time_parse(const char *s, int64_t *t_r)
{
	static const char form[] = "0000-00-00T00:00:00";
	size_t n = strlen(s);
	struct tm tm = {.tm_year = 0}, back;
	time_t t;

	if (n > 11 && s[n - 1] == 'Z')
		n--;
	if (n != 10 && n != 16 && n != 19)
		return false;
	for (size_t i = 0; i < n; i++)
		if (form[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
	tm.tm_year = digits(s, 4) - 1900;
	tm.tm_mon = digits(s + 5, 2) - 1;
	tm.tm_mday = digits(s + 8, 2);
	tm.tm_hour = n > 10 ? digits(s + 11, 2) : 0;
	tm.tm_min = n > 10 ? digits(s + 14, 2) : 0;
	tm.tm_sec = n > 16 ? digits(s + 17, 2) : 0;
	back = tm;
	t = timegm(&back);
	if (back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday || back.tm_hour != tm.tm_hour ||
		back.tm_min != tm.tm_min || back.tm_sec != tm.tm_sec || t <= 0)
		return false; /* no such day or time */
	*t_r = t;
	return true;
}

static int
take_expires(struct reading *r, char *value)
{
	if (time_parse(value, &r->key->expires))
		return 0;
	return fail(r, "expires=\"%.60s\": expected a time in UTC like 2027-01-31 or "
		       "2027-01-31T12:00:00Z", value);
}

/* ---- Grants ---------------------------------------------------------------------------------- */

static int
grant(struct reading *r, const char *name, const char *value)
{
	struct key_grant *g = &r->key->grant[r->key->n_grants];

	g->name = name;
	g->value = strdup(value);
	if (g->value == NULL)
		return fail(r, "out of memory");
	r->key->n_grants++;
	return 0;
}

/* A port, with p left behind it; 0: there is none. */
static int
port(const char **p)
{
	size_t n = strspn(*p, "0123456789");
	int v = n > 0 && n <= 5 ? digits(*p, n) : 0;

	*p += n;
	return v <= 65535 ? v : 0;
}

/* "443,10000-10099" */
static bool
ports_valid(const char *p)
{
	for (;; p++) {
		int first = port(&p), last = first;

		if (*p == '-') {
			p++;
			last = port(&p);
		}
		if (first == 0 || last < first || (*p != ',' && *p != '\0'))
			return false;
		if (*p == '\0')
			return true;
	}
}

static int
take_some_ports(struct reading *r, const char *name, const char *value)
{
	if (ports_valid(value))
		return grant(r, name, value);
	return fail(r, "expected ports and ranges like \"443,10000-10099\", not \"%.80s\"", value);
}

static int
take_ports(struct reading *r, char *value)
{
	return take_some_ports(r, "ports", value);
}

static int
take_udp_ports(struct reading *r, char *value)
{
	return take_some_ports(r, "udp_ports", value);
}

/* "www.example.org,*.example.net" */
static bool
hosts_valid(const char *p)
{
	static const char good[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";

	for (;; p++) {
		size_t n;

		if (p[0] == '*' && p[1] == '.')
			p += 2;
		n = strspn(p, good);
		if (n == 0 || n > HOST_LENGTH || p[0] == '.' || p[0] == '-')
			return false;
		p += n;
		if (*p != ',')
			return *p == '\0';
	}
}

static int
take_hosts(struct reading *r, char *value)
{
	if (hosts_valid(value))
		return grant(r, "hosts", value);
	return fail(r, "hosts=\"%.80s\": expected names like www.example.org,*.example.net", value);
}

static int
take_number(struct reading *r, const char *name, const char *value)
{
	size_t n = strlen(value);

	if (n > 0 && n <= 7 && strspn(value, "0123456789") == n && (value[0] != '0' || n == 1))
		return grant(r, name, value);
	return fail(r, "expected a number from 0 to 9999999, not \"%.80s\"", value);
}

static int
take_max_tunnels(struct reading *r, char *value)
{
	return take_number(r, "max_tunnels", value);
}

static int
take_max_streams(struct reading *r, char *value)
{
	return take_number(r, "max_streams", value);
}

static int
take_max_sessions(struct reading *r, char *value)
{
	return take_number(r, "max_sessions", value);
}

/* ---- The syntax ------------------------------------------------------------------------------ */

static const struct option {
	const char *name;
	bool flag; /* it has no value */
	int (*take)(struct reading *r, char *value);
} options[] = {
	{"account", false, take_account},
	{"agent", false, take_agent},
	{"from", false, take_from},
	{"expires", false, take_expires},
	{"revoked", true, take_revoked},
	{"ports", false, take_ports},
	{"udp_ports", false, take_udp_ports},
	{"hosts", false, take_hosts},
	{"max_tunnels", false, take_max_tunnels},
	{"max_streams", false, take_max_streams},
	{"max_sessions", false, take_max_sessions},
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

/* What stands between quotes, without them; *p is left behind the second. NULL: there is none. */
static char *
dequote(char **p)
{
	char *from = *p, *to = *p, *start = *p;

	if (*from != '"')
		return NULL;
	for (from++; *from != '"'; from++) {
		if (from[0] == '\\' && from[1] == '"')
			from++;
		if (*from == '\0')
			return NULL;
		*to++ = *from;
	}
	*p = from + 1;
	*to = '\0'; /* at the second quote at the latest */
	return start;
}

static int
unknown(struct reading *r, const char *name, int n)
{
	int at = snprintf(r->why, r->cap, "unknown option \"%.*s\"; there are", n < 40 ? n : 40,
		name);

	for (size_t i = 0; i < N_OPTIONS && at > 0 && (size_t)at < r->cap; i++)
		at += snprintf(r->why + at, r->cap - (size_t)at, "%s %s", i > 0 ? "," : "",
			options[i].name);
	return -1;
}

static const struct option *
find(const char *name, size_t n)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (strlen(options[i].name) == n && strncasecmp(options[i].name, name, n) == 0)
			return &options[i];
	return NULL;
}

/* One option; *p is left behind it. */
static int
take_one(struct reading *r, char **p)
{
	size_t n = strcspn(*p, "=,\" \t");
	const struct option *o = find(*p, n);
	bool given = (*p)[n] == '=';
	char *value = NULL;

	if (o == NULL)
		return unknown(r, *p, (int)n);
	if ((r->seen & 1u << (o - options)) != 0)
		return fail(r, "option \"%s\" is given twice", o->name);
	r->seen |= 1u << (o - options);
	*p += n + given;
	if (given && !o->flag)
		value = dequote(p);
	if (o->flag && given)
		return fail(r, "option \"%s\" has no value", o->name);
	if (!o->flag && value == NULL)
		return fail(r, "option \"%s\" expects a value in double quotes", o->name);
	if (**p != ',' && **p != ' ' && **p != '\t' && **p != '\0')
		return fail(r, "behind option \"%s\" a comma or a blank is expected", o->name);
	/* The value ends before its second quote, so what follows is as it was. */
	return o->take(r, value);
}

int
key_options(char **p, struct key *k, char *why, size_t cap)
{
	struct reading r = {.key = k, .why = why, .cap = cap};

	for (;;) {
		if (take_one(&r, p) < 0)
			return -1;
		if (**p != ',')
			return 0;
		++*p;
	}
}
