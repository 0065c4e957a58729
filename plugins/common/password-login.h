/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The one message of the method "password": a byte with the length of the user's name, the name,
 * and the password to the end. Only over links that are encrypted, which is the caller's business,
 * and so is wiping. Pure; for every plugin that takes this method. */

#ifndef ADIT_PLUGINS_PASSWORD_LOGIN_H
#define ADIT_PLUGINS_PASSWORD_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSWORD_USER_MAX 64u
#define PASSWORD_MAX 1024u
#define PASSWORD_LOGIN_MAX (1 + PASSWORD_USER_MAX + PASSWORD_MAX)

struct password_login {
	char user[PASSWORD_USER_MAX + 1];
	const char *password; /* in the message: not terminated, and no NUL in it */
	size_t len;           /* 1 to PASSWORD_MAX */
};

/* 1 to 64 of [A-Za-z0-9._@+-]. */
bool password_user_valid(const char *user, size_t n);

/* 0, or -1: that is no such message. */
int password_login_parse(const void *data, size_t n, struct password_login *l_r);

/* Writes the message, whose length it returns; 0 when user or password cannot be in one. */
size_t password_login_build(const char *user, const char *password, size_t len,
	uint8_t msg_r[PASSWORD_LOGIN_MAX]);

#endif
