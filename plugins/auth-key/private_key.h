/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent's private key in the forms that common tools write: OpenSSH's own (ssh-keygen) and
 * PKCS#8 in PEM (openssl genpkey), the latter with a passphrase, too. Any thread. */

#ifndef ADIT_KEY_PRIVATE_KEY_H
#define ADIT_KEY_PRIVATE_KEY_H

#include "ed25519.h"

/* Whether the text is a key that private_read() wants a passphrase for. */
bool private_is_locked(const char *text);

/* From the n characters of a file. passphrase: NULL unless it is locked. NULL, or what is wrong
 * with the file, to be put behind its name. */
const char *private_read(const char *text, size_t n, const char *passphrase, struct ed_key *k_r);

#endif
