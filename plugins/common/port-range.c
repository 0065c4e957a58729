/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Which ports an agent may have, and which one it gets: with a grant from its login exactly those
 * of the grant, inside the range or not; without one the ports of the range, which has none below
 * 1024. Constant after create(), so any worker may read it. */

#include "port-range.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define SETS_MAX 32
#define PRIVILEGED 1024

struct span {
	uint32_t first, last;
};

/* Ports in the order in which they were written. */
struct ports {
	struct span span[SETS_MAX];
	size_t n;
};

struct port_range {
	const struct port_kind *kind;
	char *bind;
	char *range_text;
	struct ports range;
};

/* ---- Sets of ports --------------------------------------------------------------------------- */

/* Reads 1 to 5 digits, a port from 1 to 65535; returns what follows, or NULL. */
static const char *
port_read(const char *s, uint32_t *port_r)
{
	size_t n = strspn(s, "0123456789");
	uint32_t v = 0;

	if (n == 0 || n > 5)
		return NULL;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (uint32_t)(s[i] - '0');
	if (v == 0 || v > 65535)
		return NULL;
	*port_r = v;
	return s + n;
}

static const char *
skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* "443", "10000-10099" or several with commas between. 0 or -1. */
static int
ports_parse(const char *s, struct ports *p)
{
	p->n = 0;
	for (;;) {
		struct span *sp = &p->span[p->n];

		if (p->n == SETS_MAX)
			return -1;
		s = port_read(skip_blanks(s), &sp->first);
		if (s == NULL)
			return -1;
		sp->last = sp->first;
		s = skip_blanks(s);
		if (*s == '-') {
			s = port_read(skip_blanks(s + 1), &sp->last);
			if (s == NULL || sp->last < sp->first)
				return -1;
			s = skip_blanks(s);
		}
		p->n++;
		if (*s == '\0')
			return 0;
		if (*s++ != ',')
			return -1;
	}
}

/* Which place port has in the order of the set, or -1. */
static int64_t
ports_index(const struct ports *p, uint32_t port)
{
	int64_t before = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (port >= p->span[i].first && port <= p->span[i].last)
			return before + port - p->span[i].first;
		before += p->span[i].last - p->span[i].first + 1;
	}
	return -1;
}

/* The port in place nth, or 0 behind the last. */
static uint32_t
ports_nth(const struct ports *p, int64_t nth)
{
	for (size_t i = 0; i < p->n; i++) {
		int64_t count = p->span[i].last - p->span[i].first + 1;

		if (nth < count)
			return p->span[i].first + (uint32_t)nth;
		nth -= count;
	}
	return 0;
}

/* ---- Instances ------------------------------------------------------------------------------- */

void
port_range_destroy(void *inst)
{
	struct port_range *r = inst;

	if (r == NULL)
		return;
	free(r->bind);
	free(r->range_text);
	free(r);
}

/* A numeric address as adit_claim_listen() takes it. */
static bool
is_address(const char *s)
{
	unsigned char ip[16];
	char v6[64];
	size_t n = strlen(s);

	if (strcmp(s, "*") == 0 || inet_pton(AF_INET, s, ip) == 1 ||
		inet_pton(AF_INET6, s, ip) == 1)
		return true;
	if (n < 3 || n >= sizeof(v6) || s[0] != '[' || s[n - 1] != ']')
		return false;
	memcpy(v6, s + 1, n - 2);
	v6[n - 2] = '\0';
	return inet_pton(AF_INET6, v6, ip) == 1;
}

static int
check_range(const struct adit_conf *conf, const struct port_kind *kind, const char *text,
	struct ports *p_r)
{
	if (ports_parse(text, p_r) < 0)
		return adit_conf_error(conf, "range",
			"expects ports such as \"10000-19999\" or \"8080,10000-10099\", but is "
			"\"%.200s\"", text);
	for (size_t i = 0; i < p_r->n; i++)
		if (p_r->span[i].first < PRIVILEGED)
			return adit_conf_error(conf, "range",
				"cannot have ports below %d: they need a grant (%s=%u)",
				PRIVILEGED, kind->grant, (unsigned)p_r->span[i].first);
	return 0;
}

int
port_range_create(const struct adit_conf *conf, const struct port_kind *kind, void **inst_r)
{
	const char *bind = adit_conf_string(conf, "bind"), *range = adit_conf_string(conf, "range");
	struct ports ports;
	struct port_range *r;

	if (!is_address(bind))
		return adit_conf_error(conf, "bind",
			"expects a numeric address or *, but is \"%.200s\"", bind);
	if (check_range(conf, kind, range, &ports) < 0)
		return -1;
	r = calloc(1, sizeof(*r));
	if (r != NULL) {
		r->kind = kind;
		r->range = ports;
		r->bind = strdup(bind);
		r->range_text = strdup(range);
	}
	if (r == NULL || r->bind == NULL || r->range_text == NULL) {
		port_range_destroy(r);
		return adit_conf_error(conf, NULL, "out of memory");
	}
	*inst_r = r;
	return 0;
}

