/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Signs tokens with the keys of vectors/, for tests only. One thread. */

#ifndef ADIT_JWT_SIGNER_H
#define ADIT_JWT_SIGNER_H

#include <stddef.h>
#include <stdint.h>

#include "alg.h"

#define SIGNER_SIG_MAX 1024

/* Reads a file, terminated; the caller frees it. Ends the program if it cannot. */
char *signer_file(const char *folder, const char *name, size_t *len_r);
/* The algorithm that a key of keys.jwks is for, by its kid; ends the program if there is none. */
enum jws_alg signer_alg(const char *kid);
/* Signs n bytes with the key that has that kid in keys.jwks, in the form of RFC 7518. How long the
 * signature is. */
size_t signer_sign(const char *folder, const char *kid, const void *data, size_t n,
	uint8_t sig_r[SIGNER_SIG_MAX]);
/* The same with a secret. */
size_t signer_hmac(enum jws_alg alg, const void *secret, size_t n_secret, const void *data,
	size_t n, uint8_t sig_r[SIGNER_SIG_MAX]);
/* The signature of ECDSA as it is made, in DER. */
size_t signer_der(const char *folder, const char *kid, const void *data, size_t n,
	uint8_t sig_r[SIGNER_SIG_MAX]);

#endif
