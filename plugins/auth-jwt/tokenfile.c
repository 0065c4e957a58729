/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Whoever can read the file can log in, so it is a secret. But Kubernetes projects its tokens
 * as files that a group or everybody in the container may read, and systemd lets the service
 * read its credentials by an access list, whose mask looks like a group's right: there nobody
 * else must be able to write. */

#include "tokenfile.h"

#include <adit/plugin.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/jwt-login.h"
#include "b64.h"
#include "jws.h"
#include "strict.h"

#define FILE_MAX (JWT_LOGIN_MAX + 256) /* blanks around it */
#define BLANKS " \t\r\n"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

static bool
is_credential(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t n = folder != NULL ? strlen(folder) : 0;

	return n > 1 && strncmp(path, folder, n) == 0 && path[n] == '/' &&
		strstr(path + n, "/../") == NULL;
}

/* What the file holds, without blanks around it: its length, or 0 with why set. */
static size_t
find_token(const char *path, const char *text, size_t len, const char **token_r,
	char why[TOKEN_FILE_WHY])
{
	size_t skip = strspn(text, BLANKS), n = strcspn(text + skip, BLANKS);

	*token_r = text + skip;
	if (n == 0)
		snprintf(why, TOKEN_FILE_WHY, "%s: is empty", path);
	else if (n > JWT_LOGIN_MAX)
		snprintf(why, TOKEN_FILE_WHY, "%s: its token is longer than %d characters", path,
			JWT_LOGIN_MAX);
	else if (skip + n + strspn(text + skip + n, BLANKS) != len)
		snprintf(why, TOKEN_FILE_WHY, "%s: holds more than a token", path);
	else if (strspn(*token_r, LETTERS) < n || strchr(*token_r, '.') == NULL)
		snprintf(why, TOKEN_FILE_WHY, "%s: holds no token in compact form, which has "
			"letters, digits, - _ and two dots", path);
	else
		return n;
	return 0;
}

int
token_file_read(const struct token_file *f, char **token_r, size_t *n_r,
	char why[TOKEN_FILE_WHY])
{
	uint32_t rule = f->shared || is_credential(f->path) ? ADIT_FILE_TRUSTED : ADIT_FILE_SECRET;
	const char *token;
	size_t len, n;
	char *text, *copy = NULL;

	if (adit_file_read(f->path, rule, FILE_MAX, &text, &len, why, TOKEN_FILE_WHY) < 0)
		return -1;
	n = find_token(f->path, text, len, &token, why);
	if (n > 0 && (copy = strndup(token, n)) == NULL)
		snprintf(why, TOKEN_FILE_WHY, "out of memory");
	adit_secret_free(text, len);
	if (copy == NULL)
		return -1;
	*token_r = copy;
	*n_r = n;
	return 0;
}

void
token_file_done(char *token, size_t n)
{
	if (token != NULL)
		gnutls_memset(token, 0, n);
	free(token);
}

bool
token_file_expired(const char *token, size_t n, int64_t now, int64_t *past_r)
{
	uint8_t bytes[B64_BYTES(JWS_MAX)];
	char ignored[STRICT_WHY];
	struct why why;
	struct jws jws;
	json_t *claims = NULL;
	double exp = 0;
	ssize_t len = -1;

	if (jws_parse(token, n, &jws, &why) == 0)
		len = b64_decode(jws.payload, jws.n_payload, bytes);
	if (len > 0)
		claims = strict_parse((const char *)bytes, (size_t)len, ignored);
	exp = json_number_value(json_object_get(claims, "exp"));
	json_decref(claims);
	gnutls_memset(bytes, 0, sizeof(bytes));
	gnutls_memset(&jws, 0, sizeof(jws));
	if (!(exp >= 1 && exp <= (double)now))
		return false;
	*past_r = now - (int64_t)exp;
	return true;
}
