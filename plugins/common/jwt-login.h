/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The messages of the method "jwt", which carry a token in one part or several: see PROTOCOL in
 * adit-auth-jwt(5). A part is one byte, 0 if it is the last one and 1 if more comes, and characters
 * of the token, at least one. The server answers a part behind which more comes with an empty
 * challenge. Pure; any thread. */

#ifndef ADIT_PLUGINS_JWT_LOGIN_H
#define ADIT_PLUGINS_JWT_LOGIN_H

#include <adit/auth.h>
#include <string.h>

#define JWT_LOGIN_MAX 8192 /* characters of a token */
#define JWT_LOGIN_PART (ADIT_AUTH_DATA_MAX - 1)

/* Server: what has come so far, terminated. Wipe it when it is over: a token is a secret. */
struct jwt_login {
	size_t n;
	char token[JWT_LOGIN_MAX + 1];
};

enum jwt_login_got {
	JWT_LOGIN_WRONG = -1, /* no part, or the token is too long */
	JWT_LOGIN_WHOLE = 0,
	JWT_LOGIN_MORE = 1, /* to be answered with an empty challenge */
};

/* Takes the message of one step in; l begins as n == 0. After WRONG it is as it was. */
static inline enum jwt_login_got
jwt_login_add(struct jwt_login *l, const void *data, size_t n)
{
	const unsigned char *p = (const unsigned char *)data;

	if (n < 2 || p[0] > 1 || n - 1 > JWT_LOGIN_MAX - l->n)
		return JWT_LOGIN_WRONG;
	memcpy(l->token + l->n, p + 1, n - 1);
	l->n += n - 1;
	l->token[l->n] = '\0';
	return p[0] == 1 ? JWT_LOGIN_MORE : JWT_LOGIN_WHOLE;
}

/* Agent: writes the message of a step (0, 1 …) for a token of n characters, 1 to JWT_LOGIN_MAX, and
 * returns how long it is; 0 if there is no such part. */
static inline size_t
jwt_login_part(const char *token, size_t n, unsigned step,
	unsigned char message_r[ADIT_AUTH_DATA_MAX])
{
	size_t from = (size_t)step * JWT_LOGIN_PART, part;

	if (from >= n)
		return 0;
	part = n - from < JWT_LOGIN_PART ? n - from : JWT_LOGIN_PART;
	message_r[0] = from + part < n;
	memcpy(message_r + 1, token + from, part);
	return 1 + part;
}

#endif
