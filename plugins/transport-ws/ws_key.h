/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The two words of a WebSocket handshake: the client's key, 16 random bytes in base64, and what the
 * server makes of it (RFC 6455 section 4.2.2). They keep a cache or a confused server from taking
 * part by accident and protect nothing, so SHA-1 is here by its 50 lines and not by a library: a
 * WebSocket link without TLS needs no crypto library, and none that forbids SHA-1 can break it. */

#ifndef ADIT_WS_KEY_H
#define ADIT_WS_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_KEY	  24 /* letters of a key */
#define WS_ACCEPT 28 /* letters of the answer to it */

/* SHA-1 (FIPS 180-4) of up to 119 bytes. */
#define WS_SHA1_MAX 119
void ws_sha1(const void *p, size_t n, uint8_t digest[20]);

/* 16 bytes as a key, terminated. */
void ws_key_format(const uint8_t random[16], char key[WS_KEY + 1]);

/* Whether n letters at p are 16 bytes in base64. */
bool ws_key_valid(const char *p, size_t n);

/* The answer to a valid key of WS_KEY letters, terminated. */
void ws_key_accept(const char *key, char accept[WS_ACCEPT + 1]);

#endif
