/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Messages of the method "key". No two different logins give the same signed bytes: all parts but
 * the two names have fixed sizes by the mode, and the names have their lengths in front. */

#include "login.h"

#include <string.h>

#define NAME_MOST 64

static const char label[] = "adit-key-1"; /* with its zero */
static const char method[] = "key";

static uint8_t *
put(uint8_t *p, const void *from, size_t n)
{
	memcpy(p, from, n);
	return p + n;
}

static uint8_t *
put_name(uint8_t *p, const char *name)
{
	size_t n = strlen(name); /* 1 to 64, checked by the core */

	n = n <= NAME_MOST ? n : NAME_MOST;
	*p = (uint8_t)n;
	return put(p + 1, name, n);
}

size_t
login_signed(const struct login_signed *s, uint8_t msg_r[LOGIN_SIGNED_MAX])
{
	uint8_t *p = put(msg_r, label, sizeof(label));

	*p++ = (uint8_t)s->mode;
	p = put(p, s->agent_nonce, LOGIN_NONCE);
	p = put(p, s->server_nonce, LOGIN_NONCE);
	p = put(p, s->public, ED_PUBLIC);
	if (s->mode == LOGIN_BOUND)
		p = put(p, s->exporter, LOGIN_EXPORTER);
	p = put_name(put_name(p, method), s->agent);
	return (size_t)(p - msg_r);
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
login_exporter(const char *hex, uint8_t exporter_r[LOGIN_EXPORTER])
{
	uint8_t out[LOGIN_EXPORTER];

	if (strlen(hex) != 2 * LOGIN_EXPORTER)
		return false;
	for (size_t i = 0; i < LOGIN_EXPORTER; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(exporter_r, out, sizeof(out));
	return true;
}
