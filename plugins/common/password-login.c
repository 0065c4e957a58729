/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The message of the method "password". What must hold: what is built is what is parsed, and
 * nothing else is. */

#include "password-login.h"

#include <string.h>

bool
password_user_valid(const char *user, size_t n)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._@+-";

	if (n == 0 || n > PASSWORD_USER_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (user[i] == '\0' || strchr(letters, user[i]) == NULL)
			return false;
	return true;
}

static bool
password_valid(const char *password, size_t len)
{
	return len > 0 && len <= PASSWORD_MAX && memchr(password, '\0', len) == NULL;
}

int
password_login_parse(const void *data, size_t n, struct password_login *l_r)
{
	const char *p = data;
	size_t user;

	if (n < 1 || n > PASSWORD_LOGIN_MAX)
		return -1;
	user = (uint8_t)p[0];
	if (user > n - 1 || !password_user_valid(p + 1, user) ||
		!password_valid(p + 1 + user, n - 1 - user))
		return -1;
	memcpy(l_r->user, p + 1, user);
	l_r->user[user] = '\0';
	l_r->password = p + 1 + user;
	l_r->len = n - 1 - user;
	return 0;
}

size_t
password_login_build(const char *user, const char *password, size_t len,
	uint8_t msg_r[PASSWORD_LOGIN_MAX])
{
	size_t n = strlen(user);

	if (!password_user_valid(user, n) || !password_valid(password, len))
		return 0;
	msg_r[0] = (uint8_t)n;
	memcpy(msg_r + 1, user, n);
	memcpy(msg_r + 1 + n, password, len);
	return 1 + n + len;
}
