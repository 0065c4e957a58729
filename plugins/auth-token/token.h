/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One token: how it is written, which keys come from it, and the proofs of doc/protocol.md section
 * 3. Pure; any thread. Nothing here compares secrets but token_equal(), which takes the same time
 * for all of them. */

#ifndef AUTH_TOKEN_TOKEN_H
#define AUTH_TOKEN_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_ID 8      /* letters of an ID */
#define TOKEN_KEY 32    /* bytes of the secret and of each key */
#define TOKEN_LENGTH 63 /* letters of a whole token */
#define TOKEN_MESSAGE_MAX 224

/* What the agent holds. The server holds stored and server only. */
struct token_keys {
	uint8_t client[TOKEN_KEY], stored[TOKEN_KEY], server[TOKEN_KEY];
};

/* Reads a token. NULL when it is one, else what is wrong with it, for "… FILE %s". */
const char *token_parse(const char *text, char id_r[TOKEN_ID + 1], uint8_t secret_r[TOKEN_KEY]);
/* Writes one. */
int token_format(const char id[TOKEN_ID], const uint8_t secret[TOKEN_KEY],
	char text_r[TOKEN_LENGTH + 1]);
bool token_id_valid(const char id[TOKEN_ID]);
/* 40 random bits as an ID. */
void token_id_format(const uint8_t random[5], char id_r[TOKEN_ID + 1]);

/* The cryptography; 0, or -1 when the library refuses. */
int token_derive(const uint8_t secret[TOKEN_KEY], struct token_keys *k_r);
/* What both proofs are about; returns its length. agent: at most 64 bytes. */
size_t token_message(const void *nonce_agent, const void *nonce_server, const char id[TOKEN_ID],
	const char *agent, uint8_t buf[TOKEN_MESSAGE_MAX]);
/* The same of a join: stored and server are the keys that the agent wants to have from now on. */
size_t token_join_message(const void *nonce_agent, const void *nonce_server,
	const char id[TOKEN_ID], const char *agent, const uint8_t stored[TOKEN_KEY],
	const uint8_t server[TOKEN_KEY], uint8_t buf[TOKEN_MESSAGE_MAX]);
int token_proof(const struct token_keys *k, const uint8_t *msg, size_t n,
	uint8_t proof_r[TOKEN_KEY]);
int token_server_proof(const uint8_t server_key[TOKEN_KEY], const uint8_t *msg, size_t n,
	uint8_t proof_r[TOKEN_KEY]);
/* 1 when the proof was made with the token of this stored key, 0 when not, -1 as above. */
int token_verify(const uint8_t stored[TOKEN_KEY], const uint8_t *msg, size_t n,
	const uint8_t proof[TOKEN_KEY]);
bool token_equal(const uint8_t a[TOKEN_KEY], const uint8_t b[TOKEN_KEY]);

/* 64 hexadecimal digits. */
bool token_hex_parse(const char *s, uint8_t key_r[TOKEN_KEY]);
void token_hex(const uint8_t key[TOKEN_KEY], char hex_r[2 * TOKEN_KEY + 1]);

#endif
