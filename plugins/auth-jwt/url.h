/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Addresses that keys are fetched from. Any thread. */

#ifndef ADIT_JWT_URL_H
#define ADIT_JWT_URL_H

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX 2048

/* What is wrong with it, a constant text that follows its name; NULL: nothing. https, or http to
 * this very machine (127.0.0.1, [::1], localhost); a host, perhaps a port; no user, no fragment,
 * and no character that does not belong into a URL. */
const char *url_wrong(const char *url);
/* Without encryption, so to this machine. */
bool url_is_http(const char *url);

/* Where OpenID Connect Discovery 1.0 section 4 has the description of an issuer, whose own address
 * is a good URL. 0, or -1: too long. */
int url_of_issuer(const char *issuer, char url_r[URL_MAX]);
/* jwks_uri of that description, which must be of this issuer. 0, or -1 with why set. */
int url_discovered(const char *issuer, const char *text, size_t len, char url_r[URL_MAX],
	char *why, size_t cap);

#endif