/* ---- Claims ---------------------------------------------------------------------------------- */

/* What this agent may have. */
struct rights {
	const struct port_range *r;
	struct ports ports;
	const char *text; /* the same for people */
};

static int
rights_get(const struct port_range *r, struct adit_claim *claim, struct rights *right_r)
{
	const char *grant = adit_claim_grant(claim, r->kind->grant);

	right_r->r = r;
	right_r->ports = r->range;
	right_r->text = grant != NULL ? grant : r->range_text;
	if (grant != NULL && ports_parse(grant, &right_r->ports) < 0)
		return adit_claim_refuse(claim, ADIT_REFUSE_NOT_PERMITTED,
			"the server's grant of ports for this agent cannot be read");
	return 0;
}

static int
check_params(const struct port_range *r, struct adit_claim *claim)
{
	const char *key;

	for (size_t i = 0; (key = adit_claim_param_name(claim, i)) != NULL; i++)
		if (strcmp(key, "port") != 0 && strcmp(key, "had") != 0)
			return adit_claim_refuse(claim, ADIT_REFUSE_BAD_REQUEST,
				"the route \"%s\" knows no parameter \"%.64s\", only \"port\"",
				r->kind->route, key);
	return 0;
}

static int
offer(const struct port_range *r, struct adit_claim *claim, uint32_t port)
{
	if (adit_claim_listen(claim, r->bind, (uint16_t)port) == 0)
		return 0;
	return adit_claim_refuse(claim, ADIT_REFUSE_NO_ADDRESS,
		"the server's address \"%s\" for public ports is not a numeric address", r->bind);
}

/* One port was asked for: it, or nothing. */
static int
claim_asked(const struct rights *right, struct adit_claim *claim, const char *asked,
	uint32_t attempt)
{
	uint32_t port;
	const char *end = port_read(asked, &port);

	if (end == NULL || *end != '\0')
		return adit_claim_refuse(claim, ADIT_REFUSE_BAD_REQUEST,
			"\"%.64s\" is not a port: a number from 1 to 65535", asked);
	if (ports_index(&right->ports, port) < 0)
		return adit_claim_refuse(claim, ADIT_REFUSE_NOT_PERMITTED,
			"port %u is not permitted for account %s, only %s", (unsigned)port,
			adit_claim_account(claim), right->text);
	if (attempt > 0)
		return adit_claim_refuse(claim, ADIT_REFUSE_IN_USE, "port %u is in use",
			(unsigned)port);
	return offer(right->r, claim, port);
}

/* What the server remembers, or else what the agent does: the server may have been started anew.
 * Not a claim to anything: a port that is another's stays the other's. */
static uint32_t
port_before(struct adit_claim *claim)
{
	uint32_t port = adit_claim_reserved(claim);
	const char *had = adit_claim_param(claim, "had"), *end;

	if (port != 0 || had == NULL)
		return port;
	end = port_read(had, &port);
	return end != NULL && *end == '\0' ? port : 0;
}

/* The port that it had before first, then all others in order, each once. */
static int
claim_any(const struct rights *right, struct adit_claim *claim, uint32_t attempt)
{
	uint32_t reserved = port_before(claim), port;
	int64_t kept = ports_index(&right->ports, reserved), nth = attempt;

	if (reserved != 0 && kept >= 0) {
		if (attempt == 0)
			return offer(right->r, claim, reserved);
		if (nth <= kept)
			nth--; /* those before it move up by one */
	}
	port = ports_nth(&right->ports, nth);
	if (port != 0)
		return offer(right->r, claim, port);
	return adit_claim_refuse(claim, ADIT_REFUSE_NO_ADDRESS, "no port of %s is free",
		right->text);
}

int
port_range_claim(const void *inst, void *worker, struct adit_claim *claim, uint32_t attempt)
{
	const char *asked = adit_claim_param(claim, "port");
	struct rights right;

	(void)worker;
	if (check_params(inst, claim) < 0 || rights_get(inst, claim, &right) < 0)
		return -1;
	if (asked != NULL) {
		adit_claim_asked(claim);
		return claim_asked(&right, claim, asked, attempt);
	}
	return claim_any(&right, claim, attempt);
}

/* ---- Options --------------------------------------------------------------------------------- */

const struct adit_option port_range_options[] = {
	{
		.name = "bind",
		.type = ADIT_OPT_STRING,
		.dflt = "127.0.0.1",
		.help = "the numeric address on which public ports are opened; * for all",
	},
	{
		.name = "range",
		.type = ADIT_OPT_STRING,
		.dflt = "10000-19999",
		.help = "ports that are handed out, several ranges separated by commas",
	},
	{.name = NULL},
};
