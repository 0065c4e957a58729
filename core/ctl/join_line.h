/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The join line: all that an agent needs to come to a server for the first time, as one word.
 *
 *   adit://TOKEN@HOST[:PORT]?pin=sha256-…
 *
 * TOKEN is an invite, with percent-encoding where it needs any; an IPv6 address stands in brackets;
 * the pin is base64url of SHA-256 over the public key (SubjectPublicKeyInfo) of the server's
 * certificate. Pure. */

#ifndef ADIT_CTL_JOIN_LINE_H
#define ADIT_CTL_JOIN_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/addr.h"
#include "util/err.h"

#define JOIN_PORT 7835       /* of a line that names none */
#define JOIN_TOKEN_MAX 256
#define JOIN_PIN_LENGTH 50   /* "sha256-" and 43 letters */
#define JOIN_LINE_MAX 2048

struct join_line {
	char token[JOIN_TOKEN_MAX + 1]; /* visible ASCII; a secret: join_line_wipe() */
	char host[HOST_MAX + 1];        /* a name or an address, without brackets */
	uint16_t port;
	char pin[JOIN_PIN_LENGTH + 1];
};

/* Reads a line of n bytes; blanks around it are let go. 0, or -EINVAL with e set, in which there is
 * nothing of the token. */
int join_line_parse(const char *text, size_t n, struct join_line *l_r, struct err *e);
/* Writes it, for join_line_parse(), and for a shell between quotes. A secret; free with free(). */
char *join_line_format(const struct join_line *l);
void join_line_wipe(struct join_line *l);

/* "sha256-" and base64url of 32 bytes. NULL if it is one, else what is wrong with it. */
const char *join_pin_wrong(const char *pin);
/* A name or an address, without brackets, as it can stand in a line. */
bool join_host_valid(const char *host);

#endif
